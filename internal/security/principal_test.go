package security

import (
	"bytes"
	"testing"
)

// TestPrincipalHasKafkasForm compares with what DefaultKafkaPrincipalBuilder.serialize writes.
func TestPrincipalHasKafkasForm(t *testing.T) {
	want := []byte{0, 0, 5, 'U', 's', 'e', 'r', 6, 'a', 'l', 'i', 'c', 'e', 0, 0}
	got := AppendPrincipal(nil, Principal{Type: "User", Name: "alice"})
	if !bytes.Equal(got, want) {
		t.Fatalf("got % x, want % x", got, want)
	}
	p, err := ParsePrincipal(want)
	if err != nil || p != (Principal{Type: "User", Name: "alice"}) {
		t.Errorf("parsed %v, %v", p, err)
	}
	for n := range want[:len(want)-1] {
		if p, err := ParsePrincipal(want[:n]); err == nil && n < len(want)-2 {
			t.Errorf("%d of %d bytes gave %v", n, len(want), p)
		}
	}
}

func TestPrincipalOfATenantIsReadByWhoKnowsNoTenants(t *testing.T) {
	for _, p := range []Principal{{Type: "User", Name: "alice"}, {Type: "User", Name: "alice", Groups: "a\nb\n"}} {
		data := AppendTenantPrincipal(nil, p, "red")
		if got, err := ParsePrincipal(data); err != nil || got != p {
			t.Errorf("got %+v, %v", got, err)
		}
		if of := TenantOf(data); of != "red" {
			t.Errorf("the tenant is %q", of)
		}
		if of := TenantOf(AppendPrincipal(nil, p)); of != "" {
			t.Errorf("without one the tenant is %q", of)
		}
		if got, want := AppendTenantPrincipal(nil, p, ""), AppendPrincipal(nil, p); string(got) != string(want) {
			t.Errorf("without one it is written %x, not %x", got, want)
		}
	}
}

func FuzzParsePrincipal(f *testing.F) {
	f.Add(AppendPrincipal(nil, Anonymous))
	f.Add([]byte{0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePrincipal(data)
		if err != nil {
			return
		}
		again, err := ParsePrincipal(AppendPrincipal(nil, p))
		if err != nil || again != p {
			t.Errorf("%v became %v: %v", p, again, err)
		}
	})
}
