package sharing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
	"leat/internal/sharing/statestest"
	"leat/internal/storage"
)

// world is one node with the topic "orders" of two partitions, whose share partitions are kept in memory.
type world struct {
	t        *testing.T
	states   *statestest.Memory
	replicas *replication.Node
	store    *storage.Store
	node     *sharing.Node
	image    *metadata.Image

	mu    sync.Mutex
	group sharing.Group
}

var ordersID = record.UUID{7}

func topic(partition int32) sharing.Topic { return sharing.Topic{ID: ordersID, Partition: partition} }

// inWorld runs a test in virtual time.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		test(t, w)
	})
}

func newWorld(t *testing.T) *world {
	logConfig := func(string, map[string]string) storage.LogConfig {
		return storage.LogConfig{SegmentBytes: 64 << 20, SegmentMs: 1000 * time.Hour, SegmentIndexBytes: 1 << 20, IndexIntervalBytes: 4096, RetentionMs: -1, RetentionBytes: -1,
			FlushMessages: math.MaxInt64, FlushMs: math.MaxInt64, FileDeleteDelay: time.Minute, MaxMessageBytes: 1 << 20, Delete: true,
			CompressionType: "producer", TimestampBeforeMax: math.MaxInt64, TimestampAfterMax: time.Hour}
	}
	w := &world{t: t, states: statestest.New(), image: metadata.Empty, group: sharing.Group{
		Settings:    acquire.Settings{MaxDeliveries: 5, MaxLocks: 2000, Lock: 30 * time.Second},
		OffsetReset: "earliest", Isolation: storage.ReadUncommitted, Renew: true,
	}}
	const never = 1000 * time.Hour
	var err error
	w.store, err = storage.Open(context.Background(), storage.StoreConfig{
		FS: fs.NewMem(), Dirs: []string{"/data"}, NodeID: 1, ClusterID: "test-cluster-000000000", Logger: slog.New(slog.DiscardHandler),
		Settings: func() storage.Settings {
			return storage.Settings{RetentionCheck: never, FlushCheck: never, RecoveryPointCheckpoint: never, LogStartOffsetCheckpoint: never, InitialTaskDelay: never,
				RecoveryThreadsPerDir: 1, ProducerIDExpiration: never, TransactionMaxTimeout: never, MaxDecompressedBatchBytes: 1 << 20, MaxOpenFiles: 100}
		},
		LogConfig: func(string) storage.LogConfig { return logConfig("", nil) }, DirFailed: func(string, error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.replicas = replication.New(replication.Config{NodeID: 1, Store: w.store, LogConfig: logConfig, Logger: slog.New(slog.DiscardHandler),
		MinISR: func(string, map[string]string) int { return 1 },
		Leading: func(tp record.TopicPartition, epoch int32, leading bool) {
			if w.node != nil {
				w.node.Leading(tp, epoch, leading)
			}
		}})
	w.node = sharing.New(sharing.Config{States: w.states, Replicas: w.replicas, Image: func() *metadata.Image { return w.image }, Group: w.settings,
		MaxSessions: func() int { return 3 }, Logger: slog.New(slog.DiscardHandler)})
	w.publish(&metadata.TopicRecord{Name: "orders", TopicID: ordersID}, w.partition(0, 1, 0), w.partition(1, 1, 0))
	for i := range int32(2) {
		w.states.Initialize(w.key(i), 1, -1, func(error) {})
	}
	return w
}

func (w *world) key(partition int32) sharing.SharePartition {
	return sharing.SharePartition{Group: "workers", TopicID: ordersID, Partition: partition}
}

func (w *world) partition(i, leader, epoch int32) metadata.Record {
	return &metadata.PartitionRecord{TopicID: ordersID, PartitionID: i, Replicas: []int32{1}, ISR: []int32{1}, Leader: leader, LeaderEpoch: epoch, PartitionEpoch: epoch}
}

func (w *world) publish(records ...metadata.Record) {
	w.t.Helper()
	delta := metadata.NewDelta(w.image)
	for _, r := range records {
		if err := delta.Replay(r); err != nil {
			w.t.Fatal(err)
		}
	}
	first := w.image == metadata.Empty
	w.image = delta.Image(w.image.Offset+1, 1, 0)
	if first {
		delta = nil
	}
	if err := w.replicas.Publish(w.image, delta); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) settings(string) sharing.Group {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.group
}

func (w *world) set(change func(*sharing.Group)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.group)
}

func (w *world) stop() {
	w.node.Close()
	w.replicas.Close()
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
}

// produce appends one batch; a value "k=v" has the key k.
func (w *world) produce(partition int32, values ...string) {
	w.t.Helper()
	var records []record.Record
	for _, v := range values {
		key, value, keyed := bytes.Cut([]byte(v), []byte("="))
		r := record.Record{Value: []byte(v), Timestamp: time.Now().UnixMilli()}
		if keyed {
			r.Key, r.Value = key, value
		}
		records = append(records, r)
	}
	batch, err := record.AppendBatch(nil, record.NewSpec(), records)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.replicas.Leader(record.TopicPartition{Topic: "orders", Partition: partition}, -1)
	if err == nil {
		_, err = p.Append(batch, -1, storage.FromClient, false)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// got is the answer for one partition, as a person reads it.
type got struct {
	err      error
	acquired []acquire.Given
	offsets  []int64 // of the records in the answer that were acquired
}

// fetch asks for records of partitions and waits for the answer.
func (w *world) fetch(member string, most int, wait time.Duration, partitions ...int32) []got {
	w.t.Helper()
	return <-w.begin(member, most, wait, partitions...)
}

// begin asks for records.
func (w *world) begin(member string, most int, wait time.Duration, partitions ...int32) chan []got {
	return w.beginOf(member, most, 1, wait, partitions...)
}

// beginOf asks for records of so many bytes at least.
func (w *world) beginOf(member string, most, minBytes int, wait time.Duration, partitions ...int32) chan []got {
	answer := make(chan []got, 1)
	rq := sharing.FetchRequest{Group: "workers", Member: member, MaxRecords: most, BatchSize: most, MaxBytes: 1 << 20, MinBytes: minBytes, Deadline: time.Now().Add(wait)}
	for _, p := range partitions {
		rq.Parts = append(rq.Parts, topic(p))
	}
	w.node.Fetch(rq, func(fetched []sharing.Fetched) {
		var all []got
		for _, f := range fetched {
			all = append(all, got{f.Err, f.Acquired, w.offsets(f)})
		}
		answer <- all
	})
	return answer
}

// offsets reads the records of an answer that were acquired.
func (w *world) offsets(f sharing.Fetched) (offsets []int64) {
	for _, r := range f.Records {
		data := make([]byte, r.Len())
		if n, err := r.ReadAt(data, 0); n < len(data) {
			w.t.Errorf("range of %d bytes: %d, %v", len(data), n, err)
		}
		r.Release()
		for len(data) > 0 {
			batch, rest, err := record.Split(data)
			if err != nil {
				w.t.Fatal(err)
			}
			data = rest
			err = batch.Records(0, func(r *record.Record) bool {
				if slices.ContainsFunc(f.Acquired, func(g acquire.Given) bool { return g.First <= r.Offset && r.Offset <= g.Last }) {
					offsets = append(offsets, r.Offset)
				}
				return true
			})
			if err != nil && !errors.Is(err, io.EOF) {
				w.t.Fatal(err)
			}
		}
	}
	return offsets
}

// acknowledge says something of records of partition 0 and waits for the outcome.
func (w *world) acknowledge(member string, first, last int64, kind int8) error {
	answer := make(chan error, 1)
	w.node.Acknowledge("workers", member, []sharing.Acknowledgements{{Topic: topic(0), List: []acquire.Acknowledgement{{First: first, Last: last, Types: []int8{kind}}}}},
		func(results []sharing.Acknowledged) { answer <- results[0].Err })
	return <-answer
}

func want(t *testing.T, g []got, acquired string) {
	t.Helper()
	text := ""
	for i, one := range g {
		if one.err != nil {
			text += fmt.Sprint(one.err)
		}
		for _, a := range one.acquired {
			text += fmt.Sprintf("p%d %d-%d x%d;", i, a.First, a.Last, a.DeliveryCount)
		}
	}
	if text != acquired {
		t.Errorf("acquired %q, want %q", text, acquired)
	}
}

func TestRecordsGoToOneMemberEach(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "a", "b", "c")
		w.produce(0, "d", "e")
		first := w.fetch("m1", 3, 0, 0)
		want(t, first, "p0 0-2 x1;")
		if !slices.Equal(first[0].offsets, []int64{0, 1, 2}) {
			t.Errorf("records %v", first[0].offsets)
		}
		want(t, w.fetch("m2", 10, 0, 0), "p0 3-4 x1;")
		want(t, w.fetch("m3", 10, 0, 0), "")
		if err := w.acknowledge("m2", 0, 0, acquire.Accept); !errors.Is(err, kerr.InvalidRecordState) {
			t.Errorf("another's record: %v", err)
		}
		if err := w.acknowledge("m1", 0, 2, acquire.Accept); err != nil {
			t.Error(err)
		}
		if d, _ := w.states.State(w.key(0)); d.StartOffset != 3 || len(d.Batches) != 0 {
			t.Errorf("durable %+v", d)
		}
	})
}

func TestAFetchWaitsForRecordsOfAnyPartition(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		answer := w.begin("m1", 10, time.Minute, 0, 1)
		synctest.Wait()
		w.produce(1, "late")
		want(t, <-answer, "p1 0-0 x1;")
		began := time.Now()
		want(t, w.fetch("m1", 10, time.Second, 0, 1), "")
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestAReleasedRecordGoesToWhoeverWaits(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "a", "b")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-1 x1;")
		answer := w.begin("m2", 10, time.Minute, 0)
		synctest.Wait()
		if err := w.acknowledge("m1", 1, 1, acquire.Giving); err != nil {
			t.Error(err)
		}
		want(t, <-answer, "p0 1-1 x2;")
	})
}

