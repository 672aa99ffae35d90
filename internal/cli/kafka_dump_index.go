package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"leat/internal/fs"
	"leat/internal/storage"
	"leat/internal/storage/inspect"
)

// errSeen ends a loop over an index.
var errSeen = errors.New("seen enough")

// withLog opens an index and the log beside it.
func (d *kafkaDump) withLog(path, suffix string, use func(index fs.File, size int64, log fs.File, logSize, base int64) error) error {
	base, err := baseOf(path)
	if err != nil {
		return err
	}
	log, logSize, err := openSized(d.fs, strings.TrimSuffix(path, suffix)+".log")
	if err != nil {
		return err
	}
	defer log.Close()
	index, size, err := openSized(d.fs, path)
	if err != nil {
		return err
	}
	defer index.Close()
	return use(index, size, log, logSize, base)
}

func (d *kafkaDump) offsetIndex(path string) error {
	return d.withLog(path, ".index", func(index fs.File, size int64, log fs.File, logSize, base int64) error {
		if size/inspect.OffsetEntrySize == 0 {
			fmt.Fprintf(d.out, "%s is empty.\n", path)
			return nil
		}
		if d.flags.indexSanityCheck {
			return d.sane(path, size, inspect.OffsetEntrySize, base, func() (int64, int64, error) { return offsetEnds(index, size, base) })
		}
		walk := inspect.NewWalk(log, 0, logSize)
		number, wrong := 0, []string{}
		err := inspect.RawOffsetEntries(index, size, base, func(e inspect.OffsetEntry) error {
			if number++; e.Offset == base && number > 1 {
				return errSeen
			}
			walk.Resume(e.Position)
			b, err := walk.Next()
			if err != nil || b.Size > int64(d.flags.maxMessageSize) {
				return fmt.Errorf("offset %d: no batch of at most %d bytes at position %d (%w)", e.Offset, d.flags.maxMessageSize, e.Position, err)
			}
			if b.LastOffset() != e.Offset {
				wrong = append([]string{fmt.Sprintf("  Index offset: %d, log offset: %d", e.Offset, b.LastOffset())}, wrong[:min(len(wrong), maxGaps)]...)
			}
			if !d.flags.verifyIndexOnly {
				fmt.Fprintf(d.out, "offset: %d position: %d\n", e.Offset, e.Position)
			}
			return nil
		})
		if len(wrong) > 0 {
			d.complaints = append(append(d.complaints, "Mismatches in :"+absolute(path)), wrong...)
		}
		return unlessSeen(err)
	})
}

func unlessSeen(err error) error {
	if errors.Is(err, errSeen) {
		return nil
	}
	return err
}

// sane makes the check that Kafka makes at a start.
func (d *kafkaDump) sane(path string, size, width, base int64, ends func() (firstOrLast, last int64, err error)) error {
	first, last, err := ends()
	switch {
	case err != nil:
		return err
	case size >= width && last < base:
		return fmt.Errorf("corrupt index found, index file (%s) has non-zero size but the last offset is %d which is less than the base offset %d", absolute(path), last, base)
	case first > 0:
		return fmt.Errorf("corrupt time index found, time index file (%s) has non-zero size but the last timestamp is less than the first timestamp", absolute(path))
	case size%width != 0:
		return fmt.Errorf("index file %s is corrupt, found %d bytes which is neither positive nor a multiple of %d", absolute(path), size, width)
	}
	fmt.Fprintf(d.out, "%s passed sanity check.\n", path)
	return nil
}

// offsetEnds returns the last offset of an index, as it stands at its end.
func offsetEnds(index io.ReaderAt, size, base int64) (int64, int64, error) {
	last := base
	at := (size/inspect.OffsetEntrySize - 1) * inspect.OffsetEntrySize
	err := inspect.RawOffsetEntries(io.NewSectionReader(index, at, inspect.OffsetEntrySize), inspect.OffsetEntrySize, base,
		func(e inspect.OffsetEntry) error { last = e.Offset; return nil })
	return 0, last, err
}

// timeEnds returns 1 if the last timestamp is below the first, and the last offset.
func timeEnds(index io.ReaderAt, size, base int64) (int64, int64, error) {
	count := size / inspect.TimeEntrySize
	if count == 0 {
		return 0, base, nil
	}
	var ends [2]inspect.TimeEntry
	for i, at := range []int64{0, (count - 1) * inspect.TimeEntrySize} {
		ends[i].Offset = base
		err := inspect.RawTimeEntries(io.NewSectionReader(index, at, inspect.TimeEntrySize), inspect.TimeEntrySize, base,
			func(e inspect.TimeEntry) error { ends[i] = e; return nil })
		if err != nil {
			return 0, 0, err
		}
	}
	if ends[1].Timestamp < ends[0].Timestamp {
		return 1, ends[1].Offset, nil
	}
	return 0, ends[1].Offset, nil
}

