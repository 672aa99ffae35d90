package storage

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// compressedBatch has two records; what spoil does to the header or the compressed bytes is sealed with a right CRC.
func compressedBatch(t testing.TB, spoil func(record.Batch)) record.Batch {
	t.Helper()
	spec := record.NewSpec()
	spec.Codec = record.LZ4
	now := day0.UnixMilli()
	raw, err := record.AppendBatch(nil, spec, []record.Record{{Timestamp: now, Key: []byte("k"), Value: []byte("v")}, {Timestamp: now + 1, Value: []byte("w")}})
	if err != nil {
		t.Fatal(err)
	}
	b := record.Batch(raw)
	if spoil != nil {
		spoil(b)
		b.Reseal()
	}
	return b
}

// garbage makes the compressed bytes nothing that could be decompressed.
func garbage(b record.Batch) {
	for i := range b.Payload() {
		b.Payload()[i] = byte(i)
	}
}

// sampledLog has taken so many sound batches that the next is not looked into.
func sampledLog(t testing.TB, cfg LogConfig) (*Log, AppendOptions) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	opts := AppendOptions{LeaderEpoch: 1, Now: day0, Sampling: new(Sampling)}
	for range sampledFirst {
		if _, err := l.Append(compressedBatch(t, nil), opts); err != nil {
			t.Fatal(err)
		}
	}
	l.Configure(cfg)
	return l, opts
}

func TestOfAConnectionTheFirstCompressedBatchesAndThenSomeAreLookedInto(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	defer l.Close()
	var refused []int
	for i := 1; i <= 200; i++ {
		if i%10 == 3 { // sound ones of another connection do not matter
			mustAppend(t, l, compressedBatch(t, nil))
		}
		// A connection that was sound until its i-th batch.
		s := &Sampling{seen: uint64(i - 1)}
		_, err := l.Append(compressedBatch(t, garbage), AppendOptions{LeaderEpoch: 1, Now: day0, Sampling: s})
		if err != nil {
			if !errors.Is(err, ErrInvalidRecord) {
				t.Fatal(err)
			}
			refused = append(refused, i)
		}
	}
	if want := []int{1, 2, 3, 4, 5, 6, 7, 8, 64, 128, 192}; !slices.Equal(refused, want) {
		t.Errorf("looked into %v, want %v", refused, want)
	}
}

func TestAConnectionThatWasWrongOnceIsNotTrustedAgain(t *testing.T) {
	for name, spoil := range map[string]func(record.Batch){
		"garbage":                   garbage,
		"greatest timestamp is not": func(b record.Batch) { b.SetMaxTimestamp(b.MaxTimestamp()+5, false) },
	} {
		l, opts := sampledLog(t, LogConfig{})
		opts.Sampling.seen = sampledEvery - 1
		if _, err := l.Append(compressedBatch(t, spoil), opts); (err == nil) != (name != "garbage") {
			t.Fatalf("%s: %v", name, err)
		}
		for range 3 * sampledEvery {
			if _, err := l.Append(compressedBatch(t, garbage), opts); err == nil {
				t.Fatalf("%s: a batch that was not looked into", name)
			}
		}
		_ = l.Close()
	}
}

// Whatever the sample says, these are looked into: a setting needs the records, or the header is strange.
func TestWhatNeedsRecordsIsNeverLeftToTheSample(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   LogConfig
		spoil func(record.Batch)
	}{
		"compacted":            {LogConfig{Compact: true}, nil},
		"another codec":        {LogConfig{CompressionType: "zstd"}, nil},
		"no older than":        {LogConfig{TimestampBeforeMax: time.Hour}, nil},
		"decompressed size":    {LogConfig{MaxDecompressedBytes: 1 << 20}, nil},
		"from the future":      {LogConfig{}, func(b record.Batch) { b.SetMaxTimestamp(day0.Add(2*time.Hour).UnixMilli(), false) }},
		"before its first":     {LogConfig{}, func(b record.Batch) { b.SetMaxTimestamp(b.BaseTimestamp()-1, false) }},
		"no timestamp":         {LogConfig{}, func(b record.Batch) { b.SetMaxTimestamp(record.NoTimestamp, false) }},
		"stamped by the topic": {LogConfig{}, func(b record.Batch) { b.SetMaxTimestamp(b.MaxTimestamp(), true) }},
	} {
		l, opts := sampledLog(t, c.cfg)
		_, err := l.Append(compressedBatch(t, func(b record.Batch) {
			garbage(b)
			if c.spoil != nil {
				c.spoil(b)
			}
		}), opts)
		if !errors.Is(err, ErrInvalidRecord) {
			t.Errorf("%s: %v", name, err)
		}
		_ = l.Close()
	}
	// The header itself is always held against the rules.
	l, opts := sampledLog(t, LogConfig{})
	defer l.Close()
	two := compressedBatch(t, nil)
	two[60] = 3 // records, of which the offsets say two
	two.Reseal()
	if _, err := l.Append(two, opts); !errors.Is(err, ErrInvalidRecord) || !strings.Contains(err.Error(), "count of records 3") {
		t.Errorf("a header that contradicts itself: %v", err)
	}
	flipped := compressedBatch(t, nil)
	flipped[len(flipped)-1] ^= 1
	if _, err := l.Append(flipped, opts); !errors.Is(err, ErrCorruptBatch) {
		t.Errorf("a flipped bit: %v", err)
	}
}

