package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/metadata"
	"leat/internal/record"
)

func of(m *balance.Move) record.TopicPartition {
	return record.TopicPartition{Topic: m.Topic, Partition: m.Partition}
}

// begin hands the next moves to the controller, as many as may be under way.
func (r *Runner) begin(im *metadata.Image, s *Settings, others int, at time.Time) {
	var now []balance.Move
	for len(r.pending) > 0 && len(r.begun)+len(now) < s.Moves {
		m := r.pending[0]
		if others > 0 && m.Why != balance.ForDrain || s.Limits.Mode == balance.DrainOnly && m.Why != balance.ForDrain {
			r.pending, r.next = nil, time.Time{}
			break
		}
		r.pending = r.pending[1:]
		if fits(im, s, &m) {
			now = append(now, m)
		}
	}
	if len(now) == 0 {
		return
	}
	now, err := r.mark(now)
	if err == nil && len(now) == 0 {
		return
	}
	var refused map[record.TopicPartition]error
	if err == nil {
		refused, err = r.reassign(now, true)
	}
	if err != nil {
		r.cfg.Logger.Warn("replicas could not be moved, planning again later", "err", err)
		r.pending = nil
		return
	}
	for i := range now {
		if why := refused[of(&now[i])]; why != nil {
			r.cfg.Logger.Warn("replica could not be moved", "topic", now[i].Topic, "partition", now[i].Partition, "err", why)
			continue
		}
		r.begun[of(&now[i])] = begun{now[i], at}
	}
}

// fits reports whether a partition is still as the plan found it, and the brokers that its replicas go to are there.
func fits(im *metadata.Image, s *Settings, m *balance.Move) bool {
	p := at(im, of(m))
	if p == nil || moving(p) || !slices.Equal(p.Replicas, m.Before) || m.Why != balance.ForDrain && len(p.ISR) < len(p.Replicas) {
		return false
	}
	return !slices.ContainsFunc(m.After, func(id int32) bool {
		b, ok := im.Broker(id)
		return !slices.Contains(m.Before, id) && (!ok || !b.Active() || slices.Contains(s.Drain, id))
	})
}

// finish takes note of the moves that are done, and has the leaders elected that they were for.
func (r *Runner) finish(im *metadata.Image, now time.Time) {
	var elect []balance.Move
	for tp, m := range r.begun {
		p := at(im, tp)
		if p != nil && (moving(p) || slices.Equal(p.Replicas, m.Before) && now.Sub(m.at) < imageTime) {
			continue
		}
		delete(r.begun, tp)
		if p == nil || !slices.Equal(p.Replicas, m.After) {
			continue // deleted, or called back by somebody
		}
		if m.Why != balance.ForDrain { // a broker that takes replicas again after all shall have its share soon
			r.settled[tp] = now
		}
		r.done++
		r.bytes += m.Bytes
		if m.TouchesLeader && p.Leader != m.After[0] && slices.Contains(p.ISR, m.After[0]) {
			elect = append(elect, m.Move)
		}
	}
	if len(elect) > 0 {
		r.elect(elect)
	}
	if len(r.begun) == 0 && len(r.pending) == 0 && r.done > 0 {
		r.cfg.Logger.Info("replicas were moved", "moves", r.done, "bytes", r.bytes)
		r.done, r.bytes = 0, 0
		r.next = time.Time{} // is there more to do, as the cluster is now?
	}
}

// still reports whether a reassignment under way is this move, and not somebody else's of the same partition.
func (m *begun) still(p *metadata.Partition) bool { return slices.Equal(target(p), m.After) }

// callBack cancels own moves that cannot end: to a broker that is drained now, or that has been away for leat.balance.delay.ms.
func (r *Runner) callBack(im *metadata.Image, s *Settings, now time.Time) {
	var back []balance.Move
	for tp, m := range r.begun {
		if p := at(im, tp); p != nil && moving(p) && !m.still(p) {
			continue
		}
		lost := slices.ContainsFunc(m.After, func(id int32) bool {
			b, ok := im.Broker(id)
			return !slices.Contains(m.Before, id) && (slices.Contains(s.Drain, id) || (!ok || !b.Active()) && now.Sub(r.stable) >= s.Delay)
		})
		if lost {
			back = append(back, m.Move)
		}
	}
	if len(back) == 0 {
		return
	}
	refused, err := r.reassign(back, false)
	for i := range back {
		if tp := of(&back[i]); err == nil && refused[tp] == nil {
			delete(r.begun, tp)
			r.next = time.Time{}
			r.cfg.Logger.Info("move called back: where it went is drained or gone", "topic", tp.Topic, "partition", tp.Partition)
		}
	}
}

// reassign asks the controller to make moves, or to call them back, and returns those that it refused.
func (r *Runner) reassign(moves []balance.Move, forward bool) (map[record.TopicPartition]error, error) {
	rq := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	rq.TimeoutMillis = int32(askTimeout.Milliseconds())
	for i := range moves {
		t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		t.Topic = moves[i].Topic
		p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		p.Partition = moves[i].Partition
		if forward {
			p.Replicas = moves[i].After
		}
		t.Partitions = append(t.Partitions, p)
		rq.Topics = append(rq.Topics, t)
	}
	ctx, cancel := context.WithTimeout(r.ctx, askTimeout)
	defer cancel()
	answer, err := r.cfg.Controller(ctx, rq)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.AlterPartitionAssignmentsResponse)
	if !ok {
		return nil, fmt.Errorf("controller answered AlterPartitionReassignments with %T", answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	refused := map[record.TopicPartition]error{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				refused[record.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = err
			}
		}
	}
	return refused, nil
}

// elect asks for the first replicas to lead. The controller does that from time to time for all partitions, if auto.leader.rebalance.enable says so; it is
// asked for only those that a move was for.
func (r *Runner) elect(moves []balance.Move) {
	rq := kmsg.NewPtrElectLeadersRequest()
	rq.TimeoutMillis = int32(askTimeout.Milliseconds())
	for i := range moves {
		t := kmsg.NewElectLeadersRequestTopic()
		t.Topic, t.Partitions = moves[i].Topic, []int32{moves[i].Partition}
		rq.Topics = append(rq.Topics, t)
	}
	ctx, cancel := context.WithTimeout(r.ctx, askTimeout)
	defer cancel()
	if _, err := r.cfg.Controller(ctx, rq); err != nil {
		r.cfg.Logger.Warn("preferred leaders could not be elected, which is done from time to time anyway", "err", err)
	}
}
