package replication

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
	"leat/internal/storage"
)

// The disk had no room for the flush of an append, so its producer was told of an error, and sends the batch again: what the log then knows as
// a duplicate has to become readable as if it came for the first time.
func TestARepeatedBatchWhoseFlushFailedBeforeIsCommitted(t *testing.T) {
	w := newWorld(t)
	defer w.stop()
	w.publish(topic("orders", 1, 1, self)...)
	p := w.leader("orders", 0)
	cfg := p.Log().Config()
	cfg.FlushMessages = 1
	p.Log().Configure(cfg)
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = 7, 0, 0
	once, err := record.AppendBatch(nil, spec, []record.Record{{Timestamp: 1000, Value: []byte("value")}})
	if err != nil {
		t.Fatal(err)
	}
	again := append([]byte(nil), once...)
	mem := w.fs.(*fs.Mem)
	mem.Inject(func(op fs.Op, name string) error {
		if op == fs.OpCreate && strings.Contains(name, "leader-epoch-checkpoint") {
			return syscall.ENOSPC
		}
		return nil
	})
	info, err := p.Append(once, -1, storage.FromClient, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := outcome(p, info); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("append with a full disk: %v", err)
	}
	mem.Inject(nil)
	info, err = p.Append(again, -1, storage.FromClient, true)
	if err != nil || !info.Duplicate || info.BaseOffset != 0 {
		t.Fatalf("%+v, %v", info, err)
	}
	if err := outcome(p, info); err != nil {
		t.Errorf("committed: %v; offsets %+v", err, p.Log().Offsets())
	}
}
