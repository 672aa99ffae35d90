package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/sim"
)

// Delayed records with a real client on virtual time.

func header(key string, value any) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(fmt.Sprint(value))}
}

// watcher reads a topic and notes when each value was seen.
type watcher struct {
	mu      sync.Mutex
	seen    map[string][]time.Time
	offsets []int64 // of partition 0
	done    chan struct{}
}

func watch(ctx context.Context, cl *kgo.Client) *watcher {
	w := &watcher{seen: make(map[string][]time.Time), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.seen[string(r.Value)] = append(w.seen[string(r.Value)], time.Now())
				if r.Partition == 0 {
					w.offsets = append(w.offsets, r.Offset)
				}
			})
		}
	}()
	return w
}

// makeLater makes a topic whose records may be delayed, and closes the client.
func makeLater(ctx context.Context, t *testing.T, cl *kgo.Client, partitions int32, replicas int16) {
	t.Helper()
	defer cl.Close()
	configs := map[string]*string{"leat.delay.enable": kadm.StringPtr("true"), "min.insync.replicas": kadm.StringPtr(strconv.Itoa(max(1, int(replicas)-1)))}
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, replicas, configs, "later"); err != nil {
		t.Fatal(err)
	}
}

func TestDelayedRecordsBecomeVisibleWhenTheyAreDue(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		makeLater(ctx, t, bubbleClient(t, client, n), 1, 1)
		cl := bubbleClient(t, client, n, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ConsumeTopics("later"), kgo.FetchMaxWait(10*time.Millisecond))
		defer cl.Close()
		due := map[string]time.Time{}
		send := func(value string, headers ...kgo.RecordHeader) {
			cl.Produce(ctx, &kgo.Record{Topic: "later", Value: []byte(value), Headers: headers}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("%s: %v", value, err)
				}
			})
		}
		begin := time.Now()
		for i := range 40 { // in one batch: some delayed, some not
			value := strconv.Itoa(i)
			switch i % 4 {
			case 0:
				send(value)
				due[value] = begin
			case 1:
				send(value, header("leat-deliver-after", 1000*(40-i)))
				due[value] = begin.Add(time.Duration(40-i) * time.Second)
			case 2:
				at := begin.Add(time.Duration(i) * 1500 * time.Millisecond)
				send(value, header("leat-deliver-at", at.UnixMilli()))
				due[value] = at
			case 3:
				send(value, header("leat-deliver-after", 30_000), header("leat-delay-id", "id"+value))
				if i%8 == 3 {
					due[value] = begin.Add(30 * time.Second)
				} else {
					send("cancel", header("leat-delay-cancel", "id"+value))
				}
			}
			if i%10 == 9 {
				if err := cl.Flush(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		w := watch(ctx, cl)
		time.Sleep(2 * time.Minute)
		cancel()
		<-w.done
		for value, at := range due {
			seen := w.seen[value]
			if len(seen) != 1 || seen[0].Before(at) || at != begin && seen[0].Sub(at) > 5*time.Second+100*time.Millisecond {
				t.Errorf("%s, due after %v, is seen at %v", value, at.Sub(begin), seen)
			}
		}
		if len(w.seen) != len(due) {
			t.Errorf("%d values are seen, not %d", len(w.seen), len(due))
		}
		for i, offset := range w.offsets {
			if offset != int64(i) {
				t.Errorf("record %d has offset %d", i, offset)
			}
		}
	})
}

func TestRecordsThatCannotBeDelayedAreRefused(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		cl := bubbleClient(t, client, n, producer("mover")...)
		defer cl.Close()
		makeLater(ctx, t, bubbleClient(t, client, n), 1, 1)
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		err := cl.ProduceSync(ctx, &kgo.Record{Topic: "later", Headers: []kgo.RecordHeader{header("leat-deliver-after", 5)}}).FirstErr()
		if !errors.Is(err, kerr.InvalidRecord) {
			t.Errorf("in a transaction: %v", err)
		}
		plain := bubbleClient(t, client, n, kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer plain.Close()
		for _, h := range []kgo.RecordHeader{
			header("leat-deliver-after", "soon"), header("leat-deliver-at", -1), header("leat-deliver-after", 604800001), header("leat-delay-cancel", ""),
		} {
			err := plain.ProduceSync(ctx, &kgo.Record{Topic: "later", Headers: []kgo.RecordHeader{h}}).FirstErr()
			if !errors.Is(err, kerr.InvalidRecord) {
				t.Errorf("%s=%s: %v", h.Key, h.Value, err)
			}
		}
	})
}

// Nodes are lost one after the other while records are sent and become due.
func TestClusterDelayedRecordsOutliveTheLossOfEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		defer c.stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		makeLater(ctx, t, c.cl(), 2, 3)
		cl := c.cl(kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ConsumeTopics("later"), kgo.FetchMaxWait(10*time.Millisecond))
		defer cl.Close()
		w := watch(ctx, cl)
		var mu sync.Mutex
		acknowledged := []string{}
		var sender sync.WaitGroup
		sender.Go(func() {
			for i := range 1200 {
				value := strconv.Itoa(i)
				r := &kgo.Record{Topic: "later", Key: []byte(value), Value: []byte(value)}
				if i%3 > 0 {
					r.Headers = []kgo.RecordHeader{header("leat-deliver-after", 200*(i%97))}
				}
				cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Errorf("%s: %v", value, err)
						return
					}
					acknowledged = append(acknowledged, value)
				})
				time.Sleep(100 * time.Millisecond)
			}
			if err := cl.Flush(ctx); err != nil {
				t.Error(err)
			}
		})
		for i := range 3 {
			time.Sleep(15 * time.Second)
			c.crash(i)
			time.Sleep(15 * time.Second)
			c.start(i)
		}
		sender.Wait()
		time.Sleep(2 * time.Minute)
		cancel()
		<-w.done
		if len(acknowledged) != 1200 {
			t.Errorf("%d records acknowledged", len(acknowledged))
		}
		slices.Sort(acknowledged)
		for _, value := range acknowledged {
			if n := len(w.seen[value]); n != 1 {
				t.Errorf("%s is seen %d times", value, n)
			}
		}
	})
}
