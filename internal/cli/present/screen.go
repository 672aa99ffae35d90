package present

import (
	"io"
	"os"

	"golang.org/x/term"
)

// screen is what an output can show.
type screen struct {
	width  int // 0: no terminal, as wide as it takes
	colour bool
}

// terminal is the terminal that a stream is.
func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok || f == nil {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

func (o *Output) screenOf(w io.Writer) screen {
	if o.screen != nil {
		return *o.screen
	}
	fd, ok := terminal(w)
	if !ok {
		return screen{}
	}
	s := screen{colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(fd); err == nil {
		s.width = width
	}
	return s
}

// paint gives a text its colour.
func (s screen) paint(text string, l level, head bool) string {
	if !s.colour {
		return text
	}
	code := map[level]string{good: "32", warn: "33", bad: "31"}[l]
	if head {
		code = "1"
	}
	if code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
