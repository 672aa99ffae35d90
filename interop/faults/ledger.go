package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// stream is what one producer writes to one partition: records numbered from 0 on without a gap.
type stream struct {
	producer  string
	partition int32
}

// pending is the place of a record that was sent and not acknowledged yet; placeless is that of one whose acknowledgement named no offset,
// because the broker knew the batch already.
const (
	pending   = -1
	placeless = -2
)

// ledger knows what was sent and what was acknowledged. It is the judge of what consumers see.
type ledger struct {
	mu     sync.Mutex
	places map[stream][]int64 // by number: the acknowledged offset
	acked  int
	failed error // the first record that was given up
	gaveUp int
}

func newLedger() *ledger { return &ledger{places: map[stream][]int64{}} }

// send gives the next record of a stream its value.
func (l *ledger) send(s stream, padding string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := len(l.places[s])
	l.places[s] = append(l.places[s], pending)
	return fmt.Sprintf("%s/%d/%d/%s", s.producer, s.partition, number, padding)
}

// read is the opposite of send.
func read(value string) (s stream, number int, err error) {
	parts := strings.SplitN(value, "/", 4)
	if len(parts) != 4 {
		return s, 0, fmt.Errorf("%.40q is no record of this run", value)
	}
	partition, err := strconv.Atoi(parts[1])
	if err != nil {
		return s, 0, err
	}
	number, err = strconv.Atoi(parts[2])
	return stream{parts[0], int32(partition)}, number, err
}

// ack notes the answer for a record.
func (l *ledger) ack(value string, offset int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, number, bad := read(value)
	if bad != nil || err != nil {
		l.gaveUp++
		if l.failed != nil {
			return
		}
		l.failed = fmt.Errorf("producer %s gave up record %d of partition %d: %w", s.producer, number, s.partition, errors.Join(bad, err))
		return
	}
	if offset < 0 {
		offset = placeless
	}
	l.places[s][number] = offset
	l.acked++
}

// trouble tells of records that producers gave up.
func (l *ledger) trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		return nil
	}
	return fmt.Errorf("%w (the first of %d)", l.failed, l.gaveUp)
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked
}

// view is what one consumer has seen.
type view struct {
	name   string
	next   map[int32]int64    // by partition: the offset to come
	places map[stream][]int64 // by number: where it was seen
	seen   int
}

func newView(name string) *view {
	return &view{name: name, next: map[int32]int64{}, places: map[stream][]int64{}}
}

// see takes the next record of a partition, and tells what is wrong with it.
func (l *ledger) see(v *view, partition int32, offset int64, value string) error {
	if want := v.next[partition]; offset != want {
		return fmt.Errorf("%s: partition %d: offset %d comes where %d should", v.name, partition, offset, want)
	}
	v.next[partition] = offset + 1
	s, number, err := read(value)
	if err != nil {
		return fmt.Errorf("%s: partition %d offset %d: %w", v.name, partition, offset, err)
	}
	where := fmt.Sprintf("%s: partition %d offset %d: record %d of producer %s", v.name, partition, offset, number, s.producer)
	if s.partition != partition {
		return fmt.Errorf("%s was sent to partition %d", where, s.partition)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	want := len(v.places[s])
	switch {
	case number >= len(l.places[s]):
		return fmt.Errorf("%s was never SENT", where)
	case number < want:
		return fmt.Errorf("%s is there TWICE, before at offset %d", where, v.places[s][number])
	case number > want:
		return fmt.Errorf("%s comes where record %d should, which is LOST or comes LATER (acknowledged at offset %d)", where, want, l.places[s][want])
	}
	v.places[s] = append(v.places[s], offset)
	v.seen++
	if at := l.places[s][number]; at >= 0 && at != offset {
		return fmt.Errorf("%s was acknowledged at offset %d", where, at)
	}
	return nil
}

// missing says what a view has not seen yet of what was acknowledged.
func (l *ledger) missing(v *view) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, places := range l.places {
		for number := len(v.places[s]); number < len(places); number++ {
			if places[number] != pending {
				return fmt.Errorf("%s: record %d of producer %s was acknowledged at partition %d offset %d and is LOST (seen up to offset %d)", v.name, number, s.producer,
					s.partition, places[number], v.next[s.partition]-1)
			}
		}
	}
	return nil
}

// compare holds a view that has seen everything against the acknowledgements: a record may be seen before its acknowledgement comes.
func (l *ledger) compare(v *view) error {
	if err := l.missing(v); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, places := range l.places {
		for number, at := range places {
			switch {
			case at == pending:
				return fmt.Errorf("record %d of producer %s to partition %d was neither acknowledged nor refused", number, s.producer, s.partition)
			case at >= 0 && v.places[s][number] != at:
				return fmt.Errorf("%s: record %d of producer %s was acknowledged at partition %d offset %d and seen at offset %d", v.name, number, s.producer, s.partition,
					at, v.places[s][number])
			}
		}
	}
	return nil
}
