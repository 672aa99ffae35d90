// Package deadletter writes records that share groups gave up to the dead-letter topics of these groups (KIP-1191), on whichever node leads them.
//
// A topic that something is to be written to has one goroutine, which ends when nothing is left.
package deadletter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/sharing"
	"leat/internal/storage"
)

// Line is a connection to another node.
type Line interface {
	Do(ctx context.Context, rq kmsg.Request) (kmsg.Response, error)
	Close()
}

// Config is what Topics is made of.
type Config struct {
	NodeID   int32
	Image    func() *metadata.Image
	Replicas *replication.Node
	// Prefix is errors.deadletterqueue.topic.name.prefix, AutoCreate errors.deadletterqueue.auto.create.topics.enable.
	Prefix     func() string
	AutoCreate func() bool
	// Plain is what a topic is called by who named it, which the prefix is about; nil: every topic is called what it is.
	Plain func(topic string) string
	// MaxBatch is how large a batch of the topic may be.
	MaxBatch func(topic string) int
	// Create has a topic created.
	Create func(ctx context.Context, rq *kmsg.CreateTopicsRequest) error
	// Connect returns a connection to another node that belongs to the caller.
	Connect func(nodeID int32) Line
}

// Topics are the dead-letter topics.
type Topics struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	queues map[string][]job // guarded by mu, as is closed; a key is there while a goroutine works on it
	closed bool
}

type job struct {
	burial sharing.Burial
	done   func(error)
}

// maxWaiting bounds what waits for one topic. What comes then is archived without a copy: the group must not wait for ever.
const maxWaiting = 10_000

var (
	errStopped = errors.New("node is stopping")
	errTooMany = errors.New("too many records wait for the dead-letter topic")
)

// New is Topics with nothing to do.
func New(cfg Config) *Topics {
	t := &Topics{cfg: cfg, queues: make(map[string][]job)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Close ends what is under way.
func (t *Topics) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.work.Wait()
}

// Bury implements sharing.DeadLetterTopics.
func (t *Topics) Bury(b sharing.Burial, done func(error)) {
	t.mu.Lock()
	queue, running := t.queues[b.DeadLetterTopic]
	switch {
	case t.closed:
		t.mu.Unlock()
		done(errStopped)
		return
	case len(queue) >= maxWaiting:
		t.mu.Unlock()
		done(fmt.Errorf("%s: %w", b.DeadLetterTopic, errTooMany))
		return
	}
	t.queues[b.DeadLetterTopic] = append(queue, job{b, done})
	if !running {
		t.work.Go(func() { t.run(b.DeadLetterTopic) })
	}
	t.mu.Unlock()
}

// run writes what waits for a topic.
func (t *Topics) run(topic string) {
	for {
		t.mu.Lock()
		queue := t.queues[topic]
		if len(queue) == 0 {
			delete(t.queues, topic)
			t.mu.Unlock()
			return
		}
		next := queue[0]
		t.queues[topic] = queue[1:]
		t.mu.Unlock()
		next.done(t.write(&next.burial))
	}
}

const (
	// attempts, firstWait and maxWait are Kafka's.
	attempts  = 5
	firstWait = time.Second
	maxWait   = 30 * time.Second
	// onePart is how long one try may take.
	onePart = 30 * time.Second
)

// write writes all records of a burial, batch by batch.
func (t *Topics) write(b *sharing.Burial) error {
	if err := t.check(b); err != nil {
		return err
	}
	next := b.First
	for next <= b.Last {
		batch, last, err := batchOf(b, next, t.cfg.MaxBatch(b.DeadLetterTopic))
		if err != nil {
			return err
		}
		if err := t.produce(b, batch); err != nil {
			return err
		}
		next = last + 1
	}
	return nil
}

// check refuses a topic that is not meant to take dead letters of groups.
func (t *Topics) check(b *sharing.Burial) error {
	name := b.DeadLetterTopic
	if strings.HasPrefix(name, "__") {
		return fmt.Errorf("dead-letter topic %s of group %s: a name must not begin with __", name, b.Group)
	}
	im := t.cfg.Image()
	if _, ok := im.Topic(name); ok {
		if im.Config(metadata.TopicResource, name)["errors.deadletterqueue.group.enable"] != "true" {
			return fmt.Errorf("dead-letter topic %s of group %s: set errors.deadletterqueue.group.enable=true on it", name, b.Group)
		}
	} else if !t.cfg.AutoCreate() {
		return fmt.Errorf("dead-letter topic %s of group %s: there is none: create it with errors.deadletterqueue.group.enable=true, or set errors.deadletterqueue.auto.create.topics.enable",
			name, b.Group)
	}
	plain := name
	if t.cfg.Plain != nil {
		plain = t.cfg.Plain(name)
	}
	if prefix := t.cfg.Prefix(); !strings.HasPrefix(plain, prefix) {
		return fmt.Errorf("dead-letter topic %s of group %s: its name must begin with %q (errors.deadletterqueue.topic.name.prefix)", name, b.Group, prefix)
	}
	return nil
}

// produce writes a batch, and tries again while that may help.
func (t *Topics) produce(b *sharing.Burial, batch []byte) error {
	wait := firstWait
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(t.ctx, onePart)
		err := t.produceOnce(ctx, b, batch)
		cancel()
		if err == nil || try == attempts || t.ctx.Err() != nil || !again(err) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-t.ctx.Done():
			return errStopped
		}
		wait = min(2*wait, maxWait)
	}
}

