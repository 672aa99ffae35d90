package replication

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication/progress"
	"leat/internal/storage"
)

// outcome waits until an append is committed, or tells why it will not be.
func outcome(p *Partition, info storage.AppendInfo) error {
	ended := make(chan error, 1)
	p.WhenCommitted(info.LastOffset+1, time.Time{}, func(err error) { ended <- err })
	return <-ended
}

// syncedWorld has a topic whose appends wait for the disk, and syncs of its segments that wait for whoever sends on gate: nil to
// let one through, an error to fail it.
func syncedWorld(t *testing.T, replicas ...int32) (w *world, p *Partition, gate chan error) {
	w = newWorld(t)
	w.publish(append(topic("orders", 1, 1, replicas...), &metadata.ConfigRecord{
		ResourceType: int8(metadata.TopicResource), ResourceName: "orders", Name: "flush.messages", Value: new("1"),
	})...)
	p = w.leader("orders", 0)
	gate = make(chan error)
	w.fs.(*fs.Mem).InjectFreely(func(op fs.Op, name string) error {
		if op == fs.OpSync && strings.HasSuffix(name, ".log") && strings.Contains(name, "orders") {
			return <-gate
		}
		return nil
	})
	return w, p, gate
}

// release lets all syncs through, and ends the world.
func (w *world) release(gate chan error) {
	w.fs.(*fs.Mem).Inject(nil)
	close(gate)
	w.stop()
}

func TestAnUnsyncedAppendIsNeitherCommittedNorAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, gate := syncedWorld(t, self)
		defer w.release(gate)
		var ended []string
		wait := func(name string) func(error) {
			return func(err error) {
				if err != nil {
					name += " " + err.Error()
				}
				ended = append(ended, name)
			}
		}
		check := func(want string, highWatermark int64) {
			t.Helper()
			synctest.Wait()
			slices.Sort(ended)
			if got := strings.Join(ended, ", "); got != want || p.Log().Offsets().HighWatermark != highWatermark {
				t.Fatalf("ended: %q, high watermark %d; want %q, %d", got, p.Log().Offsets().HighWatermark, want, highWatermark)
			}
		}
		first := w.append(p, 2)
		if !first.SyncDue {
			t.Fatalf("%+v: no sync is due", first)
		}
		p.WhenSynced(first.LastOffset+1, wait("one, acks=1"))
		p.WhenCommitted(first.LastOffset+1, time.Time{}, wait("one, acks=-1"))
		check("", 0)
		second := w.append(p, 1)
		p.WhenSynced(second.LastOffset+1, wait("two"))
		third := w.append(p, 1)
		p.WhenSynced(third.LastOffset+1, wait("three"))
		check("", 0)
		gate <- nil
		check("one, acks=-1, one, acks=1", 2)
		gate <- nil // both share a sync
		check("one, acks=-1, one, acks=1, three, two", 4)
		p.WhenSynced(third.LastOffset+1, wait("zero"))
		check("one, acks=-1, one, acks=1, three, two, zero", 4)
	})
}

func TestAFailedSyncEndsTheWaitsAndTakesTheDirectoryOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, gate := syncedWorld(t, self)
		defer w.release(gate)
		info := w.append(p, 1)
		ended := make(chan error, 2)
		p.WhenSynced(info.LastOffset+1, func(err error) { ended <- err })
		p.WhenCommitted(info.LastOffset+1, time.Time{}, func(err error) { ended <- err })
		gate <- syscall.EIO
		for range 2 {
			if err := <-ended; !errors.Is(err, syscall.EIO) || !errors.Is(err, storage.ErrDisk) {
				t.Errorf("told %v", err)
			}
		}
		synctest.Wait()
		if o := p.Log().Offsets(); o.HighWatermark != 0 {
			t.Errorf("the high watermark is %d", o.HighWatermark)
		}
		if _, err := w.node.Leader(p.TopicPartition(), -1); !errors.Is(err, storage.ErrDisk) {
			t.Errorf("the partition serves on: %v", err)
		}
	})
}

// A follower may have read what its leader has not synced; its position counts when the leader's does.
func TestAFollowerAheadOfTheLeadersSyncCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, gate := syncedWorld(t, self, 2)
		defer w.release(gate)
		w.append(p, 3)
		p.mu.Lock()
		moved, known := p.progress.Fetched(progress.Fetch{Replica: 2, Offset: 3, At: time.Now()})
		p.mu.Unlock()
		if moved || !known {
			t.Fatalf("moved %v, known %v", moved, known)
		}
		gate <- nil
		synctest.Wait()
		if hw := p.Log().Offsets().HighWatermark; hw != 3 {
			t.Errorf("high watermark %d, want 3", hw)
		}
	})
}

// Leadership that begins anew while a sync is under way does not make its records count.
func TestANewEpochDoesNotCommitWhatIsNotSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p, gate := syncedWorld(t, self)
		defer w.release(gate)
		w.append(p, 3)
		synctest.Wait()
		epoch := int32(1)
		w.publish(&metadata.PartitionChangeRecord{TopicID: record.UUID{0: 0xee, 15: 1}, Leader: self, ISR: []int32{self}})
		if p.LeaderEpoch() != epoch {
			t.Fatalf("leader epoch %d", p.LeaderEpoch())
		}
		if hw := p.Log().Offsets().HighWatermark; hw != 0 {
			t.Fatalf("high watermark %d before the sync", hw)
		}
		gate <- nil
		synctest.Wait()
		if hw := p.Log().Offsets().HighWatermark; hw != 3 {
			select {
			case gate <- nil: // the new epoch asked for one of its own
			default:
			}
			synctest.Wait()
		}
		if hw := p.Log().Offsets().HighWatermark; hw != 3 {
			t.Errorf("high watermark %d, want 3", hw)
		}
	})
}
