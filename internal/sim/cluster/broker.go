package cluster

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// broker is a broker: how it registers, follows the metadata log and stops.
type broker struct {
	h *host

	// On disk.
	logs       []*recordLog // by partition, nil: none
	cleanEpoch int64        // the broker epoch of the process that was closed properly before this one, -1: it was not
	// intact is the broker epoch under which nothing was lost so far: known to the checks only.
	intact int64

	incarnation uint32
	epoch       int64 // -1: not registered
	metadataEnd int64
	image       *metadata.Image // nil: none that shows this process yet
	replicas    []*replica      // by partition
	fetchers    []*fetcher      // by broker
	parked      []*fetchCall    // requests of followers that wait
	waking      bool
	proposed    []proposed // changes of in-sync sets that the controller is to be asked for
	asking      bool
	leaving     bool // on its way to a proper end
	fenced      bool
}

func newBroker(h *host) {
	h.broker = &broker{h: h, cleanEpoch: -1, intact: -1}
	h.w.brokers = append(h.w.brokers, h.broker)
}

func (b *broker) start() {
	w := b.h.w
	w.lastID++
	b.incarnation, b.epoch, b.metadataEnd, b.image = w.lastID, -1, 0, nil
	b.parked, b.waking, b.proposed, b.asking, b.leaving, b.fenced = nil, false, nil, false, false, true
	b.replicas, b.fetchers = make([]*replica, len(w.parts)), make([]*fetcher, len(w.brokers)+1)
	b.logs = append(b.logs, make([]*recordLog, len(w.parts)-len(b.logs))...)
	previous := b.cleanEpoch
	b.cleanEpoch = -1
	b.register(previous)
	b.follow()
	b.flushes()
	b.lagChecks()
}

// stop is the end of the process in the middle of things.
func (b *broker) stop(power bool) {
	lost := false
	for _, l := range b.logs {
		if l != nil && l.reopen(power, b.h.w.rng) {
			lost = true
		}
	}
	if lost {
		b.intact = -1
	}
	b.replicas, b.fetchers, b.image, b.epoch = nil, nil, nil, -1
}

// close is a proper end.
func (b *broker) close() {
	for _, l := range b.logs {
		if l != nil {
			l.close()
		}
	}
	b.cleanEpoch = b.epoch
	b.replicas, b.fetchers, b.image, b.epoch = nil, nil, nil, -1
	b.h.w.stats.Shutdowns++
}

func (b *broker) register(previous int64) {
	rq := kmsg.NewPtrBrokerRegistrationRequest()
	rq.BrokerID, rq.ClusterID, rq.PreviousBrokerEpoch = b.h.id, clusterID, previous
	rq.IncarnationID = b.incarnationID()
	rq.LogDirs = [][16]byte{{1, byte(b.h.id)}}
	for _, f := range metadata.SupportedFeatures() {
		rq.Features = append(rq.Features, kmsg.BrokerRegistrationRequestFeature{
			Name: f.Name, MinSupportedVersion: f.Range.Min, MaxSupportedVersion: f.Range.Max})
	}
	b.h.ask(rq, func(response any) {
		if r, ok := response.(*kmsg.BrokerRegistrationResponse); ok && r.ErrorCode == 0 {
			b.epoch = r.BrokerEpoch
			b.h.w.note(b.h, "registered", b.epoch, 0, 0)
			b.learn(b.metadataEnd)
			b.heartbeat()
			return
		}
		b.h.after(b.h.w.between(50*time.Millisecond, 200*time.Millisecond), "register again", func() { b.register(previous) })
	})
}

func (b *broker) incarnationID() record.UUID {
	return record.UUID{0: 7, 12: byte(b.incarnation >> 24), 13: byte(b.incarnation >> 16), 14: byte(b.incarnation >> 8), 15: byte(b.incarnation)}
}

