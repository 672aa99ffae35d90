package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/timers"
	"leat/internal/machine"
	"leat/internal/record"
	"leat/internal/storage"
)

// timerAsk is a command on its way to the machine.
type timerAsk struct {
	command   *timers.Command
	partition int32 // of the topic, once it is known
	done      func(timers.Outcome)
	deadline  time.Time
	pause     time.Duration
}

// Account is how far a producer is with delayed records of a partition that this node leads at an epoch. done is called once, perhaps before
// the method returns, and must not wait.
func (s *Timers) Account(tp record.TopicPartition, leaderEpoch int32, c *timers.Command, deadline time.Time, done func(e storage.Elsewhere, code int16)) {
	of := accountOf{tp, leaderEpoch, c.Producer.ID}
	if e, ok := s.accounts.get(of); ok {
		done(e, 0)
		return
	}
	s.command(of, c, deadline, done)
}

// Schedule hands over delayed records, as Account: they are committed when done hears no code.
func (s *Timers) Schedule(tp record.TopicPartition, leaderEpoch int32, c *timers.Command, deadline time.Time, done func(e storage.Elsewhere, code int16)) {
	s.command(accountOf{tp, leaderEpoch, c.Producer.ID}, c, deadline, done)
}

func (s *Timers) command(of accountOf, c *timers.Command, deadline time.Time, done func(storage.Elsewhere, int16)) {
	s.try(&timerAsk{command: c, deadline: deadline, pause: firstTimerPause, done: func(o timers.Outcome) {
		e := storage.Elsewhere{Epoch: o.Epoch, Last: o.Last}
		if o.Code == 0 && of.producerID >= 0 {
			s.accounts.put(of, e)
		}
		done(e, o.Code)
	}})
}

// How long an ask pauses before it is tried again: ever longer, up to a bound.
const (
	firstTimerPause = 20 * time.Millisecond
	maxTimerPause   = 500 * time.Millisecond
)

// try goes to the node that leads the target's partition of the topic.
func (s *Timers) try(a *timerAsk) {
	leader, err := s.leaderOf(a)
	switch {
	case err != nil:
		s.again(a, err)
	case leader == s.cfg.NodeID:
		s.Handle(a.partition, a.command, func(o timers.Outcome) { s.answered(a, o) })
	case !s.asks.put(leader, a):
		a.done(timers.Outcome{Code: kerr.CoordinatorNotAvailable.Code})
	}
}

// leaderOf finds the node that keeps the timers of a target, and has the topic made if there is none.
func (s *Timers) leaderOf(a *timerAsk) (int32, error) {
	image := s.Image()
	if image == nil {
		return 0, kerr.CoordinatorNotAvailable
	}
	t, ok := image.Topic(TimersTopic)
	if !ok || len(t.Partitions) == 0 {
		if len(a.command.Entries) == 0 { // there are no accounts either
			return 0, errNoTimers
		}
		s.makeTopic()
		return 0, kerr.CoordinatorNotAvailable
	}
	a.partition = PartitionFor(a.command.Target.String(), int32(len(t.Partitions)))
	p := t.Partitions[a.partition]
	if b, ok := image.Broker(p.Leader); !ok || b.Fenced {
		return 0, kerr.CoordinatorNotAvailable
	}
	return p.Leader, nil
}

// errNoTimers answers who asks for an account where nothing was ever delayed.
var errNoTimers = errors.New("no record was ever delayed")

// Handle gives a command to the machine of a partition of this node. done is called once, and must not wait.
func (s *Timers) Handle(partition int32, c *timers.Command, done func(timers.Outcome)) {
	finish := withTimeout(s.cfg.Settings().CommitTimeout, func(answer any, err error) {
		if err != nil {
			code := CodeOf(err)
			if errors.Is(err, machine.ErrTooLarge) {
				code = kerr.MessageTooLarge.Code
			}
			done(timers.Outcome{Code: code})
			return
		}
		done(answer.(timers.Outcome))
	})
	s.SubmitTo(partition, func(t machine.Ticket) timers.Event { return timers.Event{Ticket: t, Command: c} }, finish)
}

