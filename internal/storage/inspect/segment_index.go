package inspect

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"leat/internal/fs"
	"leat/internal/record"
	"leat/internal/storage"
)

func (p *partition) epochsPath() string { return filepath.Join(p.path, storage.FileNames.Epochs) }

func (p *partition) isMetadataLog() bool {
	return filepath.Base(p.path) == storage.FileNames.MetadataLog
}

// indexCheck is what the checks of a segment's index files share. A nil one checks nothing.
type indexCheck struct {
	path    string
	size    int64
	entries *table
	entry   []byte // the next one, not met by the walk yet; nil behind the last
	number  int64
	wrong   int64
	first   int64  // number of the first that is wrong, from 1
	what    string // and what is wrong with it
}

// offsetCheck and timeCheck hold an index against the batches that go by; both are sorted, so each is read once.
type (
	offsetCheck struct {
		indexCheck
		base int64
		last OffsetEntry
	}
	timeCheck struct {
		indexCheck
		base int64
		last TimeEntry
	}
	// txnCheck looks for the markers that the transaction index names.
	txnCheck struct {
		path   string
		wanted map[int64]int64 // producer id by offset of the marker
		what   string
	}
)

func (c *indexCheck) fail(format string, args ...any) {
	c.wrong++
	if c.what == "" {
		c.first = c.number
		c.what = fmt.Sprintf("entry %d: ", c.number) + fmt.Sprintf(format, args...)
	}
}

// advance goes to the next entry.
func (c *indexCheck) advance() {
	c.number++
	b, err := c.entries.entry()
	c.entry = b
	if err != nil {
		c.entry = nil
		if err != io.EOF {
			c.fail("%v", cause(err))
		}
	}
}

// openIndexes opens what there is and returns what closes it.
func (w *walkState) openIndexes() func() {
	var files []fs.File
	open := func(suffix string, width int64) *indexCheck {
		path := strings.TrimSuffix(w.seg.path, filepath.Ext(w.seg.path)) + suffix
		f, err := w.cfg.FS.OpenFile(path, os.O_RDONLY, 0)
		var size int64
		if err == nil {
			files = append(files, f)
			size, err = f.Size()
		}
		switch {
		case errors.Is(err, os.ErrNotExist):
			if w.seg.size > 0 && !w.seg.active {
				w.found(Repair, path, -1, "missing", "nothing: the next start builds it from the log")
			}
			return nil
		case err != nil:
			w.findings.add(unreadable(path, w.name, err))
			return nil
		}
		return &indexCheck{path: path, size: size, entries: newTable(f, size, width)}
	}
	suffixes := storage.SegmentSuffixes()
	if c := open(suffixes[1], OffsetEntrySize); c != nil {
		w.offsets = &offsetCheck{indexCheck: *c, base: w.seg.base, last: OffsetEntry{w.seg.base - 1, -1}}
		w.offsets.advance()
	}
	if c := open(suffixes[2], TimeEntrySize); c != nil {
		w.times = &timeCheck{indexCheck: *c, base: w.seg.base, last: TimeEntry{math.MinInt64, w.seg.base}}
		w.times.advance()
	}
	w.openTxns(suffixes[3])
	return func() {
		for _, f := range files {
			_ = f.Close() // only read
		}
	}
}

func (w *walkState) openTxns(suffix string) {
	path := strings.TrimSuffix(w.seg.path, filepath.Ext(w.seg.path)) + suffix
	b, ok := w.readFile(path, w.name)
	if !ok || len(b) == 0 {
		return
	}
	list, err := storage.ParseTxnIndex(b)
	if err != nil {
		w.found(Repair, path, -1, err.Error(), "nothing: the next start builds it from the log")
		return
	}
	w.txns = &txnCheck{path: path, wanted: make(map[int64]int64, len(list))}
	last := w.seg.base - 1
	for i, t := range list {
		if t.LastOffset <= last || t.FirstOffset > t.LastOffset {
			w.txns.what = fmt.Sprintf("entry %d: transaction of producer %d from offset %d to %d, after one that ends at %d", i+1, t.ProducerID, t.FirstOffset, t.LastOffset, last)
		}
		last = t.LastOffset
		w.txns.wanted[t.LastOffset] = t.ProducerID
	}
}

