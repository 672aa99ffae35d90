package sharing

import (
	"errors"
	"time"
)

const (
	// unusedAfter is how long a share partition stays loaded that nobody asks for.
	unusedAfter = 5 * time.Minute
	// sweepEvery is how often those are looked for, while any are loaded.
	sweepEvery = time.Minute
)

// errUnloaded ends a share partition that nobody needed; whoever meets it loads it again.
var errUnloaded = errors.New("share partition was not in use and is unloaded")

// unloadUnused drops what nobody has asked for in a while.
func (n *Node) unloadUnused() {
	now := time.Now()
	n.mu.Lock()
	loaded := make([]*sharePartition, 0, len(n.partitions))
	for _, p := range n.partitions {
		loaded = append(loaded, p)
	}
	n.sweeping = len(loaded) > 0
	n.mu.Unlock()
	if len(loaded) == 0 {
		return
	}
	for _, p := range loaded {
		p.unload(now.Add(-unusedAfter), now)
	}
	n.alarms.set(&n.sweep, now.Add(sweepEvery))
}

// left drops what is loaded for a group once its last session on this node has ended: its state may be changed or deleted by others before the next one begins.
func (n *Node) left(group string) {
	if n.sessions.of(group) > 0 {
		return
	}
	var loaded []*sharePartition
	n.mu.Lock()
	for key, p := range n.partitions {
		if key.Group == group {
			loaded = append(loaded, p)
		}
	}
	n.mu.Unlock()
	now := time.Now()
	for _, p := range loaded {
		p.unload(now, now)
	}
}

// unload drops the share partition if it was not asked for since a time, and nothing of it is known here only.
func (p *sharePartition) unload(since, now time.Time) {
	p.mu.Lock()
	idle := p.ended == nil && p.core != nil && !p.busy && len(p.waiters) == 0 && len(p.asked) == 0 && !p.used.After(since) && p.core.Forgettable(now)
	if idle {
		p.ended = errUnloaded
	}
	p.mu.Unlock()
	if idle {
		p.node.forget(p, errUnloaded)
	}
}
