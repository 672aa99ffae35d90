package server

import (
	"sync"
	"time"

	"leat/internal/listener"
)

// beats is when this node, as the active controller, last heard from each broker. A broker that others do not reach is alive if it has been heard of.
type beats struct {
	mu   sync.Mutex
	last map[int32]time.Time // guarded by mu; no more than there are brokers
}

// heardBroker is told of every heartbeat that the controller accepted.
func (n *node) heardBroker(r *listener.Request, brokerID int32, epoch int64) {
	n.suspicion.heard(r, brokerID, epoch)
	n.standings.beats.note(brokerID, time.Now())
}

func (b *beats) note(broker int32, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		b.last = map[int32]time.Time{}
	}
	b.last[broker] = now
}

// ago is how long ago the last beats were; those that are long past are forgotten.
func (b *beats) ago(now time.Time) map[int32]time.Duration {
	const past = time.Minute
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[int32]time.Duration, len(b.last))
	for id, at := range b.last {
		if now.Sub(at) > past {
			delete(b.last, id)
			continue
		}
		out[id] = now.Sub(at)
	}
	return out
}
