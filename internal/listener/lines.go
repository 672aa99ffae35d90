package listener

import (
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