// heartbeat tells the controller how things are, again and again.
func (b *broker) heartbeat() {
	rq := kmsg.NewPtrBrokerHeartbeatRequest()
	rq.BrokerID, rq.BrokerEpoch, rq.CurrentMetadataOffset = b.h.id, b.epoch, b.metadataEnd-1
	rq.WantFence, rq.WantShutdown = b.image == nil, b.leaving
	pause := b.h.w.between(300*time.Millisecond, 400*time.Millisecond)
	b.h.ask(rq, func(response any) {
		r, ok := response.(*kmsg.BrokerHeartbeatResponse)
		switch {
		case !ok:
			pause = int64(50 * time.Millisecond)
		case r.ErrorCode == 0 && r.ShouldShutdown && b.leaving:
			b.h.finish()
			b.h.w.startLater(b.h)
			return
		case r.ErrorCode == 0:
			if b.fenced = r.IsFenced; b.fenced || b.leaving {
				pause = int64(80 * time.Millisecond)
			}
		}
		b.h.after(pause, "heartbeat", b.heartbeat)
	})
}

// follow gets to know how far the metadata log is: from the controller in the same process, or from the one that leads.
func (b *broker) follow() {
	w, h := b.h.w, b.h
	if h.voter != nil {
		b.learn(h.voter.disk.logEnd)
		return
	}
	to := w.voters[h.guess%len(w.voters)]
	ended := false
	again := func(pause int64, guess bool) {
		if ended {
			return
		}
		if ended = true; guess {
			h.guess++
		}
		h.after(pause, "metadata fetch", b.follow)
	}
	have := b.metadataEnd
	w.call(h, to.h, "metadata fetch", func(back func(string, func())) {
		if leader := to.leader(); leader < 0 || w.voters[leader] != to {
			back("no metadata", func() {
				if again(int64(30*time.Millisecond), leader < 0); leader >= 0 {
					h.guess = leader
				}
			})
			return
		}
		tell := func() {
			end := to.disk.logEnd
			back("metadata", func() {
				b.learn(end)
				again(0, false)
			})
		}
		if to.disk.logEnd > have {
			tell()
		} else {
			to.waiting = append(to.waiting, tell)
		}
	})
	h.unless(&ended, int64(700*time.Millisecond), "no metadata", func() { again(0, true) })
}

// learn takes up what the metadata log says up to an offset. Nothing is done about it before it shows this process: what it says of the one
// before is no order to this one.
func (b *broker) learn(end int64) {
	b.metadataEnd = max(b.metadataEnd, end)
	image := b.h.w.meta.image(b.metadataEnd)
	if b.image == nil {
		r, ok := image.Broker(b.h.id)
		if (!ok || b.epoch < 0 || r.Epoch != b.epoch) && b.h.w.opts.Mutation != ObeyBeforeRegistered {
			return
		}
	} else if image.Offset <= b.image.Offset {
		return
	}
	b.image = image
	for i := range b.h.w.parts {
		b.publish(i)
	}
	b.brokersChanged()
}

// publish brings one partition to what the image says.
func (b *broker) publish(i int) {
	p := b.h.w.parts[i]
	state := p.in(b.image)
	if state == nil {
		return
	}
	for len(b.replicas) <= i {
		b.replicas = append(b.replicas, nil)
	}
	for len(b.logs) <= i {
		b.logs = append(b.logs, nil)
	}
	r := b.replicas[i]
	if !slices.Contains(state.Replicas, b.h.id) {
		if r != nil {
			r.end()
		}
		b.replicas[i], b.logs[i] = nil, nil
		return
	}
	if r == nil {
		if b.logs[i] == nil {
			b.logs[i] = newRecordLog()
		}
		r = newReplica(b, p, b.logs[i])
		b.replicas[i] = r
	}
	if r.state != state {
		r.state = state
		r.assign(state)
	}
}

// brokersChanged looks which replicas may not join in-sync sets any more.
func (b *broker) brokersChanged() {
	excluded := func(id int32) bool {
		r, ok := b.image.Broker(id)
		return !ok || !r.Active()
	}
	for _, r := range b.replicas {
		if r != nil && r.progress.Leads() && r.progress.UnderReplicated() {
			r.advanced(r.progress.Exclude(excluded))
		}
	}
}

// flushes syncs all logs now and then, as the operating system does, and notes the high watermarks.
func (b *broker) flushes() {
	b.h.after(b.h.disk*b.h.w.between(300*time.Millisecond, 3*time.Second), "flush", func() {
		for _, l := range b.logs {
			if l != nil {
				l.synced, l.savedMark = l.end(), l.mark
			}
		}
		b.flushes()
	})
}
