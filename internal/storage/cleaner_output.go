package storage

import (
	"errors"
	"fmt"
	"io"
	"os"

	"leat/internal/fs"
	"leat/internal/record"
	"leat/internal/storage/compact"
)

// cleanedSegment is a segment on its way: its .log and indexes under their .cleaned names.
//
// As long as what comes in is byte for byte what the only segment that it is made from begins with, nothing is written. If that stays so to the
// end, there is nothing to swap.
type cleanedSegment struct {
	log   *Log
	seg   *segment // under its final name
	only  *segment // the one source, while nothing of it has changed; else nil
	f     fs.File  // nil until something is written
	buf   []byte   // not written yet
	flush int      // how many bytes gather in buf
	end   int64    // position behind buf
	last  int64    // offset
	txns  []abortedTxn
	write func(n int64) error // called before so many bytes are written
}

// errGrown means that cleaned batches do not fit into one file any more. Horizons and other compressors can make a batch longer.
var errGrown = errors.New("the cleaned segment is larger than a file may be")

func (c *cleanedSegment) begin(olds []segmentView) {
	c.seg = newSegment(c.log.files, c.log.path, olds[0].seg.base)
	c.only, c.f, c.buf, c.end, c.last, c.txns = nil, nil, c.buf[:0], 0, -1, nil
	if len(olds) == 1 {
		c.only = olds[0].seg
	}
}

// verbatim takes a batch that stays as it is.
func (c *cleanedSegment) verbatim(h batchHeader, b []byte, interval int64) error {
	if c.only == nil {
		return c.append(h, b, interval)
	}
	c.note(h, interval)
	return nil
}

// changed is called before anything comes that does not stand in the source: what was the same so far is copied.
func (c *cleanedSegment) changed() error {
	if c.only == nil {
		return nil
	}
	source := c.only
	c.only = nil
	from, err := source.file.acquire()
	if err != nil {
		return source.corrupt(err)
	}
	defer source.file.release()
	for at := int64(0); at < c.end; {
		n := min(int64(c.flush), c.end-at)
		lo := len(c.buf)
		c.buf = append(c.buf, make([]byte, n)...)
		if got, err := from.ReadAt(c.buf[lo:], at); int64(got) < n {
			return source.corrupt(errors.Join(err, io.ErrUnexpectedEOF))
		}
		at += n
		if err := c.spill(at); err != nil {
			return err
		}
	}
	return nil
}

// append takes a batch.
func (c *cleanedSegment) append(h batchHeader, b []byte, interval int64) error {
	if c.end+h.size > maxSegmentBytes {
		return errGrown
	}
	c.buf = append(c.buf, b...)
	c.note(h, interval)
	if len(c.buf) >= c.flush {
		return c.spill(c.end)
	}
	return nil
}

// note enters a batch in the indexes.
func (c *cleanedSegment) note(h batchHeader, interval int64) {
	c.seg.noteBatch(h, c.end, interval)
	c.end += h.size
	c.last = h.lastOffset
}

// spill writes the buffer, which ends at a position.
func (c *cleanedSegment) spill(end int64) error {
	if c.f == nil {
		f, err := c.log.fsys.OpenFile(c.seg.file.path+cleanedSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return c.log.cleanError(err)
		}
		c.f = f
	}
	if err := c.write(int64(len(c.buf))); err != nil {
		return err
	}
	if _, err := c.f.WriteAt(c.buf, end-int64(len(c.buf))); err != nil {
		return c.log.cleanError(err)
	}
	c.buf = c.buf[:0]
	return nil
}

// keep enters aborted transactions in the transaction index.
func (c *cleanedSegment) keep(list []compact.Aborted) {
	for _, t := range list {
		c.txns = append(c.txns, abortedTxn{t.ProducerID, t.FirstOffset, t.LastOffset, t.LastStableOffset})
	}
}

// finish writes what is left, and all indexes, and syncs it. The files get the time of the newest segment that they are made from.
func (c *cleanedSegment) finish(newest *segment) (err error) {
	l := c.log
	if c.f == nil || len(c.buf) > 0 {
		if err := c.spill(c.end); err != nil {
			return err
		}
	}
	info, err := l.fsys.Stat(newest.file.path)
	if err == nil {
		err = l.fsys.SetModTime(c.seg.file.path+cleanedSuffix, info.ModTime())
	}
	if err != nil {
		return l.cleanError(err)
	}
	if err := errors.Join(c.f.Sync(), c.f.Close()); err != nil {
		c.f = nil
		return l.syncError("clean", err)
	}
	c.f = nil
	c.seg.noteTime()
	if err := c.writeIndexes(); err != nil {
		return l.cleanError(err)
	}
	c.seg.size, c.seg.aborted, c.seg.indexed = c.end, len(c.txns), true
	return nil
}

func (c *cleanedSegment) writeIndexes() error {
	l, seg := c.log, c.seg
	suffixes := segmentSuffixes[1:3]
	if err := seg.offsets.writePending(l.fsys, seg.path(indexSuffix)+cleanedSuffix, true); err != nil {
		return err
	}
	if err := seg.times.writePending(l.fsys, seg.path(timeIndexSuffix)+cleanedSuffix, true); err != nil {
		return err
	}
	seg.offsets.pendingWritten()
	seg.times.pendingWritten()
	if len(c.txns) > 0 {
		suffixes = segmentSuffixes[1:]
		if err := writeTxnEntries(l.fsys, seg.path(txnIndexSuffix)+cleanedSuffix, 0, c.txns); err != nil {
			return err
		}
	}
	for _, suffix := range suffixes {
		if err := syncFile(l, seg.path(suffix)+cleanedSuffix); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	return nil
}

// cleanError reports a failed file operation of a cleaning. A log that was deleted meanwhile has lost its directory, and nothing is wrong with that.
func (l *Log) cleanError(err error) error {
	l.mu.RLock()
	closed := l.closed
	l.mu.RUnlock()
	if closed {
		return l.errClosed()
	}
	return l.diskError("clean", err)
}

// drop gives the attempt up.
func (c *cleanedSegment) drop() {
	if c.f != nil {
		_ = c.f.Close() // of no use any more
		c.f = nil
	}
	c.log.discardCleaned(c.seg.base)
}

// headerOf is the header of a batch that was formed here.
func headerOf(b record.Batch) batchHeader {
	return batchHeader{
		baseOffset: b.BaseOffset(), lastOffset: b.LastOffset(), maxTimestamp: b.MaxTimestamp(),
		size: int64(b.Size()), leaderEpoch: b.LeaderEpoch(), magic: 2,
	}
}
