package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"leat/bench/load"
)

const (
	partitions  = 6
	connections = 4
	depth       = 4
	recordSize  = 1000
)

// size is one of batches, as it is called.
type size struct {
	name  string
	bytes int
}

var sizes = []size{{"64 KB", 64 << 10}, {"256 KB", 256 << 10}, {"1 MB", 1 << 20}}

func (s *session) produceLoads(ctx context.Context) error {
	config, err := clientConfig(s.pool, s.version, nil)
	if err != nil {
		return err
	}
	for _, name := range s.sizes {
		i := slices.IndexFunc(sizes, func(size size) bool { return size.name == name })
		if i < 0 {
			return fmt.Errorf("-sizes: %q is none of %v", name, sizes)
		}
		if err := s.measure(ctx, name, sizes[i].bytes, config); err != nil {
			return err
		}
	}
	if !slices.Contains(s.sizes, sizes[0].name) {
		return nil
	}
	// Without TLS one size tells what TLS adds; the others stand in the general tables.
	return s.measure(ctx, sizes[0].name, sizes[0].bytes, nil)
}

// measure runs a load until a JVM has compiled what it needs for it, and then measures it.
func (s *session) measure(ctx context.Context, name string, bytes int, secure *tls.Config) error {
	for began := time.Now(); time.Since(began) < s.Warm; { // each ends when there are so many bytes, too
		if _, err := s.produce(ctx, bytes, secure, s.Warm); err != nil {
			return err
		}
	}
	total, err := s.produce(ctx, bytes, secure, s.Window)
	if err != nil {
		return err
	}
	id := fmt.Sprintf("produce/%s/%s/", way(secure), name)
	s.add(id+"cpu", total.CPUPerGB())
	s.add(id+"rate", total.MBPerSecond())
	return nil
}

func way(secure *tls.Config) string {
	if secure == nil {
		return "plain"
	}
	return "tls"
}

func (s *session) address(secure *tls.Config) string {
	if secure == nil {
		return s.node.Bootstrap()
	}
	return s.node.Address("SECURE")
}

// produce runs one load on a topic of its own: half a second to fill the pipes, then the window.
func (s *session) produce(ctx context.Context, bytes int, secure *tls.Config, window time.Duration) (load.Totals, error) {
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: recordSize, BatchSize: bytes})
	if err != nil {
		return load.Totals{}, err
	}
	topic, err := s.create()
	if err != nil {
		return load.Totals{}, err
	}
	spec := load.ProduceSpec{Address: s.address(secure), Topic: topic, Partitions: partitions, Connections: connections, Depth: depth, Acks: -1, Batch: batch,
		RecordSize: recordSize, Duration: 500 * time.Millisecond, MaxBytes: 1500 << 20, PID: s.node.PID(), TLS: secure}
	if err := s.settle(); err != nil {
		return load.Totals{}, err
	}
	before, err := load.Produce(ctx, spec)
	if err != nil {
		return load.Totals{}, err
	}
	spec.Duration = window
	saved := s.profile(ctx, fmt.Sprintf("produce-%s-%d", way(secure), bytes))
	total, err := load.Produce(ctx, spec)
	if err != nil {
		return load.Totals{}, err
	}
	if err := saved(); err != nil {
		return load.Totals{}, err
	}
	if err := s.ended(topic, before.Records+total.Records); err != nil {
		return load.Totals{}, err
	}
	return total, s.remove(ctx, topic)
}

// ended holds the log end offsets of a topic against the records that were acknowledged.
func (s *session) ended(topic string, acknowledged int64) error {
	ends, err := load.Ends(s.node.Bootstrap(), topic, partitions)
	if err != nil {
		return err
	}
	there := int64(0)
	for _, end := range ends {
		there += end
	}
	if there != acknowledged {
		return fmt.Errorf("%s: %d records are there, %d were acknowledged", topic, there, acknowledged)
	}
	return nil
}

// consumeLoads reads a topic that the page cache holds, over and over.
func (s *session) consumeLoads(ctx context.Context) error {
	config, err := clientConfig(s.pool, s.version, nil)
	if err != nil {
		return err
	}
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: recordSize, BatchSize: 64 << 10})
	if err != nil {
		return err
	}
	topic, err := s.create()
	if err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	filled, err := load.Produce(ctx, load.ProduceSpec{Address: s.node.Bootstrap(), Topic: topic, Partitions: partitions, Connections: connections, Depth: depth, Acks: -1,
		Batch: batch, RecordSize: recordSize, Duration: time.Minute, MaxBytes: 400e6, PID: s.node.PID()})
	if err != nil {
		return err
	}
	for i, l := range []struct {
		count  int
		secure *tls.Config
	}{{1, config}, {4, config}, {4, nil}} {
		spec := load.ConsumeSpec{Address: s.address(l.secure), Topic: topic, Ends: filled.Ends, Connections: l.count, BatchBytes: len(batch.Bytes), Batch: batch,
			RecordSize: recordSize, Limits: load.DefaultLimits, Duration: s.Warm / time.Duration(1+i), PID: s.node.PID(), TLS: l.secure}
		if _, err := load.Consume(ctx, spec); err != nil {
			return err
		}
		spec.Duration = s.Window
		saved := s.profile(ctx, fmt.Sprintf("consume-%s-%d", way(l.secure), l.count))
		total, err := load.Consume(ctx, spec)
		if err != nil {
			return err
		}
		if err := saved(); err != nil {
			return err
		}
		id := fmt.Sprintf("consume/%s/%d/", way(l.secure), l.count)
		s.add(id+"cpu", total.CPUPerGB())
		s.add(id+"rate", total.MBPerSecond())
	}
	return s.remove(ctx, topic)
}

// create makes a topic of a name that was not used before.
func (s *session) create() (string, error) {
	s.topics++
	topic := fmt.Sprintf("bench-%d", s.topics)
	return topic, load.Create(s.node.Bootstrap(), topic, partitions, nil)
}

// remove deletes a topic and waits until its files have gone, so that the next load does not share the disk with that.
func (s *session) remove(ctx context.Context, topic string) error {
	if err := load.Delete(s.node.Bootstrap(), topic); err != nil {
		return err
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(s.node.DataDir(), topic+"-*"))
		if err != nil || len(left) == 0 {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s: %w: its files are still there a minute after it was deleted", topic, os.ErrExist)
}
