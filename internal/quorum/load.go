package quorum

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// loaded is what was found on disk.
type loaded struct {
	state      state
	image      *metadata.Image
	epoch      int32 // the highest seen anywhere
	snapshotAt time.Time
	sinceBytes int64 // of the log after the checkpoint
	// open is true when the log ends inside a metadata transaction. The image is the one before it, and the first record to be written must
	// abort it, or what follows would become part of it.
	open bool
}

func dirOf(logDir string) string { return filepath.Join(logDir, Partition.String()) }

// openLog opens the log and replays it over the newest checkpoint.
func (q *Quorum) openLog(ctx context.Context) (loaded, error) {
	var s loaded
	var err error
	fsys := q.cfg.FS
	if err := fsys.MkdirAll(q.path, 0o755); err != nil {
		return s, err
	}
	if err := q.nameTopic(); err != nil {
		return s, err
	}
	if s.state, err = loadState(fsys, q.path); err != nil {
		return s, err
	}
	image, at, err := newestCheckpoint(fsys, q.path)
	if err != nil {
		return s, err
	}
	s.image, s.snapshotAt = image, time.Now()
	q.log, err = storage.OpenLog(ctx, fsys, q.path, Partition, q.logConfig(), storage.Settings{}, q.cfg.Logger)
	if err != nil {
		return s, err
	}
	if err := q.catchUp(ctx, &s, at); err != nil {
		_ = q.log.Close() // the first error says more
		return s, err
	}
	s.epoch = max(s.state.LeaderEpoch, q.log.LatestEpoch(), at.epoch, 0)
	return s, nil
}

// nameTopic writes partition.metadata, so that tools and Kafka know the directory's topic.
func (q *Quorum) nameTopic() error {
	name := filepath.Join(q.path, "partition.metadata")
	if _, err := q.cfg.FS.Stat(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// The first start: the directory itself, and the log directory it lies in, may be as new as their first file.
	for dir := q.path; dir != filepath.Dir(q.cfg.Dir); {
		dir = filepath.Dir(dir)
		if err := q.cfg.FS.SyncDir(dir); err != nil {
			return err
		}
	}
	return fs.WriteFile(q.cfg.FS, name, fmt.Appendf(nil, "version: 0\ntopic_id: %s", TopicID), 0o644)
}

// logConfig is that of a log which nobody but this package cleans: segments are rolled by size and time, and go when a checkpoint covers
// them.
func (q *Quorum) logConfig() storage.LogConfig {
	set := q.cfg.Log
	return storage.LogConfig{
		SegmentBytes: set.SegmentBytes, SegmentMs: set.SegmentMs, SegmentIndexBytes: 10 << 20, IndexIntervalBytes: 4096,
		RetentionMs: -1, RetentionBytes: -1, FlushMessages: 1<<63 - 1, FlushMs: 1<<63 - 1, FileDeleteDelay: time.Minute,
		MaxMessageBytes: maxBatchBytes, Delete: true, CompressionType: "producer",
		TimestampBeforeMax: 1<<63 - 1, TimestampAfterMax: 1<<63 - 1,
	}
}

// catchUp replays the log after the checkpoint. A log that ends before the checkpoint was lost or never fetched: it goes on where the
// checkpoint ends.
func (q *Quorum) catchUp(ctx context.Context, s *loaded, at checkpoint) error {
	o := q.log.Offsets()
	if o.LogEnd < at.end {
		if err := q.log.TruncateFullyAndStartAt(at.end); err != nil {
			return err
		}
		o = q.log.Offsets()
	}
	if o.LogStart > at.end {
		return fmt.Errorf("%s begins at offset %d, but the newest checkpoint ends at %d: the records between are missing", q.path, o.LogStart, at.end)
	}
	q.log.SetHighWatermark(o.LogEnd)
	r := replay{delta: metadata.NewDelta(s.image), last: s.image.Offset, epoch: s.image.Epoch, timestamp: s.image.Timestamp}
	for offset := at.end; offset < o.LogEnd; {
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := q.replayFrom(offset, &r)
		if err != nil {
			return err
		}
		offset = next
	}
	if s.open = r.delta.InTransaction(); s.open {
		if err := r.delta.Replay(&metadata.AbortTransactionRecord{}); err != nil {
			return err
		}
	}
	s.sinceBytes = r.bytes
	s.image = r.delta.Image(r.last, r.epoch, r.timestamp)
	return nil
}

// replay collects the records of the log.
type replay struct {
	delta     *metadata.Delta
	last      int64
	epoch     int32
	timestamp int64
	bytes     int64
}

const readBytes = 1 << 20

// replayFrom replays some of the log and returns the offset after it.
func (q *Quorum) replayFrom(offset int64, r *replay) (int64, error) {
	slice, err := q.log.Read(offset, readBytes, storage.ReadLogEnd, true)
	if err != nil {
		return 0, err
	}
	data := make([]byte, slice.Len())
	n, err := slice.ReadAt(data, 0)
	slice.Release()
	if n < len(data) {
		return 0, fmt.Errorf("read %s at offset %d: %w", q.path, offset, err)
	}
	return r.batches(data, offset)
}

// batches replays whole batches from the offset on and returns the offset after the last.
func (r *replay) batches(data []byte, offset int64) (int64, error) {
	for len(data) >= record.HeaderSize {
		b, rest, err := record.Split(data)
		if errors.Is(err, record.ErrIncomplete) {
			break
		}
		if err == nil {
			err = b.Check()
		}
		if err != nil {
			return 0, fmt.Errorf("metadata log at offset %d: %w", offset, err)
		}
		if err := r.batch(b, offset); err != nil {
			return 0, err
		}
		offset, data = b.NextOffset(), rest
	}
	return offset, nil
}

func (r *replay) batch(b record.Batch, from int64) error {
	if !b.Control() {
		var failed error
		err := b.Records(0, func(rec *record.Record) bool {
			if rec.Offset < from {
				return true
			}
			var m metadata.Record
			if m, failed = metadata.ParseRecord(rec.Value); failed == nil {
				failed = r.delta.Replay(m)
			}
			if failed != nil {
				failed = fmt.Errorf("metadata log at offset %d: %w", rec.Offset, failed)
			}
			return failed == nil
		})
		if err = errors.Join(err, failed); err != nil {
			return err
		}
	}
	r.last, r.epoch, r.timestamp = b.LastOffset(), b.LeaderEpoch(), b.MaxTimestamp()
	r.bytes += int64(len(b))
	return nil
}
