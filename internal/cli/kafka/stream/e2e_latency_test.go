package stream

import (
	"bytes"
	"strings"
	"testing"

	"leat/internal/cli/run"
)

func TestArgumentsByTheirPlacesAreOptions(t *testing.T) {
	for args, want := range map[string]string{
		"":              "",
		"a t 5 all 10":  "--bootstrap-server a --topic t --num-records 5 --producer-acks all --record-size 10",
		"a t 5 1 10 f":  "--bootstrap-server a --topic t --num-records 5 --producer-acks 1 --record-size 10 --command-config f",
		"--topic t x":   "--topic t x",
		"a t":           "Invalid number of arguments. Expected 5 or 6 positional arguments, but got 2.",
		"a b c d e f g": "Invalid number of arguments. Expected 5 or 6 positional arguments, but got 7.",
	} {
		var out bytes.Buffer
		got, err := positional(strings.Fields(args), run.Streams{Out: &out})
		text := strings.Join(got, " ")
		if err != nil {
			text, _, _ = strings.Cut(err.Error(), " Usage: ")
		}
		if text != want || (out.Len() > 0) != (err == nil && text != args) {
			t.Errorf("%s: %s\n%s", args, text, out.String())
		}
	}
}
