package cluster

import (
	"fmt"
	"time"
)

// line is one line of a trace, not yet written out: most never are.
type line struct {
	step    int
	at      int64
	host    int32
	what    string
	a, b, c int64
}

func (l line) String() string {
	return fmt.Sprintf("%7d %12v  %3d  %s %d %d %d", l.step, time.Duration(l.at), l.host, l.what, l.a, l.b, l.c)
}

// trace keeps the newest lines, and a digest of all.
type trace struct {
	lines  []line
	next   int
	digest uint64
}

func newTrace(keep int) trace {
	return trace{lines: make([]line, 0, keep), digest: 14695981039346656037}
}

func (t *trace) add(l line) {
	h := t.digest
	for i := range len(l.what) {
		h = (h ^ uint64(l.what[i])) * 1099511628211
	}
	for _, x := range [...]uint64{uint64(l.at), uint64(l.host), uint64(l.a), uint64(l.b), uint64(l.c)} {
		h = (h ^ x) * 1099511628211
	}
	t.digest = h
	switch {
	case cap(t.lines) == 0:
	case len(t.lines) < cap(t.lines):
		t.lines = append(t.lines, l)
	default:
		t.lines[t.next] = l
		t.next = (t.next + 1) % len(t.lines)
	}
}

// text writes the lines out, the oldest first.
func (t *trace) text() []string {
	var out []string
	for i := range t.lines {
		out = append(out, t.lines[(t.next+i)%len(t.lines)].String())
	}
	return out
}
