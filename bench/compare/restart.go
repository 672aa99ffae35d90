package main

import (
	"context"
	"fmt"
	"time"

	"leat/bench/load"
)

// restarts measures the time from the start of the process to the first acknowledged record: on an empty directory, and with some data
// after a clean stop and after kill -9.
func (s *session) restarts(ctx context.Context) error {
	data := int64(400e6)
	if s.short {
		data = 100e6
	}
	if err := s.fresh("start"); err != nil {
		return err
	}
	defer s.discard()
	if err := s.firstRecord(ctx, "start/empty", true); err != nil {
		return err
	}
	if _, err := s.fill(ctx, data); err != nil {
		return err
	}
	if err := s.broker.Stop(); err != nil {
		return err
	}
	if err := s.firstRecord(ctx, "start/clean", false); err != nil {
		return err
	}
	if _, err := s.fill(ctx, data); err != nil {
		return err
	}
	s.broker.Kill()
	if err := s.firstRecord(ctx, "start/killed", false); err != nil {
		return err
	}
	return s.broker.Stop()
}

// firstTopic is what the first record is produced to.
const firstTopic = "first"

func (s *session) firstRecord(ctx context.Context, id string, empty bool) error {
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: 100, BatchSize: 1})
	if err != nil {
		return err
	}
	s.memory.settle()
	began := time.Now()
	if _, err := s.broker.Start(ctx); err != nil {
		return err
	}
	if empty {
		if err := s.create(firstTopic, 1, nil); err != nil {
			return err
		}
	}
	spec := load.ProduceSpec{Address: s.broker.Bootstrap(), Topic: firstTopic, Partitions: 1, Connections: 1, Depth: 1, Acks: -1, Batch: batch,
		RecordSize: 100, Duration: time.Second, MaxBytes: 1, PID: s.broker.PID()} // one request
	for {
		total, err := load.Produce(ctx, spec)
		if err == nil && total.Records != 1 {
			err = fmt.Errorf("first record: %d were acknowledged", total.Records)
		}
		if err == nil {
			break
		}
		// It serves, but does not lead the partition yet.
		if time.Since(began) > 5*time.Minute {
			return err
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	s.add(id, float64(time.Since(began).Microseconds())/1000)
	return nil
}
