package metalog

import (
	"context"
	"errors"
	"fmt"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// Replay takes in what the log holds up to an offset, all of which must be committed.
func (l *Log) Replay(ctx context.Context, f *Found, end int64) error {
	r := replay{delta: f.pending.delta, last: f.Image.Offset, epoch: f.Image.Epoch, timestamp: f.Image.Timestamp}
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

// AbortOpen gives up the transaction in which the replay ended.
func (f *Found) AbortOpen() error {
	r := f.pending
	if err := r.delta.Replay(&metadata.AbortTransactionRecord{}); err != nil {
		return err
	}
	f.Image, f.Open, f.pending = r.delta.Image(r.last, r.epoch, r.timestamp), false, replay{}
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
