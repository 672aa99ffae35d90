package storage

import (
	"errors"
	"fmt"
	"io"
	"time"

	"leat/internal/record"
	"leat/internal/storage/compact"
)

// errStopped means that the cleaner was told to stop.
var errStopped = errors.New("the cleaner stops")

// cleanWorker has what one cleaning after the other uses again.
type cleanWorker struct {
	cleaner *cleaner
	number  int
	offsets *compact.OffsetMap
	reader  batchReader
	out     cleanedSegment
	scratch []byte
}

// cleaning is one run over one log.
type cleaning struct {
	*cleanWorker
	toClean
	now       time.Time
	cfg       LogConfig
	maxBytes  int   // of a batch, decompressed
	truncates int64 // see Log.uncut
	sources   []segmentView
	aborted   []segmentTxns
	run       CleanerRun
}

// segmentTxns are the aborted transactions whose markers lie in a segment.
type segmentTxns struct {
	base int64
	list []compact.Aborted
}

// clean compacts one log and returns what it did.
func (w *cleanWorker) clean(t *toClean, now time.Time) (CleanerRun, error) {
	c, err := w.begin(t, now)
	if err != nil {
		return c.run, err
	}
	defer t.log.endCleaning()
	if err = c.do(); err == nil { // noted while retention, too, waits
		err = t.log.host.(*logDir).cleaned.advance(t.log, c.run.NextDirty, c.truncates)
	}
	c.run.End = time.Now()
	return c.run, err
}

// letIn is what a batch in a log may decompress to: 1 GiB, with which it was let in, whatever max.decompressed.message.bytes says of records that come.
const letIn = 1 << 30

// begin is followed by the log's endCleaning unless it fails.
func (w *cleanWorker) begin(t *toClean, now time.Time) (*cleaning, error) {
	l := t.log
	c := &cleaning{cleanWorker: w, toClean: *t, now: now, cfg: l.Config(), maxBytes: letIn}
	c.run = CleanerRun{Worker: w.number, Partition: l.tp, Start: now, FirstDirty: t.firstDirty, NextDirty: t.firstDirty}
	truncates, ok := l.beginCleaning()
	if !ok {
		return c, fmt.Errorf("clean %s: %w", l.tp, errSwapLost)
	}
	c.truncates = truncates
	c.use(w)
	return c, nil
}

// use connects the worker's parts with this run.
func (c *cleaning) use(w *cleanWorker) {
	set := c.log.host.settings().Cleaner
	share := max(set.IOBuffer/max(set.Threads, 1)/2, 64<<10)
	if len(w.reader.buf) < share || len(w.reader.buf) > trustedSize {
		w.reader.buf = make([]byte, share)
	}
	w.out.log, w.out.flush = c.log, share
	w.reader.read = func(n int64) error { return c.move(n) }
	w.out.write = func(n int64) error {
		c.run.BytesWritten += n
		c.took(n)
		c.cleaner.count(0, n)
		return c.move(n)
	}
}

// move waits until n bytes may be read or written, and looks whether the run still makes sense.
func (c *cleaning) move(n int64) error {
	rate := func() float64 { return c.log.host.settings().Cleaner.BytesPerSecond }
	if !c.cleaner.io.wait(n, rate, c.cleaner.stopc) {
		return errStopped
	}
	select {
	case <-c.cleaner.stopc:
		return errStopped
	default:
	}
	return c.wanted()
}

// wanted reports whether the log is still the one that the run began with, and to be compacted.
func (c *cleaning) wanted() error {
	if !c.log.uncut(c.truncates) || !c.log.cfg.Load().Compact {
		return fmt.Errorf("clean %s: %w", c.log.tp, errSwapLost)
	}
	return nil
}

func (c *cleaning) do() error {
	if err := c.survey(); err != nil {
		return err
	}
	if err := c.roomFor(0, c.groupEnd(0, len(c.sources))); err != nil { // found out before all of it is read
		return err
	}
	if err := c.buildMap(); err != nil {
		return err
	}
	if err := c.announce(); err != nil {
		return err
	}
	end := c.offsets.End()
	if err := c.rewrite(end); err != nil {
		return err
	}
	c.run.NextDirty = end
	return nil
}

// announce notes before the first segment is replaced that the log is being compacted. After a kill the gaps that this leaves would look like
// damage otherwise.
func (c *cleaning) announce() error {
	points := &c.log.host.(*logDir).cleaned
	if _, known := points.of(c.log.tp); known {
		return nil
	}
	return points.advance(c.log, c.firstDirty, c.truncates)
}

