package storage

import (
	"testing"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// TestWhatWasLetInIsReadUnderALowerLimit: max.decompressed.message.bytes is about records that come. A batch of many that are small enough is more than
// that, and what lies in the log came in perhaps before the limit was lowered: it is still found by its time, and compacted.
func TestWhatWasLetInIsReadUnderALowerLimit(t *testing.T) {
	cfg := testStoreConfig(t, fs.NewMem(), "/dir")
	cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: 1 << 62, MaxDecompressedBatchBytes: 1000} }
	s, l := compactedLog(t, cfg, testCompaction)
	spec := record.NewSpec()
	spec.Codec = record.Gzip
	var records []record.Record
	for i := range 50 {
		records = append(records, record.Record{Offset: int64(i), Timestamp: day0.Add(time.Duration(i) * time.Second).UnixMilli(), Key: []byte("key"), Value: make([]byte, 100)})
	}
	batch, err := record.AppendBatch(nil, spec, records)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batch)
	if got, err := l.OffsetForTimestamp(day0.Add(40 * time.Second).UnixMilli()); err != nil || got.Offset != 40 {
		t.Errorf("the record of second 40 is at %+v, %v", got, err)
	}
	fillKeys(t, l, 0, 60)
	settleLog(t, l)
	if n := cleanNow(s, day0.Add(time.Hour)); n != 1 {
		t.Fatalf("cleaned %d logs: %+v", n, s.CleanerStatus())
	}
	if got := lastValues(t, l, ReadUncommitted); got["key"] == "" {
		t.Errorf("the batch is gone: %v", got)
	}
}
