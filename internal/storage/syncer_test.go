package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// waitingProducer appends and waits for the sync of each append, as a producer behind a broker does.
type waitingProducer struct {
	log   *Log
	acked *atomic.Int64 // of the log: the offset below which somebody was told that the records are safe
	woken chan error
}

// waiters are the producers of one log.
type waiters struct {
	mu   sync.Mutex
	log  *Log
	list map[*waitingProducer]int64
}

func (w *waiters) Synced(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := w.log.SyncedEnd()
	for p, offset := range w.list {
		if err != nil || offset <= end {
			delete(w.list, p)
			p.woken <- err
		}
	}
}

// append returns when the records are safe.
func (w *waiters) append(p *waitingProducer, batch []byte) error {
	info, err := w.log.Append(batch, AppendOptions{LeaderEpoch: 1, Now: day0, SyncLater: true})
	if err != nil {
		return err
	}
	if info.SyncDue {
		w.mu.Lock()
		w.list[p] = info.LogEnd
		w.mu.Unlock()
		w.log.SyncSoon(w)
		if err := <-p.woken; err != nil {
			return err
		}
	}
	for {
		before := p.acked.Load()
		if info.LogEnd <= before || p.acked.CompareAndSwap(before, info.LogEnd) {
			return nil
		}
	}
}

// The power fails at any moment while producers of several logs share the syncer of their directory: what was acknowledged is there.
func TestPowerLossNeverLosesWhatAGroupCommitAcknowledged(t *testing.T) {
	seeds := some(150)
	if testing.Short() {
		seeds = 20
	}
	lost := 0
	for seed := range seeds {
		lost += powerLoss(t, seed)
	}
	if lost == 0 {
		t.Error("no crash took anything that was not acknowledged: the test loses nothing")
	}
}

// powerLoss returns how many records went that nobody was promised.
func powerLoss(t *testing.T, seed uint64) int {
	rng := rand.New(rand.NewPCG(seed, 1))
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	cfg.Logger = nil
	unsynced := int64(seed % 3 / 2) // that flush.messages allows
	cfg.LogConfig = func(string) LogConfig {
		return LogConfig{FlushMessages: 1 + unsynced, SegmentBytes: 500, RetentionMs: -1, RetentionBytes: -1}
	}
	s := openRunningStore(t, cfg)
	const logs, producers, appends = 4, 3, 12
	acked := make([]atomic.Int64, logs)
	var wg sync.WaitGroup
	crashAt, done := rng.Int64N(logs*producers*appends), atomic.Int64{}
	var once sync.Once
	var left *fs.Mem
	var promised [logs]int64
	for i := range logs {
		l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: int32(i)}, record.UUID{1}, record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		w := &waiters{log: l, list: map[*waitingProducer]int64{}}
		for n := range producers {
			p := &waitingProducer{log: l, acked: &acked[i], woken: make(chan error, 1)}
			wg.Go(func() {
				for k := range appends {
					if err := w.append(p, batchOf(t, day0.UnixMilli(), fmt.Sprintf("%d-%d-%d", i, n, k))); err != nil {
						t.Error(err)
					}
					if done.Add(1) == crashAt+1 {
						once.Do(func() {
							for i := range acked {
								promised[i] = acked[i].Load() - unsynced
							}
							left = mem.Crash(rng)
						})
					}
				}
			})
		}
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return checkPromised(t, cfg, left, s, promised[:], seed)
}

// checkPromised opens what a crash left and compares it with what was written.
func checkPromised(t *testing.T, cfg StoreConfig, left *fs.Mem, written *Store, promised []int64, seed uint64) (lost int) {
	t.Helper()
	cfg.FS = left
	again := openRunningStore(t, cfg)
	defer again.Close()
	for i, want := range promised {
		tp := record.TopicPartition{Topic: "orders", Partition: int32(i)}
		before, _ := written.Log(tp)
		l, ok := again.Log(tp)
		if !ok {
			if want > 0 {
				t.Fatalf("seed %d: %s is gone (%v), %d records were acknowledged", seed, tp, again.Broken(tp), want)
			}
			continue
		}
		if end := l.Offsets().LogEnd; end < want {
			t.Fatalf("seed %d: %s ends at %d, acknowledged were %d records", seed, tp, end, want)
		}
		lost += int(before.Offsets().LogEnd - l.Offsets().LogEnd)
	}
	return lost
}

