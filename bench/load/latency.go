package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// LatencySpec describes an open loop: records become due at a fixed rate, whether the broker keeps up or not.
type LatencySpec struct {
	Address    string
	Topic      string // it must be empty
	Partitions int
	Acks       int16
	RecordSize int
	Rate       int // records a second
	Duration   time.Duration
	PID        int
}

// Latencies are counted from the moment at which a record was due, so a broker that stalls pays for every record that came due
// meanwhile. Both lists are sorted.
type Latencies struct {
	Ack      []time.Duration // until the producer had the answer
	EndToEnd []time.Duration // until a consumer had the record
	Seconds  float64
	CPU      float64 // of the broker
}

const (
	// underWay is how many requests a producer has under way, as Kafka's max.in.flight.requests.per.connection.
	underWay = 5
	// atOnce bounds a batch after a stall.
	atOnce = 500
)

// loop is a run of the open loop. Records are numbered; the number is in the first eight bytes of the value.
type loop struct {
	spec  LatencySpec
	count int
	start time.Time
	value []byte

	slots chan struct{}    // one per request that may be sent
	sent  chan sentRecords // in the order of sending
	acks  []time.Duration
	ends  []time.Duration
}

// sentRecords is a request of the open loop under way.
type sentRecords struct{ first, count, partition int }

// MeasureLatency runs the open loop: a producer without linger that sends what is due, in batches that go round the partitions, and a
// consumer of all partitions. Every record must be acknowledged and arrive exactly once.
func MeasureLatency(ctx context.Context, spec LatencySpec) (Latencies, error) {
	count := int(spec.Duration.Seconds() * float64(spec.Rate))
	if count < 1 || spec.RecordSize < 8 {
		return Latencies{}, fmt.Errorf("latency: %d records of %d bytes", count, spec.RecordSize)
	}
	l := &loop{spec: spec, count: count, value: NewPayload(1).Value(spec.RecordSize), slots: make(chan struct{}, underWay),
		sent: make(chan sentRecords, underWay), acks: make([]time.Duration, count), ends: make([]time.Duration, count)}
	c, err := dialAll(spec.Address, 2, nil)
	if err != nil {
		return Latencies{}, err
	}
	// The collector of this process must not be what is measured; a run allocates some 100 MB.
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	m, err := startMeter(spec.PID)
	if err != nil {
		return Latencies{}, errors.Join(err, c.close())
	}
	l.start = time.Now().Add(100 * time.Millisecond)
	c.start(func() error { return l.consume(c.conns[1]) })
	c.start(func() error { return l.produce(c.over, c.conns[0]) })
	c.start(func() error { return l.acknowledge(c.conns[0]) })
	err = c.wait(ctx)
	var total Totals
	if err := errors.Join(err, m.stop(&total), c.close()); err != nil {
		return Latencies{}, fmt.Errorf("latency on %s: %w", spec.Topic, err)
	}
	slices.Sort(l.acks)
	slices.Sort(l.ends)
	return Latencies{l.acks, l.ends, total.Seconds, total.CPU}, nil
}

// due is the moment at which a record should be sent.
func (l *loop) due(record int) time.Time {
	return l.start.Add(time.Duration(float64(record) / float64(l.spec.Rate) * float64(time.Second)))
}

// produce sends all records that are due, as soon as a request may be sent.
func (l *loop) produce(over <-chan struct{}, conn *Conn) error {
	defer close(l.sent)
	// The thread must not end with the goroutine: a broker that it has started would be killed with it (prctl(2), PR_SET_PDEATHSIG).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ordinary, err := preciseThread()
	if err != nil {
		return err
	}
	defer ordinary()
	var records, batch, frame []byte
	value := slices.Clone(l.value)
	for next, partition := 0, 0; next < l.count; partition = (partition + 1) % l.spec.Partitions {
		for {
			wait := time.Until(l.due(next))
			if wait <= 0 {
				break
			}
			sleep(wait)
		}
		select {
		case l.slots <- struct{}{}:
		case <-over:
			return nil // another one has the reason
		}
		records = records[:0]
		first, now := next, time.Now()
		for next < l.count && next-first < atOnce && !l.due(next).After(now) {
			binary.BigEndian.PutUint64(value, uint64(next))
			records = appendRecord(records, next-first, value)
			next++
		}
		batch = appendBatch(batch[:0], records, 0, next-first)
		frame = appendProduce(frame[:0], l.spec.Topic, int32(partition), l.spec.Acks, batch)
		l.sent <- sentRecords{first, next - first, partition}
		if err := conn.Send(frame); err != nil {
			return err
		}
	}
	return nil
}

// acknowledge reads the answers.
func (l *loop) acknowledge(conn *Conn) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for s := range l.sent {
		if _, err := receiveProduced(conn, l.spec.Topic, int32(s.partition)); err != nil {
			return err
		}
		now := time.Now()
		<-l.slots
		for i := s.first; i < s.first+s.count; i++ {
			l.acks[i] = now.Sub(l.due(i))
		}
	}
	return nil
}

// consume fetches until all records have come.
func (l *loop) consume(conn *Conn) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	offsets := make([]int64, l.spec.Partitions)
	var frame []byte
	for seen := 0; seen < l.count; {
		frame = formatter.AppendRequest(frame[:0], fetchRequest(l.spec.Topic, offsets, DefaultLimits), 1)
		if err := conn.Send(frame); err != nil {
			return err
		}
		err := fetched(conn, l.spec.Topic, func(partition int32, size int) error {
			b, err := conn.take(size)
			if err != nil {
				return err
			}
			if int(partition) >= len(offsets) {
				return fmt.Errorf("partition %d was not asked for", partition)
			}
			now := time.Now()
			return eachValue(b, &offsets[partition], func(value []byte) error {
				number := binary.BigEndian.Uint64(value)
				if len(value) != l.spec.RecordSize || number >= uint64(l.count) || l.ends[number] != 0 {
					return fmt.Errorf("record %d of %d bytes: not sent, or here for the second time", number, len(value))
				}
				l.ends[number] = now.Sub(l.due(int(number)))
				seen++
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachValue hands on the values of all whole, uncompressed batches, and moves the offset behind them.
func eachValue(b []byte, offset *int64, each func(value []byte) error) error {
	for len(b) >= batchOverhead {
		length := int(binary.BigEndian.Uint32(b[8:])) + 12
		if length > len(b) {
			return nil // cut off by the bounds of the fetch
		}
		base, count := int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[57:]))
		if base != *offset {
			return fmt.Errorf("batch at offset %d, expected at %d", base, *offset)
		}
		r := reader{b: b[batchOverhead:length]}
		for range count {
			r.varint()                       // size
			r.bytes(1)                       // attributes
			r.varint()                       // timestamp
			r.varint()                       // offset
			r.bytes(int(max(r.varint(), 0))) // key
			value := r.bytes(int(r.varint()))
			r.varint() // headers
			if r.failed || len(value) < 8 {
				return fmt.Errorf("batch at offset %d cannot be read", base)
			}
			if err := each(value); err != nil {
				return err
			}
		}
		*offset += count
		b = b[length:]
	}
	return nil
}
