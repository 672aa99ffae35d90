package main

import (
	"strings"
	"testing"
)

func TestWhatDiffersByChanceIsMaskedWhateverItIs(t *testing.T) {
	hmacs := []string{strings.Repeat("Ab3", 28) + "xy==", strings.Repeat("a", 63) + "/" + strings.Repeat("b", 22) + "=="}
	for text, want := range map[string]string{
		"stuck\t0\t0\t1711111111111\t61":            "stuck\t0\t0\tTIME\tHOUR",
		"group -BcdefghijklmnopqrstuQ== /127.0.0.1": "group MEMBER /127.0.0.1",
		"group AbcdefghijklmnopqrstuQ== /127.0.0.1": "group MEMBER /127.0.0.1",
		"TopicId: -BcdefghijklmnopqrstuQ\tx":        "TopicId: ID\tx",
		"with hmac :" + hmacs[1] + " , renew":       "with hmac :HMAC , renew",
		hmacs[0] + " User:a":                        "HMAC User:a",
		hmacs[1] + " User:a":                        "HMAC User:a",
		"-BcdefghijklmnopqrstuQ " + hmacs[1] + " x": "TOKEN HMAC x",
	} {
		if got := (&world{}).mask(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}
