package replication

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

func TestPublishOpensLogsAndLeads(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 2, self)...)
	p := w.leader("orders", 1)
	if info := w.append(p, 3); info.BaseOffset != 0 || info.LogEnd != 3 {
		t.Fatalf("append %+v", info)
	}
	if o := p.Log().Offsets(); o.HighWatermark != 3 || o.LogEnd != 3 {
		t.Fatalf("offsets %+v", o)
	}
	if diff := cmp.Diff([]string{"orders-0@0+", "orders-1@0+"}, w.led); diff != "" {
		t.Fatal(diff)
	}
	if got := w.node.Count(); got != (Counts{Partitions: 2, Leaders: 2}) {
		t.Fatalf("counts %+v", got)
	}
}

func TestLeaderRefusesWithTheRightKind(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(append(topic("orders", 1, 1, self), topic("elsewhere", 2, 1, 7)...)...)
	w.publish(&metadata.PartitionChangeRecord{TopicID: record.UUID{0: 0xee, 15: 1}, Leader: self, LeaderRecoveryState: -1})
	for _, c := range []struct {
		topic     string
		partition int32
		epoch     int32
		want      error
	}{
		{"orders", 0, -1, nil},
		{"orders", 0, 1, nil},
		{"orders", 0, 0, ErrFencedEpoch},
		{"orders", 0, 2, ErrUnknownEpoch},
		{"orders", 1, -1, ErrUnknownPartition},
		{"orders", -1, -1, ErrUnknownPartition},
		{"nowhere", 0, -1, ErrUnknownPartition},
		{"elsewhere", 0, -1, ErrNotLeader},
	} {
		_, err := w.node.Leader(record.TopicPartition{Topic: c.topic, Partition: c.partition}, c.epoch)
		if !errors.Is(err, c.want) {
			t.Errorf("%s-%d at epoch %d: %v, want %v", c.topic, c.partition, c.epoch, err, c.want)
		}
	}
}

func TestNewLeaderEpochIsWrittenIntoBatches(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self)...)
	p := w.leader("orders", 0)
	w.append(p, 2)
	w.publish(&metadata.PartitionChangeRecord{TopicID: p.TopicID(), Leader: self, LeaderRecoveryState: -1})
	w.append(p, 2)
	if got := p.Log().EpochOf(2); got != 1 || p.LeaderEpoch() != 1 {
		t.Fatalf("epoch of record 2 is %d, leader epoch %d", got, p.LeaderEpoch())
	}
	if epoch, end := p.Log().EndOffsetForEpoch(0); epoch != 0 || end != 2 {
		t.Fatalf("epoch 0 ends as %d at %d, want 2", epoch, end)
	}
	if _, err := p.Append(batch(1), 0, storage.FromCoordinator, false); !errors.Is(err, ErrNotLeader) {
		t.Fatalf("append for epoch 0: %v", err)
	}
	if diff := cmp.Diff([]string{"orders-0@0+", "orders-0@0-", "orders-0@1+"}, w.led); diff != "" {
		t.Fatal(diff)
	}
}

func TestDeletedTopicIsGoneAndItsNameCanComeBack(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self)...)
	p := w.leader("orders", 0)
	w.append(p, 5)
	records := append([]metadata.Record{&metadata.RemoveTopicRecord{TopicID: p.TopicID()}}, topic("orders", 2, 1, self)...)
	w.publish(records...)
	if _, err := p.Append(batch(1), -1, storage.FromClient, true); !errors.Is(err, ErrUnknownPartition) {
		t.Fatalf("append to the deleted partition: %v", err)
	}
	fresh := w.leader("orders", 0)
	if fresh == p || fresh.Log().Offsets().LogEnd != 0 {
		t.Fatalf("new partition ends at %d", fresh.Log().Offsets().LogEnd)
	}
	w.publish(&metadata.RemoveTopicRecord{TopicID: fresh.TopicID()})
	if _, err := w.node.Leader(fresh.TopicPartition(), -1); !errors.Is(err, ErrUnknownPartition) {
		t.Fatalf("leader of a deleted topic: %v", err)
	}
}

func TestConfigChangeReachesTheLog(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self)...)
	p := w.leader("orders", 0)
	if !p.Deletable() {
		t.Fatal("records may not be deleted at first")
	}
	compact := "compact"
	w.publish(&metadata.ConfigRecord{ResourceType: int8(metadata.TopicResource), ResourceName: "orders", Name: "cleanup.policy", Value: &compact})
	if p.Deletable() {
		t.Fatal("records may still be deleted with cleanup.policy=compact")
	}
}

func TestRestartKeepsRecordsAndSetsStraysAside(t *testing.T) {
	w := newWorld(t)
	w.publish(append(topic("orders", 1, 1, self), topic("gone", 2, 1, self)...)...)
	w.append(w.leader("orders", 0), 4)
	w.append(w.leader("gone", 0), 1)
	w.stop()
	w.start()
	defer w.stop()
	w.image = metadata.Empty // as if another image had been written meanwhile
	w.publish(topic("orders", 1, 1, self)...)
	if o := w.leader("orders", 0).Log().Offsets(); o.HighWatermark != 4 || o.LogEnd != 4 {
		t.Fatalf("offsets after the restart %+v", o)
	}
	entries, err := w.fs.ReadDir("/data")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if slices.Contains(names, "gone-0") || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "gone-0.") && strings.HasSuffix(n, "-stray") }) {
		t.Fatalf("the stray log was not set aside: %q", names)
	}
}

func TestFailedDirectoryAnswersDiskError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.publish(topic("orders", 1, 1, self)...)
		p := w.leader("orders", 0)
		w.append(p, 1)
		w.fs.(*fs.Mem).Inject(func(op fs.Op, name string) error {
			if op == fs.OpWrite {
				return syscall.EIO
			}
			return nil
		})
		if _, err := p.Append(batch(1), -1, storage.FromClient, true); !errors.Is(err, storage.ErrDisk) {
			t.Fatalf("append: %v", err)
		}
		synctest.Wait() // until the store has told the node
		if _, err := w.node.Leader(p.TopicPartition(), -1); !errors.Is(err, storage.ErrDisk) {
			t.Fatalf("leader: %v", err)
		}
		if got := w.node.Count(); got != (Counts{Partitions: 1, Offline: 1}) {
			t.Fatalf("counts %+v", got)
		}
		if diff := cmp.Diff([]string{"orders-0@0+", "orders-0@0-"}, w.led); diff != "" {
			t.Fatal(diff)
		}
	})
}
