package storage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

func TestBatchesOfClientsAreChecked(t *testing.T) {
	now := day0.UnixMilli()
	plain := func(t *testing.T) []byte { return batchOf(t, now, "a", "b") }
	for name, c := range map[string]struct {
		cfg    LogConfig
		batch  func(t *testing.T) []byte
		err    error
		inText string
		record int32 // index of the first refused record; -1: none is named
	}{
		"sound":               {LogConfig{}, plain, nil, "", -1},
		"no batch":            {LogConfig{}, func(*testing.T) []byte { return nil }, ErrInvalidRecord, "no batch", -1},
		"above the limit":     {LogConfig{MaxMessageBytes: 80}, plain, ErrTooLarge, "max.message.bytes=80", -1},
		"above segment.bytes": {LogConfig{SegmentBytes: 80}, plain, ErrSegmentTooSmall, "segment.bytes=80", -1},
		"flipped bit": {LogConfig{}, func(t *testing.T) []byte {
			b := plain(t)
			b[len(b)-1] ^= 1
			return b
		}, ErrCorruptBatch, "CRC", -1},
		"cut":         {LogConfig{}, func(t *testing.T) []byte { b := plain(t); return b[:len(b)-1] }, ErrCorruptBatch, "", -1},
		"two batches": {LogConfig{}, func(t *testing.T) []byte { return append(plain(t), plain(t)...) }, ErrInvalidRecord, "more than one batch", -1},
		"base offset that is not 0": {LogConfig{}, func(t *testing.T) []byte {
			b := record.Batch(plain(t))
			b.SetBaseOffset(7)
			return b
		}, ErrInvalidRecord, "base offset 7", -1},
		"control batch": {LogConfig{}, func(*testing.T) []byte { return marker(7, 0, true, 1) }, ErrInvalidRecord, "control", -1},
		"no key on a compacted topic": {LogConfig{Compact: true}, func(t *testing.T) []byte {
			b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Key: []byte("k"), Timestamp: now}, {Value: []byte("v"), Timestamp: now}})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}, ErrInvalidRecord, "", 1},
		"from the future": {LogConfig{TimestampAfterMax: time.Minute}, func(t *testing.T) []byte { return batchOf(t, now+60_000, "a", "b") }, ErrInvalidTimestamp, "", 1},
		"too old":         {LogConfig{TimestampBeforeMax: time.Minute}, func(t *testing.T) []byte { return batchOf(t, now-60_001, "a", "b") }, ErrInvalidTimestamp, "", 0},
		"times do not matter under LogAppendTime": {LogConfig{LogAppendTime: true}, func(t *testing.T) []byte { return batchOf(t, now+1e10, "a") }, nil, "", -1},
	} {
		t.Run(name, func(t *testing.T) {
			l := openTestLog(t, fs.NewMem(), "/log", c.cfg)
			_, err := l.Append(c.batch(t), clientAppend)
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Fatalf("got %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.inText) || l.Offsets().LogEnd != 0) {
				t.Errorf("got %v, log end %d", err, l.Offsets().LogEnd)
			}
			var records *RecordErrors
			if errors.As(err, &records) != (c.record >= 0) || c.record >= 0 && records.Records[0].Index != c.record {
				t.Errorf("per record: %+v", records)
			}
		})
	}
}

func TestLogAppendTimeStampsBatches(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{LogAppendTime: true})
	at := day0.Add(time.Hour)
	info, err := l.Append(batchOf(t, 5, "a", "b"), AppendOptions{Now: at})
	if err != nil || info.LogAppendTime != at.UnixMilli() {
		t.Fatalf("%+v, %v", info, err)
	}
	if got, err := l.OffsetForTimestamp(at.UnixMilli()); err != nil || got.Offset != 0 || got.Timestamp != at.UnixMilli() {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := l.OffsetForTimestamp(at.UnixMilli() + 1); err != nil || got.Offset != -1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got := fmt.Sprint(readAll(t, l, 0, 1000, ReadLogEnd)); got != "[0=a 1=b]" {
		t.Error(got) // readAll checks the CRC
	}
}

