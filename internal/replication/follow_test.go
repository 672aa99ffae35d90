package replication

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/wire"
)

// followingWorld is a node that follows node 2 in orders-0 at epoch 0.
func followingWorld(t *testing.T) (*world, *Partition) {
	w := newWorld(t)
	w.publish(topic("orders", 1, 1, 2, self)...)
	p, err := w.node.Replica(record.TopicPartition{Topic: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	return w, p
}

// fromLeader is an answer with n records in one batch at an offset.
func fromLeader(offset int64, epoch int32, n int) *wire.FetchedPartition {
	b := record.Batch(batch(n))
	b.SetBaseOffset(offset)
	b.SetLeaderEpoch(epoch)
	return &wire.FetchedPartition{Records: b, DivergingEpoch: -1}
}

func (w *world) take(p *Partition, part *wire.FetchedPartition) position {
	w.t.Helper()
	at, err := p.takeFetched(0, p.ends(), part)
	if err != nil {
		w.t.Fatal(err)
	}
	return at
}

func TestAFollowerTakesOverRecordsAndMarks(t *testing.T) {
	w, p := followingWorld(t)
	defer w.stop()
	part := fromLeader(0, 0, 3)
	part.HighWatermark = 9
	if at := w.take(p, part); at != (position{3, 0, 0}) || p.log.Offsets().HighWatermark != 3 {
		t.Errorf("%+v, %+v", at, p.log.Offsets())
	}
	older := &wire.FetchedPartition{HighWatermark: 1, LogStartOffset: 2, DivergingEpoch: -1}
	if at := w.take(p, older); at != (position{3, 0, 2}) || p.log.Offsets() != (storage.Offsets{LogStart: 2, HighWatermark: 3, LastStable: 3, LogEnd: 3}) {
		t.Errorf("%+v, %+v", at, p.log.Offsets())
	}
	if _, err := p.takeFetched(0, p.ends(), fromLeader(1, 0, 1)); err == nil || p.log.Offsets().LogEnd != 3 {
		t.Errorf("records that are there already: %v, %+v", err, p.log.Offsets())
	}
}

func TestAFollowerBeginsWithTheBatchInWhichTheLeadersLogStarts(t *testing.T) {
	w, p := followingWorld(t)
	defer w.stop()
	if err := p.restart(0, 40); err != nil {
		t.Fatal(err)
	}
	part := fromLeader(38, 0, 5)
	part.HighWatermark, part.LogStartOffset = 43, 40
	if at := w.take(p, part); at != (position{43, 0, 40}) {
		t.Errorf("%+v", at)
	}
	if o := p.log.Offsets(); o != (storage.Offsets{LogStart: 40, HighWatermark: 43, LastStable: 43, LogEnd: 43}) {
		t.Errorf("%+v", o)
	}
	if err := p.restart(0, 60); err != nil {
		t.Fatal(err)
	}
	if _, err := p.takeFetched(0, p.ends(), fromLeader(50, 0, 5)); !errors.Is(err, storage.ErrOffsetOutOfRange) || p.log.Offsets().LogEnd != 60 {
		t.Errorf("a batch that ends before the log: %v, %+v", err, p.log.Offsets())
	}
}

func TestAFollowerWritesNothingForALeaderThatIsGone(t *testing.T) {
	w, p := followingWorld(t)
	defer w.stop()
	w.publish(&metadata.PartitionChangeRecord{TopicID: ordersID, Leader: self, LeaderRecoveryState: -1})
	if _, err := p.takeFetched(0, position{}, fromLeader(0, 0, 1)); !errors.Is(err, errNotFollower) {
		t.Errorf("as leader: %v", err)
	}
	w.publish(&metadata.PartitionChangeRecord{TopicID: ordersID, Leader: 2, LeaderRecoveryState: -1})
	if _, err := p.takeFetched(0, position{}, fromLeader(0, 0, 1)); !errors.Is(err, errNotFollower) {
		t.Errorf("at a later epoch: %v", err)
	}
	if o := p.log.Offsets(); o.LogEnd != 0 {
		t.Errorf("%+v", o)
	}
}

func TestAFollowerTruncatesWhereTheEpochsSay(t *testing.T) {
	w, p := followingWorld(t)
	defer w.stop()
	w.take(p, fromLeader(0, 0, 3))
	if _, err := p.takeFetched(0, p.ends(), fromLeader(3, 2, 3)); err != nil {
		t.Fatal(err)
	}
	if at := w.take(p, &wire.FetchedPartition{DivergingEpoch: 1, DivergingEndOffset: 5}); at != (position{3, 0, 0}) {
		t.Errorf("%+v: epoch 1 was never here, so that only what is older stays", at)
	}
	if at := w.take(p, &wire.FetchedPartition{DivergingEpoch: 0, DivergingEndOffset: 2}); at != (position{0, -1, 0}) { // within a batch: all of it goes
		t.Errorf("%+v", at)
	}
	if _, err := p.takeFetched(0, p.ends(), &wire.FetchedPartition{DivergingEpoch: 0, DivergingEndOffset: 7}); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("a divergence behind the end: %v", err)
	}
}

func TestAFollowerForgetsAnEpochInWhichItWroteNothing(t *testing.T) {
	w, p := followingWorld(t)
	defer w.stop()
	w.take(p, fromLeader(0, 0, 3))
	w.publish(&metadata.PartitionChangeRecord{TopicID: ordersID, Leader: self, LeaderRecoveryState: -1})
	w.publish(&metadata.PartitionChangeRecord{TopicID: ordersID, Leader: 2, LeaderRecoveryState: -1})
	at, err := p.beginFollowing(2)
	if err != nil || at != (position{3, 0, 0}) {
		t.Fatalf("%+v, %v", at, err)
	}
	if _, err := p.takeFetched(2, at, fromLeader(3, 0, 1)); err != nil {
		t.Fatal(err)
	}
	if at := p.ends(); at != (position{4, 0, 0}) {
		t.Errorf("%+v", at)
	}
}

func TestAFollowerLeavesTheLastRoomToWhatMustGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, fs: fs.NewMem(), image: metadata.Empty, settings: func() storage.Settings {
			s := testSettings()
			s.DiskHardFree = 900_000
			return s
		}}
		w.start()
		defer w.stop()
		w.publish(topic("orders", 1, 1, 2, self)...)
		p, err := w.node.Replica(record.TopicPartition{Topic: "orders"})
		if err != nil {
			t.Fatal(err)
		}
		w.take(p, fromLeader(0, 0, 1))
		w.fs.(*fs.Mem).SetCapacity(500_000)
		time.Sleep(5 * time.Second) // the guard looks every second
		if _, err := p.takeFetched(0, p.ends(), fromLeader(1, 0, 1)); !errors.Is(err, storage.ErrNoRoom) {
			t.Fatalf("%v", err)
		}
		if o := p.log.Offsets(); o.LogEnd != 1 {
			t.Errorf("%+v", o)
		}
		if _, err := p.takeFetched(0, p.ends(), &wire.FetchedPartition{HighWatermark: 1, DivergingEpoch: -1}); err != nil || p.log.Offsets().HighWatermark != 1 {
			t.Errorf("an answer without records: %v", err)
		}
		if p.failure() != nil {
			t.Errorf("out of service: %v", p.failure())
		}
		w.fs.(*fs.Mem).SetCapacity(5_000_000)
		time.Sleep(5 * time.Second)
		w.take(p, fromLeader(1, 0, 1))
	})
}
