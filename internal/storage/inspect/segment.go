package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"leat/internal/fs"
	"leat/internal/record"
)

// segment is one .log file and what was learned from reading it.
type segment struct {
	base   int64
	path   string
	active bool // the last of its log
	size   int64

	next  int64 // offset behind the last batch
	known bool  // the file was read to its end, so next is right
	torn  bool  // the next start cuts the log here
	epoch int32 // of the last batch
}

// walkState is what the check of one segment keeps from batch to batch.
type walkState struct {
	*partition
	seg     *segment
	walk    *Walk
	offsets *offsetCheck
	times   *timeCheck
	txns    *txnCheck
	gap     bool // offsets are missing; said once
	epoch   bool // the epoch checkpoint says something else; said once

	batchCount, recordCount int64 // added to the report at the end: a shared counter would be fought for
}

// checkSegment reads a segment and its indexes.
func (p *partition) checkSegment(ctx context.Context, s *segment) {
	p.directory.segments.Add(1)
	s.next, s.epoch = s.base, record.NoLeaderEpoch
	f, err := p.cfg.FS.OpenFile(s.path, os.O_RDONLY, 0)
	if err == nil {
		defer f.Close()
		s.size, err = f.Size()
	}
	if errors.Is(err, fs.ErrNoKey) {
		p.encrypted.Add(1)
		p.found(Note, s.path, -1, cause(err).Error(), "name the configuration that has the key, to have the records checked")
		return
	}
	if err != nil {
		p.findings.add(unreadable(s.path, p.name, err))
		return
	}
	if s.size > math.MaxInt32 {
		p.found(Damage, s.path, -1, fmt.Sprintf("%d bytes: a segment has at most %d", s.size, math.MaxInt32), doRestore)
	}
	w := &walkState{partition: p, seg: s, walk: NewWalk(f, 0, s.size)}
	defer w.openIndexes()()
	w.batches(ctx)
	w.closeIndexes()
	p.bytes.Add(w.walk.Position())
	p.directory.batches.Add(w.batchCount)
	p.directory.records.Add(w.recordCount)
}

// batches walks the segment. Behind a place that cannot be read it goes on where the index names the next batch.
func (w *walkState) batches(ctx context.Context) {
	for ctx.Err() == nil {
		e, err := w.walk.Next()
		if err == io.EOF {
			w.seg.known = true
			return
		}
		if broken, ok := errors.AsType[*Broken](err); ok {
			if !w.broken(broken) {
				return
			}
			continue
		}
		if err != nil {
			w.found(Damage, w.seg.path, w.walk.Position(), fmt.Sprintf("cannot be read: %v", cause(err)), "look at the disk; "+doRestore)
			return
		}
		if !w.batch(e) {
			return
		}
	}
}

// unsynced is a finding at a place that may never have been synced, where the next start ends the log.
func (w *walkState) unsynced(position int64, what string) {
	w.seg.torn, w.seg.known = true, true
	w.found(Repair, w.seg.path, position, what, fmt.Sprintf("nothing: the next start cuts the log there, at offset %d; these %d bytes lie above the recovery point and were never synced",
		w.seg.next, w.seg.size-position))
}

// broken deals with bytes that are no batch, and reports whether the walk can go on.
func (w *walkState) broken(b *Broken) bool {
	metadataTail := b.Torn && w.seg.active && w.isMetadataLog()
	if w.severity(w.seg.next) == Repair || metadataTail {
		w.unsynced(b.Position, b.Reason)
		return false
	}
	at, offset, ok := w.offsets.after(b.Position)
	what := b.Reason
	if ok && at < w.seg.size {
		what = fmt.Sprintf("%s; the next batch that the index knows is at position %d", what, at)
	}
	w.found(Damage, w.seg.path, b.Position, what, doRestore)
	if !ok || at >= w.seg.size {
		return false
	}
	w.walk.Resume(at)
	w.seg.next, w.gap = min(w.seg.next, offset), true // nobody knows what stood between
	return true
}

// batch checks one batch and reports whether the walk goes on.
func (w *walkState) batch(e Entry) bool {
	s := w.seg
	if what := w.content(e); what != "" {
		if e.LastOffset() >= w.recoveryPoint {
			w.unsynced(e.Position, what)
			return false
		}
		w.found(Damage, s.path, e.Position, what, doRestore)
	}
	w.order(e)
	w.epochs(e)
	w.offsets.batch(e)
	w.times.batch(e)
	w.batchCount++
	s.next = max(s.next, e.LastOffset()+1)
	return true
}