func TestALockThatTimesOutGoesToWhoeverWaits(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "a")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-0 x1;")
		began := time.Now()
		want(t, w.fetch("m2", 10, time.Minute, 0), "p0 0-0 x2;")
		if waited := time.Since(began); waited != 30*time.Second {
			t.Errorf("waited %v", waited)
		}
		if err := w.acknowledge("m1", 0, 0, acquire.Accept); !errors.Is(err, kerr.InvalidRecordState) {
			t.Errorf("whose lock has ended: %v", err)
		}
	})
}

func TestAReleasedRecordWaitsAsLongAsTheGroupSays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.set(func(g *sharing.Group) {
			g.Backoff = acquire.Backoff{First: time.Second, Factor: 3, Max: 5 * time.Second}
		})
		w.produce(0, "a")
		for i, wait := range []time.Duration{0, time.Second, 3 * time.Second, 5 * time.Second} {
			began := time.Now()
			want(t, w.fetch("m1", 10, time.Minute, 0), fmt.Sprintf("p0 0-0 x%d;", i+1))
			if waited := time.Since(began); waited != wait {
				t.Errorf("try %d came after %v, want %v", i+1, waited, wait)
			}
			if err := w.acknowledge("m1", 0, 0, acquire.Giving); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestKeysStayInOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.set(func(g *sharing.Group) { g.ByKey = true })
		w.produce(0, "x=1", "x=2", "y=1", "none", "x=3")
		want(t, w.fetch("m1", 1, 0, 0), "p0 0-0 x1;")
		want(t, w.fetch("m2", 10, 0, 0), "p0 2-3 x1;")
		want(t, w.fetch("m3", 10, 0, 0), "")
		answer := w.begin("m3", 10, time.Minute, 0)
		synctest.Wait()
		if err := w.acknowledge("m1", 0, 0, acquire.Accept); err != nil {
			t.Error(err)
		}
		want(t, <-answer, "p0 1-1 x1;")
		if err := w.acknowledge("m3", 1, 1, acquire.Giving); err != nil {
			t.Error(err)
		}
		want(t, w.fetch("m2", 10, 0, 0), "p0 1-1 x2;")
	})
}

