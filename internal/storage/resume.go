package storage

import (
	"slices"

	"leat/internal/fs"
)

// A recovery may begin where the last clean stop left the log, if the manifest of that stop tells it: everything below was synced then,
// indexes, epochs and producers included. So its length is that of what was written since, however long the active segment is. A
// truncation below that point removes the manifest first.

// resumption is where a recovery goes on.
type resumption struct {
	seg     *segment // that was active
	size    int64    // of it
	offset  int64    // where the log ended
	offsets int64    // entries in its indexes
	times   int64
	aborted int
	tail    segmentTail
	table   producerTable // as of replayFrom

	replayFrom int64
}

// resumption looks whether the files still begin with what the manifest says of them; nil if not. The recovery point must lie in the segment
// that was active: if it lies behind that, beginning there is shorter still.
func (l *Log) resumption(spec loadSpec, ls listing) *resumption {
	c := spec.known
	if c == nil || spec.clean || spec.recoveryPoint < c.logEnd || c.topicID != l.topicID {
		return nil
	}
	segments := c.segments
	for len(segments) > 0 && segments[0].base < ls.bases[0] {
		segments = segments[1:] // retention took it
	}
	n := len(segments)
	if n == 0 || n > len(ls.bases) || l.segmentOf(spec.recoveryPoint) != n-1 {
		return nil
	}
	for i, x := range segments {
		if x.base != ls.bases[i] || i < n-1 && x.size != l.segments[i].size || !x.indexesIn(ls) {
			return nil
		}
	}
	last := segments[n-1]
	r := &resumption{seg: l.segments[n-1], size: last.size, offset: c.logEnd, offsets: last.offsets, times: last.times, aborted: int(last.aborted), replayFrom: c.logEnd}
	if last.size == 0 || r.seg.size < last.size || !l.resumeProducers(r, c) {
		return nil
	}
	// The last batches must lead to just that offset.
	tail, end, err := r.seg.loadTail(l.fsys, r.size, r.offsets, r.times)
	if err != nil || end != r.offset {
		return nil
	}
	r.tail = tail
	return r
}

// indexesIn reports whether the index files hold at least the segment's entries.
func (x cleanSegment) indexesIn(ls listing) bool {
	for suffix, size := range map[string]int64{
		indexSuffix: x.offsets * indexEntrySize, timeIndexSuffix: x.times * timeIndexEntrySize, txnIndexSuffix: x.aborted * txnEntrySize,
	} {
		if ls.sizes[offsetName(x.base, suffix)] < size {
			return false
		}
	}
	return true
}

// resumeProducers loads the producers as of the clean stop.
func (l *Log) resumeProducers(r *resumption, c *cleanLog) bool {
	n := len(c.snapshots)
	if n == 0 {
		return true
	}
	if c.snapshots[n-1] != c.logEnd || !slices.Contains(l.snapshot, c.logEnd) {
		return false
	}
	b, err := fs.ReadFile(l.fsys, l.name(offsetName(c.logEnd, snapshotSuffix)))
	if err != nil {
		return false
	}
	entries, err := parseSnapshot(b)
	if err != nil {
		return false
	}
	r.table = l.tableOf(entries)
	return true
}

// resume finds out where the recovery begins: where the last clean stop left the log, or at the recovery point if that lies behind.
func (l *Log) resume(spec loadSpec, ls listing) *resumption {
	stopped, synced := l.resumption(spec, ls), l.midway(spec, ls)
	if stopped == nil || synced != nil && synced.size > stopped.size {
		return synced
	}
	return stopped
}

// begin sets the segment and the walk through it to where the recovery goes on.
func (r *resumption) begin(walk *recoveryWalk) {
	r.seg.offsets.onDisk, r.seg.times.onDisk, r.seg.segmentTail = r.offsets, r.times, r.tail
	walk.position, walk.next, walk.began = r.size, r.offset, false // the offset may be the last of the batch there
}

// dropManifest removes what the last clean stop said of the logs, durably, before one of them is cut below that.
func (d *logDir) dropManifest() error {
	if d.manifestGone {
		return nil
	}
	if err := removeAll(d.store.cfg.FS, d.manifestPath()); err != nil {
		return err
	}
	if err := d.store.cfg.FS.SyncDir(d.path); err != nil {
		return err
	}
	d.manifestGone = true
	return nil
}
