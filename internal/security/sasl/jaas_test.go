package sasl

import (
	"maps"
	"strings"
	"testing"
)

func TestLoginLinesAreReadAsKafkasUsersWriteThem(t *testing.T) {
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
	for text, want := range map[string]map[string]string{
		plain + ` required username="admin" password="admin-secret" user_admin="admin-secret" user_alice="a";`: {
			"username": "admin", "password": "admin-secret", "user_admin": "admin-secret", "user_alice": "a"},
		plain + " required\n  username='x'\t// a remark\n  password=\"a\\\"b\\\\c\\061;=\" /* another */ ;": {"username": "x", "password": `a"b\c1;=`},
		plain + ` REQUIRED serviceName=kafka useKeyTab=true ;`:                                              {"serviceName": "kafka", "useKeyTab": "true"},
		plain + ` required;`:                   {},
		plain + ` required user_ü="pä ss" ;  `: {"user_ü": "pä ss"},
	} {
		got, err := ParseLogin(text)
		if err != nil || got.Module != plain || !maps.Equal(got.Options, want) {
			t.Errorf("%s: got %+v, %v, want %v", text, got, err, want)
		}
	}
}

func TestWrongLoginLinesAreRefusedWithoutTellingThem(t *testing.T) {
	for _, text := range []string{
		"", "Module", "Module required", "Module maybe a=b;", `Module required password="secret"`, `Module required password="secret;`, `Module required password secret;`,
		`Module required password=;`, `Module required a=secret; Other required;`, "Module required a=\"sec\nret\";", "Module required =secret;",
	} {
		_, err := ParseLogin(text)
		if err == nil {
			t.Errorf("%q is taken", text)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error has the password: %v", text, err)
		}
	}
}

func TestUsersOfALoginLine(t *testing.T) {
	l, err := ParseLogin(`M required username="admin" password="p" user_admin="p" user_="x" user_a.b="q";`)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Passwords{"admin": "p", "a.b": "q"}); !maps.Equal(l.Passwords(), want) {
		t.Errorf("got %v, want %v", l.Passwords(), want)
	}
}

func FuzzParseLogin(f *testing.F) {
	f.Add(`org.apache.kafka.common.security.plain.PlainLoginModule required username="a\"" password='b' user_c="\377";`)
	f.Add("M required /* x */ a=b // y\n;")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = ParseLogin(text) })
}