// survey takes note of the segments below the limit, and of all aborted transactions that may reach into them.
func (c *cleaning) survey() error {
	l := c.log
	l.mu.RLock()
	views := l.viewsLocked()
	counts := make([]int, len(views))
	for i := range views {
		counts[i] = views[i].seg.aborted
	}
	l.mu.RUnlock()
	for i := range views {
		if views[i].seg.base < c.limit {
			c.sources = append(c.sources, views[i])
		}
		if counts[i] == 0 {
			continue
		}
		txns, err := l.readAborted(views[i].seg, counts[i]) // what is taken for committed stays
		if err != nil {
			return fmt.Errorf("clean %s: %w: %w", l.tp, err, ErrCorrupt)
		}
		s := segmentTxns{base: views[i].seg.base}
		for _, x := range txns {
			if x.firstOffset < c.limit {
				s.list = append(s.list, compact.Aborted{
					ProducerID: x.producerID, FirstOffset: x.firstOffset, LastOffset: x.lastOffset, LastStableOffset: x.lastStableOffset,
				})
			}
		}
		c.aborted = append(c.aborted, s)
	}
	return nil
}

// abortedIn adds the aborted transactions that reach into [from, to).
func (c *cleaning) abortedIn(t *compact.Transactions, from, to int64) {
	var list []compact.Aborted
	for _, s := range c.aborted {
		for _, x := range s.list {
			if x.LastOffset >= from && x.FirstOffset < to {
				list = append(list, x)
			}
		}
	}
	t.Add(list)
}

// endOf is the offset behind the source with index i.
func (c *cleaning) endOf(i int) int64 {
	if i+1 < len(c.sources) {
		return c.sources[i+1].seg.base
	}
	return c.limit
}

// buildMap reads the dirty part up to the limit, or until the map is full.
func (c *cleaning) buildMap() error {
	c.offsets.Reset(c.limit-c.firstDirty, c.firstDirty)
	x := &compact.Index{Map: c.offsets, Start: c.firstDirty, Transactions: compact.NewTransactions(), MaxBytes: c.maxBytes}
	c.abortedIn(x.Transactions, c.firstDirty, c.limit)
	for i := range c.sources {
		if c.endOf(i) <= c.firstDirty {
			continue
		}
		full, err := c.indexSegment(x, &c.sources[i])
		if err != nil {
			return err
		}
		if full {
			c.run.MapFull = true
			break
		}
		x.Reach(c.endOf(i))
	}
	c.run.MapUtilization = c.offsets.Utilization()
	if c.offsets.End() <= c.firstDirty {
		return fmt.Errorf("clean %s: log.cleaner.dedupe.buffer.size has no room for a single key: raise it", c.log.tp)
	}
	return nil
}

func (c *cleaning) indexSegment(x *compact.Index, v *segmentView) (full bool, err error) {
	from := int64(0)
	if c.firstDirty > v.seg.base {
		from, err = v.seg.resolve(c.log.fsys, v.viewOffset(c.firstDirty), c.firstDirty-v.seg.base, keyRelativeOffset)
		if err != nil {
			from = 0 // slower, and right
		}
	}
	err = c.scan(v, from, func(h batchHeader, b record.Batch, _ bool) error {
		c.run.MapBytesRead += h.size
		c.cleaner.count(h.size, 0)
		if full || h.magic < 2 {
			return nil
		}
		full, err = x.Batch(b)
		if full {
			return io.EOF
		}
		return err
	})
	return full, err
}

// viewOffset is segment.viewOffset of the moment when the view was taken. A closed segment has all its entries on disk.
func (v *segmentView) viewOffset(offset int64) indexView {
	if e, ok := v.offsets.floorPending(offset-v.seg.base, keyRelativeOffset); ok {
		return indexView{found: true, position: keyPosition(e)}
	}
	return indexView{found: v.offsets.onDisk == 0, onDisk: v.offsets.onDisk}
}

// scan gives the batches of a segment from a position on to fn, which may end it with io.EOF. Last is the last one of the segment.
func (c *cleaning) scan(v *segmentView, from int64, fn func(h batchHeader, b record.Batch, last bool) error) error {
	f, err := v.seg.file.acquire()
	if err != nil {
		return v.seg.corrupt(err)
	}
	defer v.seg.file.release()
	r := &c.reader
	r.open(v.seg, f, from, v.size)
	for {
		h, b, err := r.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			at := r.at - h.size
			if err = fn(h, b, r.at == v.size); err == io.EOF {
				return nil
			}
			if isBatchError(err) {
				err = fmt.Errorf("position %d: %w: %w", at, err, errBadHeader)
			}
		}
		if err != nil {
			return c.sourceError(v.seg, err)
		}
	}
}

// isBatchError reports whether an error is about the content of a batch.
func isBatchError(err error) bool {
	return errors.Is(err, record.ErrCorrupt) || errors.Is(err, record.ErrInvalidRecord) || errors.Is(err, record.ErrTooLarge) ||
		errors.Is(err, record.ErrIncomplete) || errors.Is(err, record.ErrUnsupportedMagic)
}

// sourceError names the segment, unless the error has nothing to do with it.
func (c *cleaning) sourceError(seg *segment, err error) error {
	for _, own := range []error{errStopped, errSwapLost, errGrown, ErrDisk, ErrClosed, ErrCorrupt} {
		if errors.Is(err, own) {
			return err
		}
	}
	return fmt.Errorf("clean %s: %w", c.log.tp, seg.corrupt(err))
}
