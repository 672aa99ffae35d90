package replication

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication/progress"
	"leat/internal/storage"
)

// twoDirs is a node with two log directories that leads orders-0, which lies in the first.
func twoDirs(t *testing.T, rate func() int64) *world {
	w := &world{t: t, fs: fs.NewMem(), image: metadata.Empty, dirs: []string{"/a", "/b"}, moveRate: rate}
	w.start()
	w.publish(topic("orders", 1, 1, self)...)
	if path := w.leader("orders", 0).Log().Path(); path != "/a/orders-0" {
		t.Fatalf("it lies in %s", path)
	}
	return w
}

// content is the bytes of a log.
func content(t *testing.T, l *storage.Log) []byte {
	t.Helper()
	var all []byte
	for at := l.Offsets().LogStart; at < l.Offsets().LogEnd; {
		s, err := l.Read(at, 1<<20, storage.ReadLogEnd, true)
		if err != nil || s.Len() == 0 {
			t.Fatalf("offset %d: %d bytes, %v", at, s.Len(), err)
		}
		b := make([]byte, s.Len())
		_, _ = s.ReadAt(b, 0)
		all, at = append(all, b...), s.NextOffset
		s.Release()
	}
	return all
}

// names are the directories in a log directory that are about orders-0.
func (w *world) names(dir string) (names []string) {
	entries, err := w.fs.ReadDir(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "orders-0") {
			names = append(names, strings.TrimLeft(strings.TrimPrefix(e.Name(), "orders-0"), ".0123456789abcdef"))
		}
	}
	return names
}

func TestAReplicaMovesWhileItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := twoDirs(t, nil)
		p := w.leader("orders", 0)
		for range 50 {
			w.append(p, 3)
		}
		waited := make(chan struct{})
		w.node.WaitFor([]WaitPart{{p, 150, storage.ReadUncommitted, false}}, 1<<20, time.Now().Add(time.Hour), func() { close(waited) })
		if err := w.node.MoveTo(ordersZero, "/b"); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, err := p.Append(batch(1), -1, storage.FromClient, true); err != nil && !errors.Is(err, ErrNotLeader) {
				t.Fatal(err)
			}
		}
		<-waited // who waits is told to look again
		synctest.Wait()
		if _, err := p.Append(batch(1), -1, storage.FromClient, true); !errors.Is(err, ErrNotLeader) {
			t.Errorf("append to what has gone: %v", err)
		}
		moved := w.leader("orders", 0)
		if path := moved.Log().Path(); path != "/b/orders-0" || moved == p {
			t.Errorf("it lies in %s", path)
		}
		end := moved.Log().Offsets().LogEnd
		if end < 150 || moved.Log().Offsets().HighWatermark != end {
			t.Errorf("%+v", moved.Log().Offsets())
		}
		if info := w.append(moved, 2); info.BaseOffset != end {
			t.Errorf("the next record got offset %d, want %d", info.BaseOffset, end)
		}
		if got := strings.Join(append(append(w.names("/a"), "|"), w.names("/b")...), " "); got != "-delete | " {
			t.Errorf("directories: %q", got)
		}
		if got := strings.Join(w.led, " ") + " " + strings.Join(w.moved, " "); got != "orders-0@0+ orders-0@0- orders-0@0+ orders-0" {
			t.Errorf("told %s", got)
		}
		want := content(t, moved.Log())
		w.stop()
		w.start()
		defer w.stop()
		if err := w.node.Publish(w.image, nil); err != nil {
			t.Fatal(err)
		}
		again := w.leader("orders", 0).Log()
		if again.Path() != "/b/orders-0" || !bytes.Equal(content(t, again), want) {
			t.Errorf("after a restart: %s", again.Path())
		}
	})
}

func TestAMoveGoesOnAfterARestartAndCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rate atomic.Int64
		rate.Store(100_000)
		w := twoDirs(t, rate.Load)
		p := w.leader("orders", 0)
		for range 300 {
			w.append(p, 500) // some 2 MB
		}
		want := content(t, p.Log())
		if err := w.node.MoveTo(ordersZero, "/b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // the first turn took more than what was saved: nothing more for some time
		f, ok := w.store.Future(ordersZero)
		if !ok || f.Offsets().LogEnd == 0 || f.Offsets().LogEnd >= p.Log().Offsets().LogEnd {
			t.Fatalf("it moves: %v, %+v of %+v", ok, f.Offsets(), p.Log().Offsets())
		}
		copied := f.Offsets().LogEnd
		if err := w.node.MoveTo(ordersZero, "/b"); err != nil {
			t.Errorf("the same again: %v", err)
		}
		w.stop()
		w.start()
		if err := w.node.Publish(w.image, nil); err != nil {
			t.Fatal(err)
		}
		if f, ok := w.store.Future(ordersZero); !ok || f.Offsets().LogEnd < copied {
			t.Fatalf("after a restart it moves: %v", ok)
		}
		if err := w.node.MoveTo(ordersZero, "/a"); err != nil {
			t.Fatal(err)
		}
		if _, ok := w.store.Future(ordersZero); ok {
			t.Error("it still moves")
		}
		rate.Store(unthrottled)
		if err := w.node.MoveTo(ordersZero, "/b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if l := w.leader("orders", 0).Log(); l.Path() != "/b/orders-0" || !bytes.Equal(content(t, l), want) {
			t.Errorf("it lies in %s", l.Path())
		}
		rate.Store(1)
		if err := w.node.MoveTo(ordersZero, "/a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.publish(&metadata.RemoveTopicRecord{TopicID: ordersID})
		if got := strings.Join(append(w.names("/a"), w.names("/b")...), " "); strings.Contains(got, "future") || len(w.store.Futures()) > 0 {
			t.Errorf("after the topic was deleted: %s", got)
		}
		w.stop()
	})
}

func TestMovesThatCannotBeAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := twoDirs(t, nil)
		defer w.stop()
		if err := w.node.MoveTo(record.TopicPartition{Topic: "orders", Partition: 7}, "/b"); !errors.Is(err, ErrNoReplica) {
			t.Errorf("no replica: %v", err)
		}
		if err := w.node.MoveTo(ordersZero, "/c"); !errors.Is(err, ErrNoDir) {
			t.Errorf("no directory: %v", err)
		}
		if err := w.node.MoveTo(ordersZero, "/a"); err != nil || len(w.store.Futures()) > 0 {
			t.Errorf("where it lies: %v", err)
		}
	})
}

// A copy that parts from the log, because the log was truncated and written differently, is cut where they part.
func TestACopyFollowsTruncations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := twoDirs(t, func() int64 { return 0 }) // the test makes the turns
		defer w.stop()
		p := w.leader("orders", 0)
		for range 4 {
			w.append(p, 5)
		}
		dirs := w.store.Dirs()
		f, err := w.store.CreateFuture(ordersZero, dirs[1].ID)
		if err != nil {
			t.Fatal(err)
		}
		for {
			n, err := p.copyTo(f)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		if f.Offsets() != p.log.Offsets() {
			t.Fatalf("%+v, want %+v", f.Offsets(), p.log.Offsets())
		}
		if err := p.log.TruncateTo(10); err != nil {
			t.Fatal(err)
		}
		if err := p.log.AssignEpoch(3); err != nil {
			t.Fatal(err)
		}
		if _, err := p.log.AppendFetched(fromLeader(10, 3, 12).Records); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := p.copyTo(f); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(content(t, f), content(t, p.log)) {
			t.Errorf("%+v, want %+v", f.Offsets(), p.log.Offsets())
		}
		if err := p.log.TruncateFullyAndStartAt(1000); err != nil {
			t.Fatal(err)
		}
		if _, err := p.copyTo(f); err != nil || f.Offsets().LogStart != 1000 || f.Offsets().LogEnd != 1000 {
			t.Errorf("%+v, %v", f.Offsets(), err)
		}
	})
}

