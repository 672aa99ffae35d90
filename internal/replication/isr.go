package replication

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication/progress"
)

// isrKeeper asks the controller for changes of in-sync replicas, all that have gathered in one request and one request at a time, and looks now and then
// for followers that do not keep up. One goroutine does both for all partitions.
type isrKeeper struct {
	node *Node
	kick chan struct{} // holds one
	done sync.WaitGroup

	mu    sync.Mutex
	queue []proposed // guarded by mu
}

// proposed is a proposal that the controller has not answered.
type proposed struct {
	partition *Partition
	proposal  *progress.Proposal
}

const (
	// askAgain is the pause after a request that failed; it doubles up to askAgainMax.
	askAgain    = 50 * time.Millisecond
	askAgainMax = time.Second
	// leastLagCheck bounds how often the partitions are walked.
	leastLagCheck = 100 * time.Millisecond
)

// submit queues a proposal. It does not wait; the partition's lock may be held.
func (k *isrKeeper) submit(p *Partition, proposal *progress.Proposal) {
	k.mu.Lock()
	k.queue = append(k.queue, proposed{p, proposal})
	k.mu.Unlock()
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// start begins the work, if there is a controller to ask.
func (k *isrKeeper) start(n *Node) {
	k.node, k.kick = n, make(chan struct{}, 1)
	if n.cfg.Cluster != nil {
		k.done.Go(func() { k.run(n.ctx) })
	}
}

func (k *isrKeeper) run(ctx context.Context) {
	check := time.NewTimer(k.checkEvery())
	defer check.Stop()
	pause := askAgain
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-check.C:
			k.node.checkLag(now)
			check.Reset(k.checkEvery())
		case <-k.kick:
		case <-again:
		}
		if k.ask(ctx) {
			again, pause = nil, askAgain
		} else {
			again, pause = time.After(pause), min(2*pause, askAgainMax)
		}
	}
}

func (k *isrKeeper) checkEvery() time.Duration {
	return max(k.node.cfg.Cluster.Settings().LagTimeMax/2, leastLagCheck)
}

// checkLag proposes to take followers out of the in-sync sets that do not keep up.
func (n *Node) checkLag(now time.Time) {
	maxLag := n.cfg.Cluster.Settings().LagTimeMax
	n.replicas.sweep(now)
	for p := range n.table.all() {
		p.checkLag(now, maxLag)
	}
}

func (p *Partition) checkLag(now time.Time, maxLag time.Duration) {
	var ready wakeups
	p.mu.Lock()
	if p.failed == nil && p.progress.Leads() && p.progress.Replicas() > 1 {
		if p.progress.Tick(now, maxLag) {
			p.advanced(true, &ready)
		}
		if proposal := p.progress.Shrink(now, maxLag); proposal != nil {
			p.node.isr.submit(p, proposal)
		}
		p.joiners()
	}
	p.mu.Unlock()
	ready.run()
}

// brokersChanged looks which replicas may join in-sync sets now, and which may not any more.
func (n *Node) brokersChanged(im *metadata.Image) {
	excluded := func(id int32) bool {
		b, ok := im.Broker(id)
		return !ok || !b.Active()
	}
	for p := range n.table.all() {
		var ready wakeups
		p.mu.Lock()
		if p.failed == nil && p.progress.Leads() && p.progress.UnderReplicated() {
			if p.progress.Exclude(excluded) {
				p.advanced(true, &ready)
			}
			p.joiners()
		}
		if p.log != nil {
			p.deleted(&ready) // who is not alive is not waited for
		}
		p.mu.Unlock()
		ready.run()
	}
}

// take returns the proposals to be made now. Those that an image has overtaken are dropped.
func (k *isrKeeper) take() []proposed {
	k.mu.Lock()
	queue := k.queue
	k.queue = nil
	k.mu.Unlock()
	kept := queue[:0]
	for _, q := range queue {
		q.partition.mu.Lock()
		if q.partition.failed == nil && q.partition.progress.Proposed() == q.proposal {
			kept = append(kept, q)
		}
		q.partition.mu.Unlock()
	}
	return kept
}

// ask makes all proposals that have gathered, and reports whether none has to be made again.
func (k *isrKeeper) ask(ctx context.Context) bool {
	batch := k.take()
	if len(batch) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, k.node.cfg.Cluster.Settings().SocketTimeout)
	defer cancel()
	resp, err := k.node.cfg.Cluster.AlterPartition(ctx, k.request(batch))
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			k.node.cfg.Logger.Warn("in-sync replicas could not be changed, trying again", "node", k.node.cfg.NodeID, "partitions", len(batch), "err", err)
		}
		resp = kmsg.NewPtrAlterPartitionResponse()
	}
	return k.answered(batch, resp)
}

