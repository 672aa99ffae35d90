package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/bench/load"
	"leat/interop/target"
)

// patience is how long a group may take to settle before the run fails.
const patience = 1 * time.Minute

// session is one started broker.
type session struct {
	*options
	kind   string
	part   part
	round  int
	node   *target.Node
	client *kgo.Client
	groups int
	add    func(id string, value float64)
}

// run starts a broker on an empty directory, warms it up and measures the joining and leaving of each count of members.
func (s *session) run(ctx context.Context) error {
	settings := map[string]string{"group.initial.rebalance.delay.ms": strconv.FormatInt(s.part.delay.Milliseconds(), 10)}
	node, end, err := s.Start(ctx, s.kind, s.kind+"-"+s.part.name(), target.Config{Settings: settings})
	if err != nil {
		return err
	}
	defer end()
	s.node = node
	s.client, err = kgo.NewClient(kgo.SeedBrokers(s.node.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer s.client.Close()
	if err := s.await(ctx); err != nil {
		return err
	}
	for range s.warm {
		if err := s.measure(ctx, 10, 1, func(string, float64) {}); err != nil {
			return fmt.Errorf("warm-up: %w\n%s", err, s.node.LogTail(20))
		}
	}
	for _, count := range s.counts {
		if err := s.measure(ctx, count, s.leaves, s.add); err != nil {
			return fmt.Errorf("%d members: %w\n%s", count, err, s.node.LogTail(20))
		}
	}
	return nil
}

// await waits until there is a coordinator: its topic is created when it is asked for.
func (s *session) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		offsets, err := kadm.NewClient(s.client).FetchOffsets(ctx, "nobody")
		if err == nil {
			err = offsets.Error()
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// measure lets so many members join a new group at once, and then one leave, and another.
func (s *session) measure(ctx context.Context, count, leaves int, add func(id string, value float64)) error {
	partitions := max(count, 12)
	s.groups++
	topic := fmt.Sprintf("topic-%d", s.groups)
	if err := s.fill(ctx, topic, partitions); err != nil {
		return err
	}
	b := newBoard(partitions)
	members, err := s.members(ctx, b, fmt.Sprintf("group-%d", s.groups), topic, partitions, count)
	if err != nil {
		return err
	}
	id := s.part.protocol + "/" + strconv.FormatInt(s.part.delay.Milliseconds(), 10) + "/" + strconv.Itoa(count)
	rand := rand.New(rand.NewPCG(uint64(s.round), uint64(count)))
	err = s.timed(ctx, b, count, id+"/join", add, func() {
		for _, m := range members {
			go m.run(protocols[s.part.protocol])
		}
	})
	// The leaves come at any time between two heartbeats, the same for both implementations.
	for i := 0; i < min(leaves, count-1) && err == nil; i++ {
		time.Sleep(s.pause + time.Duration(rand.Int64N(int64(s.spread))))
		err = s.timed(ctx, b, count-1-i, id+"/leave", add, func() { close(members[i].leave) })
	}
	for _, m := range members {
		select {
		case <-m.leave:
		default:
			close(m.leave)
		}
	}
	for _, m := range members {
		if err != nil {
			m.conn.Interrupt()
		}
		<-m.left
	}
	return err
}

// timed does something and waits until the group has settled.
func (s *session) timed(ctx context.Context, b *board, live int, id string, add func(id string, value float64), do func()) error {
	before, err := s.processors()
	if err != nil {
		return err
	}
	settled := b.mark(live)
	do()
	select {
	case took := <-settled:
		after, err := s.processors()
		add(id+"/time", took.Seconds())
		add(id+"/cpu", after.broker-before.broker)
		add(id+"/members", after.members-before.members)
		return err
	case err := <-b.failed:
		return err
	case <-time.After(patience):
		return fmt.Errorf("not settled after %s: %s", patience, b.state())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// used is processor time, in seconds.
type used struct{ broker, members float64 }

// processors is what both processes have used so far.
func (s *session) processors() (used, error) {
	broker, err := load.CPUSeconds(s.node.PID())
	if err != nil {
		return used{}, err
	}
	members, err := load.CPUSeconds(os.Getpid())
	return used{broker, members}, err
}

// members are connected, and have said nothing.
func (s *session) members(ctx context.Context, b *board, group, topic string, partitions, count int) ([]*member, error) {
	details, err := kadm.NewClient(s.client).ListTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	var all []*member
	for range count {
		conn, err := load.DialLine(s.node.Bootstrap())
		if err != nil {
			return nil, err
		}
		all = append(all, &member{group: group, topic: topic, topicID: details[topic].ID, partitions: partitions, board: b, conn: conn, epoch: 0,
			leave: make(chan struct{}), left: make(chan struct{})})
	}
	return all, nil
}

// fill creates a topic with a record in each partition.
func (s *session) fill(ctx context.Context, topic string, partitions int) error {
	if err := load.Create(s.node.Bootstrap(), topic, partitions, nil); err != nil {
		return err
	}
	var records []*kgo.Record
	for p := range partitions {
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte("here")})
	}
	return s.client.ProduceSync(ctx, records...).FirstErr()
}
