package storage

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// errSwapLost means that a cleaning was for nothing: the log was truncated, deleted or closed meanwhile.
var errSwapLost = errors.New("the log changed while it was cleaned")

// errLeaving means that a segment is just being replaced by a cleaned one. Who meets it calls awaitSwap and looks again.
var errLeaving = errors.New("segment is being replaced")

// leaving is the range of base offsets of the segments that are being replaced, empty most of the time.
type leaving struct{ from, to int64 }

// blocks reports whether a read that begins in the segment with the given base has to wait. A committed read looks at the transaction indexes of
// later segments, too.
func (v leaving) blocks(base int64, iso Isolation) bool {
	return base < v.to && (base >= v.from || iso == ReadCommitted)
}

// beginCleaning keeps retention from the log until endCleaning; false if the log is of no use to a cleaner. The number that it returns
// is for cleanable.
func (l *Log) beginCleaning() (truncates int64, ok bool) {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if l.usable() != nil || l.cleaning {
		return 0, false
	}
	l.cleaning = true
	return l.truncates, true
}

func (l *Log) endCleaning() {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	l.cleaning = false
}

// uncut reports whether the log is still the one whose beginCleaning, or swap, returned truncates.
func (l *Log) uncut(truncates int64) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return !l.closed && l.truncates == truncates
}

// swap puts a cleaned segment, whose files are written and synced under their .cleaned names, in the place of the segments olds that it was
// made from. It returns the new number for uncut.
//
// On disk, one rename decides: that of .log.cleaned to .log.swap. Before it the next start throws the cleaned files away, after it the next
// start finishes what was begun (sweep). Each step is durable before the next one begins.
func (l *Log) swap(fresh *segment, olds []*segment, truncates int64) (int64, error) {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if err := l.usable(); err != nil {
		return 0, fmt.Errorf("%w: %w", err, errSwapLost)
	}
	i := slices.Index(l.segments, olds[0])
	if l.truncates != truncates || i < 0 || i+len(olds) >= len(l.segments) || !slices.Equal(l.segments[i:i+len(olds)], olds) {
		return 0, fmt.Errorf("clean %s: %w", l.tp, errSwapLost)
	}
	if err := l.commitSwap(fresh); err != nil {
		return 0, err
	}
	l.mu.Lock()
	l.leaving = leaving{olds[0].base, l.segments[i+len(olds)].base}
	l.truncates++ // whoever looked up something in the old segments looks again
	l.mu.Unlock()
	retired, err := l.replaceFiles(fresh, olds)
	if err != nil {
		// Neither the old segments nor the new one are all there: only a start can put that right.
		l.broken = l.syncError("clean", err)
		return 0, l.broken
	}
	l.mu.Lock()
	l.segments = slices.Concat(l.segments[:i], []*segment{fresh}, l.segments[i+len(olds):])
	l.leaving = leaving{}
	l.truncates++
	truncates = l.truncates
	l.mu.Unlock()
	if err := l.fsys.SyncDir(l.path); err != nil {
		return 0, l.syncError("clean", err)
	}
	l.host.removeLater(max(l.cfg.Load().FileDeleteDelay, time.Millisecond), retired...)
	return truncates, l.dropSnapshotsOf(olds[1:])
}

// commitSwap gives the cleaned files their .swap names, durably, the .log last.
func (l *Log) commitSwap(fresh *segment) error {
	for _, suffix := range []string{txnIndexSuffix, timeIndexSuffix, indexSuffix, logSuffix} {
		path := fresh.path(suffix)
		if err := l.fsys.Rename(path+cleanedSuffix, path+swapSuffix); err != nil && !missingTxnIndex(suffix, err) {
			return errors.Join(l.diskError("clean", err), l.undoCommit(fresh))
		}
	}
	if err := l.fsys.SyncDir(l.path); err != nil {
		return l.syncError("clean", err)
	}
	return nil
}

// undoCommit removes what was renamed before the .log, which still has its .cleaned name: without that the rest would look complete.
func (l *Log) undoCommit(fresh *segment) error {
	for _, suffix := range segmentSuffixes[1:] {
		if err := l.fsys.Remove(fresh.path(suffix) + swapSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return l.syncError("clean", err)
		}
	}
	if err := l.fsys.SyncDir(l.path); err != nil {
		return l.syncError("clean", err)
	}
	return nil
}

// missingTxnIndex reports whether an error says that there is no transaction index, which a segment need not have.
func missingTxnIndex(suffix string, err error) bool {
	return suffix == txnIndexSuffix && errors.Is(err, os.ErrNotExist)
}

// replaceFiles takes the files of olds out of the way and gives those of fresh their names. Nobody opens the new .log as a file of an old
// segment: those refuse to be opened from here on.
func (l *Log) replaceFiles(fresh *segment, olds []*segment) (retired []string, err error) {
	for _, seg := range olds {
		seg.file.discard()
		for _, suffix := range segmentSuffixes {
			path := seg.path(suffix)
			err := l.fsys.Rename(path, path+deletedSuffix)
			if err == nil {
				retired = append(retired, path+deletedSuffix)
			} else if !errors.Is(err, os.ErrNotExist) {
				return retired, err
			}
		}
	}
	if err := l.fsys.SyncDir(l.path); err != nil {
		return retired, err
	}
	for _, suffix := range segmentSuffixes {
		path := fresh.path(suffix)
		if err := l.fsys.Rename(path+swapSuffix, path); err != nil && !missingTxnIndex(suffix, err) {
			return retired, err
		}
	}
	return retired, nil
}

// dropSnapshotsOf removes the producer snapshots at the beginnings of segments that are no segments any more, as Kafka does.
func (l *Log) dropSnapshotsOf(gone []*segment) error {
	kept := make([]int64, 0, len(l.snapshot))
	for _, offset := range l.snapshot {
		if !slices.ContainsFunc(gone, func(s *segment) bool { return s.base == offset }) {
			kept = append(kept, offset)
			continue
		}
		if err := l.fsys.Remove(l.name(offsetName(offset, snapshotSuffix))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return l.diskError("clean", err)
		}
	}
	l.snapshot = kept
	return nil
}

// awaitSwap returns when a swap that is under way is over.
func (l *Log) awaitSwap() error {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	return l.host.offline() // as it is after a swap that failed, which leaves the segments unreadable
}

// discardCleaned removes what an attempt to clean has written.
func (l *Log) discardCleaned(base int64) {
	for _, suffix := range segmentSuffixes {
		_ = l.fsys.Remove(l.name(offsetName(base, suffix) + cleanedSuffix)) // swept up at the next start at the latest
	}
}