// An in-sync set that the leader asked for or was granted holds after a move of its log as well, before the image says so: the controller may elect any of it.
func TestAMoveForgetsNoInSyncReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, fs: fs.NewMem(), image: metadata.Empty, dirs: []string{"/a", "/b"}, moveRate: func() int64 { return 0 }}
		w.start()
		defer w.stop()
		w.publish(topic("orders", 1, 1, self, 2, 3)...)
		p := w.leader("orders", 0)
		w.publish(&metadata.PartitionChangeRecord{TopicID: p.topicID, ISR: []int32{self, 2}, Leader: metadata.NoLeaderChange, LeaderRecoveryState: -1})
		info := w.append(p, 1)
		w.fetched(p, 2, info.LogEnd)
		w.fetched(p, 3, info.LogEnd)
		p.mu.Lock()
		proposal := p.progress.Expand(3, true)
		p.mu.Unlock()
		if proposal == nil {
			t.Fatal("nothing is proposed")
		}
		f, err := w.store.CreateFuture(ordersZero, w.store.Dirs()[1].ID)
		if err != nil {
			t.Fatal(err)
		}
		stays := func(when string) {
			t.Helper()
			for range 5 {
				w.node.moves.turn(f)
			}
			now := w.leader("orders", 0)
			info := w.append(now, 1)
			w.fetched(now, 2, info.LogEnd)
			if done, err := now.Committed(info.LogEnd); done || err != nil {
				t.Errorf("%s: committed without replica 3: %v, %v", when, done, err)
			}
			w.fetched(now, 3, info.LogEnd)
		}
		stays("proposed")
		if outcome := p.answered(proposal, progress.Answer{PartitionEpoch: proposal.PartitionEpoch + 1, ISR: []int32{self, 2, 3}}); outcome != progress.Taken {
			t.Fatal(outcome)
		}
		stays("granted")
		w.publish(&metadata.PartitionChangeRecord{TopicID: p.topicID, ISR: []int32{self, 2, 3}, Leader: metadata.NoLeaderChange, LeaderRecoveryState: -1})
		stays("published")
		if path := w.leader("orders", 0).Log().Path(); path != "/b/orders-0" {
			t.Errorf("it lies in %s", path)
		}
	})
}

// Into a log to which something is appended all the time a move comes to its end as well.
func TestAMoveOfABusyLogEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := twoDirs(t, func() int64 { return 0 }) // the test makes the turns
		defer w.stop()
		f, err := w.store.CreateFuture(ordersZero, w.store.Dirs()[1].ID)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			w.append(w.leader("orders", 0), 1)
			w.node.moves.turn(f)
		}
		if l := w.leader("orders", 0).Log(); l.Path() != "/b/orders-0" || l.Offsets().LogEnd != 5 {
			t.Errorf("it lies in %s and ends at %d", l.Path(), l.Offsets().LogEnd)
		}
	})
}

// A follower that was emptied and begins further back than before has a copy that does so, too.
func TestACopyBeginsWhereTheLogBeginsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := twoDirs(t, func() int64 { return 0 })
		defer w.stop()
		p := w.leader("orders", 0)
		f, err := w.store.CreateFuture(ordersZero, w.store.Dirs()[1].ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, start := range []int64{1000, 990} {
			if err := p.log.TruncateFullyAndStartAt(start); err != nil {
				t.Fatal(err)
			}
			if _, err := p.log.AppendFetched(fromLeader(start, 3, int(1010-start)).Records); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := p.copyTo(f); err != nil {
					t.Fatal(err)
				}
			}
		}
		if f.Offsets().LogStart != 990 || !bytes.Equal(content(t, f), content(t, p.log)) {
			t.Errorf("%+v, want %+v", f.Offsets(), p.log.Offsets())
		}
	})
}
