package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	customers = 200
	products  = 40
	window    = 10 * time.Second
)

// load sends orders, knows what must come of them, and reads what came.
type load struct {
	producer *kgo.Client
	reader   *kgo.Client
	sent     int
	lost     atomic.Pointer[error]

	totals  map[string]int64
	named   map[string]string
	windows map[string]int64

	mu     sync.Mutex
	got    map[string]map[string]string // by topic and key: the last value
	copies int                          // of names that came more than once
}

func newLoad(ctx context.Context, bootstrap []string, replicas int) (*load, error) {
	l := &load{totals: make(map[string]int64), named: make(map[string]string), windows: make(map[string]int64),
		got: map[string]map[string]string{"totals": {}, "named": {}, "windows": {}}}
	var err error
	if l.producer, err = kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerLinger(5*time.Millisecond),
		kgo.UnknownTopicRetries(-1)); err != nil {
		return nil, err
	}
	admin := kadm.NewClient(l.producer)
	for topic, partitions := range map[string]int32{"orders": 6, "customers": 6, "totals": 3, "named": 3, "windows": 3} {
		_, err := admin.CreateTopic(ctx, partitions, int16(replicas), nil, topic)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) { // the client asks again if an answer was lost
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	for i := range customers {
		r := &kgo.Record{Topic: "customers", Key: customer(i), Value: []byte("name-" + strconv.Itoa(i)), Timestamp: time.Now().Add(-time.Hour)}
		if err := l.producer.ProduceSync(ctx, r).FirstErr(); err != nil {
			return nil, err
		}
	}
	l.reader, err = kgo.NewClient(kgo.SeedBrokers(bootstrap...), kgo.ConsumeTopics("totals", "named", "windows"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	go l.read(ctx)
	return l, nil
}

// standbys sets how many standby replicas the group has: with the streams protocol this is the brokers' to know.
func (l *load) standbys(ctx context.Context, n int) error {
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = "streams.num.standby.replicas", new(strconv.Itoa(n))
	group := kmsg.NewIncrementalAlterConfigsRequestResource()
	group.ResourceType, group.ResourceName = kmsg.ConfigResourceTypeGroupConfig, application
	group.Configs = append(group.Configs, c)
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	rq.Resources = append(rq.Resources, group)
	resp, err := rq.RequestWith(ctx, l.producer)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Resources[0].ErrorCode)
}

func (l *load) close() {
	l.producer.Close()
	l.reader.Close()
}

func customer(i int) []byte { return []byte("customer-" + strconv.Itoa(i)) }

// send sends orders for a while. The producer is idempotent, so each arrives once.
func (l *load) send(ctx context.Context, d time.Duration, rate int) error {
	const perTick = 20 * time.Millisecond
	tick := time.NewTicker(perTick)
	defer tick.Stop()
	began := time.Now()
	for due := 0; time.Since(began) < d; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		for want := int(time.Since(began).Seconds() * float64(rate)); due < want; due++ {
			l.order(ctx)
		}
		if err := l.lost.Load(); err != nil {
			return *err
		}
	}
	return l.producer.Flush(ctx)
}

// order sends one order and adds it to what is expected.
func (l *load) order(ctx context.Context) {
	id := strconv.Itoa(l.sent)
	who, product, amount := l.sent*7919%customers, "product-"+strconv.Itoa(l.sent*31%products), int64(l.sent%97)
	at := time.Now().Truncate(time.Millisecond)
	l.sent++
	l.totals[product] += amount
	l.named[id] = "name-" + strconv.Itoa(who)
	l.windows[fmt.Sprintf("%s %d", customer(who), at.Truncate(window).UnixMilli())]++
	r := &kgo.Record{Topic: "orders", Key: customer(who), Value: fmt.Appendf(nil, "%s %s %d", id, product, amount), Timestamp: at}
	l.producer.Produce(ctx, r, func(_ *kgo.Record, err error) {
		if err != nil {
			l.lost.Store(&err)
		}
	})
}

// read takes in what the application writes.
func (l *load) read(ctx context.Context) {
	for {
		fetches := l.reader.PollFetches(ctx)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) {
			if _, twice := l.got[r.Topic][string(r.Key)]; twice && r.Topic == "named" {
				l.copies++
			}
			l.got[r.Topic][string(r.Key)] = string(r.Value)
		})
		l.mu.Unlock()
	}
}

// check waits until what came is what must come.
func (l *load) check(ctx context.Context, patience time.Duration, exactlyOnce bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		wrong := l.compare(exactlyOnce)
		if wrong == "" {
			return nil
		}
		if !pause(ctx, 100*time.Millisecond) {
			return fmt.Errorf("after %d orders and %v: %s", l.sent, patience, wrong)
		}
	}
}

// compare says what is not as it must be, "" if all is.
func (l *load) compare(exactlyOnce bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if exactlyOnce && l.copies > 0 {
		return fmt.Sprintf("%d orders were named twice", l.copies)
	}
	want := map[string]map[string]string{"totals": texts(l.totals), "windows": texts(l.windows), "named": l.named}
	for _, topic := range []string{"named", "totals", "windows"} {
		if have, need := len(l.got[topic]), len(want[topic]); have != need {
			return fmt.Sprintf("%s has %d keys, not %d", topic, have, need)
		}
		for key, value := range want[topic] {
			if got := l.got[topic][key]; got != value {
				return fmt.Sprintf("%s says %q of %q, not %q", topic, got, key, value)
			}
		}
	}
	return ""
}

func texts(numbers map[string]int64) map[string]string {
	out := make(map[string]string, len(numbers))
	for k, v := range numbers {
		out[k] = strconv.FormatInt(v, 10)
	}
	return out
}
