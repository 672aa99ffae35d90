package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/fleet"
	"leat/interop/target"
)

// load is a little of everything: a producer, a group that keeps up, and an idle group that does not.
type load struct {
	seeds  []string
	admin  *kadm.Client
	ctx    context.Context
	cancel context.CancelFunc
}

const (
	ordinary = "orders"   // three replicas, of which two must be in sync
	strict   = "payments" // all three must be
	aside    = "ledger"   // nobody reads it
	squeezed = "archive"  // its records are compressed anew
	single   = "scratch"  // has one replica, on the node that is killed
	reckless = "metrics"  // may be led by a replica that lacks records
	behind   = "late"     // a group without members, which has read nothing
)

func startLoad(ctx context.Context, all []*target.Node) (*load, error) {
	l := &load{}
	for _, n := range all {
		l.seeds = append(l.seeds, n.Bootstrap())
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.ctx = ctx
	client, err := l.client()
	if err != nil {
		return l, err
	}
	l.admin = kadm.NewClient(client)
	for _, t := range []struct {
		name    string
		configs map[string]*string
	}{{ordinary, nil}, {strict, map[string]*string{"min.insync.replicas": kadm.StringPtr("3")}}, {aside, nil}} {
		if r, err := l.admin.CreateTopic(ctx, 6, 3, t.configs, t.name); err != nil || r.Err != nil {
			return l, fmt.Errorf("topic %s: %w", t.name, errors.Join(err, r.Err))
		}
	}
	if err := (&fleet.Admin{Client: l.admin, Raw: client}).Known(ctx, ordinary, strict, aside); err != nil {
		return l, err
	}
	producer, err := l.client(kgo.DefaultProduceTopic(ordinary))
	if err != nil {
		return l, err
	}
	consumer, err := l.client(kgo.ConsumerGroup("keeps-up"), kgo.ConsumeTopics(ordinary), kgo.AutoCommitInterval(500*time.Millisecond))
	if err != nil {
		return l, err
	}
	go produce(ctx, producer)
	go func() {
		for ctx.Err() == nil {
			consumer.PollFetches(ctx)
		}
	}()
	// A group that has committed the beginning of a topic and is gone. It is behind by nothing yet.
	var offsets kadm.Offsets
	offsets.AddOffset(strict, 0, 0, -1)
	return l, l.admin.CommitAllOffsets(ctx, behind, offsets)
}

func (l *load) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(l.seeds...), kgo.ClientID("monitoring"))...)
}

func produce(ctx context.Context, c *kgo.Client) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		c.Produce(ctx, &kgo.Record{Key: fmt.Append(nil, i), Value: make([]byte, 500)}, nil)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// stop ends the load. Clients of a cluster without a majority would try for long to leave it in order; the program ends anyway.
func (l *load) stop() {
	if l.cancel != nil {
		l.cancel()
	}
}
