package cluster

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication/progress"
)

// partition is one of the cluster's, with what the checks know of it.
type partition struct {
	index   int
	topic   string
	topicID record.UUID
	number  int32
	flush   bool // synced before it counts: flush.messages=1

	chain   []entry
	leaders map[int32]int32 // by leader epoch
	last    map[int32]int32 // sequence in the chain by producer
	lossy   bool            // an unclean election lost records: nothing is promised any more
}

// in is the partition's state in an image, nil if it is not there.
func (p *partition) in(im *metadata.Image) *metadata.Partition {
	if t, ok := im.TopicByID(p.topicID); ok && int(p.number) < len(t.Partitions) {
		return t.Partitions[p.number]
	}
	return nil
}

// minISR is min.insync.replicas of all topics.
const minISR = 2

// maxLag is replica.lag.time.max.ms.
const maxLag = 1500 * time.Millisecond

// replica is a replica in a running process: what package replication does around a progress.Replica.
type replica struct {
	b         *broker
	partition *partition
	log       *recordLog
	progress  progress.Replica
	state     *metadata.Partition // that was taken up last
	ended     bool
	waits     []*produceWait
	following following
	rests     int64 // until then it is not fetched
	known     bool  // the follower has begun: its log's end is what it asks for
	ledMark   int64 // high watermark of this leadership
}

// following is a leader to be followed and its epoch; leader -1: none.
type following struct{ leader, epoch int32 }

// produceWait is a produce request that waits for its commit, or for this node's own sync.
type produceWait struct {
	next int64
	own  bool
	done func(outcome)
}

func newReplica(b *broker, p *partition, l *recordLog) *replica {
	r := &replica{b: b, partition: p, log: l, progress: progress.New(b.h.id), following: following{-1, -1}}
	r.progress.SetMinISR(minISR)
	return r
}

// end takes the replica out of service.
func (r *replica) end() {
	r.ended = true
	r.endWaits()
}

func (r *replica) endWaits() {
	waits := r.waits
	r.waits = nil
	for _, p := range waits {
		p.done(notLeader)
	}
}

// unsynced is how many records at the log's end do not count yet.
func (r *replica) unsynced() int64 {
	if r.partition.flush {
		return r.log.end() - r.log.synced
	}
	return 0
}

// assign takes up what an image says.
func (r *replica) assign(s *metadata.Partition) {
	a := progress.Assignment{Leader: s.Leader, LeaderEpoch: s.LeaderEpoch, PartitionEpoch: s.PartitionEpoch, Replicas: s.Replicas, ISR: s.ISR,
		Recovering: s.LeaderRecovering}
	if a.Leader == r.b.h.id && a.LeaderEpoch > r.log.latestEpoch() {
		r.log.assignEpoch(a.LeaderEpoch)
	}
	change := r.progress.Assign(a, progress.Marks{HighWatermark: r.log.mark, LogEnd: r.log.end(), Unsynced: r.unsynced(), At: r.b.h.clock()})
	if change.Began {
		r.ledMark = 0
		r.b.h.w.began(r, s)
	}
	if change.Began || change.Ended {
		r.endWaits()
	}
	if r.progress.Leads() {
		r.advanced(r.progress.HighWatermark() > r.log.mark)
		if change.Began && r.unsynced() > 0 {
			r.syncSoon()
		}
	}
	r.followLeader()
}

// followLeader has the partition copied from whoever leads it now, if that is another node.
func (r *replica) followLeader() {
	f := following{r.progress.Leader(), r.progress.LeaderEpoch()}
	if r.progress.Leads() || f.leader < 0 {
		f = following{-1, -1}
	}
	if f == r.following {
		return
	}
	r.following, r.known, r.rests = f, false, 0
	if f.leader >= 0 {
		r.b.fetcher(f.leader).kick()
	}
}

// advanced carries out what an append, or a follower's progress, led to.
func (r *replica) advanced(moved bool) {
	if err := r.progress.Check(); err != nil {
		r.b.h.w.fail("%s-%d on broker %d: %v", r.partition.topic, r.partition.number, r.b.h.id, err)
	}
	if moved {
		r.log.mark = r.progress.HighWatermark()
		r.b.h.w.marked(r)
		r.committed()
	}
	r.b.wake()
}

// committed ends the waits that have what they wait for.
func (r *replica) committed() {
	var ended []*produceWait
	r.waits = slices.DeleteFunc(r.waits, func(p *produceWait) bool {
		reached := r.progress.HighWatermark() >= p.next
		if p.own {
			reached = r.progress.Own() >= p.next
		}
		if reached {
			ended = append(ended, p)
		}
		return reached
	})
	for _, p := range ended {
		if p.own || r.progress.EnoughInSync() {
			p.done(accepted)
		} else {
			p.done(tooFew)
		}
	}
}

// outcome is the answer to a produce request.
type outcome int

const (
	accepted outcome = iota
	notLeader
	tooFew
	outOfOrder
)