func TestKeysAreSharedOutAmongMembers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.set(func(g *sharing.Group) { g.ByKey = true })
		for _, m := range []string{"m1", "m2", "m3"} {
			if _, _, err := w.node.Open("workers", m, 0, []sharing.Topic{topic(0)}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		w.produce(0, "a=1", "b=1", "c=1", "d=1", "e=1", "f=1", "a=2", "b=2")
		want(t, w.fetch("m1", 500, 0, 0), "p0 0-1 x1;")
		want(t, w.fetch("m2", 500, 0, 0), "p0 2-3 x1;")
		want(t, w.fetch("m3", 500, 0, 0), "p0 4-5 x1;")
		want(t, w.fetch("m3", 500, 0, 0), "")
	})
}

func TestANewLeaderGoesOnWhereTheLastOneStood(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "a", "b", "c", "d")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-3 x1;")
		if err := errors.Join(w.acknowledge("m1", 1, 1, acquire.Accept), w.acknowledge("m1", 2, 2, acquire.Giving)); err != nil {
			t.Error(err)
		}
		answer := w.begin("m2", 10, time.Minute, 0)
		synctest.Wait()
		want(t, <-answer, "p0 2-2 x2;")
		w.publish(w.partition(0, 1, 1)) // led again, at another epoch
		want(t, w.fetch("m3", 10, 0, 0), "p0 0-0 x1;p0 2-2 x2;p0 3-3 x1;")
	})
}

