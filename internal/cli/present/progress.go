package present

import (
	"fmt"
	"strings"
)

// Progress is one line on a terminal that is written over as work goes on. Elsewhere there is none: a log is not for that.
type Progress struct {
	o    *Output
	last int
}

// Progress begins a line of progress. End it before anything else is printed.
func (o *Output) Progress() *Progress {
	p := &Progress{o: o}
	if _, ok := terminal(o.Err); !ok && (o.screen == nil || o.screen.width == 0) {
		p.o = nil
	}
	return p
}

// Say writes the line anew.
func (p *Progress) Say(format string, args ...any) {
	if p.o == nil {
		return
	}
	text := clean(fmt.Sprintf(format, args...))
	if s := p.o.screenOf(p.o.Err); s.width > 1 {
		text = middle(text, s.width-1)
	}
	n := len([]rune(text))
	fmt.Fprint(p.o.Err, "\r", text, strings.Repeat(" ", max(0, p.last-n)))
	p.last = n
}

// End takes the line away.
func (p *Progress) End() {
	if p.o == nil || p.last == 0 {
		return
	}
	fmt.Fprint(p.o.Err, "\r", strings.Repeat(" ", p.last), "\r")
	p.last = 0
}
