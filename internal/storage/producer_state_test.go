package storage

import (
	"errors"
	"fmt"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// producerBatch is a batch of n records of producer 7.
func producerBatch(t testing.TB, epoch int16, sequence int32, n int, transactional bool) []byte {
	t.Helper()
	return batchBy(t, 7, epoch, sequence, n, transactional)
}

func batchBy(t testing.TB, id int64, epoch int16, sequence int32, n int, transactional bool) []byte {
	t.Helper()
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence, spec.Transactional = id, epoch, sequence, transactional
	records := make([]record.Record, n)
	for i := range records {
		records[i] = record.Record{Timestamp: day0.UnixMilli(), Key: []byte("k"), Value: fmt.Appendf(nil, "%d-%d", id, sequence+int32(i))}
	}
	b, err := record.AppendBatch(nil, spec, records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func marker(id int64, epoch int16, commit bool, coordinatorEpoch int32) []byte {
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.Transactional, spec.Control = id, epoch, true, true
	return record.AppendEndTxnMarker(nil, spec, day0.UnixMilli(), commit, coordinatorEpoch)
}

var clientAppend = AppendOptions{LeaderEpoch: 1, Now: day0}
var coordinatorAppend = AppendOptions{LeaderEpoch: 1, Now: day0, Origin: FromCoordinator}

func TestSequencesOfAProducer(t *testing.T) {
	type step struct {
		epoch    int16
		sequence int32
		n        int
		err      error
		base     int64
		dup      bool
	}
	for name, steps := range map[string][]step{
		"in order": {{0, 0, 2, nil, 0, false}, {0, 2, 1, nil, 2, false}, {0, 3, 4, nil, 3, false}},
		"a repeated batch is answered with its first offsets": {
			{0, 0, 2, nil, 0, false}, {0, 2, 1, nil, 2, false}, {0, 0, 2, nil, 0, true}, {0, 2, 1, nil, 2, true}, {0, 3, 1, nil, 3, false}},
		"five batches back is remembered, six is out of order": {
			{0, 0, 1, nil, 0, false}, {0, 1, 1, nil, 1, false}, {0, 2, 1, nil, 2, false}, {0, 3, 1, nil, 3, false}, {0, 4, 1, nil, 4, false},
			{0, 0, 1, nil, 0, true}, {0, 5, 1, nil, 5, false}, {0, 0, 1, ErrOutOfOrder, 0, false}, {0, 1, 1, nil, 1, true}},
		"a gap":                                {{0, 0, 1, nil, 0, false}, {0, 2, 1, ErrOutOfOrder, 0, false}, {0, 1, 1, nil, 1, false}},
		"an unknown producer begins anywhere":  {{0, 17, 3, nil, 0, false}, {0, 20, 1, nil, 3, false}},
		"a raised epoch begins at 0":           {{0, 0, 1, nil, 0, false}, {1, 1, 1, ErrOutOfOrder, 0, false}, {1, 0, 1, nil, 1, false}},
		"an old epoch is fenced":               {{3, 0, 1, nil, 0, false}, {2, 1, 1, ErrProducerFenced, 0, false}},
		"sequences wrap to 0":                  {{0, 1<<31 - 2, 2, nil, 0, false}, {0, 0, 1, nil, 2, false}},
		"sequences wrap within a batch":        {{0, 1<<31 - 2, 4, nil, 0, false}, {0, 2, 1, nil, 4, false}, {0, 1<<31 - 2, 4, nil, 0, true}},
		"part of a repeated batch is no match": {{0, 0, 3, nil, 0, false}, {0, 0, 2, ErrOutOfOrder, 0, false}},
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			l := openTestLog(t, mem, "/log", LogConfig{})
			for i, s := range steps {
				info, err := l.Append(producerBatch(t, s.epoch, s.sequence, s.n, false), clientAppend)
				if !errors.Is(err, s.err) || s.err == nil && err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				if err == nil && (info.BaseOffset != s.base || info.LastOffset != s.base+int64(s.n)-1 || info.Duplicate != s.dup) {
					t.Fatalf("step %d: %+v", i, info)
				}
			}
		})
	}
}

func TestProducersSurviveEveryKindOfStop(t *testing.T) {
	for name, stop := range map[string]func(*testing.T, *Log, *fs.Mem) *fs.Mem{
		"close": func(t *testing.T, l *Log, mem *fs.Mem) *fs.Mem {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return mem
		},
		"kill": func(t *testing.T, l *Log, mem *fs.Mem) *fs.Mem { return mem.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			cfg := LogConfig{SegmentBytes: 600}
			l := openTestLog(t, mem, "/log", cfg)
			for i := range int32(20) {
				mustAppend(t, l, producerBatch(t, 0, i, 1, false))
			}
			mustAppend(t, l, batchBy(t, 8, 2, 5, 3, false))
			before := l.Producers()
			l = openTestLog(t, stop(t, l, mem), "/log", cfg)
			if got := l.Producers(); fmt.Sprint(got) != fmt.Sprint(before) {
				t.Fatalf("got  %+v\nwant %+v", got, before)
			}
			info := mustAppend(t, l, producerBatch(t, 0, 19, 1, false))
			if !info.Duplicate || info.BaseOffset != 19 {
				t.Errorf("repeated after the stop: %+v", info)
			}
			if _, err := l.Append(producerBatch(t, 0, 21, 1, false), clientAppend); !errors.Is(err, ErrOutOfOrder) {
				t.Errorf("gap after the stop: %v", err)
			}
		})
	}
}

