package storage

import (
	"errors"
	"fmt"

	"leat/internal/record"
	"leat/internal/storage/compact"
)

// rewrite goes through all segments with records below end, group by group.
func (c *cleaning) rewrite(end int64) error {
	n := 0
	for n < len(c.sources) && c.sources[n].seg.base < end {
		n++
	}
	f := c.newFilter()
	defer func() { c.run.RecordsRead, c.run.RecordsKept, c.run.Keyless = f.Read, f.Retained, f.Keyless }()
	for from := 0; from < n; {
		to := c.groupEnd(from, n)
		if err := c.rewriteGroup(f, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (c *cleaning) newFilter() *compact.Filter {
	return &compact.Filter{
		Map: c.offsets, Transactions: compact.NewTransactions(), Producers: c.log.lastOfProducers(), Now: c.now.UnixMilli(),
		DeleteRetention: c.cfg.DeleteRetention.Milliseconds(), MaxBytes: c.maxBytes,
	}
}

// lastOfProducers is what must stay of each active producer.
func (l *Log) lastOfProducers() map[int64]compact.Last {
	l.mu.RLock()
	defer l.mu.RUnlock()
	list := make(map[int64]compact.Last, l.producers.byID.len())
	for e := range l.producers.byID.all() {
		list[e.id] = compact.Last{Offset: e.last().lastOffset, Epoch: e.epoch}
	}
	return list
}

// groupEnd finds how many segments, from the one with index from on, go into one: as many as surely fit into a file and its indexes, and whose
// offsets an index entry can tell.
func (c *cleaning) groupEnd(from, n int) int {
	first := &c.sources[from]
	size, offsets, times := first.size, first.offsets.entries(), first.times.entries()
	to := from + 1
	for ; to < n; to++ {
		v := &c.sources[to]
		size += v.size
		offsets += v.offsets.entries()
		times += v.times.entries()
		if size > c.cfg.SegmentBytes || offsets*indexEntrySize > c.cfg.SegmentIndexBytes || times*timeIndexEntrySize > c.cfg.SegmentIndexBytes ||
			v.size > 0 && c.endOf(to)-1-first.seg.base > 1<<31-1 {
			break
		}
	}
	return to
}

// rewriteGroup makes one segment of those with indexes from to to. If what comes out is too large for one, it makes two.
func (c *cleaning) rewriteGroup(f *compact.Filter, from, to int) error {
	if err := c.roomFor(from, to); err != nil {
		return err
	}
	before, stats := f.Transactions.Clone(), f.Stats
	group := c.sources[from:to]
	err := c.fill(f, from, to)
	if err != nil || c.out.only != nil {
		c.out.drop()
	}
	switch {
	case errors.Is(err, errGrown) && len(group) > 1:
		f.Transactions, f.Stats = before, stats
		middle := from + len(group)/2
		if err := c.rewriteGroup(f, from, middle); err != nil {
			return err
		}
		return c.rewriteGroup(f, middle, to)
	case err != nil:
		return err
	case c.out.only != nil: // nothing changed
		return nil
	}
	olds := make([]*segment, len(group))
	for i := range group {
		olds[i] = group[i].seg
	}
	if err = c.wanted(); err == nil {
		c.truncates, err = c.log.swap(c.out.seg, olds, c.truncates)
	}
	if err != nil {
		if c.log.host.offline() == nil { // else the .cleaned file may be what tells that its .swap files are not complete
			c.out.drop()
		}
		return err
	}
	return nil
}

// fill lets the batches of a group through the filter.
func (c *cleaning) fill(f *compact.Filter, from, to int) error {
	c.out.begin(c.sources[from:to])
	anchor := to - 1 // the last source with a batch
	for anchor > from && c.sources[anchor].size == 0 {
		anchor--
	}
	for i := from; i < to; i++ {
		v := &c.sources[i]
		c.abortedIn(f.Transactions, v.seg.base, c.endOf(i))
		err := c.scan(v, 0, func(h batchHeader, b record.Batch, last bool) error {
			c.run.BytesRead += h.size
			c.cleaner.count(h.size, 0)
			return c.filter(f, h, b, last && i == anchor)
		})
		if err != nil {
			return err
		}
	}
	if c.out.only != nil {
		return nil
	}
	return c.out.finish(c.sources[to-1].seg)
}

// filter takes one batch. What magic 0 and 1 wrote stays as it is: the newest value of a key is among it, and that is what compaction promises.
// So do the tombstones behind it.
func (c *cleaning) filter(f *compact.Filter, h batchHeader, b record.Batch, anchor bool) error {
	interval := c.cfg.IndexIntervalBytes
	if h.magic < 2 {
		f.KeepTombstones = true
		return c.out.verbatim(h, b, interval)
	}
	f.Kept = f.Kept[:0]
	var err error
	if c.scratch, err = f.Batch(c.scratch[:0], b, anchor); err != nil {
		return err
	}
	if len(f.Kept) > 0 {
		c.out.keep(f.Kept)
	}
	switch {
	case len(c.scratch) == len(b) && string(c.scratch) == string(b):
		return c.out.verbatim(h, b, interval)
	case len(c.scratch) > int(maxSegmentBytes):
		return fmt.Errorf("batch at offset %d: %w", h.baseOffset, errGrown)
	}
	if err := c.out.changed(); err != nil {
		return err
	}
	if len(c.scratch) == 0 {
		return nil
	}
	return c.out.append(headerOf(c.scratch), c.scratch, interval)
}
