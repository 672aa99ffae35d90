package main

import (
	"errors"
	"strings"
	"testing"
)

// TestLedgerTellsWhatIsWrong feeds a view with one wrong thing each.
func TestLedgerTellsWhatIsWrong(t *testing.T) {
	a := stream{"a", 0}
	for _, c := range []struct {
		name string
		do   func(l *ledger, v *view, values []string) error
		want string
	}{
		{"all is well", func(l *ledger, v *view, values []string) error {
			return errors.Join(l.see(v, 0, 0, values[0]), l.see(v, 0, 1, values[1]), l.see(v, 0, 2, values[2]), l.compare(v))
		}, ""},
		{"a record is lost", func(l *ledger, v *view, values []string) error { return l.see(v, 0, 0, values[1]) }, "LOST"},
		{"the last record is lost", func(l *ledger, v *view, values []string) error {
			return errors.Join(l.see(v, 0, 0, values[0]), l.see(v, 0, 1, values[1]), l.missing(v))
		}, "record 2 of producer a was acknowledged at partition 0 offset 2 and is LOST"},
		{"a record is there twice", func(l *ledger, v *view, values []string) error {
			return errors.Join(l.see(v, 0, 0, values[0]), l.see(v, 0, 1, values[0]))
		}, "TWICE, before at offset 0"},
		{"records change places", func(l *ledger, v *view, values []string) error {
			return errors.Join(l.see(v, 0, 0, values[0]), l.see(v, 0, 1, values[2]))
		}, "comes where record 1 should"},
		{"an offset is passed over", func(l *ledger, v *view, values []string) error {
			return errors.Join(l.see(v, 0, 0, values[0]), l.see(v, 0, 2, values[1]))
		}, "offset 2 comes where 1 should"},
		{"a record was never sent", func(l *ledger, v *view, values []string) error { return l.see(v, 0, 0, "b/0/0/x") }, "never SENT"},
		{"a record of another partition", func(l *ledger, v *view, values []string) error { return l.see(v, 1, 0, values[0]) }, "was sent to partition 0"},
		{"bytes of somebody else", func(l *ledger, v *view, values []string) error { return l.see(v, 0, 0, "hello") }, "no record of this run"},
		{"another place than acknowledged", func(l *ledger, v *view, values []string) error {
			v.next[0] = 7
			return l.see(v, 0, 7, values[0])
		}, "was acknowledged at offset 0"},
		{"another place than acknowledged afterwards", func(l *ledger, v *view, values []string) error {
			late := l.send(a, "")
			err := errors.Join(l.see(v, 0, 0, values[0]), l.see(v, 0, 1, values[1]), l.see(v, 0, 2, values[2]), l.see(v, 0, 3, late))
			l.ack(late, 9, nil)
			return errors.Join(err, l.compare(v))
		}, "acknowledged at partition 0 offset 9 and seen at offset 3"},
		{"a record without an answer", func(l *ledger, v *view, values []string) error {
			l.send(a, "")
			return errors.Join(l.see(v, 0, 0, values[0]), l.see(v, 0, 1, values[1]), l.see(v, 0, 2, values[2]), l.compare(v))
		}, "neither acknowledged nor refused"},
		{"a record that was given up", func(l *ledger, v *view, values []string) error {
			l.ack(l.send(a, ""), -1, errors.New("timed out"))
			return l.trouble()
		}, "gave up record 3 of partition 0: timed out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, v := newLedger(), newView("reader")
			values := []string{l.send(a, "x"), l.send(a, "y"), l.send(a, "z")}
			for i, value := range values {
				l.ack(value, int64(i), nil)
			}
			err := c.do(l, v, values)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
