package replication

import (
	"leat/internal/metadata"
	"leat/internal/storage"
)

// PreferredReplica is the replica in the same rack that a consumer should read from an offset on instead of here, -1: it should read here, where the
// partition is led. As Kafka's RackAwareReplicaSelector, it picks the in-sync replica with the most records; the leader itself, if it is in that rack.
func (p *Partition) PreferredReplica(im *metadata.Image, rack string, offset int64) int32 {
	if rack == "" {
		return -1
	}
	if self, ok := im.Broker(p.node.cfg.NodeID); ok && self.Rack == rack {
		return -1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil || !p.progress.Leads() {
		return -1
	}
	return p.progress.BestReader(offset, func(id int32) bool {
		b, ok := im.Broker(id)
		return ok && b.Active() && b.Rack == rack
	})
}

// followed counts what this follower took, for consumers that wait here. Called with role held.
func (p *Partition) followed(size int64, o storage.Offsets) {
	var ready wakeups
	p.mu.Lock()
	if size > 0 {
		p.grown.appended(size, o.LogEnd)
	}
	if o.HighWatermark > p.grown.committedEnd {
		p.grown.lastStable = o.LastStable
		p.grown.committed(o.HighWatermark)
		p.readable(&ready)
	}
	p.mu.Unlock()
	ready.run()
}

// cutOff has consumers look again who wait here: the log was truncated. Called with role held.
func (p *Partition) cutOff() {
	var ready wakeups
	p.mu.Lock()
	p.grown = growth{lastStable: p.log.Offsets().LastStable, committedEnd: p.log.Offsets().HighWatermark}
	for _, e := range p.fetches {
		ready.fetches = append(ready.fetches, e.wait)
	}
	p.mu.Unlock()
	ready.run()
}
