package cluster

import (
	"slices"

	"leat/internal/metadata"
	"leat/internal/quorum/consensus"
)

// checks is what the checks remember of the quorum.
type checks struct {
	leaders map[int32]consensus.Replica // by epoch
	votes   map[vote]uint64             // whom for
}

type vote struct {
	voter int32
	epoch uint64
}

// checkVote looks at what a voter sends: it votes once in an epoch.
func (w *world) checkVote(h *host, frame []byte) {
	epoch, candidate, ok := consensus.GrantedVote(frame)
	if !ok {
		return
	}
	if w.check.votes == nil {
		w.check.votes = map[vote]uint64{}
	}
	key := vote{h.id, epoch}
	if before, voted := w.check.votes[key]; voted && before != candidate {
		w.fail("controller %d votes twice in epoch %d", h.id, epoch)
	}
	w.check.votes[key] = candidate
}

func (w *world) checkQuorumLeader(h *host, e consensus.LeaderChanged) {
	if !e.Known {
		return
	}
	if w.check.leaders == nil {
		w.check.leaders = map[int32]consensus.Replica{}
	}
	before, known := w.check.leaders[e.Epoch]
	if known && before != e.Leader {
		w.fail("controller %d knows %s as leader of epoch %d, others know %s", h.id, e.Leader, e.Epoch, before)
	}
	w.check.leaders[e.Epoch] = e.Leader
}

// checkLeading looks at a new active controller: it has all that was committed.
func (w *world) checkLeading(v *voter, e consensus.Leading) {
	w.stats.QuorumLeaders++
	if e.NextOffset < w.meta.end || e.NextOffset != v.disk.logEnd {
		w.fail("controller %d is active from metadata offset %d, its log ends at %d, committed is %d", v.h.id, e.NextOffset, v.disk.logEnd, w.meta.end)
	}
}

// registered notes that a broker's process was registered: from now on nothing may be lost that it is said to have.
func (w *world) registered(reg *metadata.RegisterBrokerRecord) {
	b := w.brokers[reg.BrokerID-1]
	if b.h.up && reg.IncarnationID == b.incarnationID() {
		b.intact = reg.BrokerEpoch
	}
}

// checkImage looks at what a decision of the controller changed.
func (w *world) checkImage(delta *metadata.Delta, was, is *metadata.Image) {
	for _, b := range is.Brokers() {
		if before, ok := was.Broker(b.ID); ok && b.Epoch < before.Epoch {
			w.fail("broker %d: epoch %d after %d", b.ID, b.Epoch, before.Epoch)
		}
	}
	for _, t := range delta.ChangedTopics() {
		if !slices.ContainsFunc(w.parts, func(p *partition) bool { return p.topicID == t.ID }) {
			w.addTopic(t)
		}
	}
	for _, p := range w.parts {
		before, now := p.in(was), p.in(is)
		if before != nil && before != now {
			w.checkChange(p, is, before, now)
		}
		w.checkHolders(p, is)
	}
}

// checkChange looks at a change of one partition.
func (w *world) checkChange(p *partition, is *metadata.Image, before, now *metadata.Partition) {
	bad := func(what string) { w.fail("%s-%d: %s: %+v after %+v", p.topic, p.number, what, now, before) }
	switch {
	case now.PartitionEpoch < before.PartitionEpoch || now.LeaderEpoch < before.LeaderEpoch:
		bad("an epoch went back")
	case now.PartitionEpoch == before.PartitionEpoch && !slices.Equal(now.ISR, before.ISR):
		bad("changed in the same partition epoch")
	case now.Leader != before.Leader && now.LeaderEpoch == before.LeaderEpoch:
		bad("another leader in the same epoch")
	case now.Leader >= 0 && !slices.Contains(now.ISR, now.Leader):
		bad("the leader is not in sync")
	}
	for _, id := range now.ISR {
		switch b, ok := is.Broker(id); {
		case !slices.Contains(now.Replicas, id):
			bad("in sync without a replica")
		case !slices.Contains(before.ISR, id) && (!ok || !b.Active()):
			bad("taken into the in-sync set without being active")
		}
	}
	if !slices.Equal(now.Replicas, before.Replicas) {
		w.stats.Reassigned++
	}
	if now.LeaderRecovering && !before.LeaderRecovering {
		w.stats.Unclean++
		if w.strict {
			bad("an unclean election although too few processes ended uncleanly")
		}
		for _, id := range append(slices.Clone(before.ISR), before.ELR...) {
			if b, ok := is.Broker(id); id != now.Leader && ok && b.Active() && slices.Contains(now.Replicas, id) && b.Epoch == w.brokers[id-1].intact &&
				(slices.Contains(now.ISR, id) || slices.Contains(now.ELR, id)) {
				bad("an unclean election although another could lead")
			}
		}
	}
}

// checkHolders looks whether those who may be elected have what is committed. Who has lost power since it registered may not: that it is told
// of when it registers again.
func (w *world) checkHolders(p *partition, is *metadata.Image) {
	s := p.in(is)
	if s == nil || p.lossy {
		return
	}
	for _, list := range [...][]int32{s.ISR, s.ELR} {
		for _, id := range list {
			b := w.brokers[id-1]
			if r, ok := is.Broker(id); !ok || r.Epoch != b.intact {
				continue
			}
			if len(p.chain) > 0 && (p.index >= len(b.logs) || b.logs[p.index] == nil || !p.holds(b.logs[p.index], int64(len(p.chain)))) {
				if w.excused(p, s) {
					return
				}
				w.fail("%s-%d: broker %d may be elected (%+v), and lacks some of the %d committed records", p.topic, p.number, id, s, len(p.chain))
			}
		}
	}
}

