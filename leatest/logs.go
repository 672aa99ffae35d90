package leatest

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// kept is how much of the nodes' warnings and errors is kept for a test that fails.
const kept = 64 << 10

// journal is where nodes log to.
type journal struct {
	given slog.Handler // nil: keep warnings and errors

	mu   sync.Mutex // guards what follows
	text bytes.Buffer
	lost bool
}

func newJournal(given slog.Handler) *journal { return &journal{given: given} }

// of is the handler of one node.
func (j *journal) of(node int32) slog.Handler {
	h := j.given
	if h == nil {
		h = slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelWarn})
	}
	return h.WithAttrs([]slog.Attr{slog.Int("node", int(node))})
}

// Write keeps a line. The first ones tell more than the last.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.text.Len()+len(line) > kept {
		j.lost = true
		return len(line), nil
	}
	return j.text.Write(line)
}

// note keeps a remark of the test's own.
func (j *journal) note(text string) {
	_, _ = j.Write([]byte(time.Now().Format("15:04:05.000") + " " + text + "\n"))
}

// tell shows what was kept.
func (j *journal) tell(t testing.TB) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.text.Len() == 0 {
		return
	}
	more := ""
	if j.lost {
		more = "... and more"
	}
	t.Logf("leatest: warnings and errors of the nodes:\n%s%s", j.text.String(), more)
}
