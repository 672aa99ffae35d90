package tlsstore

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"
)

// Names as X500Principal.getName of Java writes them.
func TestDistinguishedNamesAreThoseOfJava(t *testing.T) {
	for _, c := range []struct{ der, want string }{
		{"3032310b300906035504061302444531143008060355040a1301793008060355040b130178310d300b06035504031304612c2062", `CN=a\, b,O=y+OU=x,C=DE`},
		{"305431133011060a0992268993f22c6401191603636f6d31173015060a0992268993f22c64011916076578616d706c65310e300c06035504031305206c6561643114301206092a864886f70d01090116056140622e63",
			`1.2.840.113549.1.9.1=#16056140622e63,CN=\ lead,DC=example,DC=com`},
		{"304d3111300f060a0992268993f22c640101130175310a30080603550409130173310a3008060355040713014c310a300806035504081301533114301206035504030c0b713b753c6f3e743d652364",
			`CN=q\;u\<o\>t\=e\#d,ST=S,L=L,STREET=s,UID=u`},
		{"3025310b30090603550405130231323116301406035504030c0dc39c6ec3af636f646520e29883", `CN=Ünïcode ☃,2.5.4.5=#13023132`},
		{"3020310d300b060355040c1304426f7373310f300d06035504031306747261696c20", `CN=trail\ ,2.5.4.12=#1304426f7373`},
		{"30183116301406035504030c0d612f623a637c645f652a664067", `CN=a/b:c|d_e*f@g`},
		{"3000", ""},
		{"30", ""},
	} {
		raw, err := hex.DecodeString(c.der)
		if err != nil {
			t.Fatal(err)
		}
		if got := DistinguishedName(raw); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	block, _ := pem.Decode([]byte(read(t, "node.pem")))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := DistinguishedName(certificate.RawSubject), `UID=b1+CN=broker one,OU=a\,b,O=Tést,C=DE`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The examples of KIP-371 and of Kafka's documentation.
func TestMappingRules(t *testing.T) {
	const rules = `RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L, RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U, DEFAULT`
	parsed, err := ParseRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"CN=Duke,OU=ServiceUsers,O=Org,C=US":                             "Duke",
		"CN=Duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US":                      "duke@sme",
		"cn=JohnDoe_no,dc=example":                                       "JOHNDOE",
		"OU=JavaSoft,O=Sun Microsystems,C=US":                            "OU=JavaSoft,O=Sun Microsystems,C=US",
		"CN=Mark Smith,OU=SME,O=mycp,L=Fulton,ST=MD,C=US,and more of it": "mark smith@sme",
	} {
		if got, err := parsed.Name(name); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	for text, want := range map[string]string{
		`RULE:^CN=(.*?),.*$/$1abc$9/`:    "Dukeabc$9",
		`RULE:^CN=(D)(.*?),.*$/$2\/$1x/`: "uke/Dx",
		"":                               "CN=Duke,O=x",
	} {
		r, err := ParseRules(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := r.Name("CN=Duke,O=x"); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestNamesThatNoRuleFitsAreRefused(t *testing.T) {
	r, err := ParseRules("RULE:^CN=(.*)$/$1/")
	if err != nil {
		t.Fatal(err)
	}
	if name, err := r.Name("O=x"); err == nil {
		t.Errorf("got in as %q", name)
	}
	for _, wrong := range []string{"RULE:x", "default", "RULE:(/a/", "RULE:a/b/X", "DEFAULT;DEFAULT"} {
		if _, err := ParseRules(wrong); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add(`RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L,DEFAULT`, "CN=x,OU=ServiceUsers")
	f.Add(`RULE:a\/b/\$$$1/`, "a/b")
	f.Fuzz(func(t *testing.T, rules, name string) {
		r, err := ParseRules(rules)
		if err == nil {
			_, _ = r.Name(name)
		}
	})
}

func FuzzDistinguishedName(f *testing.F) {
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if name := DistinguishedName(raw); strings.Contains(name, "\x00") {
			t.Errorf("%q has a zero byte", name)
		}
	})
}