// request makes one request of a batch.
func (k *isrKeeper) request(batch []proposed) *kmsg.AlterPartitionRequest {
	rq := kmsg.NewPtrAlterPartitionRequest()
	rq.BrokerID, rq.BrokerEpoch = k.node.cfg.NodeID, k.node.cfg.Cluster.BrokerEpoch()
	topics := map[record.UUID]int{}
	for _, q := range batch {
		i, ok := topics[q.partition.topicID]
		if !ok {
			i = len(rq.Topics)
			topics[q.partition.topicID] = i
			t := kmsg.NewAlterPartitionRequestTopic()
			t.TopicID = q.partition.topicID
			rq.Topics = append(rq.Topics, t)
		}
		p := kmsg.NewAlterPartitionRequestTopicPartition()
		p.Partition, p.LeaderEpoch, p.PartitionEpoch = q.partition.tp.Partition, q.proposal.LeaderEpoch, q.proposal.PartitionEpoch
		for _, m := range q.proposal.ISR {
			member := kmsg.NewAlterPartitionRequestTopicPartitionNewEpochISR()
			member.BrokerID, member.BrokerEpoch = m.ID, m.BrokerEpoch
			if m.ID == k.node.cfg.NodeID {
				member.BrokerEpoch = rq.BrokerEpoch
			}
			p.NewISR, p.NewEpochISR = append(p.NewISR, m.ID), append(p.NewEpochISR, member)
		}
		rq.Topics[i].Partitions = append(rq.Topics[i].Partitions, p)
	}
	return rq
}

// answered gives each partition its answer. Those that got none, or one that says nothing, are queued again.
func (k *isrKeeper) answered(batch []proposed, resp *kmsg.AlterPartitionResponse) bool {
	type place struct {
		topicID   record.UUID
		partition int32
	}
	answers := map[place]progress.Answer{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			answers[place{t.TopidID, p.Partition}] = progress.Answer{Code: p.ErrorCode, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch, ISR: p.ISR}
		}
	}
	var again []proposed
	outcomes := map[progress.Outcome]int{}
	for _, q := range batch {
		answer, ok := answers[place{q.partition.topicID, q.partition.tp.Partition}]
		outcome := progress.Again
		if ok {
			outcome = q.partition.answered(q.proposal, answer)
		}
		if outcome == progress.Again {
			again = append(again, q)
		}
		outcomes[outcome]++
	}
	if len(again) < len(batch) { // one line, for there may be thousands; each has one of its own at debug
		k.node.cfg.Logger.Info("in-sync replicas changed", "first", batch[0].partition.tp.String(), "partitions", len(batch),
			"taken", outcomes[progress.Taken], "refused", outcomes[progress.Withdrawn]+outcomes[progress.Awaited], "again", len(again))
	}
	k.mu.Lock()
	k.queue = append(k.queue, again...)
	k.mu.Unlock()
	return len(again) == 0
}

// answered takes the controller's answer to a proposal.
func (p *Partition) answered(proposal *progress.Proposal, answer progress.Answer) progress.Outcome {
	var ready wakeups
	p.mu.Lock()
	before := p.progress.InSync()
	outcome, moved := p.progress.Answered(proposal, answer)
	if moved {
		p.advanced(true, &ready)
	}
	if outcome == progress.Taken {
		p.joiners() // the next may be waiting to join
	}
	p.mu.Unlock()
	ready.run()
	logger := p.node.cfg.Logger.With("topic", p.tp.Topic, "partition", p.tp.Partition, "leader_epoch", proposal.LeaderEpoch)
	switch outcome {
	case progress.Taken:
		if len(answer.ISR) < before {
			p.node.moved.Shrinks.Add(1)
		} else {
			p.node.moved.Expands.Add(1)
		}
		logger.Debug("in-sync replicas changed", "in_sync", answer.ISR)
	case progress.Withdrawn, progress.Awaited:
		p.node.moved.FailedISRUpdates.Add(1)
		logger.Debug("change of in-sync replicas refused", "proposed", proposal.String(), "err", kerr.ErrorForCode(answer.Code))
	}
	return outcome
}
