package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/bench/load"
	"leat/interop/target"
)

// nodes of a cluster, all of them broker and controller.
const nodes = 3

// trio is a cluster of one implementation.
type trio struct {
	kind   target.Kind
	dir    string
	all    []*target.Node
	client *kgo.Client
	admin  *kadm.Client
}

// newTrio starts a cluster on empty directories.
func newTrio(ctx context.Context, o options, kind target.Kind, name string, settings map[string]string) (*trio, error) {
	t := &trio{kind: kind, dir: filepath.Join(o.dir, fmt.Sprintf("%s-%s", kind, name))}
	if err := os.RemoveAll(t.dir); err != nil {
		return nil, err
	}
	var err error
	t.all, err = target.NewCluster(target.ClusterConfig{Kind: kind, Binary: o.binary, Dir: t.dir, Nodes: nodes, Settings: settings,
		Operations: o.profiles != "", Patience: 10 * time.Minute})
	if err != nil {
		return nil, err
	}
	if err := t.start(ctx); err != nil {
		return nil, errors.Join(err, t.discard())
	}
	return t, nil
}

// start starts all nodes side by side and returns once all serve and are known to each other.
func (t *trio) start(ctx context.Context) error {
	errs := make(chan error, len(t.all))
	for _, n := range t.all {
		go func() {
			_, err := n.Start(ctx)
			errs <- err
		}()
	}
	var failed error
	for range t.all {
		failed = errors.Join(failed, <-errs)
	}
	if failed != nil {
		return failed
	}
	if t.admin == nil {
		client, err := kgo.NewClient(t.options()...)
		if err != nil {
			return err
		}
		t.client, t.admin = client, kadm.NewClient(client)
	}
	return until(ctx, time.Minute, func(ctx context.Context) error {
		brokers, err := t.admin.ListBrokers(ctx)
		if err == nil && len(brokers) != len(t.all) {
			err = fmt.Errorf("%d brokers of %d", len(brokers), len(t.all))
		}
		return err
	})
}

// options are those of every client of the failover parts: one that asks again soon, whichever implementation it talks to.
func (t *trio) options() []kgo.Opt {
	var seeds []string
	for _, n := range t.all {
		seeds = append(seeds, n.Bootstrap())
	}
	return []kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.MetadataMinAge(20 * time.Millisecond), kgo.DialTimeout(time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
	}
}

// cpu is the processor time of all nodes so far.
func (t *trio) cpu() (float64, error) {
	sum := 0.0
	for _, n := range t.all {
		one, err := load.CPUSeconds(n.PID())
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}

// memory is that of all nodes, now and at their highest.
func (t *trio) memory() (load.Memory, error) {
	var sum load.Memory
	for _, n := range t.all {
		one, err := load.MemoryOf(n.PID())
		if err != nil {
			return sum, err
		}
		sum.Resident += one.Resident
		sum.Highest += one.Highest
	}
	return sum, nil
}

// discard ends all nodes and removes what they wrote.
func (t *trio) discard() error {
	if t.admin != nil {
		t.admin.Close()
	}
	for _, n := range t.all {
		n.Kill()
	}
	return os.RemoveAll(t.dir)
}

// explain adds what the nodes said last.
func (t *trio) explain(err error) error {
	for i, n := range t.all {
		err = fmt.Errorf("%w\nnode %d:\n%s", err, i+1, n.LogTail(15))
	}
	return err
}

// node is the one with an id.
func (t *trio) node(id int32) *target.Node { return t.all[id-1] }

// until repeats a step until it succeeds.
func until(ctx context.Context, patience time.Duration, step func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		once, done := context.WithTimeout(ctx, 5*time.Second)
		err := step(once)
		done()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w, last: %w", ctx.Err(), err)
		}
	}
}
