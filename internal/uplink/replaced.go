package uplink

import (
	"context"
	"errors"
	"time"
)

// A controller whose process or machine stands still keeps its connections and answers nothing. Who waits for it stops waiting when another has become
// the active one; a moment is left for the answer of one that gave up its leadership and lives.
const replacedGrace = 500 * time.Millisecond

var errReplaced = errors.New("another controller is the active one by now")

// waiter is a request under way at a controller.
type waiter struct {
	at     int32
	cancel context.CancelCauseFunc
	timer  *time.Timer // nil while its controller is the active one, or nobody is
}

// whileLeads is a context that ends when a controller other than the one with this id has become the active one. end must be called.
func (c *Controllers) whileLeads(ctx context.Context, nodeID int32) (bounded context.Context, end func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	w := &waiter{at: nodeID, cancel: cancel}
	c.mu.Lock()
	c.waiters[w] = struct{}{}
	c.replaced(w)
	c.mu.Unlock()
	return bounded, func() {
		c.mu.Lock()
		delete(c.waiters, w)
		if w.timer != nil {
			w.timer.Stop()
		}
		c.mu.Unlock()
		cancel(nil)
	}
}

// replaced lets a waiter's time run out if another controller is the active one. Called with mu held.
func (c *Controllers) replaced(w *waiter) {
	if c.leader >= 0 && c.leader != w.at && w.timer == nil {
		w.timer = time.AfterFunc(replacedGrace, func() { w.cancel(errReplaced) })
	}
}
