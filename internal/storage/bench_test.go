package storage

import (
	"bytes"
	"fmt"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

func benchLog(b *testing.B, cfg LogConfig) *Log {
	b.Helper()
	l := openTestLog(b, fs.OS, b.TempDir(), cfg)
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	return l
}

func benchBatch(b *testing.B, records, size int) []byte {
	b.Helper()
	list := make([]record.Record, records)
	for i := range list {
		list[i] = record.Record{Timestamp: day0.UnixMilli(), Value: bytes.Repeat([]byte("x"), size)}
	}
	batch, err := record.AppendBatch(nil, record.NewSpec(), list)
	if err != nil {
		b.Fatal(err)
	}
	return batch
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ records, size int }{{1, 1000}, {16, 1000}, {160, 100}} {
		b.Run(fmt.Sprintf("%dx%dB", c.records, c.size), func(b *testing.B) {
			l := benchLog(b, LogConfig{IndexIntervalBytes: 4096})
			batch := benchBatch(b, c.records, c.size)
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			for b.Loop() {
				record.Batch(batch).SetBaseOffset(0) // the last append wrote its own
				if _, err := l.Append(batch, clientAppend); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendIdempotent(b *testing.B) {
	l := benchLog(b, LogConfig{IndexIntervalBytes: 4096})
	batch := record.Batch(producerBatch(b, 0, 0, 1, false))
	seq := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		batch[53], batch[54], batch[55], batch[56] = byte(seq>>24), byte(seq>>16), byte(seq>>8), byte(seq)
		batch.SetBaseOffset(0)
		batch.Reseal()
		if _, err := l.Append(batch, clientAppend); err != nil {
			b.Fatal(err)
		}
		seq++
	}
}

func BenchmarkReadTail(b *testing.B) {
	l := benchLog(b, LogConfig{IndexIntervalBytes: 4096})
	batch := benchBatch(b, 1, 1000)
	for range 10000 {
		mustAppend(b, l, batch)
	}
	end := l.Offsets().LogEnd
	l.SetHighWatermark(end)
	b.ReportAllocs()
	for b.Loop() {
		s, err := l.Read(end-1, 1<<20, ReadUncommitted, true)
		if err != nil || s.Len() == 0 {
			b.Fatal(err)
		}
		s.Release()
	}
}

func BenchmarkReadMiddle(b *testing.B) {
	l := benchLog(b, LogConfig{IndexIntervalBytes: 4096, SegmentBytes: 64 << 20})
	batch := benchBatch(b, 1, 1000)
	for range 100000 {
		mustAppend(b, l, batch)
	}
	end := l.Offsets().LogEnd
	l.SetHighWatermark(end)
	b.ReportAllocs()
	offset := int64(0)
	for b.Loop() {
		s, err := l.Read(offset, 100_000, ReadUncommitted, true)
		if err != nil || s.Len() == 0 {
			b.Fatal(err)
		}
		s.Release()
		offset = (offset + 7919) % end
	}
}

func BenchmarkOpenCleanStore(b *testing.B) {
	dir := b.TempDir()
	cfg := testStoreConfig(b, fs.OS, dir)
	cfg.Logger = nil
	s := openRunningStore(b, cfg)
	for i := range int32(1000) {
		l, err := s.Create(record.TopicPartition{Topic: "orders", Partition: i}, newUUID(), record.UUID{})
		if err != nil {
			b.Fatal(err)
		}
		mustAppend(b, l, batchOf(b, day0.UnixMilli(), "v"))
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s := openRunningStore(b, cfg)
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
