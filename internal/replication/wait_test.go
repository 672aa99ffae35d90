package replication

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication/progress"
	"leat/internal/storage"
)

// fetchWait registers a wait at the present ends and counts its calls.
func (w *world) fetchWait(minBytes int, timeout time.Duration, iso storage.Isolation, parts ...*Partition) (*Wait, *atomic.Int32) {
	var waits []WaitPart
	for _, p := range parts {
		waits = append(waits, WaitPart{Partition: p, Offset: p.bound(iso), Isolation: iso})
	}
	var calls atomic.Int32
	return w.node.WaitFor(waits, minBytes, time.Now().Add(timeout), func() { calls.Add(1) }), &calls
}

func TestFetchWaitEndsWhenEnoughBytesCame(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 3, self)...)
	a, b, other := w.leader("orders", 0), w.leader("orders", 1), w.leader("orders", 2)
	size := len(batch(1))
	_, calls := w.fetchWait(2*size, time.Hour, storage.ReadUncommitted, a, b)
	w.append(other, 1)
	w.append(a, 1)
	if calls.Load() != 0 {
		t.Fatal("woken after half of the bytes")
	}
	w.append(b, 1)
	w.append(b, 1)
	if calls.Load() != 1 {
		t.Fatalf("called %d times, want once", calls.Load())
	}
	if fetches, _ := w.node.Waiting(); fetches != 0 || len(a.fetches)+len(b.fetches)+len(w.node.deadlines.queue) != 0 {
		t.Fatal("the wait was left in a list")
	}
}

func TestFetchWaitCountsEachByteOnce(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self)...)
	p := w.leader("orders", 0)
	_, calls := w.fetchWait(3*len(batch(1)), time.Hour, storage.ReadUncommitted, p)
	for i, want := range []int32{0, 0, 1, 1} {
		w.append(p, 1)
		if calls.Load() != want {
			t.Fatalf("called %d times after %d of 3 batches", calls.Load(), i+1)
		}
	}
}

func TestFetchWaitThatMissedAnAppendIsCalledAtOnce(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 2, self)...)
	a, b := w.leader("orders", 0), w.leader("orders", 1)
	w.append(b, 1)
	calls := 0
	w.node.WaitFor([]WaitPart{{a, 0, storage.ReadUncommitted, false}, {b, 0, storage.ReadUncommitted, false}}, 1000, time.Now().Add(time.Hour), func() { calls++ })
	if calls != 1 || len(a.fetches) != 0 {
		t.Fatalf("called %d times, %d left waiting", calls, len(a.fetches))
	}
}

func TestFetchWaitEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.publish(topic("orders", 1, 1, self)...)
		p := w.leader("orders", 0)
		_, late := w.fetchWait(1, 3*time.Second, storage.ReadUncommitted, p)
		_, early := w.fetchWait(1, time.Second, storage.ReadUncommitted, p)
		cancelled, never := w.fetchWait(1, 2*time.Second, storage.ReadUncommitted, p)
		if !cancelled.Cancel() || cancelled.Cancel() {
			t.Fatal("cancelled other than once")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if early.Load() != 1 || late.Load() != 0 {
			t.Fatalf("after 1 s: early %d, late %d", early.Load(), late.Load())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if late.Load() != 1 || never.Load() != 0 {
			t.Fatalf("after 3 s: late %d, cancelled %d", late.Load(), never.Load())
		}
	})
}

func TestLeadershipChangeEndsWaits(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self, 2)...)
	p := w.leader("orders", 0)
	_, calls := w.fetchWait(1, time.Hour, storage.ReadUncommitted, p)
	info := w.append(p, 1) // replica 2 never fetches, so that it stays uncommitted
	var commit error
	p.WhenCommitted(info.LogEnd, time.Now().Add(time.Hour), func(err error) { commit = err })
	if calls.Load() != 0 || commit != nil {
		t.Fatalf("before: %d calls, %v", calls.Load(), commit)
	}
	w.publish(&metadata.PartitionChangeRecord{TopicID: p.TopicID(), Leader: 2, LeaderRecoveryState: -1})
	if calls.Load() != 1 || !errors.Is(commit, ErrNotLeader) {
		t.Fatalf("after: %d calls, %v", calls.Load(), commit)
	}
	if fetches, produces := w.node.Waiting(); fetches != 0 || produces != 0 {
		t.Fatalf("%d fetches and %d produces still wait", fetches, produces)
	}
}

func TestCommitWaitFollowsTheHighWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.publish(topic("orders", 1, 1, self, 2)...)
		p := w.leader("orders", 0)
		var got []string
		when := func(name string, next int64, timeout time.Duration) {
			p.WhenCommitted(next, time.Now().Add(timeout), func(err error) {
				switch {
				case err == nil:
					name += " ok"
				case errors.Is(err, ErrTimedOut):
					name += " timed out"
				default:
					name += " " + err.Error()
				}
				got = append(got, name)
			})
		}
		w.append(p, 2)
		w.append(p, 2)
		when("all", 4, time.Minute)
		when("half", 2, time.Minute)
		when("none", 4, time.Second)
		_, fetch := w.fetchWait(1, time.Hour, storage.ReadUncommitted, p)
		time.Sleep(time.Second)
		synctest.Wait()
		w.fetched(p, 2, 2)
		if fetch.Load() != 1 {
			t.Fatal("the high watermark moved, but the fetch was not woken")
		}
		w.fetched(p, 2, 4)
		if want := []string{"none timed out", "half ok", "all ok"}; !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// fetched stands in for a follower's fetch.