// after returns where the index knows the next batch behind a position, and a bound for the offsets from there on.
func (c *offsetCheck) after(position int64) (at, offset int64, ok bool) {
	if c == nil {
		return 0, 0, false
	}
	for c.entry != nil {
		if e := parseOffsetEntry(c.entry, c.base); e.Position > position {
			return e.Position, math.MinInt64, true
		}
		c.advance()
	}
	return 0, 0, false
}

// batch compares a batch with the entries that point to it or before it.
func (c *offsetCheck) batch(b Entry) {
	if c == nil {
		return
	}
	for c.entry != nil {
		e := parseOffsetEntry(c.entry, c.base)
		if e.Position > b.Position {
			return
		}
		switch {
		case e.Offset <= c.last.Offset || e.Position <= c.last.Position:
			c.fail("offset %d at position %d does not come after offset %d at position %d", e.Offset, e.Position, c.last.Offset, c.last.Position)
		case e.Position < b.Position:
			c.fail("offset %d points to position %d, where no batch begins", e.Offset, e.Position)
		case e.Offset != b.LastOffset():
			c.fail("offset %d points to position %d, where a batch ends with offset %d", e.Offset, e.Position, b.LastOffset())
		}
		c.last = e
		c.advance()
	}
}

// batch compares a batch with the entries for its offsets and those before it.
func (c *timeCheck) batch(b Entry) {
	if c == nil {
		return
	}
	for c.entry != nil {
		e := parseTimeEntry(c.entry, c.base)
		if e.Offset > b.LastOffset() {
			return
		}
		switch {
		case e.Timestamp <= c.last.Timestamp || e.Offset < c.last.Offset:
			c.fail("timestamp %d at offset %d does not come after timestamp %d at offset %d", e.Timestamp, e.Offset, c.last.Timestamp, c.last.Offset)
		case b.Magic == 2 && (e.Offset < b.Header.BaseOffset() || e.Timestamp != b.MaxTimestamp()):
			c.fail("offset %d has timestamp %d, the batch of offset %d at position %d has %d", e.Offset, e.Timestamp, b.LastOffset(), b.Position, b.MaxTimestamp())
		}
		c.last = e
		c.advance()
	}
}

// marker notes that an end of a transaction went by.
func (c *txnCheck) marker(b record.Batch) {
	if c == nil {
		return
	}
	if t, _, err := b.ControlRecord(); err != nil || t != record.ControlAbort {
		return
	}
	if id, ok := c.wanted[b.LastOffset()]; ok && id == b.ProducerID() {
		delete(c.wanted, b.LastOffset())
	}
}

// indexSeverity tells whether a start builds the indexes of this segment anew anyway.
func (w *walkState) indexSeverity() Severity {
	if w.recoveryPoint != allSynced && w.seg.active || w.seg.next > w.recoveryPoint {
		return Repair
	}
	return Damage
}

// closeIndexes tells what is wrong with the indexes. If the log could not be read to its end, entries for what lies behind mean nothing.
func (w *walkState) closeIndexes() {
	read := w.seg.known && !w.seg.torn
	if c := w.offsets; c != nil {
		if read && c.entry != nil {
			e := parseOffsetEntry(c.entry, c.base)
			c.fail("offset %d points to position %d, the log has %d bytes", e.Offset, e.Position, w.seg.size)
		}
		w.tell(&c.indexCheck, OffsetEntrySize)
	}
	if c := w.times; c != nil {
		if read && c.entry != nil {
			e := parseTimeEntry(c.entry, c.base)
			c.fail("timestamp %d is at offset %d, the segment ends at %d", e.Timestamp, e.Offset, w.seg.next)
		}
		w.tell(&c.indexCheck, TimeEntrySize)
	}
	c := w.txns
	if c == nil {
		return
	}
	if read && c.what == "" && len(c.wanted) > 0 {
		c.what = fmt.Sprintf("%d of its entries name no marker of an aborted transaction in the log", len(c.wanted))
	}
	if c.what != "" {
		w.found(w.indexSeverity(), c.path, -1, c.what, doRestore)
	}
}

func (w *walkState) tell(c *indexCheck, width int64) {
	if rest := c.size % width; rest != 0 && c.what == "" {
		c.wrong, c.first = 1, c.size/width+1
		c.what = fmt.Sprintf("length %d is no multiple of %d", c.size, width)
	}
	if c.wrong == 0 {
		return
	}
	severity, do := w.indexSeverity(), doReindex
	if severity == Repair {
		do = "nothing: the next start builds it from the log"
	}
	w.found(severity, c.path, (c.first-1)*width, c.what, do)
}
