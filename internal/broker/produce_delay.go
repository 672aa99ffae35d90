package broker

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator"
	"leat/internal/coordinator/timers"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/wire"
)

// Timers keeps delayed records. done is called exactly once, perhaps before the method returns, and on a goroutine that must not wait.
type Timers interface {
	Delays(topic string) bool
	Account(tp record.TopicPartition, leaderEpoch int32, c *timers.Command, deadline time.Time, done func(e storage.Elsewhere, code int16))
	Schedule(tp record.TopicPartition, leaderEpoch int32, c *timers.Command, deadline time.Time, done func(e storage.Elsewhere, code int16))
	Handle(partition int32, c *timers.Command, done func(timers.Outcome))
}

var _ Timers = (*coordinator.Timers)(nil)

// delay is a partition of a produce request whose topic lets records be delayed.
type delay struct {
	index       int // in results
	tp          record.TopicPartition
	leaderEpoch int32
	command     *timers.Command
	taken       int    // records that are delayed
	rest        []byte // a batch of those that are not; nil: all or none
	// elsewhere is up to where the producer's sequences are accounted for with those of delayed records.
	elsewhere *storage.Elsewhere
	result    *wire.ProduceResult // if the answer is known without an append
}

// delayPatience bounds how long a request waits for the timer log, whatever its producer is ready to wait.
const delayPatience = 30 * time.Second

// mustDelay looks for partitions of which records are to be delayed, or whose producers may have had some delayed, so that the timer log
// has to be asked first. Other topics cost one look at a pointer.
func (p *produceCall) mustDelay() bool {
	if p.h.Timers == nil {
		return false
	}
	index, waits := -1, false
	for part := range p.rq.Partitions {
		index++
		topic, known := p.topicName(part)
		if !known {
			continue
		}
		if p.mayNot(index) || !p.h.Timers.Delays(topic) || p.checkRecords(part.Records) != nil || p.rq.Acks < -1 || p.rq.Acks > 1 {
			continue
		}
		d, ok := p.planDelay(record.TopicPartition{Topic: topic, Partition: part.Partition}, part.Records)
		if !ok {
			continue
		}
		d.index = index
		waits = waits || d.command != nil && d.result == nil
		p.delays = append(p.delays, d)
	}
	return waits
}

// planDelay reads a batch; false: there is nothing to do about it.
func (p *produceCall) planDelay(tp record.TopicPartition, b []byte) (delay, bool) {
	d := delay{tp: tp}
	partition, err := p.h.Replicas.Leader(tp, -1)
	if err != nil {
		return d, false
	}
	batch, _, err := record.Split(b)
	if err != nil || batch.Control() || batch.Check() != nil || len(b) > partition.Log().Config().MaxMessageBytes {
		return d, false // it is refused
	}
	topic, ok := p.c.Image.Topic(tp.Topic)
	if !ok {
		return d, false
	}
	d.leaderEpoch = partition.LeaderEpoch()
	split, bad := p.splitBatch(batch, partition.Log().Config(), tp.Topic)
	if bad != "" {
		r := refused(kerr.InvalidRecord)
		r.ErrorMessage = bad
		d.result = &r
		return d, true
	}
	if len(split.entries) == 0 && (batch.ProducerID() < 0 || p.rq.TransactionalID != nil) {
		return d, false
	}
	d.taken, d.rest = len(split.entries), split.rest
	d.command = &timers.Command{Target: timers.Target{TopicID: topic.ID, Partition: tp.Partition}, Entries: split.entries, MaxPending: split.maxPending,
		Producer: timers.Producer{ID: batch.ProducerID(), Epoch: batch.ProducerEpoch(), Range: timers.Range{First: batch.BaseSequence(), Last: batch.LastSequence()}}}
	if batch.ProducerID() >= 0 {
		d.command.Producer.LogEpoch, d.command.Producer.LogLast = partition.Log().LastSequence(batch.ProducerID())
	}
	if len(split.entries) == 0 && (batch.BaseSequence() == 0 || d.command.Producer.LogEpoch == batch.ProducerEpoch() &&
		batch.BaseSequence() == record.AddSequence(d.command.Producer.LogLast, 1)) {
		return d, false // no gap
	}
	if status := partition.Status(); p.rq.Acks == -1 && status.UnderMinISR {
		r := refused(kerr.NotEnoughReplicas)
		d.result = &r
	}
	return d, true
}

// delay hands over what is to be delayed. The turn of the connection stays with the request.
func (p *produceCall) delay() {
	p.line.held.Store(true)
	p.left = true
	deadline := time.Now().Add(min(max(time.Duration(p.rq.TimeoutMillis)*time.Millisecond, time.Second), delayPatience))
	var left atomic.Int32
	left.Store(int32(len(p.delays)) + 1)
	ended := func() {
		if left.Add(-1) == 0 {
			go p.h.run(route{handle: func(*Handlers, *Call) { p.resume() }}, p.c)
		}
	}
	for i := range p.delays {
		d := &p.delays[i]
		if d.result != nil || d.command == nil {
			ended()
			continue
		}
		ask := p.h.Timers.Account
		if len(d.command.Entries) > 0 {
			ask = p.h.Timers.Schedule
		}
		ask(d.tp, d.leaderEpoch, d.command, deadline, func(e storage.Elsewhere, code int16) {
			d.settle(e, code, p.c.Header.Version)
			ended()
		})
	}
	ended()
}

// settle takes the answer of the timer log.
func (d *delay) settle(e storage.Elsewhere, code, version int16) {
	switch {
	case code != 0:
		r := refusedTransaction(code, version)
		r.ErrorMessage = ""
		if code == kerr.ThrottlingQuotaExceeded.Code {
			r.ErrorMessage = fmt.Sprintf("leat.delay.max.pending.bytes=%d: with these records more bytes would wait for %s: send them again when some were delivered, "+
				"or raise the limit", d.command.MaxPending, d.tp)
		}
		d.result = &r
	case len(d.command.Entries) == 0:
		d.elsewhere = &e
	case d.rest == nil:
		r := withoutOffset(-1)
		d.result = &r
	case d.command.Producer.ID >= 0: // the batch of the others has the last sequences: those before it are in the timer log now
		rest := record.Batch(d.rest)
		d.elsewhere = &storage.Elsewhere{Epoch: rest.ProducerEpoch(), Last: record.AddSequence(rest.BaseSequence(), -1)}
		if rest.BaseSequence() == 0 {
			d.elsewhere.Last = 1<<31 - 1
		}
	}
}

// delayOf is the delay of a partition of the request, nil if there is none.
func (p *produceCall) delayOf(index int) *delay {
	for i := range p.delays {
		if p.delays[i].index == index {
			return &p.delays[i]
		}
	}
	return nil
}

// withoutOffset is the answer for records that were taken and have no offset yet: as for acks=0, clients are told -1.
func withoutOffset(logStart int64) wire.ProduceResult {
	return wire.ProduceResult{BaseOffset: -1, LogAppendTimeMs: -1, LogStartOffset: logStart, LeaderID: -1, LeaderEpoch: -1}
}