func (w *world) fetched(p *Partition, replica int32, offset int64) {
	var ready wakeups
	p.mu.Lock()
	moved, _ := p.progress.Fetched(progress.Fetch{Replica: replica, Offset: offset, At: time.Now()})
	p.advanced(moved, &ready)
	p.mu.Unlock()
	ready.run()
}

func TestTooFewInSyncReplicasAreRefused(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	two := "2"
	records := append(topic("orders", 1, 1, self, 2),
		&metadata.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "orders", Name: "min.insync.replicas", Value: &two})
	w.publish(records...)
	p := w.leader("orders", 0)
	info := w.append(p, 1)
	var commit error
	p.WhenCommitted(info.LogEnd, time.Time{}, func(err error) { commit = err })
	w.publish(&metadata.PartitionChangeRecord{TopicID: p.TopicID(), ISR: []int32{self}, Leader: metadata.NoLeaderChange, LeaderRecoveryState: -1})
	if _, err := p.Append(batch(1), -1, storage.FromClient, true); !errors.Is(err, ErrNotEnoughReplicas) {
		t.Fatalf("append with acks=all: %v", err)
	}
	if _, err := p.Append(batch(1), -1, storage.FromClient, false); err != nil {
		t.Fatalf("append with acks=1: %v", err)
	}
	if got := w.node.Count(); got.UnderMinISR != 1 || got.UnderReplicated != 1 {
		t.Fatalf("counts %+v", got)
	}
	w.node.Close()
	if !errors.Is(commit, ErrNotLeader) {
		t.Fatalf("wait without a deadline ended with %v", commit)
	}
}

func TestWaitsAndAppendsFromManyGoroutines(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 4, self)...)
	var parts []*Partition
	for i := range 4 {
		parts = append(parts, w.leader("orders", int32(i)))
	}
	var wg sync.WaitGroup
	var called atomic.Int32
	const waiters, rounds = 4, 200
	for range waiters {
		wg.Go(func() {
			for range rounds {
				var asked []WaitPart
				for _, p := range parts {
					asked = append(asked, WaitPart{p, p.bound(storage.ReadUncommitted), storage.ReadUncommitted, false})
				}
				done := make(chan struct{})
				w.node.WaitFor(asked, 1, time.Now().Add(time.Millisecond), func() { called.Add(1); close(done) })
				<-done
			}
		})
	}
	for _, p := range parts {
		wg.Go(func() {
			for range rounds {
				if _, err := p.Append(batch(1), -1, storage.FromClient, true); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if called.Load() != waiters*rounds {
		t.Fatalf("%d calls, want %d", called.Load(), waiters*rounds)
	}
	for _, p := range parts {
		if len(p.fetches) != 0 || p.Log().Offsets().HighWatermark != rounds {
			t.Fatalf("%s: %d left waiting, high watermark %d", p.tp, len(p.fetches), p.Log().Offsets().HighWatermark)
		}
	}
}

func TestReadCommittedWaitsBehindAnOpenTransaction(t *testing.T) {
	g := growth{atEnd: 100, atCommitted: 100, lastStable: 5, committedEnd: 20}
	e := &waitEntry{isolation: storage.ReadCommitted, offset: 5, counted: 40}
	if got := g.readableTo(e); got != 40 {
		t.Fatalf("%d readable behind an open transaction, want 40", got)
	}
	g.lastStable = 10
	if got := g.readableTo(e); got <= 1<<60 {
		t.Fatalf("%d readable after the last stable offset moved", got)
	}
	g.lastStable = 20
	if got := g.readableTo(e); got != 100 {
		t.Fatalf("%d readable with no transaction open, want 100", got)
	}
}

func TestWaitingCostsNoGoroutine(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self, 2)...)
	p := w.leader("orders", 0)
	info := w.append(p, 1)
	before := runtime.NumGoroutine()
	for range 1000 {
		w.fetchWait(1, time.Hour, storage.ReadUncommitted, p)
		p.WhenCommitted(info.LogEnd, time.Now().Add(time.Hour), func(error) {})
	}
	if after := runtime.NumGoroutine(); after > before+20 { // others come and go
		t.Fatalf("%d goroutines with 2000 waits, %d without", after, before)
	}
	if fetches, produces := w.node.Waiting(); fetches != 1000 || produces != 1000 {
		t.Fatalf("%d fetches and %d produces wait", fetches, produces)
	}
}

func TestBudgets(t *testing.T) {
	if size := unsafe.Sizeof(Partition{}); size > 512 {
		t.Errorf("an idle partition takes %d bytes, more than 512", size)
	}
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self)...)
	p := w.leader("orders", 0)
	data := batch(8)
	if n := testing.AllocsPerRun(100, func() {
		record.Batch(data).SetBaseOffset(0) // as it comes from a producer
		if _, err := p.Append(data, -1, storage.FromClient, true); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("an append makes %.0f allocations, more than 1", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	w := newWorld(b)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self)...)
	p := w.leader("orders", 0)
	data := batch(8)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		record.Batch(data).SetBaseOffset(0)
		if _, err := p.Append(data, -1, storage.FromClient, true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeader(b *testing.B) {
	w := newWorld(b)
	defer w.stop()
	w.publish(topic("orders", 1, 100, self)...)
	tp := record.TopicPartition{Topic: "orders", Partition: 7}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.node.Leader(tp, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWaitFor(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("partitions=%d", n), func(b *testing.B) {
			w := newWorld(b)
			defer w.stop()
			w.publish(topic("orders", 1, n, self)...)
			var parts []WaitPart
			for i := range n {
				parts = append(parts, WaitPart{w.leader("orders", int32(i)), 0, storage.ReadUncommitted, false})
			}
			b.ReportAllocs()
			for b.Loop() {
				w.node.WaitFor(parts, 1, time.Now().Add(time.Hour), func() {}).Cancel()
			}
		})
	}
}
