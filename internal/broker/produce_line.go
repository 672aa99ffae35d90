package broker

import (
	"sync"
	"sync/atomic"

	"leat/internal/storage"
)

// produceLine keeps the produce requests of one connection in order while one of them waits until its transaction is verified: those behind it wait,
// too, whatever they write, and other requests of the connection and other connections do not. What they hold in memory is bounded by what a
// connection may have in flight.
type produceLine struct {
	sampling storage.Sampling // of whoever is in front

	held   atomic.Bool // somebody in front waits; set by him, and taken back under mu
	mu     sync.Mutex
	behind []*produceCall // guarded by mu
}

// lineOf is that of the connection; a handler of produce requests runs on the connection's reader.
func lineOf(c *Call) *produceLine {
	return &stateOf(c).line
}

// join queues a request if it has to wait for its turn.
func (l *produceLine) join(p *produceCall) bool {
	if !l.held.Load() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.held.Load() {
		return false
	}
	p.left = true
	l.behind = append(l.behind, p)
	return true
}

// next takes the first who waits; nil: nobody does, and the connection's reader has the turn again.
func (l *produceLine) next() *produceCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.behind) == 0 {
		l.behind = nil
		l.held.Store(false)
		return nil
	}
	p := l.behind[0]
	l.behind[0] = nil
	l.behind = l.behind[1:]
	return p
}
