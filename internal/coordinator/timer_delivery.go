package coordinator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/timers"
	"leat/internal/machine"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
)

// delivery is a flight that has become a batch.
type delivery struct {
	led    Led
	flight timers.Deliver
	tp     record.TopicPartition
	batch  []byte
}

// deliver reads the records of a flight and appends them to their target, wherever it is led. It may wait.
func (s *Timers) deliver(p Led, f timers.Deliver) {
	d := &delivery{led: p, flight: f}
	select {
	case s.reads <- struct{}{}:
	case <-s.ctx.Done():
		return
	}
	leader, err := s.target(d)
	if err == nil {
		d.batch, err = s.batchOf(d)
	}
	<-s.reads
	switch {
	case err != nil:
		s.report(d, err)
	case leader == s.cfg.NodeID:
		s.append(d)
	case !s.deliveries.put(leader, d):
		s.report(d, errStopped)
	}
}

// target finds who leads the target of a delivery.
func (s *Timers) target(d *delivery) (leader int32, err error) {
	t, ok := s.Image().TopicByID(d.flight.Target.TopicID)
	if !ok || int(d.flight.Target.Partition) >= len(t.Partitions) {
		return 0, kerr.UnknownTopicID
	}
	d.tp = record.TopicPartition{Topic: t.Name, Partition: d.flight.Target.Partition}
	if leader = t.Partitions[d.tp.Partition].Leader; leader < 0 {
		return 0, kerr.LeaderNotAvailable
	}
	return leader, nil
}

// readAhead is how much of the log is read at least for one record: its neighbours are often due with it.
const readAhead = 16 << 10

