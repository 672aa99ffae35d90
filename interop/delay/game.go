package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// game is a producer and a consumer of delayed records.
type game struct {
	producer, consumer *kgo.Client
	stop               context.CancelFunc
	working            sync.WaitGroup
	chance             *rand.Rand // of the producer

	mu        sync.Mutex
	due       map[string]time.Time // of acknowledged records; a cancelled one has the zero time
	seen      map[string][]sight
	next      map[int32]int64
	disturbs  [][2]time.Time
	cancelled int
	failed    []error
	late      []time.Duration // appends of records that were due while all was well
	worst     time.Duration   // of all
}

// sight is when a record was appended and when it was read.
type sight struct{ appended, read time.Time }

// longest is the longest delay; a cancelled record would have waited twice as long.
const longest = 6 * time.Second

func open(ctx context.Context, addresses []string, seed uint64) (*game, error) {
	g := &game{due: map[string]time.Time{}, seen: map[string][]sight{}, next: map[int32]int64{}, chance: rand.New(rand.NewPCG(seed, 3))}
	var err error
	if g.producer, err = kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.ProducerLinger(5*time.Millisecond)); err != nil {
		return nil, err
	}
	g.consumer, err = kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(20*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	work, stop := context.WithCancel(ctx)
	g.stop = stop
	g.working.Go(func() { g.send(work) })
	g.working.Go(func() { g.read(ctx) })
	return g, nil
}

// send sends a record every few milliseconds, some of them to be cancelled, until the context ends.
func (g *game) send(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		name := strconv.Itoa(i)
		due := time.Now().Add(time.Duration(g.chance.Int64N(int64(longest))))
		r := &kgo.Record{Topic: topic, Key: []byte(name), Value: []byte(name)}
		head := func(key, value string) {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: []byte(value)})
		}
		switch i % 5 {
		case 0: // at once: when it is appended says nothing
			due = time.Now().Add(-time.Hour)
		case 1, 2:
			head("leat-deliver-at", strconv.FormatInt(due.UnixMilli(), 10))
		case 3:
			head("leat-deliver-after", strconv.FormatInt(time.Until(due).Milliseconds(), 10))
		case 4:
			due = time.Time{}
			head("leat-deliver-after", strconv.FormatInt(60_000, 10))
			head("leat-delay-id", name)
		}
		g.producer.Produce(context.Background(), r, func(_ *kgo.Record, err error) { g.acked(name, due, err) })
		if i%5 == 4 {
			cancel := &kgo.Record{Topic: topic, Key: r.Key, Headers: []kgo.RecordHeader{{Key: "leat-delay-cancel", Value: r.Key}}}
			g.producer.Produce(context.Background(), cancel, func(_ *kgo.Record, err error) { g.acked("", time.Time{}, err) })
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (g *game) acked(name string, due time.Time, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil:
		g.failed = append(g.failed, fmt.Errorf("record %s: %w", name, err))
	case name == "":
		g.cancelled++
	default:
		g.due[name] = due
	}
}

// read reads until the clients are closed.
func (g *game) read(ctx context.Context) {
	for {
		fetches := g.consumer.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return
		}
		g.mu.Lock()
		fetches.EachRecord(func(r *kgo.Record) {
			g.seen[string(r.Value)] = append(g.seen[string(r.Value)], sight{r.Timestamp, time.Now()})
			if want := g.next[r.Partition]; r.Offset != want {
				g.failed = append(g.failed, fmt.Errorf("partition %d: offset %d is read, not %d", r.Partition, r.Offset, want))
			}
			g.next[r.Partition] = r.Offset + 1
		})
		g.mu.Unlock()
	}
}

// disturbed notes a time in which records may be late.
func (g *game) disturbed(from, to time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.disturbs = append(g.disturbs, [2]time.Time{from, to})
}

// end waits until everything was due, and compares.
func (g *game) end(ctx context.Context) error {
	g.stop()
	err := g.producer.Flush(ctx)
	time.Sleep(longest + 3*time.Second)
	g.mu.Lock()
	defer g.mu.Unlock()
	failed := append(g.failed, err)
	for name, due := range g.due {
		seen := g.seen[name]
		switch {
		case due.IsZero() && len(seen) > 0:
			failed = append(failed, fmt.Errorf("record %s was cancelled and is read", name))
		case due.IsZero():
		case len(seen) != 1:
			failed = append(failed, fmt.Errorf("record %s is read %d times", name, len(seen)))
		case seen[0].appended.Before(due.Truncate(time.Millisecond).Add(-5 * time.Millisecond)):
			failed = append(failed, fmt.Errorf("record %s is appended %v before its time", name, due.Sub(seen[0].appended)))
		default:
			g.measure(due, seen[0].appended.Sub(due))
		}
	}
	for name, seen := range g.seen {
		if _, ok := g.due[name]; !ok {
			failed = append(failed, fmt.Errorf("record %s was not acknowledged and is read %d times", name, len(seen)))
		}
	}
	return errors.Join(failed...)
}

func (g *game) measure(due time.Time, late time.Duration) {
	if late > time.Hour/2 {
		return // it was not delayed
	}
	g.worst = max(g.worst, late)
	if !slices.ContainsFunc(g.disturbs, func(d [2]time.Time) bool { return due.After(d[0]) && due.Before(d[1]) }) {
		g.late = append(g.late, late)
	}
}

// String sums the game up.
func (g *game) String() string {
	slices.Sort(g.late)
	var s strings.Builder
	fmt.Fprintf(&s, "%d records acknowledged and read once, %d cancelled; the latest of all was appended %v late", len(g.due)-g.cancelled, g.cancelled, g.worst)
	if n := len(g.late); n > 0 {
		fmt.Fprintf(&s, "; of %d due while nothing happened half at most %v, 99%% at most %v, all at most %v", n, g.late[n/2], g.late[n*99/100], g.late[n-1])
	}
	return s.String()
}

func (g *game) close() {
	g.stop()
	g.producer.Close()
	g.consumer.Close()
	g.working.Wait()
}
