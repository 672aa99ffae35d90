package load

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ConsumeSpec describes a load of fetch requests over a topic that Produce has filled with equal batches. Every connection reads all
// partitions from the start, and from the start again when it has reached the end.
type ConsumeSpec struct {
	Address     string
	Topic       string
	Ends        []int64 // log end offset of each partition, none of them 0
	Connections int
	BatchBytes  int // of each batch as it is stored
	Batch       Batch
	RecordSize  int
	Limits      FetchLimits
	Duration    time.Duration
	PID         int
	Rate        int64 // bytes a second of all connections together; 0: as fast as it goes
	TLS         *tls.Config
}

// Consume runs the load.
func Consume(ctx context.Context, spec ConsumeSpec) (Totals, error) {
	for i, end := range spec.Ends {
		if end == 0 {
			return Totals{}, fmt.Errorf("consume %s-%d: the partition is empty", spec.Topic, i)
		}
	}
	c, err := dialAll(spec.Address, spec.Connections, spec.TLS)
	if err != nil {
		return Totals{}, err
	}
	consumers := make([]*consumer, len(c.conns))
	m, err := startMeter(spec.PID)
	if err != nil {
		return Totals{}, errors.Join(err, c.close())
	}
	for i, conn := range c.conns {
		consumers[i] = &consumer{spec: spec, conn: conn, offsets: make([]int64, len(spec.Ends)), until: m.began.Add(spec.Duration)}
		c.start(consumers[i].run)
	}
	err = c.wait(ctx)
	var total Totals
	if err := errors.Join(err, m.stop(&total), c.close()); err != nil {
		return Totals{}, fmt.Errorf("consume %s: %w", spec.Topic, err)
	}
	for _, f := range consumers {
		total.add(f.totals)
	}
	return total, nil
}

// consumer is one connection of a load.
type consumer struct {
	spec    ConsumeSpec
	conn    *Conn
	offsets []int64 // of the next fetch, per partition
	until   time.Time
	totals  Totals
	frame   []byte
}

func (f *consumer) run() error {
	began := time.Now()
	for now := began; now.Before(f.until); {
		f.frame = formatter.AppendRequest(f.frame[:0], fetchRequest(f.spec.Topic, f.offsets, f.spec.Limits), 1)
		if err := f.conn.Send(f.frame); err != nil {
			return err
		}
		if err := f.receive(); err != nil {
			return err
		}
		f.totals.Requests++
		after := time.Now()
		f.totals.Latencies = append(f.totals.Latencies, after.Sub(now))
		now = after
		if f.spec.Rate > 0 {
			due := began.Add(time.Duration(float64(f.totals.Wire) / float64(f.spec.Rate) * float64(f.spec.Connections) * 1e9))
			time.Sleep(time.Until(due))
			now = time.Now()
		}
	}
	return nil
}

// receive reads a response and moves the offsets on.
func (f *consumer) receive() error {
	moved := false
	err := fetched(f.conn, f.spec.Topic, func(partition int32, size int) error {
		if int(partition) >= len(f.offsets) {
			return fmt.Errorf("partition %d was not asked for", partition)
		}
		whole := size / f.spec.BatchBytes
		if whole == 0 {
			return f.conn.Skip(size)
		}
		head, err := f.conn.take(batchOverhead)
		if err != nil {
			return err
		}
		if err := f.check(partition, head); err != nil {
			return err
		}
		if err := f.conn.Skip(size - batchOverhead); err != nil {
			return err
		}
		moved = true
		records := int64(whole) * int64(f.spec.Batch.Records)
		f.totals.Wire += int64(size)
		f.totals.Records += records
		f.totals.Bytes += records * int64(f.spec.RecordSize)
		f.offsets[partition] += records
		if f.offsets[partition] >= f.spec.Ends[partition] {
			f.offsets[partition] = 0
		}
		return nil
	})
	if err == nil && !moved {
		err = errors.New("no whole batch in the response")
	}
	return err
}

// check holds the header of the first batch of a partition against what must be there: it begins at the offset that was asked for,
// and is as long as all the others, so that the number of batches follows from the number of bytes.
func (f *consumer) check(partition int32, head []byte) error {
	base := int64(binary.BigEndian.Uint64(head))
	length := int(binary.BigEndian.Uint32(head[8:])) + 12
	count := int(binary.BigEndian.Uint32(head[57:]))
	if base != f.offsets[partition] || length != f.spec.BatchBytes || count != f.spec.Batch.Records {
		return fmt.Errorf("%s-%d: batch at %d of %d bytes and %d records, expected at %d, %d and %d", f.spec.Topic, partition,
			base, length, count, f.offsets[partition], f.spec.BatchBytes, f.spec.Batch.Records)
	}
	return nil
}

// fetched reads a response up to its end and hands the length of each partition's records to take, which must consume them.
func fetched(c *Conn, topic string, take func(partition int32, size int) error) error {
	if _, err := c.Next(); err != nil {
		return err
	}
	head, err := c.take(1 + 4 + 2 + 4) // no tags, throttle time, error, session
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(int16(binary.BigEndian.Uint16(head[5:]))); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	topics, err := c.Uvarint()
	if err != nil {
		return err
	}
	for range topics - 1 {
		if err := fetchedTopic(c, topic, take); err != nil {
			return err
		}
	}
	return c.SkipTags()
}

func fetchedTopic(c *Conn, topic string, take func(partition int32, size int) error) error {
	size, err := c.Uvarint()
	if err != nil {
		return err
	}
	name, err := c.take(size - 1)
	if err != nil {
		return err
	}
	if string(name) != topic {
		return fmt.Errorf("fetch: topic %q was not asked for", name)
	}
	partitions, err := c.Uvarint()
	if err != nil {
		return err
	}
	for range partitions - 1 {
		partition, size, err := fetchedPartition(c)
		if err != nil {
			return err
		}
		if size > 0 {
			if err := take(partition, size); err != nil {
				return err
			}
		}
		if err := c.SkipTags(); err != nil {
			return err
		}
	}
	return c.SkipTags()
}

// fetchedPartition reads what comes before the records of a partition.
func fetchedPartition(c *Conn) (partition int32, size int, err error) {
	b, err := c.take(4 + 2 + 3*8) // index, error, high watermark, last stable offset, log start offset
	if err != nil {
		return 0, 0, err
	}
	partition = int32(binary.BigEndian.Uint32(b))
	if err := kerr.ErrorForCode(int16(binary.BigEndian.Uint16(b[4:]))); err != nil {
		return 0, 0, fmt.Errorf("fetch partition %d: %w", partition, err)
	}
	aborted, err := c.Uvarint()
	if err != nil {
		return 0, 0, err
	}
	if aborted > 1 {
		return 0, 0, fmt.Errorf("fetch partition %d: %d aborted transactions where there are none", partition, aborted-1)
	}
	if _, err := c.Int32(); err != nil { // preferred read replica
		return 0, 0, err
	}
	size, err = c.Uvarint()
	return partition, max(size-1, 0), err
}
