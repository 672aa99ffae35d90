package present

import (
	"bufio"
	"encoding/json"
	"fmt"

	"leat/internal/cli/run"
)

// Lines prints values one after the other, of which there may be more than fit into memory: for people the line that each is, as JSON an object on a line of
// its own, as YAML a document each, by a template what it makes of each. Nothing is certain to be printed before Flush.
type Lines struct {
	o   *Output
	out *bufio.Writer
	err error
}

// Lines begins to print values one after the other.
func (o *Output) Lines() *Lines {
	const room = 64 << 10
	return &Lines{o: o, out: bufio.NewWriterSize(o.Out, room)}
}

// Add prints one. What goes wrong is told by Flush.
func (l *Lines) Add(v fmt.Stringer) {
	if l.err != nil {
		return
	}
	switch l.o.form {
	case "json":
		e := json.NewEncoder(l.out)
		e.SetEscapeHTML(false)
		l.err = e.Encode(v)
	case "yaml":
		if _, l.err = l.out.WriteString("---\n"); l.err == nil {
			l.err = writeYAML(l.out, v)
		}
	case "template":
		l.err = l.o.fillTo(l.out, v)
	default:
		_, l.err = fmt.Fprintln(l.out, clean(v.String()))
	}
}

// Flush prints what has been held back.
func (l *Lines) Flush() error {
	if l.err != nil {
		return run.Failed(l.err)
	}
	return run.Failed(l.out.Flush())
}
