package storage

import (
	"errors"
	"fmt"
	"io"
	"os"

	"leat/internal/record"
)

// A transaction index has no checksum either, and what it does not tell is handed to readers of committed records. So each entry is held against
// the log once: the batch at the last offset must be the marker that aborts, the one at the first a transactional batch of the same producer.

// readAborted reads the first count entries of a segment's transaction index. If they do not fit the log, the index is written anew.
func (l *Log) readAborted(seg *segment, count int) ([]abortedTxn, error) {
	list, err := readTxnIndex(l.fsys, seg.path(txnIndexSuffix), count)
	if err == nil {
		if err = l.checkAborted(seg, list); err == nil {
			return list, nil
		}
	}
	if errors.Is(err, ErrNewer) || !errors.Is(err, errIndex) && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l.logger.Warn("transaction index does not fit its log, rebuilt", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
	return l.rebuildAborted(seg)
}

// checkTxnsAt checks the transaction index of the segment that will be cut at an offset, and has it rebuilt if it does not fit: afterwards the records that would
// show it are gone. What cannot be checked is cut as it is.
func (l *Log) checkTxnsAt(offset int64) {
	l.mu.RLock()
	if l.closed || offset < l.segments[0].base || offset >= l.logEnd {
		l.mu.RUnlock()
		return
	}
	seg := l.segments[l.segmentOf(offset)]
	count := seg.aborted
	l.mu.RUnlock()
	if count == 0 {
		return
	}
	if _, err := l.readAborted(seg, count); err != nil {
		l.logger.Warn("transaction index not checked before a truncation", "topic", l.tp.Topic, "partition", l.tp.Partition, "segment", seg.file.path, "err", err)
	}
}

// checkAborted checks the entries that were not checked before.
func (l *Log) checkAborted(seg *segment, list []abortedTxn) error {
	checked := seg.txnChecked.Load()
	if checked >= int64(len(list)) {
		return nil
	}
	l.mu.RLock()
	first := l.segments[0].base
	l.mu.RUnlock()
	before := abortedTxn{lastOffset: -1, lastStableOffset: -1}
	if checked > 0 {
		before = list[checked-1]
	}
	for _, t := range list[checked:] {
		ok := t.producerID >= 0 && t.firstOffset >= 0 && t.firstOffset < t.lastOffset && t.lastOffset >= seg.base && t.lastOffset > before.lastOffset &&
			t.lastStableOffset >= before.lastStableOffset && t.lastStableOffset <= t.lastOffset+1
		if ok && t.firstOffset >= first {
			var err error
			if ok, err = l.transactional(t.firstOffset, t.producerID, false); err != nil {
				return err
			}
		}
		if ok && t.lastStableOffset <= t.lastOffset && t.lastStableOffset >= first { // where another transaction began
			var err error
			if ok, err = l.transactional(t.lastStableOffset, record.NoProducerID, false); err != nil {
				return err
			}
		}
		if ok {
			var err error
			if ok, err = l.transactional(t.lastOffset, t.producerID, true); err != nil {
				return err
			}
		}
		if !ok {
			return fmt.Errorf("%s: no transaction of producer %d was aborted from offset %d to %d: %w", seg.path(txnIndexSuffix), t.producerID, t.firstOffset, t.lastOffset, errIndex)
		}
		before = t
	}
	seg.txnChecked.Store(int64(len(list)))
	return nil
}

// transactional reports whether a transactional batch of a producer, or the marker that aborts its transaction, begins at an offset. An offset
// that no batch has any more, because of compaction, is as good.
func (l *Log) transactional(offset, producerID int64, aborts bool) (bool, error) {
	l.mu.RLock()
	seg := l.segments[l.segmentOf(offset)]
	view, size := seg.viewOffset(offset), seg.size
	l.mu.RUnlock()
	from, err := seg.resolve(l.fsys, view, offset-seg.base, keyRelativeOffset)
	if errors.Is(err, errIndex) {
		from, err = 0, nil // slower, and right
	}
	if err != nil {
		return false, err
	}
	f, err := seg.file.acquire()
	if err != nil {
		return false, err
	}
	defer seg.file.release()
	h, at, err := locate(f, from, size, offset)
	if err == io.EOF || err == nil && h.baseOffset > offset {
		return true, nil
	}
	if err != nil {
		return false, seg.corrupt(err)
	}
	if h.baseOffset != offset || h.magic != 2 {
		return false, nil
	}
	b := make(record.Batch, record.HeaderSize)
	if aborts {
		b = make(record.Batch, h.size)
	}
	if n, err := f.ReadAt(b, at); n < len(b) {
		return false, errors.Join(err, io.ErrUnexpectedEOF)
	}
	if !b.Transactional() || producerID >= 0 && b.ProducerID() != producerID || b.Control() != aborts {
		return false, nil
	}
	if !aborts {
		return true, nil
	}
	kind, _, err := b.ControlRecord()
	return err == nil && kind == record.ControlAbort, nil
}

// rebuildAborted writes the transaction index of a segment anew, from the producers before it and its batches.
func (l *Log) rebuildAborted(seg *segment) ([]abortedTxn, error) {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if err := l.usable(); err != nil {
		return nil, err
	}
	table, at, err := l.loadSnapshot(seg.base)
	if err != nil {
		return nil, err
	}
	end := l.logEnd
	if i := l.segmentOf(seg.base); i+1 < len(l.segments) {
		end = l.segments[i+1].base
	}
	var list []abortedTxn
	err = l.replay(&table, at, end, func(of *segment, t abortedTxn) {
		if of == seg {
			list = append(list, t)
		}
	})
	if err != nil {
		return nil, err
	}
	if err = writeTxnEntries(l.fsys, seg.path(txnIndexSuffix), 0, list); err == nil {
		err = syncFile(l, seg.path(txnIndexSuffix))
	}
	if err != nil {
		return nil, l.diskError("rebuild the transaction index of", err)
	}
	l.mu.Lock()
	seg.aborted = len(list)
	l.mu.Unlock()
	seg.txnChecked.Store(int64(len(list)))
	return list, nil
}