func TestAWriteThatFailsLeavesTheRecordsLocked(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "a")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-0 x1;")
		w.states.Fail(func(op string) error {
			if op == "write" {
				return kerr.CoordinatorNotAvailable
			}
			return nil
		})
		if err := w.acknowledge("m1", 0, 0, acquire.Accept); !errors.Is(err, kerr.CoordinatorNotAvailable) {
			t.Errorf("acknowledged: %v", err)
		}
		w.states.Fail(nil)
		if err := w.acknowledge("m1", 0, 0, acquire.Accept); err != nil {
			t.Errorf("acknowledged again: %v", err)
		}
	})
}

func TestAFencedLeaderStops(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "a")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-0 x1;")
		w.states.Fail(func(op string) error { return kerr.FencedLeaderEpoch })
		if err := w.acknowledge("m1", 0, 0, acquire.Accept); !errors.Is(err, kerr.FencedLeaderEpoch) {
			t.Errorf("acknowledged: %v", err)
		}
		if n := w.node.Loaded(); n != 0 {
			t.Errorf("%d share partitions are loaded", n)
		}
	})
}

func TestWritesShareWhatComesMeanwhile(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.produce(0, "a", "b", "c", "d")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-3 x1;")
		writes := 0
		w.states.Fail(func(op string) error {
			if op == "write" {
				writes++
			}
			return nil
		})
		w.states.Hold()
		outcome := make(chan error, 4)
		for i := range int64(4) {
			go func() { outcome <- w.acknowledge("m1", i, i, acquire.Accept) }()
			synctest.Wait()
		}
		w.states.Release()
		for range 4 {
			if err := <-outcome; err != nil {
				t.Error(err)
			}
		}
		if writes != 2 {
			t.Errorf("%d writes, want one and one for all that came meanwhile", writes)
		}
	})
}

func TestSessions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		gone, leave := context.WithCancel(context.Background())
		open := func(member string, epoch int32) error {
			_, _, err := w.node.Open("workers", member, epoch, []sharing.Topic{topic(0)}, nil, gone)
			return err
		}
		for _, step := range []struct {
			member string
			epoch  int32
			want   error
		}{{"m1", 1, kerr.ShareSessionNotFound}, {"m1", 0, nil}, {"m1", 1, nil}, {"m1", 1, kerr.InvalidShareSessionEpoch}, {"m1", 2, nil},
			{"m2", 0, nil}, {"m3", 0, nil}, {"m4", 0, kerr.ShareSessionLimitReached}, {"m1", 0, nil}, {"m1", 1, nil}} {
			if err := open(step.member, step.epoch); !errors.Is(err, step.want) {
				t.Errorf("%s at epoch %d: %v, want %v", step.member, step.epoch, err, step.want)
			}
		}
		w.produce(0, "a", "b")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-1 x1;")
		leave()
		synctest.Wait()
		if sessions, partitions := w.node.Sessions(); sessions != 0 || partitions != 0 {
			t.Errorf("%d sessions of %d partitions are left", sessions, partitions)
		}
		want(t, w.fetch("m5", 10, 0, 0), "p0 0-1 x2;")
	})
}

