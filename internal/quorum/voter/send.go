package voter

import (
	"sync"

	"leat/internal/quorum/consensus"
)

// outboxBytes bounds what waits for one controller. Entries that do not fit are left out: the receiver is asked what it has, and sent it again.
const outboxBytes = 16 << 20

// outbox is what is to be sent to one controller. The voter's mu guards it.
type outbox struct {
	to     consensus.Replica
	frames [][]byte
	bytes  int
	lost   bool // frames were left out
	wake   chan struct{}
	quit   chan struct{}
	once   sync.Once
}

// post puts frames into outboxes. mu is held.
func (v *Voter) post(frames []consensus.Frame) {
	for _, f := range frames {
		o := v.outs[f.To.ID]
		if o == nil {
			o = &outbox{wake: make(chan struct{}, 1), quit: make(chan struct{})}
			v.outs[f.To.ID] = o
			v.running.Go(func() { v.send(f.To.ID, o) })
		}
		o.to = f.To
		if o.bytes += len(f.Bytes); o.bytes > outboxBytes && (f.Entries || o.bytes > 2*outboxBytes) {
			o.bytes -= len(f.Bytes)
			o.lost = true
			continue
		}
		o.frames = append(o.frames, f.Bytes)
		poke(o.wake)
	}
}

// send delivers what is in an outbox, all of it at once.
func (v *Voter) send(to int32, o *outbox) {
	for {
		select {
		case <-o.wake:
		case <-o.quit:
			return
		case <-v.ctx.Done():
			return
		}
		v.mu.Lock()
		frames, lost, replica := o.frames, o.lost, o.to
		o.frames, o.bytes, o.lost = nil, 0, false
		v.mu.Unlock()
		if len(frames) == 0 {
			continue
		}
		if err := v.cfg.Transport.Send(v.ctx, to, frames); err != nil || lost {
			_ = v.with(func() error { return v.node.Unreachable(replica) })
		}
	}
}

// forget ends the outboxes of controllers that are no members any more.
func (v *Voter) forget(m consensus.Members) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, o := range v.outs {
		known := false
		for _, x := range m.List {
			known = known || x.ID == id
		}
		if !known {
			o.once.Do(func() { close(o.quit) })
			delete(v.outs, id)
		}
	}
}
