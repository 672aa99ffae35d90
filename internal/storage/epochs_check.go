package storage

import (
	"errors"
	"io"

	"leat/internal/record"
)

// leader-epoch-checkpoint has no checksum, and followers and consumers cut their own logs by what it says. So what is read from it is held against
// the batches where epochs begin and end.

// settleEpochs rebuilds the epochs from the batches if those below an offset do not fit them; a recovery found the others itself.
func (l *Log) settleEpochs(below int64) error {
	if l.epochsFit(below) {
		return nil
	}
	l.logger.Warn("leader epochs do not fit their log, rebuilt from it", "topic", l.tp.Topic, "partition", l.tp.Partition, "file", l.name(epochFile))
	return l.rebuildEpochs()
}

func (l *Log) epochsFit(below int64) bool {
	for _, e := range l.epochs.starts {
		if e.startOffset < below && !l.epochFits(e.startOffset) {
			return false
		}
	}
	return len(l.epochs.starts) == 0 || l.epochFits(below)
}

// epochFits reports whether the batch before an offset, and the one at it or next to it, are of the epochs that the history has for them. What
// cannot be read is for others to find.
func (l *Log) epochFits(offset int64) bool {
	before := max(offset-1, l.logStart)
	if before >= l.logEnd {
		return true
	}
	seg := l.segments[l.segmentOf(before)]
	from, err := seg.resolve(l.fsys, seg.viewOffset(before), before-seg.base, keyRelativeOffset)
	if errors.Is(err, errIndex) {
		from, err = 0, nil // slower, and right
	}
	if err != nil {
		return true
	}
	f, err := seg.file.acquire()
	if err != nil {
		return true
	}
	defer seg.file.release()
	sc := newScanner(f, from, seg.size)
	defer sc.done()
	for {
		h, _, err := sc.next()
		switch {
		case err == io.EOF && offset < l.logEnd && before < offset && l.segmentOf(offset) != l.segmentOf(before):
			return l.epochFits(offset + 1) // which looks at the first batch of the next segment
		case err != nil:
			return true
		case h.lastOffset < before:
			continue
		case h.leaderEpoch != record.NoLeaderEpoch && h.leaderEpoch != l.epochs.epochOf(max(h.baseOffset, l.logStart)):
			return false
		case h.lastOffset >= offset:
			return true
		}
	}
}

// rebuildEpochs reads the headers of all batches.
func (l *Log) rebuildEpochs() error {
	fresh := epochHistory{dirty: true}
	for _, seg := range l.segments {
		if err := eachHeader(seg, func(h batchHeader) { fresh.assign(h.leaderEpoch, h.baseOffset) }); err != nil {
			return l.damaged(seg.corrupt(err))
		}
	}
	fresh.truncateStart(l.logStart)
	l.epochs = fresh
	return nil
}

// eachHeader reads all batch headers of a segment.
func eachHeader(seg *segment, note func(batchHeader)) error {
	f, err := seg.file.acquire()
	if err != nil {
		return err
	}
	defer seg.file.release()
	sc := newScanner(f, 0, seg.size)
	defer sc.done()
	for {
		h, _, err := sc.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		note(h)
	}
}