// timeComplaints are what is odd about a time index, by kind.
type timeComplaints struct{ mismatches, disorder, missing []string }

func (d *kafkaDump) timeIndex(path string) error {
	return d.withLog(path, ".timeindex", func(index fs.File, size int64, log fs.File, logSize, base int64) error {
		if d.flags.indexSanityCheck {
			return d.sane(path, size, inspect.TimeEntrySize, base, func() (int64, int64, error) { return timeEnds(index, size, base) })
		}
		var odd timeComplaints
		walk, before, number := &batchFinder{walk: inspect.NewWalk(log, 0, logSize)}, int64(-1), 0
		err := inspect.RawTimeEntries(index, size, base, func(e inspect.TimeEntry) error {
			if number++; e.Offset == base && number > 1 {
				return errSeen
			}
			odd.check(walk, e, before)
			if !d.flags.verifyIndexOnly {
				fmt.Fprintf(d.out, "timestamp: %d offset: %d\n", e.Timestamp, e.Offset)
			}
			before = e.Timestamp
			return nil
		})
		for _, list := range []struct {
			title string
			lines []string
		}{
			{"Found timestamp mismatch in :" + absolute(path), odd.mismatches}, {"Found out of order timestamp in :" + absolute(path), odd.disorder},
			{"The following indexed offsets are not found in the log.", odd.missing},
		} {
			if len(list.lines) > 0 {
				d.complaints = append(append(d.complaints, list.title), list.lines...)
			}
		}
		return unlessSeen(err)
	})
}

// check compares an entry with the batch that has its offset.
func (c *timeComplaints) check(find *batchFinder, e inspect.TimeEntry, before int64) {
	last, timestamp, ok := find.at(e.Offset)
	switch {
	case !ok:
		c.missing = append(c.missing, fmt.Sprintf("Indexed offset: %d, found log offset: -1", e.Offset))
	case last != e.Offset:
		c.missing = append(c.missing, fmt.Sprintf("Indexed offset: %d, found log offset: %d", e.Offset, last))
	default:
		if timestamp != e.Timestamp {
			c.mismatches = append(c.mismatches, fmt.Sprintf("  Index timestamp: %d, log timestamp: %d", e.Timestamp, timestamp))
		}
		if before >= e.Timestamp {
			c.disorder = append(c.disorder, fmt.Sprintf("  Index timestamp: %d, Previously indexed timestamp: %d", e.Timestamp, before))
		}
	}
}

// batchFinder finds batches by offsets that mostly rise.
type batchFinder struct {
	walk            *inspect.Walk
	last, timestamp int64
	found           bool
}

// at returns last offset and greatest timestamp of the first batch that ends at or behind offset.
func (f *batchFinder) at(offset int64) (last, timestamp int64, ok bool) {
	if f.found && f.last >= offset {
		if f.last == offset {
			return f.last, f.timestamp, true
		}
		f.walk.Resume(0)
	}
	for {
		e, err := f.walk.Next()
		if err != nil {
			f.found = false
			f.walk.Resume(0)
			return 0, 0, false
		}
		if f.last, f.timestamp, f.found = e.LastOffset(), e.MaxTimestamp(), true; f.last >= offset {
			return f.last, f.timestamp, true
		}
	}
}

func (d *kafkaDump) txnIndex(path string) error {
	b, err := fs.ReadFile(d.fs, path)
	if err != nil {
		return err
	}
	list, err := storage.ParseTxnIndex(b)
	for _, t := range list {
		fmt.Fprintf(d.out, "version: 0 producerId: %d firstOffset: %d lastOffset: %d lastStableOffset: %d\n", t.ProducerID, t.FirstOffset, t.LastOffset, t.LastStableOffset)
	}
	return err
}

func (d *kafkaDump) snapshot(path string) error {
	b, err := fs.ReadFile(d.fs, path)
	if err != nil {
		return err
	}
	list, err := storage.ParseSnapshot(b)
	if err != nil {
		d.complaints = append(d.complaints, err.Error())
		return nil
	}
	for _, e := range list {
		txn := "OptionalLong.empty"
		if e.TxnStartOffset >= 0 {
			txn = fmt.Sprintf("OptionalLong[%d]", e.TxnStartOffset)
		}
		fmt.Fprintf(d.out, "producerId: %d producerEpoch: %d coordinatorEpoch: %d currentTxnFirstOffset: %s lastTimestamp: %d",
			e.ProducerID, e.ProducerEpoch, e.CoordinatorEpoch, txn, e.LastTimestamp)
		if e.LastOffset >= 0 {
			fmt.Fprintf(d.out, " firstSequence: %d lastSequence: %d lastOffset: %d offsetDelta: %d timestamp: %d",
				e.FirstSequence, e.LastSequence, e.LastOffset, e.OffsetDelta, e.LastTimestamp)
		}
		fmt.Fprintln(d.out)
	}
	return nil
}