// produce appends as leader. done is called once, with the base offset where the records are.
func (r *replica) produce(c *client, first, count int32, done func(o outcome, base int64)) {
	if !r.progress.Leads() {
		done(notLeader, -1)
		return
	}
	if !c.weak && !r.progress.EnoughInSync() {
		done(tooFew, -1)
		return
	}
	base, last := r.log.end(), int32(-1)
	if seq, known := r.log.producers[c.producer]; known {
		last = seq
	}
	switch {
	case first+count-1 <= last: // it was appended before
		r.b.h.w.stats.Duplicates++
		if base = r.log.find(c.producer, first); base < 0 {
			done(outOfOrder, -1)
			return
		}
	case first != last+1:
		done(outOfOrder, -1)
		return
	default:
		epoch := r.progress.LeaderEpoch()
		for i := range count {
			r.log.append(entry{epoch, c.producer, first + i, count - 1 - i})
		}
	}
	next := base + int64(count)
	if wait := (&produceWait{next, c.weak, func(o outcome) { done(o, base) }}); c.weak && r.progress.Own() >= next {
		wait.done(accepted)
	} else {
		r.waits = append(r.waits, wait)
	}
	if r.unsynced() > 0 {
		r.progress.AppendedUnsynced(r.log.end())
		r.advanced(false)
		r.syncSoon()
	} else {
		r.advanced(r.progress.Appended(r.log.end()))
	}
	r.committed()
}

// syncSoon counts what is in the log by now once it is synced.
func (r *replica) syncSoon() {
	end := r.log.end()
	r.b.h.after(r.b.h.writeTime(), "synced", func() {
		if r.ended {
			return
		}
		r.log.synced = max(r.log.synced, min(end, r.log.end()))
		if r.progress.Leads() {
			r.advanced(r.progress.Synced(r.log.synced))
			r.committed()
		}
	})
}

// proposed is a change of an in-sync set that the controller has not answered.
type proposed struct {
	replica  *replica
	proposal *progress.Proposal
}

// submit queues a proposal.
func (r *replica) submit(p *progress.Proposal) {
	b := r.b
	if len(p.ISR) < r.progress.InSync() {
		b.h.w.stats.Shrinks++
		if b.h.w.opts.Mutation == ShrinkWithoutController {
			r.shrinkNow(p)
		}
	} else {
		b.h.w.stats.Expansions++
	}
	b.proposed = append(b.proposed, proposed{r, p})
	b.h.after(0, "propose", b.propose)
}

// shrinkNow is the mutation: what the leader asks for holds at once.
func (r *replica) shrinkNow(p *progress.Proposal) {
	a := progress.Answer{LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch}
	for _, m := range p.ISR {
		a.ISR = append(a.ISR, m.ID)
	}
	if _, moved := r.progress.Answered(p, a); moved {
		r.advanced(true)
	}
}

// propose asks the controller for all changes that have gathered, one request at a time.
func (b *broker) propose() {
	if b.asking {
		return
	}
	batch := slices.DeleteFunc(b.proposed, func(q proposed) bool {
		return q.replica.ended || q.replica.progress.Proposed() != q.proposal && b.h.w.opts.Mutation != ShrinkWithoutController
	})
	b.proposed = nil
	if len(batch) == 0 || b.epoch < 0 {
		return
	}
	b.asking = true
	b.h.ask(b.alterations(batch), func(response any) {
		b.asking = false
		resp, _ := response.(*kmsg.AlterPartitionResponse)
		pause := int64(0)
		for _, q := range batch {
			if answer, ok := answerFor(resp, q); !ok || q.replica.answered(q.proposal, answer) == progress.Again {
				b.proposed = append(b.proposed, q)
				pause = int64(50 * time.Millisecond)
			}
		}
		if len(b.proposed) > 0 {
			b.h.after(pause, "propose", b.propose)
		}
	})
}

func (b *broker) alterations(batch []proposed) *kmsg.AlterPartitionRequest {
	rq := kmsg.NewPtrAlterPartitionRequest()
	rq.Version, rq.BrokerID, rq.BrokerEpoch = 3, b.h.id, b.epoch
	for _, q := range batch {
		p := kmsg.NewAlterPartitionRequestTopicPartition()
		p.Partition, p.LeaderEpoch, p.PartitionEpoch = q.replica.partition.number, q.proposal.LeaderEpoch, q.proposal.PartitionEpoch
		for _, m := range q.proposal.ISR {
			member := kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: m.ID, BrokerEpoch: m.BrokerEpoch}
			if m.ID == b.h.id {
				member.BrokerEpoch = b.epoch
			}
			p.NewEpochISR = append(p.NewEpochISR, member)
		}
		rq.Topics = append(rq.Topics, kmsg.AlterPartitionRequestTopic{TopicID: q.replica.partition.topicID,
			Partitions: []kmsg.AlterPartitionRequestTopicPartition{p}})
	}
	return rq
}

func answerFor(resp *kmsg.AlterPartitionResponse, q proposed) (progress.Answer, bool) {
	if resp == nil || resp.ErrorCode != 0 {
		return progress.Answer{}, false
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if t.TopidID == q.replica.partition.topicID && p.Partition == q.replica.partition.number {
				return progress.Answer{Code: p.ErrorCode, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch, ISR: p.ISR}, true
			}
		}
	}
	return progress.Answer{}, false
}

func (r *replica) answered(p *progress.Proposal, a progress.Answer) progress.Outcome {
	if r.ended {
		return progress.Outdated
	}
	o, moved := r.progress.Answered(p, a)
	if moved {
		r.advanced(true)
	}
	if o == progress.Taken { // the next may be waiting to join
		r.b.wake()
	}
	return o
}

// lagChecks looks now and then for followers that do not keep up.
func (b *broker) lagChecks() {
	b.h.after(int64(maxLag/2), "lag check", func() {
		now := b.h.clock()
		for _, r := range b.replicas {
			if r == nil || !r.progress.Leads() || r.progress.Replicas() <= 1 {
				continue
			}
			r.advanced(r.progress.Tick(now, maxLag))
			if p := r.progress.Shrink(now, maxLag); p != nil {
				r.submit(p)
			}
		}
		b.lagChecks()
	})
}