// content checks what a batch says about itself. It returns what is wrong, in words, "" if nothing is.
func (w *walkState) content(e Entry) string {
	stored, computed, err := w.walk.CRC(e)
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", cause(err))
	}
	if stored != computed {
		return fmt.Sprintf("batch of offset %d has CRC %08x, its content %08x", e.LastOffset(), stored, computed)
	}
	if e.Magic < 2 {
		w.recordCount++
		return w.legacy(e)
	}
	h := e.Header
	count, delta := int64(h.Count()), int64(h.LastOffsetDelta())
	switch {
	case count < 0 || count > delta+1:
		return fmt.Sprintf("batch of offset %d says it has %d records, but %d offsets", e.LastOffset(), count, delta+1)
	case h.Codec() > record.Zstd:
		return fmt.Sprintf("batch of offset %d: %s is not known", e.LastOffset(), h.Codec())
	}
	w.recordCount += count
	control := h.Control() && h.Transactional()
	if !w.cfg.Deep && !control {
		return ""
	}
	b, err := w.walk.Whole(e)
	if errors.Is(err, ErrHuge) {
		w.found(Note, w.seg.path, e.Position, fmt.Sprintf("batch of %d bytes: its records were not looked at", e.Size), "")
		return ""
	}
	if err != nil {
		return fmt.Sprintf("cannot be read: %v", cause(err))
	}
	if control {
		w.txns.marker(record.Batch(b))
	}
	if !w.cfg.Deep {
		return ""
	}
	return deep(record.Batch(b))
}

// deep decodes the records of a batch.
func deep(b record.Batch) string {
	what, last := "", b.BaseOffset()-1
	err := b.Records(maxDecompressed, func(r *record.Record) bool {
		if r.Offset <= last || r.Offset > b.LastOffset() {
			what = fmt.Sprintf("record of offset %d after %d, in a batch of offsets %d to %d", r.Offset, last, b.BaseOffset(), b.LastOffset())
			return false
		}
		last = r.Offset
		return true
	})
	if err != nil {
		return err.Error()
	}
	return what
}

// maxDecompressed bounds what the records of a batch may take, of which the decoders hold one at a time.
const maxDecompressed = 1 << 30

func (w *walkState) legacy(e Entry) string {
	if !w.cfg.Deep {
		return ""
	}
	b, err := w.walk.Whole(e)
	if err == nil {
		err = Messages(b, func(*Message) {})
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// order checks that offsets rise.
func (w *walkState) order(e Entry) {
	s := w.seg
	first, last := e.Header.BaseOffset(), e.LastOffset()
	switch {
	case last < s.next || e.Magic == 2 && first < s.next:
		w.found(w.severity(s.next), s.path, e.Position, fmt.Sprintf("batch of offsets %d to %d, expected at least %d", first, last, s.next), doRestore)
	case last-s.base > math.MaxInt32:
		w.found(w.severity(s.next), s.path, e.Position, fmt.Sprintf("offset %d is too far from the segment's base %d", last, s.base), doRestore)
	case e.Magic == 2 && first > s.next && !w.compacted && !w.gap:
		w.gap = true
		w.found(Note, s.path, e.Position, fmt.Sprintf("batch begins at offset %d, the one before ends at %d", first, s.next), "nothing, if the topic is or was compacted")
	}
}

// epochs checks that leader epochs rise, and are those of the checkpoint.
func (w *walkState) epochs(e Entry) {
	if e.Magic < 2 || e.Header.LeaderEpoch() < 0 {
		return
	}
	epoch, first := e.Header.LeaderEpoch(), e.Header.BaseOffset()
	if epoch < w.seg.epoch {
		w.found(w.severity(w.seg.next), w.seg.path, e.Position, fmt.Sprintf("batch of offset %d has leader epoch %d after %d", first, epoch, w.seg.epoch), doRestore)
	}
	w.seg.epoch = max(w.seg.epoch, epoch)
	listed := w.epochOf(first)
	if !w.epoch && w.clean && listed >= 0 && listed != epoch {
		w.epoch = true
		w.found(Damage, w.seg.path, e.Position, fmt.Sprintf("batch of offset %d has leader epoch %d, %s says %d", first, epoch, filepath.Base(w.epochsPath()), listed), doRestore)
	}
}
