package why

import (
	"fmt"
	"io"
	"time"
)

// Write writes a report for people.
func (r *Report) Write(w io.Writer) error {
	out := &lines{w: w}
	about := "the cluster"
	if r.About != "" {
		about = named(r.About)
	}
	if r.Unknown != "" {
		out.line("%s: %s", about, r.Unknown)
	} else if len(r.Findings) == 0 {
		out.line("nothing wrong with %s is known (%s answered)", about, count(len(r.Nodes), "node"))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if i > 0 {
			out.line("")
		}
		since := ""
		if !f.Since.IsZero() {
			since = ", since " + f.Since.UTC().Format(time.RFC3339)
		}
		out.line("%d. %s (%s%s)", i+1, f.Cause, f.Severity, since)
		for j, link := range f.Chain {
			arrow := "   "
			if j > 0 {
				arrow = "   -> "
			}
			out.line("%s%s", arrow, link)
		}
		for _, e := range f.Evidence {
			out.line("   seen: %s", e)
		}
		for _, n := range f.Next {
			out.line("   next: %s", n)
		}
	}
	if len(r.Silent) > 0 {
		out.line("")
		out.line("did not answer: nodes %s", nodeList(r.Silent))
	}
	if r.Withheld != "" && len(r.Findings) > 0 {
		out.line("")
		out.line("%s", r.Withheld)
	}
	return out.err
}

// lines writes lines until one fails.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) line(format string, args ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format+"\n", args...)
	}
}
