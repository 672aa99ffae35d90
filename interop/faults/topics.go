package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fate is what is known about a topic.
type fate int

// A topic whose creation or deletion was not answered may be there or not.
const (
	unknown fate = iota
	created
	deleted
)

// keeper makes and deletes topics during the faults: what a controller acknowledged must hold, too.
type keeper struct {
	client *kgo.Client
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	fates   map[string]fate
	answers int
}

func newKeeper(c *cluster) (*keeper, error) {
	client, err := kgo.NewClient(append(c.patient("keeper"), kgo.RequestRetries(0))...)
	if err != nil {
		return nil, err
	}
	return &keeper{client: client, fates: map[string]fate{}}, nil
}

func (k *keeper) run(round int) {
	ctx, cancel := context.WithCancel(context.Background())
	k.stop = cancel
	k.done.Add(1)
	go func() {
		defer k.done.Done()
		for i := 0; ctx.Err() == nil; i++ {
			k.step(fmt.Sprintf("made-%d-%d", round, i))
			select {
			case <-ctx.Done():
			case <-time.After(300 * time.Millisecond):
			}
		}
	}()
}

// step creates one topic, and deletes another so that there are never many. It is not cut short: what becomes of a request that nobody waits for
// would never be known.
func (k *keeper) step(topic string) {
	admin := kadm.NewClient(k.client)
	admin.SetTimeoutMillis(2000)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	k.set(topic, unknown)
	if _, err := admin.CreateTopic(ctx, 2, -1, nil, topic); err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
		k.set(topic, created)
	}
	old := k.spare()
	if old == "" {
		return
	}
	k.set(old, unknown)
	if _, err := admin.DeleteTopic(ctx, old); err == nil || errors.Is(err, kerr.UnknownTopicOrPartition) {
		k.set(old, deleted)
	}
}

func (k *keeper) set(topic string, f fate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fates[topic] = f
	if f != unknown {
		k.answers++
	}
}

// spare is a topic that may go.
func (k *keeper) spare() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	there := 0
	spare := ""
	for topic, f := range k.fates {
		if f == created {
			there++
			spare = topic
		}
	}
	if there < 8 {
		return ""
	}
	return spare
}

func (k *keeper) halt() {
	k.stop()
	k.done.Wait()
}

// check holds what every node says against what was acknowledged. A node hears of a change a moment after the controller.
func (k *keeper) check(ctx context.Context, c *cluster) error {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := k.compare(ctx, c)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (k *keeper) compare(ctx context.Context, c *cluster) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id := 1; id <= nodes; id++ {
		m, err := c.metadata(ctx, id)
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, t := range m.Topics {
			there[*t.Topic] = true
		}
		for topic, f := range k.fates {
			if f == created && !there[topic] {
				return fmt.Errorf("node %d: topic %s was created, with an answer, and is LOST", id, topic)
			}
			if f == deleted && there[topic] {
				return fmt.Errorf("node %d: topic %s was deleted, with an answer, and is THERE", id, topic)
			}
		}
	}
	return nil
}