func TestAllCompressedBatchesAreLookedIntoIfThatIsSet(t *testing.T) {
	store := testStoreConfig(t, fs.NewMem(), "/data")
	store.Settings = func() Settings { return Settings{CheckCompressed: true} }
	s, l := compactedLog(t, store, LogConfig{})
	defer s.Close()
	opts := AppendOptions{LeaderEpoch: 1, Now: day0, Sampling: &Sampling{seen: sampledFirst}}
	if _, err := l.Append(compressedBatch(t, garbage), opts); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("got %v", err)
	}
}

// slipped is a log with a batch at offset 16 that the sample let pass, and a sound one behind it.
func slipped(t *testing.T) *Log {
	l, opts := sampledLog(t, LogConfig{})
	if _, err := l.Append(compressedBatch(t, garbage), opts); err != nil {
		t.Fatal(err)
	}
	later := record.Batch(batchOf(t, day0.UnixMilli()+100, "later"))
	mustAppend(t, l, later)
	return l
}

func TestABatchThatSlippedThroughStopsNoLookupByTime(t *testing.T) {
	l := slipped(t)
	defer l.Close()
	if got, err := l.OffsetForTimestamp(day0.UnixMilli() + 1); err != nil || got.Offset != 1 {
		t.Errorf("a record before it: %+v, %v", got, err)
	}
	if got, err := l.OffsetForTimestamp(day0.UnixMilli() + 50); err != nil || got.Offset != 18 {
		t.Errorf("a record behind it: %+v, %v", got, err)
	}
	if got, err := l.OffsetForMaxTimestamp(); err != nil || got.Offset != 18 {
		t.Errorf("the greatest: %+v, %v", got, err)
	}
	// Now it is the one that is asked for.
	l.SetHighWatermark(19)
	if err := l.AdvanceLogStart(17); err != nil {
		t.Fatal(err)
	}
	if got, err := l.OffsetForTimestamp(day0.UnixMilli() + 1); err != nil || got.Offset != 17 {
		t.Errorf("a record in it: %+v, %v", got, err)
	}
	if l.toldDamage.Load() {
		t.Error("the log is called damaged")
	}
	mustAppend(t, l, batchOf(t, day0.UnixMilli(), "more"))
}

// The policy of a topic may change after such a batch came. The cleaner then leaves the log as it is and says why, as with any damage.
func TestABatchThatSlippedThroughIsNotLostToCompaction(t *testing.T) {
	lc := testCompaction
	lc.Compact = false
	s, l := compactedLog(t, testStoreConfig(t, fs.NewMem(), "/data"), lc)
	defer s.Close()
	opts := AppendOptions{LeaderEpoch: 1, Now: day0, Sampling: &Sampling{seen: sampledFirst}}
	if _, err := l.Append(compressedBatch(t, garbage), opts); err != nil {
		t.Fatal(err)
	}
	fillKeys(t, l, 0, 40)
	l.Configure(testCompaction)
	settleLog(t, l)
	size := l.Size()
	if n := cleanNow(s, day0); n != 1 {
		t.Fatalf("%d logs tried", n)
	}
	st := s.CleanerStatus()
	if len(st.Uncleanable) != 1 || !strings.Contains(st.Uncleanable[0].Err.Error(), "position 0") {
		t.Errorf("%+v", st)
	}
	if l.Size() != size {
		t.Errorf("%d bytes, were %d", l.Size(), size)
	}
	mustAppend(t, l, batchOf(t, day0.UnixMilli(), "more"))
}

// A broker that was killed looks into the batches that it had not synced, and must not take such a one for a torn write.
func TestABatchThatSlippedThroughSurvivesARecovery(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", LogConfig{})
	opts := AppendOptions{LeaderEpoch: 1, Now: day0, Sampling: &Sampling{seen: sampledFirst}}
	if _, err := l.Append(compressedBatch(t, garbage), opts); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, day0.UnixMilli(), "later"))
	again := openTestLog(t, mem.Kill(), "/log", LogConfig{}) // without a stop
	defer again.Close()
	if end := again.Offsets().LogEnd; end != 3 {
		t.Errorf("the log ends at %d after the recovery, 3 were written", end)
	}
	_ = l.Close()
}
