package listener

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// linesPerSecond is how many connections of a node are told of in the log each second that ended for a reason, or were refused. Whoever fails on purpose, thousands of times
// a second, would otherwise fill the disk with it, and hide what there is to see.
const linesPerSecond = 50

// lines bounds how much is told.
type lines struct {
	mu      sync.Mutex
	second  int64
	count   int
	skipped int
}

// allow reports whether there is room for a line, and how many had none since the last one.
func (l *lines) allow(now time.Time) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if second := now.Unix(); second != l.second {
		l.second, l.count = second, 0
	}
	if l.count++; l.count > linesPerSecond {
		l.skipped++
		return 0, false
	}
	skipped, l.skipped = l.skipped, 0
	return skipped, true
}

// tell logs what happened to a connection, if there is room for it.
func (s *Server) tell(level func(string, ...any), message string, args ...any) {
	skipped, ok := s.cfg.Shared.lines.allow(time.Now())
	if !ok {
		return
	}
	if skipped > 0 {
		args = append(args, "left_out", skipped)
	}
	level(message, args...)
}

// longestReason bounds what is told of a connection, in the log or to whoever observes: most of it may be what a client sent before anybody knew it, such as a
// user's name of half a megabyte.
const longestReason = 1000

// brief is a text without the middle of it if it is long: how it begins says what it is about, and how it ends often why.
func brief(text string) string {
	if len(text) <= longestReason {
		return text
	}
	const tail = longestReason / 4
	head := strings.ToValidUTF8(text[:longestReason-tail], "")
	return fmt.Sprintf("%s...(%d bytes)...%s", head, len(text)-longestReason, strings.ToValidUTF8(text[len(text)-tail:], ""))
}

// shortened is an error that tells less of itself.
type shortened struct {
	error
	text string
}

func (s shortened) Error() string { return s.text }

func (s shortened) Unwrap() error { return s.error }

// shorten is brief for an error.
func shorten(err error) error {
	text := err.Error()
	if len(text) <= longestReason {
		return err
	}
	return shortened{err, brief(text)}
}
