package storage

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// inBubble runs a story on virtual time with a store in memory.
func inBubble(t *testing.T, cfg LogConfig, story func(t *testing.T, s *Store, mem *fs.Mem)) {
	synctest.Test(t, func(t *testing.T) {
		mem := fs.NewMem()
		c := testStoreConfig(t, mem, "/data")
		c.LogConfig = func(string) LogConfig { return cfg }
		s := openRunningStore(t, c)
		story(t, s, mem)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func create(t *testing.T, s *Store, partition int32) *Log {
	t.Helper()
	l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: partition}, record.UUID{1}, record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendNow(t *testing.T, l *Log, value string) {
	t.Helper()
	now := time.Now()
	info, err := l.Append(batchOf(t, now.UnixMilli(), value), AppendOptions{LeaderEpoch: 1, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	l.SetHighWatermark(info.LogEnd)
}

func count(t *testing.T, mem *fs.Mem, dir, part string) int {
	t.Helper()
	entries, err := mem.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if strings.Contains(e.Name(), part) {
			n++
		}
	}
	return n
}

func TestRetentionByTimeDeletesWholeSegments(t *testing.T) {
	cfg := LogConfig{SegmentMs: time.Hour, RetentionMs: 3 * time.Hour, RetentionBytes: -1, Delete: true, FileDeleteDelay: time.Minute}
	inBubble(t, cfg, func(t *testing.T, s *Store, mem *fs.Mem) {
		l := create(t, s, 0)
		for i := range 10 {
			appendNow(t, l, fmt.Sprint("v", i))
			time.Sleep(30 * time.Minute)
		}
		// Segments roll when a record is more than an hour younger than the first: 0-2, 3-5, 6-8, 9. Five hours have passed.
		if got := l.Offsets().LogStart; got != 3 {
			t.Errorf("log starts at %d", got)
		}
		time.Sleep(8 * time.Minute) // next check, and the delay
		if got := count(t, mem, "/data/orders-0", ".deleted"); got != 0 {
			t.Errorf("%d files still wait for their removal", got)
		}
		if got := count(t, mem, "/data/orders-0", "00000000000000000000."); got != 0 {
			t.Errorf("%d files of the first segment are left", got)
		}
		time.Sleep(24 * time.Hour)
		if got := l.Offsets(); got != (Offsets{10, 10, 10, 10}) {
			t.Errorf("all expired, and yet %+v", got)
		}
		appendNow(t, l, "new")
		if got := fmt.Sprint(readAll(t, l, 10, 1000, ReadUncommitted)); got != "[10=new]" {
			t.Error(got)
		}
	})
}

func TestSilentProducersAreLookedForAsOftenAsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testStoreConfig(t, fs.NewMem(), "/data")
		c.LogConfig = func(string) LogConfig { return LogConfig{} }
		c.Settings = func() Settings {
			return Settings{InitialTaskDelay: time.Second, ProducerIDExpiration: 10 * time.Second, ProducerExpiryCheck: 500 * time.Millisecond}
		}
		s := openRunningStore(t, c)
		l := create(t, s, 0)
		spec := record.NewSpec()
		spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = 7, 0, 0
		batch, err := record.AppendBatch(nil, spec, []record.Record{{Timestamp: time.Now().UnixMilli(), Value: []byte("v")}})
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, batch)
		time.Sleep(9 * time.Second)
		if got := len(l.Producers()); got != 1 {
			t.Errorf("%d producers before their time", got)
		}
		time.Sleep(2 * time.Second)
		if got := l.Producers(); len(got) != 0 {
			t.Errorf("still remembered: %+v", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRetentionByBytesKeepsAtLeastTheLimit(t *testing.T) {
	cfg := LogConfig{SegmentBytes: 300, RetentionMs: -1, RetentionBytes: 600, Delete: true}
	inBubble(t, cfg, func(t *testing.T, s *Store, mem *fs.Mem) {
		l := create(t, s, 0)
		for i := range 40 {
			appendNow(t, l, fmt.Sprint("v", i))
		}
		time.Sleep(6 * time.Minute)
		if size := l.Size(); size < 600 || size > 900 {
			t.Errorf("%d bytes are kept", size)
		}
		o := l.Offsets()
		if got := readAll(t, l, o.LogStart, 1000, ReadUncommitted); int64(len(got)) != o.LogEnd-o.LogStart || o.LogEnd != 40 {
			t.Errorf("%+v: %v", o, got)
		}
	})
}

func TestRetentionSparesWhatIsAboveTheHighWatermark(t *testing.T) {
	cfg := LogConfig{SegmentBytes: 100, RetentionMs: -1, RetentionBytes: 0, Delete: true}
	inBubble(t, cfg, func(t *testing.T, s *Store, mem *fs.Mem) {
		l := create(t, s, 0)
		for i := range 5 {
			appendNow(t, l, fmt.Sprint("v", i))
		}
		mustAppend(t, l, batchOf(t, 1, "high"))
		time.Sleep(6 * time.Minute)
		if got := fmt.Sprint(readAll(t, l, l.Offsets().LogStart, 1000, ReadLogEnd)); got != "[5=high]" {
			t.Error(got)
		}
	})
}

func TestCompactedTopicsAreNotSubjectToRetention(t *testing.T) {
	cfg := LogConfig{SegmentBytes: 100, RetentionMs: time.Hour, RetentionBytes: 0, Compact: true}
	inBubble(t, cfg, func(t *testing.T, s *Store, mem *fs.Mem) {
		l := create(t, s, 0)
		for i := range 3 {
			appendNow(t, l, fmt.Sprint("v", i))
		}
		time.Sleep(10 * time.Hour)
		if got := l.Offsets().LogStart; got != 0 {
			t.Errorf("log starts at %d", got)
		}
		if err := l.AdvanceLogStart(2); err != nil { // DeleteRecords does delete
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := count(t, mem, "/data/orders-0", ".log"); got != 1 {
			t.Errorf("%d segments are left", got)
		}
	})
}

func TestDeletedTopicsGoAfterTheDelay(t *testing.T) {
	inBubble(t, LogConfig{FileDeleteDelay: time.Minute}, func(t *testing.T, s *Store, mem *fs.Mem) {
		l := create(t, s, 0)
		appendNow(t, l, "v")
		if err := s.Delete(l.TopicPartition()); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Read(0, 100, ReadLogEnd, true); !isClosed(err) {
			t.Errorf("read of a deleted log: %v", err)
		}
		if _, err := l.Append(batchOf(t, 1, "w"), clientAppend); !isClosed(err) {
			t.Errorf("append to a deleted log: %v", err)
		}
		if got := count(t, mem, "/data", "-delete"); got != 1 {
			t.Errorf("%d directories wait for their removal", got)
		}
		again := create(t, s, 0)
		if got := again.Offsets().LogEnd; got != 0 {
			t.Errorf("the new log of that name ends at %d", got)
		}
		appendNow(t, again, "v")
		time.Sleep(time.Minute + time.Second)
		if got := count(t, mem, "/data", "-delete"); got != 0 {
			t.Errorf("%d directories are left", got)
		}
		if _, err := mem.Stat("/data/orders-0"); err != nil {
			t.Errorf("the new log: %v", err)
		}
	})
}

func TestCheckpointsFollowTheLogs(t *testing.T) {
	cfg := LogConfig{FlushMs: 10 * time.Second, Delete: true, RetentionMs: -1, RetentionBytes: -1}
	inBubble(t, cfg, func(t *testing.T, s *Store, mem *fs.Mem) {
		l := create(t, s, 0)
		appendNow(t, l, "a")
		appendNow(t, l, "b")
		if err := l.AdvanceLogStart(1); err != nil {
			t.Fatal(err)
		}
		file := func(name, want string) {
			t.Helper()
			b, err := fs.ReadFile(mem, "/data/"+name)
			if at := bytes.Index(b, []byte("#crc32c")); at >= 0 {
				b = b[:at]
			}
			if string(b) != want || want != "" && err != nil {
				t.Errorf("%s holds %q (%v), expected %q", name, b, err, want)
			}
		}
		file("replication-offset-checkpoint", "")
		time.Sleep(6 * time.Second)
		file("replication-offset-checkpoint", "0\n2\norders 0 2\n")
		file("recovery-point-offset-checkpoint", "")
		time.Sleep(2 * time.Minute)
		file("recovery-point-offset-checkpoint", "0\n2\norders 0 2\n")
		file("log-start-offset-checkpoint", "0\n2\norders 0 1\n")
	})
}

func TestTheCleanMarkerIsThereOnlyWhileStopped(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	for range 2 {
		s := openRunningStore(t, cfg)
		if _, err := mem.Stat("/data/.kafka_cleanshutdown"); !os.IsNotExist(err) {
			t.Errorf("marker while running: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := fs.ReadFile(mem, "/data/.kafka_cleanshutdown")
		if string(b) != `{"version":0,"brokerEpoch":-1}` {
			t.Errorf("marker %q, %v", b, err)
		}
	}
}
