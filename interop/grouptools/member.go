package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// member is a member of a classic, consumer or share group that reads and commits all the time.
type member struct {
	cl   *kgo.Client
	read atomic.Int64
	stop context.CancelFunc
	work sync.WaitGroup
	done func(context.Context, []*kgo.Record) error // commits, or accepts
}

// join has a client join a group and waits until it was assigned something.
func (w *world) join(ctx context.Context, kind, group, client, topic string) error {
	assigned := make(chan struct{}, 1)
	options := []kgo.Opt{kgo.SeedBrokers(w.bootstrap), kgo.ClientID(client), kgo.ConsumeTopics(topic)}
	switch kind {
	case "share":
		options = append(options, kgo.ShareGroup(group))
		assigned <- struct{}{} // nobody tells
	case "consumer":
		options = append(options, kgo.ServerSideBalancer())
		fallthrough
	case "classic":
		options = append(options, kgo.ConsumerGroup(group), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, got map[string][]int32) {
				if len(got) > 0 {
					select {
					case assigned <- struct{}{}:
					default:
					}
				}
			}))
		if kind == "classic" {
			options = append(options, kgo.Balancers(kgo.RangeBalancer()), kgo.HeartbeatInterval(300*time.Millisecond))
		}
	default:
		return fmt.Errorf("no kind of group %q", kind)
	}
	cl, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	m := &member{cl: cl, done: func(ctx context.Context, records []*kgo.Record) error { return cl.CommitRecords(ctx, records...) }}
	if kind == "share" {
		m.done = func(ctx context.Context, records []*kgo.Record) error {
			cl.MarkAcks(kgo.AckAccept, records...)
			return cl.FlushAcks(ctx)
		}
	}
	polling, stop := context.WithCancel(w.ctx)
	m.stop = stop
	m.work.Go(func() { m.poll(polling) })
	w.members[group+" "+client] = m
	select {
	case <-assigned:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("member %s of group %s is assigned nothing", client, group)
	}
}

// poll reads and commits, or accepts.
func (m *member) poll(ctx context.Context) {
	for ctx.Err() == nil {
		records := m.cl.PollFetches(ctx).Records()
		if len(records) == 0 {
			continue
		}
		if m.done(ctx, records) == nil {
			m.read.Add(int64(len(records)))
		}
	}
}

// await waits until the member has read and committed so many records.
func (m *member) await(ctx context.Context, count int) error {
	if m == nil {
		return errors.New("no such member")
	}
	for int(m.read.Load()) < count {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d records were read", m.read.Load(), count)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (m *member) leave() {
	m.stop()
	m.work.Wait()
	m.cl.Close()
}

// leave has a member of any kind leave.
func (w *world) leave(ctx context.Context, group, client string) error {
	name := group + " " + client
	if m := w.streams[name]; m != nil {
		delete(w.streams, name)
		return m.Leave(ctx)
	}
	m := w.members[name]
	if m == nil {
		return errors.New("no such member")
	}
	delete(w.members, name)
	m.leave()
	return nil
}