// One log's sync takes long; the others' go on, and what was appended to it meanwhile shares one more.
func TestASlowSyncHoldsUpItsOwnLogOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		cfg.LogConfig = func(string) LogConfig { return LogConfig{FlushMessages: 1} }
		s := openRunningStore(t, cfg)
		defer s.Close()
		var logs [2]*waiters
		for i := range logs {
			l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: int32(i)}, record.UUID{1}, record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			logs[i] = &waiters{log: l, list: map[*waitingProducer]int64{}}
			mustAppend(t, l, batchOf(t, 1, "first"))
		}
		var syncs [2]int
		gate := make(chan struct{})
		mem.InjectFreely(func(op fs.Op, name string) error {
			if op == fs.OpSync && strings.HasSuffix(name, ".log") {
				i := strings.Index("01", name[len("/data/orders-"):][:1])
				syncs[i]++
				if i == 0 {
					<-gate
				}
			}
			return nil
		})
		var acked atomic.Int64
		var ended atomic.Int64
		for range 5 {
			go func() {
				p := &waitingProducer{acked: &acked, woken: make(chan error, 1)}
				if err := logs[0].append(p, batchOf(t, 1, "slow")); err != nil {
					t.Error(err)
				}
				ended.Add(1)
			}()
			synctest.Wait()
		}
		quick := &waitingProducer{acked: &acked, woken: make(chan error, 1)}
		for range 3 {
			if err := logs[1].append(quick, batchOf(t, 1, "quick")); err != nil {
				t.Fatal(err)
			}
		}
		if ended.Load() != 0 || syncs != [2]int{1, 3} {
			t.Fatalf("%d appends ended, syncs %v", ended.Load(), syncs)
		}
		gate <- struct{}{}
		synctest.Wait()
		if ended.Load() != 1 || syncs[0] != 2 {
			t.Fatalf("%d appends ended, syncs %v", ended.Load(), syncs)
		}
		close(gate)
		synctest.Wait()
		if ended.Load() != 5 || syncs[0] != 2 {
			t.Fatalf("%d appends ended, syncs %v: four should share one", ended.Load(), syncs)
		}
		mem.Inject(nil)
	})
}

// A sync that found no room, or too many files open, is tried again by itself, so that what was appended becomes readable without a further
// append.
func TestASyncThatMayWorkLaterIsTriedAgain(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EMFILE, syscall.ENFILE} {
		t.Run(cause.Error(), func(t *testing.T) { syncLater(t, cause) })
	}
}

func syncLater(t *testing.T, cause error) {
	synctest.Test(t, func(t *testing.T) {
		mem := fs.NewMem()
		cfg := testStoreConfig(t, mem, "/data")
		cfg.LogConfig = func(string) LogConfig { return LogConfig{FlushMessages: 1} }
		s := openRunningStore(t, cfg)
		defer s.Close()
		l, err := s.Create(testTP, newUUID(), record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		mem.Inject(func(op fs.Op, name string) error {
			if op == fs.OpCreate && strings.Contains(name, epochFile) {
				return cause
			}
			return nil
		})
		w := &waiters{log: l, list: map[*waitingProducer]int64{}}
		p := &waitingProducer{acked: new(atomic.Int64), woken: make(chan error, 1)}
		if err := w.append(p, batchOf(t, 1, "a")); !errors.Is(err, cause) || !errors.Is(err, ErrDisk) {
			t.Fatalf("append: %v", err)
		}
		time.Sleep(10 * time.Second)
		if end := l.SyncedEnd(); end != 0 {
			t.Errorf("synced up to %d", end)
		}
		mem.Inject(nil)
		time.Sleep(2 * time.Second)
		if end := l.SyncedEnd(); end != 1 {
			t.Errorf("synced up to %d after there was room again", end)
		}
	})
}

// What a flush.ms demands is synced by the same workers, for logs that nobody waits for.
func TestFlushMsSyncsWithoutAnyoneWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testStoreConfig(t, fs.NewMem(), "/data")
		cfg.LogConfig = func(string) LogConfig { return LogConfig{FlushMs: 3 * time.Second} }
		s := openRunningStore(t, cfg)
		defer s.Close()
		l, err := s.Create(testTP, newUUID(), record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, batchOf(t, 1, "a"))
		time.Sleep(1500 * time.Millisecond)
		early := l.recoveryPoint()
		time.Sleep(4 * time.Second)
		if late := l.recoveryPoint(); early != 0 || late != 1 {
			t.Errorf("recovery point %d after 1.5 s, %d after 5.5 s", early, late)
		}
	})
}

// BenchmarkSyncedAppend is flush.messages=1 on a real disk.
func BenchmarkSyncedAppend(b *testing.B) {
	for _, c := range []struct{ logs, producers int }{{1, 1}, {1, 16}, {1, 64}, {6, 64}, {64, 64}} {
		b.Run(fmt.Sprintf("%dlogs/%dproducers", c.logs, c.producers), func(b *testing.B) {
			cfg := testStoreConfig(b, fs.OS, b.TempDir())
			cfg.LogConfig = func(string) LogConfig { return LogConfig{FlushMessages: 1, RetentionMs: -1, RetentionBytes: -1} }
			s, err := Open(context.Background(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			logs := make([]*waiters, c.logs)
			for i := range logs {
				l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: int32(i)}, record.UUID{1}, record.UUID{})
				if err != nil {
					b.Fatal(err)
				}
				logs[i] = &waiters{log: l, list: map[*waitingProducer]int64{}}
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range c.producers {
				batch := record.Batch(benchBatch(b, 1, 1000))
				wg.Go(func() {
					p := &waitingProducer{acked: new(atomic.Int64), woken: make(chan error, 1)}
					for left.Add(-1) >= 0 {
						batch.SetBaseOffset(0)
						if err := logs[i%c.logs].append(p, batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}