// batchOf is the batch of a flight. A record has the time at which it was due, so that the same flight is the same batch whoever makes it.
func (s *Timers) batchOf(d *delivery) ([]byte, error) {
	log, err := s.Coordinator.cfg.Open(record.TopicPartition{Topic: TimersTopic, Partition: d.led.Partition}, d.led.LeaderEpoch)
	if err != nil {
		return nil, err
	}
	refs := slices.Clone(d.flight.Records)
	slices.SortFunc(refs, func(a, b timers.Ref) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	found := make(map[int64]record.Record, len(refs))
	buf := make([]byte, readAhead)
	for len(refs) > 0 {
		b, err := log.Read(buf, refs[0].Offset)
		if err != nil {
			return nil, err
		}
		left, err := collect(b, refs, found)
		if err != nil {
			return nil, err
		}
		if len(left) == len(refs) {
			return nil, fmt.Errorf("timer at offset %d of %s-%d is not in the log", refs[0].Offset, TimersTopic, d.led.Partition)
		}
		refs = left
	}
	records := make([]record.Record, 0, len(d.flight.Records))
	for _, r := range d.flight.Records {
		rec := found[r.Offset]
		rec.Timestamp = r.Due
		records = append(records, rec)
	}
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = d.flight.ProducerID, d.flight.Epoch, d.flight.Sequence
	return record.AppendBatch(nil, spec, records)
}

// collect takes the records of refs, which are in the order of the log, out of what was read, and returns the refs that are beyond it.
func collect(b []byte, refs []timers.Ref, found map[int64]record.Record) ([]timers.Ref, error) {
	for len(b) > 0 && len(refs) > 0 {
		batch, rest, err := record.Split(b)
		if errors.Is(err, record.ErrIncomplete) {
			return refs, nil //nolint:nilerr // cut short: the next read begins with it
		} else if err != nil {
			return refs, err
		}
		b = rest
		if batch.LastOffset() < refs[0].Offset {
			continue
		}
		var failed error
		err = batch.Records(0, func(r *record.Record) bool {
			if r.Offset == refs[0].Offset {
				var own record.Record
				if own, failed = timerRecord(r); failed != nil {
					return false
				}
				found[r.Offset] = own
				refs = refs[1:]
			}
			return len(refs) > 0 && refs[0].Offset <= batch.LastOffset()
		})
		if err = errors.Join(err, failed); err != nil {
			return refs, err
		}
	}
	return refs, nil
}

// timerRecord is the record that a timer holds.
func timerRecord(r *record.Record) (record.Record, error) {
	rec, _, err := timers.Decode(bytes.Clone(r.Key), bytes.Clone(r.Value))
	if err != nil {
		return record.Record{}, err
	}
	timer, ok := rec.(*timers.Timer)
	if !ok {
		return record.Record{}, fmt.Errorf("record at offset %d is %T, not a timer", r.Offset, rec)
	}
	return timers.Payload(timer.Payload)
}

// append delivers to a partition of this node.
func (s *Timers) append(d *delivery) {
	partition, err := s.cfg.Replicas().Leader(d.tp, -1)
	if err == nil && partition.TopicID() != d.flight.Target.TopicID {
		err = kerr.UnknownTopicID
	}
	if err != nil {
		s.report(d, err)
		return
	}
	info, err := partition.Append(d.batch, -1, storage.FromClient, true)
	if err != nil {
		s.report(d, err)
		return
	}
	partition.WhenCommitted(info.LastOffset+1, time.Now().Add(s.cfg.Timeout()), func(err error) { s.report(d, err) })
}

// ship delivers to partitions of another node.
func (s *Timers) ship(ctx context.Context, _ int32, line Line, all []*delivery) {
	fail := func(err error) {
		for _, d := range all {
			s.report(d, err)
		}
	}
	if line == nil {
		fail(errStopped)
		return
	}
	var tps []record.TopicPartition
	var batches [][]byte
	for _, d := range all {
		tps, batches = append(tps, d.tp), append(batches, d.batch)
	}
	rq, err := s.produceRequest(tps, batches)
	if err != nil {
		fail(errLater)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout())
	defer cancel()
	answer, err := line.Do(ctx, rq)
	resp, ok := answer.(*kmsg.ProduceResponse)
	if err != nil || !ok || len(resp.Topics) != len(all) {
		fail(errLater)
		return
	}
	for i, d := range all {
		if t := &resp.Topics[i]; len(t.Partitions) == 1 && t.Partitions[0].Partition == d.tp.Partition {
			s.report(d, kerr.ErrorForCode(t.Partitions[0].ErrorCode))
		} else {
			s.report(d, errLater)
		}
	}
}

// errLater is what came of a delivery of which nothing is known.
var errLater = errors.New("what came of the delivery is not known")

// report tells the machine what came of a delivery. A machine that is gone need not know: the next one sends it again.
func (s *Timers) report(d *delivery, err error) {
	result := resultOf(err)
	if result == timers.Taken {
		s.counts.Delivered(len(d.flight.Records), time.Since(time.UnixMilli(d.flight.Records[0].Due)))
	} else {
		d.led.Logger.Debug("delayed records not delivered", "target", d.flight.Target.String(), "count", len(d.flight.Records), "err", err)
	}
	s.SubmitTo(d.led.Partition, func(machine.Ticket) timers.Event {
		return timers.Event{Delivered: d.flight.Delivered(result)}
	}, nil)
}

// resultOf is what an error says about a delivery.
func resultOf(err error) timers.DeliveryResult {
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
	}
	switch {
	case err == nil:
		return timers.Taken
	case is(kerr.UnknownTopicID, replication.ErrUnknownTopicID):
		return timers.Missing
	case is(kerr.OutOfOrderSequenceNumber, kerr.InvalidProducerEpoch, kerr.UnknownProducerID, storage.ErrOutOfOrder, storage.ErrProducerFenced):
		return timers.Lost
	case is(kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp,
		storage.ErrInvalidTimestamp, storage.ErrTooLarge, storage.ErrSegmentTooSmall, storage.ErrInvalidRecord):
		return timers.TooLarge
	}
	return timers.Later
}