// holds reports whether a log has the chain up to an offset.
func (p *partition) holds(l *recordLog, end int64) bool {
	if l.end() < end {
		return false
	}
	for l.verified < end && l.entries[l.verified] == p.chain[l.verified] {
		l.verified++
	}
	return l.verified >= end
}

// began looks at a new leader.
func (w *world) began(r *replica, s *metadata.Partition) {
	p := r.partition
	w.stats.Elections++
	w.note(r.b.h, "leads", int64(p.index), int64(s.LeaderEpoch), r.log.end())
	if before, known := p.leaders[s.LeaderEpoch]; known && before != r.b.h.id {
		w.fail("%s-%d: brokers %d and %d lead in epoch %d", p.topic, p.number, before, r.b.h.id, s.LeaderEpoch)
	}
	p.leaders[s.LeaderEpoch] = r.b.h.id
	if newest := p.in(w.meta.newest); newest.LeaderEpoch != s.LeaderEpoch {
		return // it hears late of an election: others lead by now, and may have committed more
	}
	if !p.lossy && !p.holds(r.log, int64(len(p.chain))) && !w.excused(p, s) {
		w.fail("%s-%d: broker %d leads in epoch %d, and lacks some of the %d committed records: it has %d of %d", p.topic, p.number, r.b.h.id, s.LeaderEpoch,
			len(p.chain), r.log.verified, r.log.end())
	}
}

// excused reports whether records may be lost: the leader was elected uncleanly, after more bad luck than was promised to be survived.
func (w *world) excused(p *partition, s *metadata.Partition) bool {
	if !s.LeaderRecovering || w.strict || p.flush {
		return false
	}
	p.lossy = true
	w.stats.LossExcused++
	return true
}

// marked looks at a high watermark that moved, and makes what is below it part of the chain.
func (w *world) marked(r *replica) {
	p, mark := r.partition, r.log.mark
	if r.progress.Leads() {
		if mark < r.ledMark {
			w.fail("%s-%d: the high watermark of leader %d went from %d to %d", p.topic, p.number, r.b.h.id, r.ledMark, mark)
		}
		r.ledMark = mark
	}
	if p.lossy {
		return
	}
	if known := min(mark, int64(len(p.chain))); !p.holds(r.log, known) {
		w.fail("%s-%d: broker %d has a high watermark of %d, and its log differs from what is committed at %d", p.topic, p.number, r.b.h.id, mark, r.log.verified)
	}
	if mark <= int64(len(p.chain)) {
		return
	}
	for _, e := range r.log.entries[len(p.chain):mark] {
		last, known := p.last[e.producer]
		if known && e.seq != last+1 || !known && e.seq != 0 {
			w.fail("%s-%d: record %d of producer %d at offset %d comes after record %d", p.topic, p.number, e.seq, e.producer, len(p.chain), last)
		}
		p.last[e.producer] = e.seq
		p.chain = append(p.chain, e)
	}
	w.checkHolders(p, w.meta.newest)
}

// acked looks at what a producer is told: its records are in the chain.
func (w *world) acked(p *partition, from *broker, producer, first, count int32, base int64) {
	w.stats.Acked += int(count)
	if p.lossy {
		return
	}
	for i := range count {
		at := base + int64(i)
		if at >= int64(len(p.chain)) || p.chain[at].producer != producer || p.chain[at].seq != first+i {
			w.fail("%s-%d: broker %d acknowledges record %d of producer %d, which is not committed at offset %d", p.topic, p.number, from.h.id, first+i, producer, at)
		}
	}
}

// checkCut looks at a truncation: what is below a high watermark stays.
func (w *world) checkCut(r *replica, to int64) {
	if p := r.partition; !p.lossy && to < r.log.mark {
		w.fail("%s-%d: broker %d cuts its log at %d, its high watermark is %d", p.topic, p.number, r.b.h.id, to, r.log.mark)
	}
}

// checkAll compares everything anew.
func (w *world) checkAll() {
	for _, v := range w.voters {
		if v.disk.logEnd > w.meta.end {
			w.fail("controller %d has a metadata log up to %d, committed is %d", v.h.id, v.disk.logEnd, w.meta.end)
		}
	}
	for _, p := range w.parts {
		for _, b := range w.brokers {
			if p.index >= len(b.logs) || b.logs[p.index] == nil || p.lossy {
				continue
			}
			l := b.logs[p.index]
			if l.mark > l.end() || l.mark > int64(len(p.chain)) || !slices.Equal(l.entries[:l.mark], p.chain[:l.mark]) {
				w.fail("%s-%d: the log of broker %d differs from what is committed below %d", p.topic, p.number, b.h.id, l.mark)
			}
			for i, e := range l.epochs {
				if i > 0 && (e.epoch <= l.epochs[i-1].epoch || e.start <= l.epochs[i-1].start) {
					w.fail("%s-%d: broker %d has epochs %v", p.topic, p.number, b.h.id, l.epochs)
				}
			}
		}
	}
}
