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

	"leat/interop/fleet"
)

// game is a producer and a consumer of delayed records.
type game struct {
	producer, consumer *kgo.Client
	stop               context.CancelFunc
	working            sync.WaitGroup
	chance             *rand.Rand // of the producer

	mu        sync.Mutex
	plans     map[string]plan // of acknowledged records
	seen      map[string][]sight
	next      map[int32]int64
	disturbs  [][2]time.Time
	cancelled int
	failed    []error
	acks      [][2]time.Time  // when each record was sent, and when it was acknowledged
	late      []time.Duration // appends of records that were due while all was well
	worst     time.Duration   // of all
	own, most time.Duration   // the same, at most, without what records waited for their acknowledgement at that time
	slowest   time.Duration   // acknowledgement
}

// plan is when a record is to be appended: not before earliest, and not after latest. Until a record is acknowledged nobody can deliver it, and the
// delay of one that tells a delay begins when a broker takes it, which is before that.
type plan struct {
	earliest, latest time.Time
	kind             int
}

// The kinds of records.
const (
	atOnce = iota
	atTime
	afterDelay
	cancelled
)

// sight is when a record was appended and when it was read.
type sight struct{ appended, read time.Time }

// longest is the longest delay; a cancelled record would have waited twice as long.
const longest = 6 * time.Second

func open(ctx context.Context, addresses []string, seed uint64) (*game, error) {
	g := &game{plans: map[string]plan{}, seen: map[string][]sight{}, next: map[int32]int64{}, chance: rand.New(rand.NewPCG(seed, 3))}
	var err error
	if g.producer, err = kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.ProducerLinger(5*time.Millisecond),
		kgo.MetadataMinAge(50*time.Millisecond)); err != nil {
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
		name, sent := strconv.Itoa(i), time.Now()
		wait := time.Duration(g.chance.Int64N(longest.Milliseconds())) * time.Millisecond
		r := &kgo.Record{Topic: topic, Key: []byte(name), Value: []byte(name)}
		head := func(key string, value int64) {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: strconv.AppendInt(nil, value, 10)})
		}
		kind := []int{atOnce, atTime, atTime, afterDelay, cancelled}[i%5]
		switch kind {
		case atTime:
			head("leat-deliver-at", sent.Add(wait).UnixMilli())
		case afterDelay:
			head("leat-deliver-after", wait.Milliseconds())
		case cancelled:
			head("leat-deliver-after", 60_000)
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: "leat-delay-id", Value: r.Key})
		}
		g.producer.Produce(context.Background(), r, func(_ *kgo.Record, err error) { g.acked(name, kind, sent, wait, err) })
		if kind == cancelled {
			cancel := &kgo.Record{Topic: topic, Key: r.Key, Headers: []kgo.RecordHeader{{Key: "leat-delay-cancel", Value: r.Key}}}
			g.producer.Produce(context.Background(), cancel, func(_ *kgo.Record, err error) { g.failedToSend(name, err) })
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (g *game) acked(name string, kind int, sent time.Time, wait time.Duration, err error) {
	if err != nil {
		g.failedToSend(name, err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.slowest = max(g.slowest, now.Sub(sent))
	g.acks = append(g.acks, [2]time.Time{sent, now})
	p := plan{earliest: sent.Add(wait), kind: kind}
	switch kind {
	case atTime:
		p.latest = p.earliest
		if p.latest.Before(now) {
			p.latest = now
		}
	case afterDelay:
		p.latest = now.Add(wait)
	}
	g.plans[name] = p
}

func (g *game) failedToSend(name string, err error) {
	if err != nil {
		g.mu.Lock()
		g.failed = append(g.failed, fmt.Errorf("record %s: %w", name, err))
		g.mu.Unlock()
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
	for end := time.Now().Add(fleet.Patience); !g.allRead() && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	failed := append(g.failed, err)
	for name, p := range g.plans {
		seen := g.seen[name]
		switch {
		case p.kind == cancelled && len(seen) > 0:
			failed = append(failed, fmt.Errorf("record %s was cancelled and is read", name))
		case p.kind == cancelled:
			g.cancelled++
		case len(seen) != 1:
			failed = append(failed, fmt.Errorf("record %s is read %d times", name, len(seen)))
		case p.kind == atOnce:
		case seen[0].appended.Before(p.earliest.Truncate(time.Millisecond)):
			failed = append(failed, fmt.Errorf("record %s is appended %v before its time", name, p.earliest.Sub(seen[0].appended)))
		default:
			g.measure(p.latest, seen[0].appended.Sub(p.latest))
		}
	}
	for name, seen := range g.seen {
		if _, ok := g.plans[name]; !ok {
			failed = append(failed, fmt.Errorf("record %s was not acknowledged and is read %d times", name, len(seen)))
		}
	}
	return errors.Join(failed...)
}

// allRead reports whether every acknowledged record was read that is not cancelled.
func (g *game) allRead() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, p := range g.plans {
		if p.kind != cancelled && len(g.seen[name]) == 0 {
			return false
		}
	}
	return true
}

func (g *game) measure(due time.Time, late time.Duration) {
	own := max(0, late-g.waited(due, due.Add(late)))
	g.worst, g.most = max(g.worst, late), max(g.most, own)
	if !slices.ContainsFunc(g.disturbs, func(d [2]time.Time) bool { return due.After(d[0]) && due.Before(d[1]) }) {
		g.late, g.own = append(g.late, late), max(g.own, own)
	}
}

// waited is the longest that a record waited for its acknowledgement in a time: what is due cannot be appended sooner, be it that nobody leads or that the
// machine is busy.
func (g *game) waited(from, to time.Time) (longest time.Duration) {
	if to.Sub(from) < 20*time.Millisecond { // nothing to explain
		return 0
	}
	for _, a := range g.acks {
		if a[0].Before(to) && a[1].After(from) {
			longest = max(longest, a[1].Sub(a[0]))
		}
	}
	return longest
}

// onTime compares how much later records were than others written at that time with bounds: of those due while nothing happened, and of all.
func (g *game) onTime(late, latest time.Duration) error {
	if len(g.late) == 0 {
		return errors.New("no record was due while nothing happened")
	}
	if g.own > late || g.most > latest {
		return fmt.Errorf("records are appended later than others were acknowledged at that time: by %v while nothing happened, allowed are %v; by %v in all, allowed are %v",
			g.own, late, g.most, latest)
	}
	return nil
}

// String sums the game up.
func (g *game) String() string {
	slices.Sort(g.late)
	var s strings.Builder
	fmt.Fprintf(&s, "%d records acknowledged and read once, %d cancelled; the slowest acknowledgement took %v; the latest of all was appended %v late",
		len(g.plans)-g.cancelled, g.cancelled, g.slowest, g.worst)
	fmt.Fprintf(&s, " (%v more than others waited for their acknowledgement)", g.most)
	if n := len(g.late); n > 0 {
		fmt.Fprintf(&s, "; of %d due while nothing happened half at most %v, 99%% at most %v, all at most %v (%v more)", n, g.late[n/2], g.late[n*99/100], g.late[n-1], g.own)
	}
	return s.String()
}

func (g *game) close() {
	g.stop()
	g.producer.Close()
	g.consumer.Close()
	g.working.Wait()
}
