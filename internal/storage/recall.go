package storage

import (
	"errors"
	"io"

	"leat/internal/record"
)

// A producer snapshot holds the last batch of each producer only: that is Kafka's format. A producer that was told nothing about older ones sends them again,
// and is known to have done so by what lies in the log: they are looked up there, once, before it is refused.

// Bounds of that look, which the log's appends wait for.
const (
	recallOffsets = 1 << 20 // before the oldest batch that is remembered
	recallBatches = 20_000  // of all producers
	recallBytes   = 64 << 20
)

// errRecall means that the look was given up: too much lies between the batches of one producer.
var errRecall = errors.New("too many batches")

// recalled completes what is remembered of a producer that a snapshot told of, and reports whether it did. Called with writeMu held.
func (l *Log) recalled(e *producerEntry) bool {
	if !e.short || e.count == 0 {
		return false
	}
	known := *e
	known.short = false
	older, err := l.batchesBefore(&known)
	if err != nil {
		l.logger.Warn("older batches of a producer not looked up", "topic", l.tp.Topic, "partition", l.tp.Partition, "producer_id", e.id, "err", err)
	}
	keep := older[max(0, len(older)-batchesKept+int(known.count)):]
	copy(known.batches[len(keep):], known.batches[:known.count])
	copy(known.batches[:], keep)
	known.count += int8(len(keep))
	l.mu.Lock()
	*e = known
	l.mu.Unlock()
	return len(keep) > 0
}

// batchesBefore finds batches of a producer's epoch that lie before the oldest that is remembered, in the order of the log. It looks back in growing steps
// until there are enough. With an error, those that were found until then directly precede what is remembered.
func (l *Log) batchesBefore(e *producerEntry) (found []batchMeta, err error) {
	first := e.batches[0]
	upper := first.lastOffset - int64(first.offsetDelta)
	lowest, budget := max(l.logStart, upper-recallOffsets), recallBatches
	for step := int64(64); upper > lowest && len(found)+int(e.count) < batchesKept; step *= 4 {
		lower := max(lowest, upper-step)
		older, begins, err := l.batchesWithin(e, lower, upper, &budget)
		if err != nil {
			return found, err
		}
		found = append(older, found...)
		if begins {
			break
		}
		upper = lower
	}
	return found, nil
}

// batchesWithin finds the batches of a producer's epoch that begin within a range of offsets. begins: an older epoch lies before them.
func (l *Log) batchesWithin(e *producerEntry, lower, upper int64, budget *int) (found []batchMeta, begins bool, err error) {
	for at := lower; at < upper; {
		p, err := l.plan(at, ReadLogEnd)
		if err != nil || p.seg == nil {
			return found, begins, err
		}
		s, err := l.readSegment(&p, recallBytes, true)
		if err == io.EOF && !p.last && p.nextBase > at { //nolint:errorlint // as Read
			at = p.nextBase
			continue
		}
		if err != nil {
			return nil, false, err
		}
		found, begins, err = s.batchesOf(e, lower, upper, found, begins, budget)
		at = max(s.NextOffset, at+1)
		s.Release()
		if err != nil {
			return nil, false, err
		}
	}
	return found, begins, nil
}

// batchesOf adds what a slice has of a producer's epoch.
func (s *Slice) batchesOf(e *producerEntry, lower, upper int64, found []batchMeta, begins bool, budget *int) ([]batchMeta, bool, error) {
	sc := newScanner(s.f, s.position, s.position+int64(s.length))
	defer sc.done()
	for {
		h, at, err := sc.next()
		if err == io.EOF || err == nil && h.baseOffset >= upper { //nolint:errorlint // the scanner's own
			return found, begins, nil
		}
		if err != nil {
			return nil, false, err
		}
		if *budget--; *budget < 0 {
			return nil, false, errRecall
		}
		if h.magic != 2 || h.baseOffset < lower {
			continue
		}
		b := sc.header(at)
		switch {
		case b.ProducerID() != e.id || b.Control():
		case b.ProducerEpoch() != e.epoch:
			found, begins = found[:0], true
		default:
			found = append(found, metaOf(b))
		}
	}
}

// metaOf is what is remembered of a batch.
func metaOf(b record.Batch) batchMeta {
	return batchMeta{lastSequence: b.LastSequence(), offsetDelta: b.LastOffsetDelta(), lastOffset: b.LastOffset(), timestamp: b.MaxTimestamp()}
}