func TestCompressionTypeOfTheTopicWins(t *testing.T) {
	for _, codec := range []string{"gzip", "snappy", "lz4", "zstd", "uncompressed", "producer"} {
		t.Run(codec, func(t *testing.T) {
			l := openTestLog(t, fs.NewMem(), "/log", LogConfig{CompressionType: codec, GzipLevel: -1, LZ4Level: 9, ZstdLevel: 3})
			spec := record.NewSpec()
			spec.Codec, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = record.LZ4, 7, 0, 0
			b, err := record.AppendBatch(nil, spec, []record.Record{
				{Timestamp: 1, Key: []byte("k"), Value: []byte("a"), Headers: []record.Header{{Key: "h", Value: []byte("x")}}}, {Timestamp: 2},
			})
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, append([]byte(nil), b...))
			if info := mustAppend(t, l, b); !info.Duplicate {
				t.Errorf("the same again: %+v", info)
			}
			s, err := l.Read(0, 1000, ReadLogEnd, true)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Release()
			got := make(record.Batch, s.Len())
			if _, err := s.ReadAt(got, 0); err != nil {
				t.Fatal(err)
			}
			want, ok := record.ParseCodec(codec)
			if !ok {
				want = record.LZ4
			}
			if got.Codec() != want || got.Check() != nil || got.MaxTimestamp() != 2 || got.LeaderEpoch() != 1 || got.ProducerID() != 7 {
				t.Errorf("codec %d, %v", got.Codec(), got.Check())
			}
			var text string
			if err := got.Records(0, func(r *record.Record) bool {
				text += fmt.Sprintf("%d %d %q %q %v; ", r.Offset, r.Timestamp, r.Key, r.Value, r.Headers)
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if text != `0 1 "k" "a" [{h [120]}]; 1 2 "" "" []; ` {
				t.Error(text)
			}
		})
	}
}

func TestFetchedBatchesKeepOffsetsAndEpochs(t *testing.T) {
	leader := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	for epoch := range int32(3) {
		if err := leader.AssignEpoch(epoch); err != nil {
			t.Fatal(err)
		}
		if _, err := leader.Append(batchOf(t, 1, "a", "b"), AppendOptions{LeaderEpoch: epoch, Now: day0}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := leader.Read(0, 1000, ReadLogEnd, true)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, s.Len())
	if _, err := s.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	s.Release()
	follower := openTestLog(t, fs.NewMem(), "/log", LogConfig{SegmentBytes: 100})
	if info, err := follower.AppendFetched(b[:len(b)-5]); err != nil || info.LogEnd != 4 { // a cut answer
		t.Fatalf("%+v, %v", info, err)
	}
	if _, err := follower.AppendFetched(b); !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("offsets that the log has already: %v", err)
	}
	if info, err := follower.AppendFetched(b[len(b)/3*2:]); err != nil || info.LogEnd != 6 {
		t.Fatalf("%+v, %v", info, err)
	}
	for _, l := range []*Log{leader, follower} {
		for epoch, want := range map[int32][2]int64{0: {0, 2}, 1: {1, 4}, 2: {2, 6}, 3: {-1, -1}, -1: {-1, -1}} {
			if e, end := l.EndOffsetForEpoch(epoch); int64(e) != want[0] || end != want[1] {
				t.Errorf("end of epoch %d: %d, %d", epoch, e, end)
			}
		}
		if l.LatestEpoch() != 2 || l.EpochOf(3) != 1 || l.EpochOf(0) != 0 {
			t.Errorf("epochs %d, %d, %d", l.LatestEpoch(), l.EpochOf(3), l.EpochOf(0))
		}
	}
	if err := follower.TruncateTo(3); err != nil { // within the batch of epoch 1
		t.Fatal(err)
	}
	if got := follower.Offsets().LogEnd; got != 2 || follower.LatestEpoch() != 0 {
		t.Errorf("after truncation: log end %d, epoch %d", got, follower.LatestEpoch())
	}
	if err := follower.TruncateFullyAndStartAt(40); err != nil {
		t.Fatal(err)
	}
	if got := follower.Offsets(); got != (Offsets{40, 40, 40, 40}) || follower.LatestEpoch() != -1 {
		t.Errorf("after full truncation: %+v, epoch %d", got, follower.LatestEpoch())
	}
	batch := record.Batch(batchOf(t, 1, "x"))
	batch.SetBaseOffset(45)
	batch.SetLeaderEpoch(7)
	if info, err := follower.AppendFetched(batch); err != nil || info.BaseOffset != 45 {
		t.Errorf("a gap that compaction left: %+v, %v", info, err)
	}
	if got := fmt.Sprint(readAll(t, follower, 40, 1000, ReadLogEnd)); got != "[45=x]" {
		t.Error(got)
	}
}

func TestSegmentsRollByAgeOfTheirRecordsAndFullIndexes(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  LogConfig
		step int64 // ms between records
		want int   // segments of 12 records
	}{
		"one segment":     {LogConfig{}, 1, 1},
		"size":            {LogConfig{SegmentBytes: 150}, 1, 6},
		"age":             {LogConfig{SegmentMs: time.Second}, 400, 4},
		"full index":      {LogConfig{IndexIntervalBytes: 1, SegmentIndexBytes: 40}, 1, 4},
		"time going back": {LogConfig{SegmentMs: time.Second}, -400, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := openTestLog(t, fs.NewMem(), "/log", c.cfg)
			for i := range int64(12) {
				mustAppend(t, l, batchOf(t, day0.UnixMilli()+i*c.step, "v"))
			}
			if got := len(l.segments); got != c.want {
				t.Errorf("%d segments, expected %d", got, c.want)
			}
		})
	}
}

func TestTheTopicBoundsWhatABatchMayDecompressTo(t *testing.T) {
	spec := record.NewSpec()
	spec.Codec = record.Gzip
	bomb, err := record.AppendBatch(nil, spec, []record.Record{{Timestamp: day0.UnixMilli(), Value: make([]byte, 100_000)}})
	if err != nil {
		t.Fatal(err)
	}
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{MaxDecompressedBytes: 50_000, TimestampBeforeMax: forever})
	defer l.Close()
	if _, err := l.Append(slices.Clone(bomb), clientAppend); !errors.Is(err, ErrInvalidRecord) {
		t.Errorf("100,000 bytes where 50,000 are allowed: %v", err)
	}
	l.Configure(LogConfig{TimestampBeforeMax: forever})
	mustAppend(t, l, bomb)
}

// A consumer that sees the mark takes the batch's largest timestamp for the time of every record.
func TestOnlyTheBrokerMarksBatchesWithItsTime(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	b := record.Batch(batchOf(t, 5, "a", "b"))
	b.SetMaxTimestamp(b.MaxTimestamp(), true)
	b.Reseal()
	if _, err := l.Append(b, clientAppend); err != nil {
		t.Fatal(err)
	}
	if b.LogAppendTime() || b.Check() != nil {
		t.Errorf("marked: %v, %v", b.LogAppendTime(), b.Check())
	}
}
