package cli

import (
	"slices"
	"strings"
	"testing"

	"leat/leatest"
)

func TestTopicsOfRecordsAreCompleted(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 1), leatest.Topic("offers", 1))
	for words, want := range map[string]string{
		"consume o":        "offers\norders\n",
		"consume orders o": "offers\n",
		"produce of":       "offers\n",
		"produce orders o": ":4\n",
		"perf produce or":  "orders\n",
		"perf consume or":  "orders\n",
	} {
		args := strings.Split(words, " ")
		last := len(args) - 1
		f := newFake(t, nil)
		f.main(slices.Concat([]string{"__complete"}, args[:last], []string{"-b", c.BootstrapServers()}, args[last:]))
		if got := f.out.String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
}
