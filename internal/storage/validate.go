package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// isClosed reports whether a log went away while somebody worked on it, which is nobody's fault.
func isClosed(err error) bool { return errors.Is(err, ErrClosed) }

// IsFull reports whether err is about a full disk or quota, which may pass, unlike other failures of a disk.
func IsFull(err error) bool { return fs.IsFull(err) }

// prepare checks batches that a leader is to append and gives them the timestamps and compression that the topic wants. It returns
// batches itself unless they had to be compressed anew.
func (l *Log) prepare(batches []byte, cfg *LogConfig, opts AppendOptions) ([]byte, error) {
	count := 0
	var rewritten []byte
	rewrite := false
	for rest := batches; ; count++ {
		b, next, err := record.Split(rest)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, l.refuse(fmt.Errorf("batch %d: %w", count, err))
		}
		if count > 0 && opts.Origin == FromClient {
			return nil, l.refuse(fmt.Errorf("%w: more than one batch in a produce request for one partition", record.ErrInvalidRecord))
		}
		if len(b) > cfg.MaxMessageBytes {
			return nil, fmt.Errorf("append to %s: batch of %d bytes, max.message.bytes=%d: %w", l.tp, len(b), cfg.MaxMessageBytes, ErrTooLarge)
		}
		out, err := l.prepareBatch(b, cfg, opts)
		if err != nil {
			return nil, err
		}
		if &out[0] != &b[0] {
			if !rewrite {
				rewritten, rewrite = append(rewritten, batches[:len(batches)-len(rest)]...), true
			}
		}
		if rewrite {
			rewritten = append(rewritten, out...)
		}
		rest = next
	}
	if count == 0 {
		return nil, l.refuse(fmt.Errorf("%w: no batch at all", record.ErrInvalidRecord))
	}
	if rewrite {
		return rewritten, nil
	}
	return batches, nil
}

// prepareBatch does it for one batch.
func (l *Log) prepareBatch(b record.Batch, cfg *LogConfig, opts AppendOptions) (record.Batch, error) {
	maxTimestamp := b.MaxTimestamp()
	if opts.Origin == FromClient {
		if err := b.Check(); err != nil {
			return nil, l.refuse(err)
		}
		if b.BaseOffset() != 0 {
			return nil, l.refuse(fmt.Errorf("%w: base offset %d: a producer's batches begin at 0", record.ErrInvalidRecord, b.BaseOffset()))
		}
		var err error
		if maxTimestamp, err = l.validate(b, cfg, opts); err != nil {
			return nil, l.refuse(err)
		}
	}
	if target, ok := targetCodec(cfg, b); ok {
		return l.recompress(b, target, maxTimestamp, cfg, opts)
	}
	switch {
	case cfg.LogAppendTime && !b.Control():
		b.SetMaxTimestamp(opts.Now.UnixMilli(), true)
		b.Reseal()
	case maxTimestamp != b.MaxTimestamp(), b.LogAppendTime() && opts.Origin == FromClient: // only a broker may say when it appended
		b.SetMaxTimestamp(maxTimestamp, false)
		b.Reseal()
	}
	return b, nil
}

// rules are the topic's demands on the records of a client.
func (l *Log) rules(cfg *LogConfig, now time.Time) record.Rules {
	ms := now.UnixMilli()
	earliest := int64(-1 << 63)
	if cfg.TimestampBeforeMax < forever {
		earliest = ms - cfg.TimestampBeforeMax.Milliseconds()
	}
	latest := int64(1<<63 - 1)
	if cfg.TimestampAfterMax < forever {
		latest = ms + cfg.TimestampAfterMax.Milliseconds()
	}
	mostRecord := cmp.Or(cfg.MaxDecompressedBytes, l.host.settings().MaxDecompressedBatchBytes)
	return record.Rules{
		Partition: l.tp, RequireKey: cfg.Compact, LogAppendTime: cfg.LogAppendTime, BoundTimestamps: true,
		EarliestTimestamp: earliest, LatestTimestamp: latest, MaxRecordBytes: mostRecord, MaxBytes: mostOfBatch(mostRecord),
	}
}

// A batch may hold so many records of the greatest size, and at least so much.
const (
	greatestRecords = 4
	smallestBound   = 32 << 20
)

// mostOfBatch is what a client's batch may decompress to, if its records may have so many bytes.
func mostOfBatch(mostRecord int) int {
	return min(max(greatestRecords*mostRecord, smallestBound), 1<<30)
}

// targetCodec is what compression.type demands of a batch; ok is false if it may stay as it is.
func targetCodec(cfg *LogConfig, b record.Batch) (record.Codec, bool) {
	if cfg.CompressionType == "producer" || b.Control() {
		return 0, false
	}
	target, ok := record.ParseCodec(cfg.CompressionType)
	return target, ok && target != b.Codec()
}

// recompress compresses the records as the topic wants it. Their offsets are assigned later.
func (l *Log) recompress(b record.Batch, target record.Codec, maxTimestamp int64, cfg *LogConfig, opts AppendOptions) (record.Batch, error) {
	level := 0
	switch target {
	case record.Gzip:
		level = cfg.GzipLevel
	case record.LZ4:
		level = cfg.LZ4Level
	case record.Zstd:
		level = cfg.ZstdLevel
	}
	batch, err := b.Transcode(target, level, cfg.MaxMessageBytes)
	if errors.Is(err, record.ErrTooLarge) {
		return nil, fmt.Errorf("append to %s: batch of %d bytes has more after compression to %s, max.message.bytes=%d: %w",
			l.tp, len(b), cfg.CompressionType, cfg.MaxMessageBytes, ErrTooLarge)
	}
	if err != nil {
		return nil, l.refuse(err)
	}
	if cfg.LogAppendTime {
		maxTimestamp = opts.Now.UnixMilli()
	}
	batch.SetMaxTimestamp(maxTimestamp, cfg.LogAppendTime)
	batch.Reseal()
	return batch, nil
}

// refuse turns what package record says about a batch into this package's kinds.
func (l *Log) refuse(err error) error {
	if errors.Is(err, record.ErrBusy) { // nothing is known to be wrong with it
		return fmt.Errorf("append to %s: %w", l.tp, err)
	}
	l.files.counts.refused(err)
	if rejected, ok := errors.AsType[*record.Rejected](err); ok {
		out := &RecordErrors{Kind: ErrInvalidRecord, Message: rejected.Error()}
		if rejected.Timestamps {
			out.Kind = ErrInvalidTimestamp
		}
		for _, r := range rejected.Records {
			out.Records = append(out.Records, RecordError{Index: r.Index, Message: r.Message})
		}
		return out
	}
	kind := ErrCorruptBatch
	if errors.Is(err, record.ErrInvalidRecord) || errors.Is(err, record.ErrTooLarge) || errors.Is(err, record.ErrUnsupportedMagic) {
		kind = ErrInvalidRecord
	}
	return fmt.Errorf("append to %s: %w: %w", l.tp, err, kind)
}