// again reports whether another try may succeed.
func again(err error) bool {
	var known *kerr.Error
	return !errors.As(err, &known) || known.Retriable
}

// produceOnce writes a batch to the partition that goes with its source.
func (t *Topics) produceOnce(ctx context.Context, b *sharing.Burial, batch []byte) error {
	topic, ok := t.cfg.Image().Topic(b.DeadLetterTopic)
	if !ok {
		if err := t.create(ctx, b.DeadLetterTopic); err != nil {
			return err
		}
		if topic, ok = t.cfg.Image().Topic(b.DeadLetterTopic); !ok {
			return kerr.UnknownTopicOrPartition // not heard of yet
		}
	}
	tp := record.TopicPartition{Topic: topic.Name, Partition: b.Source.Partition % int32(len(topic.Partitions))}
	leader := topic.Partitions[tp.Partition].Leader
	switch {
	case leader < 0:
		return kerr.LeaderNotAvailable
	case leader == t.cfg.NodeID:
		return t.append(ctx, tp, batch)
	}
	return t.send(ctx, leader, tp, batch)
}

// append writes to a partition that this node leads.
func (t *Topics) append(ctx context.Context, tp record.TopicPartition, batch []byte) error {
	partition, err := t.cfg.Replicas.Leader(tp, -1)
	if err != nil {
		return err
	}
	own := append([]byte(nil), batch...) // offsets are written into it, and it may be tried again
	info, err := partition.Append(own, -1, storage.FromClient, true)
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	outcome := make(chan error, 1)
	partition.WhenCommitted(info.LastOffset+1, deadline, func(err error) { outcome <- err })
	return <-outcome
}

// send writes to a partition that another node leads.
func (t *Topics) send(ctx context.Context, leader int32, tp record.TopicPartition, batch []byte) error {
	rq := kmsg.NewPtrProduceRequest()
	rq.Acks, rq.TimeoutMillis = -1, int32(onePart.Milliseconds())
	topic, part := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	im := t.cfg.Image()
	if known, ok := im.Topic(tp.Topic); ok {
		topic.TopicID = known.ID
	}
	topic.Topic, part.Partition, part.Records = tp.Topic, tp.Partition, batch
	topic.Partitions = append(topic.Partitions, part)
	rq.Topics = append(rq.Topics, topic)
	line := t.cfg.Connect(leader)
	defer line.Close()
	answer, err := line.Do(ctx, rq)
	if err != nil {
		return err
	}
	resp, ok := answer.(*kmsg.ProduceResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return fmt.Errorf("produce to %s on node %d: answer %T without the partition", tp, leader, answer)
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

// create makes a topic that takes dead letters.
func (t *Topics) create(ctx context.Context, name string) error {
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Version, rq.TimeoutMillis = rq.MaxVersion(), int32(onePart.Milliseconds()) // it may be handed on in an envelope, which takes it as it is
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for _, c := range [][2]string{{"errors.deadletterqueue.group.enable", "true"}, {"message.timestamp.type", "CreateTime"}} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = c[0], &c[1]
		topic.Configs = append(topic.Configs, config)
	}
	rq.Topics = append(rq.Topics, topic)
	return t.cfg.Create(ctx, rq)
}