func TestTransactionsHoldBackTheLastStableOffset(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", LogConfig{SegmentBytes: 700})
	at := func(want Offsets) {
		t.Helper()
		if got := l.Offsets(); got != want {
			t.Fatalf("offsets %+v, want %+v", got, want)
		}
	}
	coordinator := func(b []byte) {
		t.Helper()
		if _, err := l.Append(b, coordinatorAppend); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, l, producerBatch(t, 0, 0, 2, false)) // 0, 1
	mustAppend(t, l, producerBatch(t, 0, 2, 2, true))  // 2, 3 begins a transaction
	mustAppend(t, l, batchBy(t, 8, 0, 0, 2, true))     // 4, 5 begins another
	l.SetHighWatermark(6)
	at(Offsets{0, 6, 2, 6})
	if _, err := l.Append(producerBatch(t, 0, 4, 1, false), clientAppend); !errors.Is(err, ErrTxnState) {
		t.Fatalf("plain batch within a transaction: %v", err)
	}
	coordinator(marker(7, 0, false, 3)) // 6 aborts the first
	at(Offsets{0, 6, 2, 7})             // its marker is not below the high watermark
	l.SetHighWatermark(7)
	at(Offsets{0, 7, 4, 7})
	if _, err := l.Append(marker(7, 0, true, 2), coordinatorAppend); !errors.Is(err, ErrStaleCoordinator) {
		t.Fatalf("marker of an older coordinator: %v", err)
	}
	coordinator(marker(8, 0, true, 3)) // 7 commits the second
	l.SetHighWatermark(8)
	at(Offsets{0, 8, 8, 8})

	aborted := func(l *Log, offset int64) string {
		t.Helper()
		s, err := l.Read(offset, 1<<20, ReadCommitted, true)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		return fmt.Sprint(s.Aborted)
	}
	for _, stop := range []string{"none", "kill", "close", "torn index"} {
		switch stop {
		case "torn index":
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			for _, seg := range l.segments {
				if seg.aborted > 0 {
					if err := writeUnsynced(l.fsys, seg.path(txnIndexSuffix), make([]byte, 20)); err != nil {
						t.Fatal(err)
					}
				}
			}
			l = openTestLog(t, l.fsys, "/log", LogConfig{SegmentBytes: 700})
			l.SetHighWatermark(8)
		case "kill":
			l = openTestLog(t, mem.Kill(), "/log", LogConfig{SegmentBytes: 700})
			l.SetHighWatermark(8)
		case "close":
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = openTestLog(t, l.fsys, "/log", LogConfig{SegmentBytes: 700})
			l.SetHighWatermark(8)
		}
		if got := aborted(l, 0); got != "[{7 2}]" {
			t.Errorf("after stop by %s: aborted from 0: %s", stop, got)
		}
		if got := aborted(l, 7); got != "[]" {
			t.Errorf("after stop by %s: aborted from 7: %s", stop, got)
		}
		at(Offsets{0, 8, 8, 8})
	}
}

func TestMarkersOfTransactionVersion2RaiseTheEpoch(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	v2 := coordinatorAppend
	v2.TransactionVersion = 2
	mustAppend(t, l, producerBatch(t, 0, 0, 1, true))
	if _, err := l.Append(marker(7, 0, true, 1), v2); !errors.Is(err, ErrProducerFenced) {
		t.Errorf("marker without a raised epoch: %v", err)
	}
	if _, err := l.Append(marker(7, 1, true, 1), v2); err != nil {
		t.Errorf("marker with a raised epoch: %v", err)
	}
	if _, err := l.Append(marker(7, 1, true, 1), v2); err != nil {
		t.Errorf("repeated marker: %v", err)
	}
	if _, err := l.Append(producerBatch(t, 0, 1, 1, true), clientAppend); !errors.Is(err, ErrProducerFenced) {
		t.Errorf("data of the old epoch: %v", err)
	}
}

func TestProducersExpire(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	mustAppend(t, l, producerBatch(t, 0, 0, 1, false))
	mustAppend(t, l, batchBy(t, 8, 0, 0, 1, true))
	l.expireProducers(day0.Add(999e6), 1e9)
	if got := len(l.Producers()); got != 2 {
		t.Fatalf("%d producers before their time", got)
	}
	l.expireProducers(day0.Add(24*3600e9), 24*3600e9)
	got := l.Producers()
	if len(got) != 1 || got[0].ProducerID != 8 {
		t.Fatalf("got %+v, expected only the one with an open transaction", got)
	}
	if info := mustAppend(t, l, producerBatch(t, 0, 40, 1, false)); info.BaseOffset != 2 {
		t.Errorf("an expired producer begins anywhere: %+v", info)
	}
}

func TestALogThatStartsOverKnowsNoOldProducers(t *testing.T) {
	fsys := fs.NewMem()
	l := openTestLog(t, fsys, "/log", LogConfig{SegmentBytes: 200})
	for i := range int32(6) {
		mustAppend(t, l, producerBatch(t, 0, 2*i, 2, false))
	}
	if err := l.TruncateFullyAndStartAt(100); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchBy(t, 8, 0, 0, 1, false))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// As after a crash: without the marker, and without the snapshot of the clean stop.
	for _, name := range []string{cleanShutdownFile, offsetName(101, snapshotSuffix)} {
		if err := fsys.Remove("/log/" + name); err != nil {
			t.Fatal(err)
		}
	}
	l = openTestLog(t, fsys, "/log", LogConfig{SegmentBytes: 200})
	if got := l.Producers(); len(got) != 1 || got[0].ProducerID != 8 {
		t.Errorf("producers %+v, want only 8", got)
	}
}