func TestClosingASessionGivesBackWhatItHolds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if _, _, err := w.node.Open("workers", "m1", 0, []sharing.Topic{topic(0)}, nil, t.Context()); err != nil {
			t.Fatal(err)
		}
		w.produce(0, "a")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-0 x1;")
		w.node.CloseSession("workers", "m1", func(_ []sharing.Acknowledged, err error) {
			if err != nil {
				t.Error(err)
			}
		})
		want(t, w.fetch("m2", 10, 0, 0), "p0 0-0 x2;") // as in Kafka since 4.2: what makes an application stop again and again is given up in the end
	})
}

func TestABrokenConnectionGivesBackWhatItHeld(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		connection, broken := context.WithCancel(t.Context())
		if _, _, err := w.node.Open("workers", "m1", 0, []sharing.Topic{topic(0)}, nil, connection); err != nil {
			t.Fatal(err)
		}
		w.produce(0, "a")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-0 x1;")
		broken()
		synctest.Wait()
		want(t, w.fetch("m2", 10, 0, 0), "p0 0-0 x2;")
	})
}

func TestWhatNobodyUsesIsUnloaded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if _, _, err := w.node.Open("workers", "m1", 0, []sharing.Topic{topic(0), topic(1)}, nil, t.Context()); err != nil {
			t.Fatal(err)
		}
		w.produce(0, "a")
		w.produce(1, "b")
		want(t, w.fetch("m1", 10, 0, 0, 1), "p0 0-0 x1;p1 0-0 x1;")
		if err := w.acknowledge("m1", 0, 0, acquire.Accept); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if n := w.node.Loaded(); n != 0 {
			t.Errorf("%d share partitions are loaded that nobody used for 20 minutes, and whose locks have ended", n)
		}
		want(t, w.fetch("m1", 10, 0, 0, 1), "p1 0-0 x2;")
	})
}

func TestAGroupWithoutSessionsIsUnloaded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if _, _, err := w.node.Open("workers", "m1", 0, []sharing.Topic{topic(0)}, nil, t.Context()); err != nil {
			t.Fatal(err)
		}
		w.produce(0, "a", "b", "c")
		want(t, w.fetch("m1", 10, 0, 0), "p0 0-2 x1;")
		w.node.CloseSession("workers", "m1", func([]sharing.Acknowledged, error) {})
		synctest.Wait()
		if n := w.node.Loaded(); n != 0 {
			t.Errorf("%d share partitions of a group without sessions are loaded", n)
		}
		w.states.Initialize(w.key(0), 2, 2, func(error) {}) // as an administrator who sets the group's offset
		want(t, w.fetch("m1", 10, 0, 0), "p0 2-2 x1;")
	})
}

// Whoever cannot be reached any more, and whose connection nobody sees end, holds what it has until its locks end. Then another one gets all of it.
func TestAThousandLocksOfASilentMemberGoToAnotherWhenTheyEnd(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const records, batch = 1000, 10
		for i := range records / batch {
			values := make([]string, batch)
			for j := range values {
				values[j] = fmt.Sprint(i*batch + j)
			}
			w.produce(0, values...)
		}
		taken := func(member string) (offsets []int64, counts []int16) {
			for {
				all := w.fetch(member, records, 0, 0)
				if len(all) == 0 || len(all[0].offsets) == 0 {
					return offsets, counts
				}
				offsets = append(offsets, all[0].offsets...)
				for _, a := range all[0].acquired {
					counts = append(counts, slices.Repeat([]int16{a.DeliveryCount}, int(a.Last-a.First+1))...)
				}
			}
		}
		if first, _ := taken("m1"); len(first) != records {
			t.Fatalf("the first member got %d of %d records", len(first), records)
		}
		time.Sleep(29 * time.Second)
		if early, _ := taken("m2"); len(early) != 0 {
			t.Fatalf("%d records were given to another before their locks ended", len(early))
		}
		time.Sleep(time.Second + time.Millisecond)
		offsets, counts := taken("m2")
		if len(offsets) != records {
			t.Fatalf("the other member got %d of %d records", len(offsets), records)
		}
		for i, o := range offsets {
			if o != int64(i) || counts[i] != 2 {
				t.Fatalf("record %d is offset %d, delivered for time %d; want them in order, for time 2", i, o, counts[i])
			}
		}
	})
}
