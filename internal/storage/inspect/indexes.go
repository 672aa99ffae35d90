package inspect

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Widths of an index entry, in bytes.
const (
	OffsetEntrySize = 8
	TimeEntrySize   = 12
)

// OffsetEntry is an entry of an .index file.
type OffsetEntry struct {
	Offset   int64 `json:"offset"`
	Position int64 `json:"position"`
}

// TimeEntry is an entry of a .timeindex file.
type TimeEntry struct {
	Timestamp int64 `json:"timestamp"`
	Offset    int64 `json:"offset"`
}

// table reads the entries of an index file one after the other, a page at a time.
type table struct {
	r       io.ReaderAt
	width   int64
	entries int64 // whole ones
	next    int64
	page    []byte
	from    int64 // number of the first entry in page
	solid   int64 // an entry that is not zero stands before this one, and none that were looked at lie behind
}

func newTable(r io.ReaderAt, size, width int64) *table {
	return &table{r: r, width: width, entries: size / width}
}

const entriesPerPage = 4096

// read returns the next entry, valid until the next call; io.EOF behind the last.
func (t *table) read() ([]byte, error) {
	if t.next >= t.entries {
		return nil, io.EOF
	}
	if at := (t.next - t.from) * t.width; t.page == nil || at >= int64(len(t.page)) {
		n := min(entriesPerPage, t.entries-t.next)
		page := make([]byte, n*t.width)
		got, err := t.r.ReadAt(page, t.next*t.width)
		if got < len(page) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		t.page, t.from = page, t.next
	}
	at := (t.next - t.from) * t.width
	t.next++
	return t.page[at : at+t.width], nil
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// end reports whether entry number, which is all zeros, and all behind it are what Kafka puts there before it writes entries.
func (t *table) end(number int64) (bool, error) {
	if number < t.solid {
		return false, nil
	}
	rest := &table{r: t.r, width: t.width, entries: t.entries, next: number}
	for {
		e, err := rest.read()
		if err == io.EOF {
			return true, nil
		}
		if err != nil || !isZero(e) {
			t.solid = rest.next
			return false, err
		}
	}
}

// OffsetEntries calls fn for each entry of an .index file of a segment. Zeros at its end are no entries.
func OffsetEntries(r io.ReaderAt, size, base int64, fn func(OffsetEntry) error) error {
	return each(newTable(r, size, OffsetEntrySize).entry, func(b []byte) error { return fn(parseOffsetEntry(b, base)) })
}

// TimeEntries calls fn for each entry of a .timeindex file of a segment. Zeros at its end are no entries.
func TimeEntries(r io.ReaderAt, size, base int64, fn func(TimeEntry) error) error {
	return each(newTable(r, size, TimeEntrySize).entry, func(b []byte) error { return fn(parseTimeEntry(b, base)) })
}

// RawOffsetEntries is OffsetEntries with the zeros at the end.
func RawOffsetEntries(r io.ReaderAt, size, base int64, fn func(OffsetEntry) error) error {
	t := newTable(r, size, OffsetEntrySize)
	return each(t.read, func(b []byte) error { return fn(parseOffsetEntry(b, base)) })
}

// RawTimeEntries is TimeEntries with the zeros at the end.
func RawTimeEntries(r io.ReaderAt, size, base int64, fn func(TimeEntry) error) error {
	t := newTable(r, size, TimeEntrySize)
	return each(t.read, func(b []byte) error { return fn(parseTimeEntry(b, base)) })
}

func parseOffsetEntry(b []byte, base int64) OffsetEntry {
	return OffsetEntry{base + int64(int32(binary.BigEndian.Uint32(b))), int64(int32(binary.BigEndian.Uint32(b[4:])))}
}

func parseTimeEntry(b []byte, base int64) TimeEntry {
	return TimeEntry{int64(binary.BigEndian.Uint64(b)), base + int64(int32(binary.BigEndian.Uint32(b[8:])))}
}

func each(next func() ([]byte, error), fn func([]byte) error) error {
	for {
		b, err := next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
	}
}

// entry is read, but ends before the zeros at the end: Kafka makes index files at full length.
func (t *table) entry() ([]byte, error) {
	b, err := t.read()
	if err == nil && isZero(b) {
		var end bool
		if end, err = t.end(t.next - 1); end {
			err = io.EOF
		}
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("entry %d: %w", t.next, err)
	}
	return b, err
}
