package storage

import (
	"errors"
	"fmt"
	"io"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// reloadProducers rebuilds the producer table as of end after a truncation.
func (l *Log) reloadProducers(end int64) error {
	if err := l.dropSnapshots(end); err != nil {
		return l.diskError("truncate", err)
	}
	table, err := l.buildProducers(end, end, nil)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.producers = table
	l.producers.replicated(l.highWater)
	l.mu.Unlock()
	return nil
}

// buildProducers computes the producer table as of end: from the newest usable snapshot at or below from, and the batches behind it.
// aborted, if not nil, is told every aborted transaction on the way.
func (l *Log) buildProducers(from, end int64, aborted func(seg *segment, t abortedTxn)) (producerTable, error) {
	table, at, err := l.loadSnapshot(from)
	if err != nil {
		return table, err
	}
	return table, l.replay(&table, at, end, aborted)
}

// replay applies the batches from offset at on to a table that is right up to there.
func (l *Log) replay(table *producerTable, at, end int64, aborted func(seg *segment, t abortedTxn)) error {
	at = max(at, l.segments[0].base)
	for _, seg := range l.segments[l.segmentOf(at):] {
		if max(at, seg.base) >= end {
			break
		}
		if err := l.renewSnapshot(seg.base, table, at); err != nil {
			return err
		}
		if err := l.replaySegment(seg, at, table, aborted); err != nil {
			return err
		}
	}
	return nil
}

// renewSnapshot writes the snapshot of a segment that a recovery comes to, in place of the one that it did not believe.
func (l *Log) renewSnapshot(base int64, table *producerTable, from int64) error {
	if !l.recovering || base <= from || table.byID.len() == 0 && len(l.snapshot) == 0 {
		return nil
	}
	if n := len(l.snapshot); n > 0 && l.snapshot[n-1] >= base {
		return nil
	}
	if err := writeUnsynced(l.fsys, l.name(offsetName(base, snapshotSuffix)), table.formatSnapshot()); err != nil {
		return l.diskError("open", err)
	}
	l.snapshot = append(l.snapshot, base)
	l.loose = append(l.loose, base)
	return nil
}

// loadSnapshot reads the newest snapshot at or below limit. One that cannot be read is removed, with a log line.
func (l *Log) loadSnapshot(limit int64) (producerTable, int64, error) {
	for i := len(l.snapshot) - 1; i >= 0; i-- {
		offset := l.snapshot[i]
		if offset > limit {
			continue
		}
		path := l.name(offsetName(offset, snapshotSuffix))
		b, err := fs.ReadFile(l.fsys, path)
		if err != nil {
			return producerTable{}, 0, l.diskError("open", err)
		}
		entries, err := parseSnapshot(b)
		if errors.Is(err, ErrNewer) {
			return producerTable{}, 0, fmt.Errorf("open %s: %s: %w", l.tp, path, err)
		}
		if err != nil {
			l.logger.Warn("producer snapshot not usable, removed", "topic", l.tp.Topic, "partition", l.tp.Partition, "file", path, "err", err)
			if err := l.fsys.Remove(path); err != nil {
				return producerTable{}, 0, l.diskError("open", err)
			}
			l.snapshot = append(l.snapshot[:i], l.snapshot[i+1:]...)
			continue
		}
		return l.tableOf(entries), offset, nil
	}
	return producerTable{}, 0, nil
}

// tableOf is a table of those producers that have not been silent for too long.
func (l *Log) tableOf(entries []producerEntry) (table producerTable) {
	now, expiration := time.Now(), l.host.settings().ProducerIDExpiration
	for _, e := range entries {
		if !e.expired(now, expiration) {
			table.load(e)
		}
	}
	return table
}

// replaySegment applies the batches of one segment from offset on.
func (l *Log) replaySegment(seg *segment, offset int64, table *producerTable, aborted func(*segment, abortedTxn)) error {
	from, err := seg.resolve(l.fsys, seg.viewOffset(offset), offset-seg.base, keyRelativeOffset)
	if errors.Is(err, errIndex) {
		from, err = 0, nil // slower, and right
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", l.tp, seg.corrupt(err))
	}
	f, err := seg.file.acquire()
	if err != nil {
		return l.diskError("open", err)
	}
	defer seg.file.release()
	sc := newScanner(f, from, seg.size)
	defer sc.done()
	var update producerUpdate
	for {
		h, at, err := sc.next()
		if err == io.EOF {
			return nil
		}
		if err == nil && h.magic == 2 && h.baseOffset >= offset {
			err = replayBatch(f, h, at, sc.header(at), table, &update)
		}
		if err != nil {
			return fmt.Errorf("open %s: %w", l.tp, seg.corrupt(err))
		}
		if aborted != nil && h.magic == 2 && h.baseOffset >= offset {
			for _, t := range update.abortedNow {
				aborted(seg, t)
			}
		}
	}
}

// replayBatch applies one batch, whose header is at hand.
func replayBatch(r io.ReaderAt, h batchHeader, at int64, header record.Batch, table *producerTable, u *producerUpdate) error {
	u.reset(table)
	u.abortedNow = u.abortedNow[:0]
	if header.ProducerID() < 0 {
		return nil
	}
	b := header
	if header.Control() {
		b = make(record.Batch, h.size)
		if n, err := r.ReadAt(b, at); n < len(b) {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
	}
	if err := accountBatch(u, b, replicated, 0); err != nil {
		return fmt.Errorf("position %d: %w: %w", at, err, errBadHeader)
	}
	u.abortedNow = u.aborted(u.abortedNow)
	u.commit()
	return nil
}
