package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"leat/bench/load"
	"leat/interop/target"
)

// part is a group of measurements that can be chosen by name.
type part struct {
	name  string
	floor bool // the floor takes part, too
	// own says that the part starts brokers itself, on directories of its own.
	own bool
	// once says that one round must do, because a round takes minutes.
	once bool
	run  func(s *session, ctx context.Context) error
}

var parts = []part{
	{name: "idle", run: (*session).idle},
	{name: "produce", floor: true, run: (*session).produceLoads},
	{name: "consume", floor: true, run: (*session).consumeLoads},
	{name: "latency", run: (*session).latencyLoads},
	{name: "fsync", run: (*session).fsyncLoads},
	{name: "connections", run: (*session).idleConnections},
	{name: "start", own: true, run: (*session).restarts},
	{name: "partitions", own: true, once: true, run: (*session).manyPartitions},
}

func partNames() []string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	return names
}

// session is one broker in one round.
type session struct {
	options
	kind    string
	round   int
	results *results
	memory  *warmth

	broker     broker
	dir        string
	operations string // address of leat's operations listener, while profiles are wanted
	topics     int
	lastWords  string // the end of what the broker printed, kept when its directory is removed
}

func (s *session) run(ctx context.Context) error {
	var shared, own []part
	for _, p := range parts {
		if !slices.Contains(s.parts, p.name) || s.kind == ground && !p.floor || p.once && s.round > 0 {
			continue
		}
		if p.own {
			own = append(own, p)
		} else {
			shared = append(shared, p)
		}
	}
	if len(shared) > 0 {
		if err := s.runShared(ctx, shared); err != nil {
			return s.explain(err)
		}
	}
	for _, p := range own {
		if err := p.run(s, ctx); err != nil {
			return s.explain(fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return nil
}

// explain adds the end of what the broker had printed when its directory was removed.
func (s *session) explain(err error) error {
	if s.lastWords == "" {
		return err
	}
	return fmt.Errorf("%w\nthe broker's last words:\n%s", err, s.lastWords)
}

// runShared runs parts one after the other on one broker.
func (s *session) runShared(ctx context.Context, shared []part) error {
	if err := s.fresh("loads"); err != nil {
		return err
	}
	defer s.discard()
	if _, err := s.broker.Start(ctx); err != nil {
		return err
	}
	warm := false
	for _, p := range shared {
		if p.name != "idle" && !warm {
			if err := s.warmUp(ctx); err != nil {
				return fmt.Errorf("warm-up: %w", err)
			}
			warm = true
		}
		if err := p.run(s, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if s.kind != ground && warm {
		after, err := load.MemoryOf(s.broker.PID())
		if err != nil {
			return err
		}
		s.add("memory/highest", after.Highest)
	}
	return s.broker.Stop()
}

// discard ends the broker, if it still runs, and removes its directory.
func (s *session) discard() {
	s.broker.Kill()
	if node, ok := s.broker.(*target.Node); ok {
		s.lastWords = node.LogTail(30)
	}
	_ = os.RemoveAll(s.dir) // the next one looks whether it is there
}

// fresh makes a broker on an empty directory.
func (s *session) fresh(name string) error {
	s.dir = filepath.Join(s.options.dir, s.kind+"-"+name)
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if s.profiles != "" && s.kind == leat {
		var err error
		if s.operations, err = freeAddress(); err != nil {
			return err
		}
	}
	var err error
	s.broker, err = newBroker(s.options, s.kind, s.dir, s.operations)
	return err
}

func (s *session) add(id string, value float64) { s.results.add(s.kind, id, value) }

// topic is a name that was not used before in this session.
func (s *session) topic() string {
	s.topics++
	return fmt.Sprintf("bench-%d", s.topics)
}

// idle is the memory of a broker that has done nothing yet.
func (s *session) idle(ctx context.Context) error {
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	m, err := load.MemoryOf(s.broker.PID())
	if err != nil {
		return err
	}
	s.add("memory/idle", m.Resident)
	return nil
}

// warmUp gives a JVM the time to compile what will be measured. What is measured later is offered here, and not measured.
func (s *session) warmUp(ctx context.Context) error {
	window := 4 * time.Second
	if s.kind == ground {
		window = time.Second
	}
	if s.short {
		window = time.Second
	}
	for _, l := range []produceLoad{{record: 1000, batch: 16 << 10, acks: -1}, {record: 100, batch: 64 << 10, codec: "lz4", acks: 1}} {
		if _, err := s.produce(ctx, l, window); err != nil {
			return err
		}
	}
	_, err := s.consume(ctx, []int{1}, window)
	if err != nil || s.kind == ground {
		return err
	}
	_, err = s.latency(ctx, 10_000, false, window)
	return err
}
