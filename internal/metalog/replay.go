package metalog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// Replay takes in what the log holds up to an offset, all of which must be committed.
func (l *Log) Replay(ctx context.Context, f *Found, end int64) error {
	r := replay{voting: &f.Voting, delta: f.pending.delta, last: f.Image.Offset, epoch: f.Image.Epoch, timestamp: f.Image.Timestamp}
	if r.delta == nil {
		r.delta = metadata.NewDelta(f.Image)
	}
	for f.next < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, err := l.read(f.next)
		if err != nil {
			return err
		}
		next, err := r.batches(data, f.next, end)
		if err != nil {
			return err
		}
		if next == f.next {
			return fmt.Errorf("%s: no whole batch at offset %d, the log should go on to %d", l.path, next, end)
		}
		f.next = next
	}
	f.SinceBytes += r.bytes
	f.Open, f.pending = r.delta.InTransaction(), r
	if !f.Open {
		f.Image, f.pending = r.delta.Image(r.last, r.epoch, r.timestamp), replay{}
	}
	return nil
}

// Restart begins anew from the image of a checkpoint that was installed.
func (f *Found) Restart(image *metadata.Image) {
	f.Image, f.next, f.SinceBytes, f.Open, f.pending = image, image.Offset+1, 0, false, replay{}
}

// Reload begins anew if a checkpoint has come that ends behind what was found, and replays what the log holds up to an offset.
func (l *Log) Reload(ctx context.Context, f *Found, end int64) error {
	c, ok, err := l.NewestCheckpoint()
	if err != nil {
		return err
	}
	if ok && c.End > f.next {
		image, voting, err := loadCheckpoint(l.cfg.FS, filepath.Join(l.path, c.name()), c)
		if err != nil {
			return err
		}
		f.Restart(image)
		f.Voting = voting
	}
	return l.Replay(ctx, f, end)
}

// replay collects the records of the log.
type replay struct {
	voting    *Voting
	delta     *metadata.Delta
	last      int64
	epoch     int32
	timestamp int64
	bytes     int64
}

const readBytes = 1 << 20

// read returns some of the log, at least one batch.
func (l *Log) read(offset int64) ([]byte, error) {
	slice, err := l.Read(offset, readBytes, storage.ReadLogEnd, true)
	if err != nil {
		return nil, err
	}
	data := make([]byte, slice.Len())
	n, err := slice.ReadAt(data, 0)
	slice.Release()
	if n < len(data) {
		return nil, fmt.Errorf("read %s at offset %d: %w", l.path, offset, err)
	}
	return data, nil
}

// Committed returns batches of the log from an offset on, some of those below end, and the offset after them. It is for a log that others wrote.
func (l *Log) Committed(offset, end int64) ([]Batch, int64, error) {
	data, err := l.read(offset)
	if err != nil {
		return nil, offset, err
	}
	var out []Batch
	next, err := eachBatch(data, offset, end, func(b record.Batch) error {
		batch := Batch{LastOffset: b.LastOffset(), Epoch: b.LeaderEpoch(), Timestamp: b.MaxTimestamp(), Bytes: len(b)}
		err := eachRecord(b, offset, func(m metadata.Record) error {
			batch.Records = append(batch.Records, m)
			return nil
		})
		out = append(out, batch)
		return err
	})
	return out, next, err
}

// Decode reads the records of whole batches that were appended as one, as one Batch.
func Decode(data []byte) (Batch, error) {
	out := Batch{Bytes: len(data)}
	for len(data) > 0 {
		b, rest, err := record.Split(data)
		if err == nil {
			err = eachRecord(b, 0, func(m metadata.Record) error {
				out.Records = append(out.Records, m)
				return nil
			})
		}
		if err != nil {
			return out, fmt.Errorf("committed batch: %w", err)
		}
		out.LastOffset, out.Epoch, out.Timestamp = b.LastOffset(), b.LeaderEpoch(), b.MaxTimestamp()
		data = rest
	}
	return out, nil
}

// batches replays whole batches below end from the offset on, and returns the offset after the last.
func (r *replay) batches(data []byte, offset, end int64) (int64, error) {
	return eachBatch(data, offset, end, func(b record.Batch) error { return r.batch(b, offset) })
}

// eachBatch calls fn with the whole batches in data that end below end. offset is that of the first; what it returns is that after the last.
func eachBatch(data []byte, offset, end int64, fn func(record.Batch) error) (int64, error) {
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
		if b.NextOffset() > end {
			break
		}
		if err := fn(b); err != nil {
			return 0, err
		}
		offset, data = b.NextOffset(), rest
	}
	return offset, nil
}

func (r *replay) batch(b record.Batch, from int64) error {
	if b.Control() {
		if err := r.voting.take(b); err != nil {
			return fmt.Errorf("metadata log at offset %d: %w", b.BaseOffset(), err)
		}
	}
	if err := eachRecord(b, from, r.delta.Replay); err != nil {
		return err
	}
	r.last, r.epoch, r.timestamp = b.LastOffset(), b.LeaderEpoch(), b.MaxTimestamp()
	r.bytes += int64(len(b))
	return nil
}

// eachRecord decodes the records of a batch from an offset on; a control batch has none.
func eachRecord(b record.Batch, from int64, fn func(metadata.Record) error) error {
	if b.Control() {
		return nil
	}
	var failed error
	err := b.Records(0, func(rec *record.Record) bool {
		if rec.Offset < from {
			return true
		}
		var m metadata.Record
		if m, failed = metadata.ParseRecord(rec.Value); failed == nil {
			failed = fn(m)
		}
		if failed != nil {
			failed = fmt.Errorf("metadata log at offset %d: %w", rec.Offset, failed)
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}