// answered takes an answer. A command may be given twice: the account of its producer tells, and without one it is as with records that are not delayed.
func (s *Timers) answered(a *timerAsk, o timers.Outcome) {
	err := kerr.ErrorForCode(o.Code)
	switch {
	case errors.Is(err, kerr.NotCoordinator), errors.Is(err, kerr.CoordinatorNotAvailable), errors.Is(err, kerr.CoordinatorLoadInProgress),
		errors.Is(err, kerr.ClusterAuthorizationFailed): // the node began anew, and this one is about to hear of it
		s.again(a, err)
	default:
		a.done(o)
	}
}

// again tries once more after a pause, until the time is over.
func (s *Timers) again(a *timerAsk, err error) {
	if errors.Is(err, errNoTimers) {
		a.done(timers.Outcome{Epoch: record.NoProducerEpoch, Last: record.NoSequence})
		return
	}
	if time.Now().Add(a.pause).After(a.deadline) || s.ctx.Err() != nil {
		a.done(timers.Outcome{Code: kerr.CoordinatorNotAvailable.Code})
		return
	}
	time.AfterFunc(a.pause, func() { s.try(a) })
	a.pause = min(2*a.pause, maxTimerPause)
}

// send asks another node, by produce requests to the timer topic: one for each command.
func (s *Timers) send(ctx context.Context, nodeID int32, line Line, asks []*timerAsk) {
	var to record.UUID
	if node, ok := s.Image().Broker(nodeID); ok {
		to = node.Incarnation
	}
	var all sync.WaitGroup
	for _, a := range asks {
		all.Go(func() {
			o, err := timers.Outcome{}, errStopped
			if line != nil {
				a.command.To = to
				o, err = s.exchange(ctx, line, a)
			}
			if err != nil {
				s.again(a, err)
				return
			}
			s.answered(a, o)
		})
	}
	all.Wait()
}

// exchange sends one command. The answer's offsets carry the account.
func (s *Timers) exchange(ctx context.Context, line Line, a *timerAsk) (timers.Outcome, error) {
	batch, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Timestamp: time.Now().UnixMilli(), Value: a.command.Encode()}})
	if err != nil {
		return timers.Outcome{}, err
	}
	rq, err := s.produceRequest([]record.TopicPartition{{Topic: TimersTopic, Partition: a.partition}}, [][]byte{batch})
	if err != nil {
		return timers.Outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout())
	defer cancel()
	answer, err := line.Do(ctx, rq)
	if err != nil {
		return timers.Outcome{}, err
	}
	resp, ok := answer.(*kmsg.ProduceResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return timers.Outcome{}, fmt.Errorf("produce to %s: answer %T without the partition", TimersTopic, answer)
	}
	p := resp.Topics[0].Partitions[0]
	return timers.Outcome{Code: p.ErrorCode, Last: int32(p.BaseOffset), Epoch: int16(p.LogStartOffset)}, nil
}

// produceRequest is a request for batches of several partitions.
func (s *Timers) produceRequest(tps []record.TopicPartition, batches [][]byte) (*kmsg.ProduceRequest, error) {
	rq := kmsg.NewPtrProduceRequest()
	rq.Acks, rq.TimeoutMillis = -1, int32(s.cfg.Timeout().Milliseconds())
	image := s.Image()
	for i, tp := range tps {
		known, ok := image.Topic(tp.Topic)
		if !ok {
			return nil, kerr.UnknownTopicOrPartition
		}
		topic, part := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
		topic.Topic, topic.TopicID = tp.Topic, known.ID
		part.Partition, part.Records = tp.Partition, batches[i]
		topic.Partitions = append(topic.Partitions, part)
		rq.Topics = append(rq.Topics, topic)
	}
	return rq, nil
}
