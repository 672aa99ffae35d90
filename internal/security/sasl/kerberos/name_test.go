package kerberos

import (
	"strings"
	"testing"
)

func TestRulesMakeNames(t *testing.T) {
	for _, c := range []struct{ rules, principal, want string }{
		{"DEFAULT", "alice@HERE", "alice"},
		{"DEFAULT", "alice/host@HERE", "alice"},
		{"DEFAULT", "alice@THERE", ""},
		{"DEFAULT/L", "Alice@HERE", "alice"},
		{"RULE:[1:$1]", "alice@THERE", "alice"},
		{"RULE:[1:$1]", "alice/host@THERE", ""},
		{"RULE:[1:$1@$0](.*@THERE)s/@.*//", "alice@THERE", "alice"},
		{"RULE:[1:$1@$0](.*@THERE)s/@.*//", "alice@HERE", ""},
		{"RULE:[1:$1@$0](.*@THERE)s/@.*// DEFAULT", "alice@HERE", "alice"},
		{"RULE:[2:$1.$2]", "alice/admin@THERE", "alice.admin"},
		{"RULE:[2:$1.$2](.*\\.admin)s/\\.admin/-root/", "alice/admin@THERE", "alice-root"},
		{"RULE:[1:$1]s/a/x/", "banana@THERE", "bxnana"},
		{"RULE:[1:$1]s/a/x/g", "banana@THERE", "bxnxnx"},
		{"RULE:[1:$1]s/(.)an/$1$1/", "banana@THERE", "bbana"},
		{"RULE:[1:$1]/L", "ALICE@THERE", "alice"},
		{"RULE:[1:$1]L", "ALICE@THERE", "alice"},
		{"RULE:[1:$1]s/A/B/g/L", "ANNA@THERE", "bnnb"},
		{"RULE:[1:$1@$0]", "alice@THERE", ""}, // no simple name
		{"RULE:[1:$1$3]", "alice@THERE", ""},
		{"RULE:[1:](.*)", "alice@THERE", ""},
		{"RULE:[1:fixed]", "alice@THERE", "fixed"},
		{"DEFAULT", "a/b/c@HERE", ""},
		{"DEFAULT", "alice@", ""},
	} {
		rules, err := ParseRules(strings.Fields(c.rules), "HERE")
		if err != nil {
			t.Errorf("%s: %v", c.rules, err)
			continue
		}
		name, realm, _ := strings.Cut(c.principal, "@")
		if got, err := rules.Name(strings.Split(name, "/"), realm); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s of %s: %q, %v, want %q", c.rules, c.principal, got, err, c.want)
		}
	}
}

func TestRulesOfAnotherGrammarAreRefused(t *testing.T) {
	for _, text := range []string{"", "default", "RULE:[1:$1", "RULE:[x:$1]", "RULE:[1:$1]s/a/b", "RULE:[1:$1](a", "RULE:[1:$1]([)", "RULE:[1:$1]X", "DEFAULTX", "RULE:[99999999999999999999:$1]"} {
		if _, err := ParseRules([]string{text}, "HERE"); err == nil {
			t.Errorf("%q is taken for a rule", text)
		}
	}
}
