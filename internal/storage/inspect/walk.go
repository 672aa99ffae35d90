package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"leat/internal/fs"
	"leat/internal/record"
)

const (
	// windowSize is how much of a segment is read at once.
	windowSize = 1 << 20
	// maxWhole bounds a batch that is looked into. The CRC of a larger one is checked piece by piece, its records are not.
	maxWhole = 64 << 20
)

// ErrHuge means that a batch is too large to be looked into.
var ErrHuge = errors.New("batch is too large to be looked into")

// Broken says that no whole batch begins at a position.
type Broken struct {
	Position int64
	Left     int64 // bytes from there to the end of the file
	Torn     bool  // the file ends inside the batch, as after a write that did not end
	Reason   string
}

func (b *Broken) Error() string { return fmt.Sprintf("position %d: %s", b.Position, b.Reason) }

// Entry is a batch in a file, or a message of the formats before magic 2.
type Entry struct {
	Position int64
	Size     int64
	Magic    int8
	// Header is the first bytes of the batch, record.HeaderSize for magic 2. It is valid until Next.
	Header record.Batch
}

// LastOffset is the offset of the last record; an Entry of an old format has one record, or is a wrapper named by its last.
func (e Entry) LastOffset() int64 {
	if e.Magic < 2 {
		return e.Header.BaseOffset()
	}
	return e.Header.LastOffset()
}

// MaxTimestamp is the greatest timestamp, record.NoTimestamp for magic 0.
func (e Entry) MaxTimestamp() int64 {
	switch e.Magic {
	case 0:
		return record.NoTimestamp
	case 1:
		return int64(binary.BigEndian.Uint64(e.Header[18:]))
	}
	return e.Header.MaxTimestamp()
}

// Walk goes through the batches of a file. It trusts nothing but the file's size.
type Walk struct {
	r      io.ReaderAt
	size   int64
	next   int64
	from   int64 // position of window[0]
	window []byte
	buf    []byte
	head   [record.HeaderSize]byte // of the last batch: the window may move on while it is looked at
}

// NewWalk begins at a position of a file of a size.
func NewWalk(r io.ReaderAt, position, size int64) *Walk {
	return &Walk{r: r, next: position, size: size}
}

// Position is where the next batch begins.
func (w *Walk) Position() int64 { return w.next }

// Resume goes on at a position.
func (w *Walk) Resume(position int64) { w.next = position }

// load makes n bytes at position visible and returns them, fewer only where the file ends.
func (w *Walk) load(position, n int64) ([]byte, error) {
	n = min(n, w.size-position)
	if at := position - w.from; at >= 0 && at+n <= int64(len(w.window)) {
		return w.window[at : at+n], nil
	}
	if need := max(n, min(windowSize, w.size-position)); int64(len(w.buf)) < need {
		w.buf = make([]byte, need)
	}
	want := min(int64(len(w.buf)), w.size-position)
	got, err := w.r.ReadAt(w.buf[:want], position)
	w.from, w.window = position, w.buf[:got]
	if int64(got) >= n {
		return w.window[:n], nil
	}
	if err == nil || err == io.EOF {
		err = fmt.Errorf("file became shorter while it was read: %w", io.ErrUnexpectedEOF)
	}
	return nil, err
}

// Next returns the next batch; io.EOF at the end, a *Broken where there is none, another error if the file cannot be read.
func (w *Walk) Next() (Entry, error) {
	e := Entry{Position: w.next}
	left := w.size - w.next
	if left <= 0 {
		return e, io.EOF
	}
	b, err := w.load(w.next, record.HeaderSize)
	if errors.Is(err, fs.ErrDamaged) {
		return e, &Broken{Position: e.Position, Left: left, Torn: true, Reason: err.Error()}
	}
	if err != nil {
		return e, err
	}
	broken := func(torn bool, format string, args ...any) (Entry, error) {
		return e, &Broken{Position: e.Position, Left: left, Torn: torn, Reason: fmt.Sprintf(format, args...)}
	}
	if len(b) < record.PrefixSize {
		return broken(true, "%d bytes, a batch needs %d", len(b), record.HeaderSize)
	}
	size, magic, err := record.Prefix(b)
	if err != nil {
		return broken(false, "%v", err)
	}
	e.Size, e.Magic, e.Header = int64(size), magic, record.Batch(w.head[:copy(w.head[:], b)])
	switch {
	case e.Size > left:
		return broken(true, "batch of %d bytes, %d are left", e.Size, left)
	case e.Header.BaseOffset() < 0:
		return broken(false, "base offset %d", e.Header.BaseOffset())
	case magic == 2 && e.Header.LastOffsetDelta() < 0:
		return broken(false, "last offset delta %d", e.Header.LastOffsetDelta())
	}
	w.next += e.Size
	return e, nil
}

// Whole returns all bytes of a batch, valid until the next call; ErrHuge if they are too many.
func (w *Walk) Whole(e Entry) ([]byte, error) {
	if e.Size > maxWhole {
		return nil, ErrHuge
	}
	return w.load(e.Position, e.Size)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Positions of a batch's CRC and of what it covers.
const (
	crcFrom      = 21
	legacyCRCAt  = 12
	legacyCRCEnd = 16
)

// CRC returns the stored checksum of a batch and that of its content.
func (w *Walk) CRC(e Entry) (stored, computed uint32, err error) {
	table, from := castagnoli, int64(crcFrom)
	if stored = binary.BigEndian.Uint32(e.Header[legacyCRCAt:]); e.Magic < 2 {
		table, from = crc32.IEEETable, legacyCRCEnd
	} else {
		stored = e.Header.CRC()
	}
	for at := from; at < e.Size; {
		b, err := w.load(e.Position+at, min(e.Size-at, windowSize))
		if err != nil {
			return stored, 0, err
		}
		computed = crc32.Update(computed, table, b)
		at += int64(len(b))
	}
	return stored, computed, nil
}
