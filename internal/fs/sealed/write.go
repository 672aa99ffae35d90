package sealed

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
)

// maxChunk bounds the memory of an append, and what goes to the file in one system call.
const maxChunk = 1 << 20

var chunks = sync.Pool{New: func() any { return new([]byte) }}

var (
	errAppendMode = errors.New("invalid use of WriteAt on a file opened with O_APPEND")
	errOverwrite  = errors.New("an encrypted file is only appended to")
)

// WriteAt appends: off is the end of the file, or lies behind it, and then what lies between is zero.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if f.flag&os.O_APPEND != 0 {
		return 0, f.fail("writeat", errAppendMode)
	}
	if off < 0 {
		return 0, f.fail("writeat", errNegative)
	}
	f.writeMu.Lock()
	defer f.writeMu.Unlock()
	return f.write(p, off)
}

// write appends with writeMu held.
func (f *File) write(p []byte, off int64) (int, error) {
	e, err := f.writable("write")
	if err != nil {
		return 0, err
	}
	switch {
	case off < e.end:
		return 0, f.fail("write", fmt.Errorf("position %d, the file ends at %d: %w", off, e.end, errOverwrite))
	case e.junk > 0:
		return 0, f.fail("write", f.atEnd(e, e.end))
	}
	if off > e.end {
		if e, err = f.grow(e, off); err != nil {
			return 0, err
		}
	}
	if e, err = f.append(e, p); err != nil {
		return 0, err
	}
	f.set(e, false)
	return len(p), nil
}

// writable is how far the file goes, if it can be written to. What a failed write left behind is cut off. Call it with writeMu held.
func (f *File) writable(op string) (extent, error) {
	switch {
	case f.flag&(os.O_WRONLY|os.O_RDWR) == 0 && op == "truncate":
		return extent{}, f.fail(op, syscall.EINVAL)
	case f.flag&(os.O_WRONLY|os.O_RDWR) == 0:
		return extent{}, f.fail(op, syscall.EBADF)
	}
	if why := f.extent().why; why != nil {
		return extent{}, f.fail(op, why)
	}
	if f.torn {
		if err := f.inner.Truncate(f.extent().phys); err != nil {
			return extent{}, err
		}
		f.torn = false
	}
	size, err := f.inner.Size()
	if err != nil {
		return extent{}, err
	}
	return f.refresh(size)
}

// append seals p behind the end and returns how far the file goes then. Nothing is published.
func (f *File) append(e extent, p []byte) (extent, error) {
	chunk := chunks.Get().(*[]byte)
	defer chunks.Put(chunk)
	for len(p) > 0 {
		b := (*chunk)[:0]
		if e.crypt == nil {
			var err error
			if b, e.crypt, err = f.fs.beginFile(b, f.name); err != nil {
				return e, f.fail("write", err)
			}
		}
		var taken int
		b, taken = e.crypt.seal(b, e.phys, e.end, p)
		*chunk = b
		if err := f.put(b, e.phys); err != nil {
			return e, err
		}
		e.phys += int64(len(b))
		e.end += int64(taken)
		p = p[taken:]
	}
	return e, nil
}

// seal appends to b, which will stand at a place of the file, pieces with as much of p as a chunk takes.
func (c *cryptor) seal(b []byte, at, pos int64, p []byte) (_ []byte, taken int) {
	left := len(p)
	b = slices.Grow(b, min(left+(left/maxPlain+2)*overhead+worthSplit, maxChunk+sectorSize))
	for taken < len(p) && len(b) < maxChunk {
		content, padding := room(at+int64(len(b)), len(p)-taken)
		b = append(b, zeros[:padding]...)
		b = c.appendPiece(b, pos, p[taken:taken+content])
		pos += int64(content)
		taken += content
	}
	return b, taken
}

// zeros is as much padding as there can be.
var zeros [worthSplit + overhead]byte

// put writes sealed bytes behind the end.
func (f *File) put(b []byte, at int64) error {
	if _, err := f.inner.WriteAt(b, at); err != nil {
		f.torn = true // how much was written is not known
		return err
	}
	return nil
}

// grow appends zeros up to a position, publishing every step, for it may be far.
func (f *File) grow(e extent, to int64) (extent, error) {
	blank := make([]byte, min(to-e.end, maxChunk))
	for e.end < to {
		next, err := f.append(e, blank[:min(to-e.end, maxChunk)])
		if err != nil {
			return e, err
		}
		e = next
		f.set(e, false)
	}
	return e, nil
}

// Truncate changes the size of the plaintext. Within a piece, whole pieces behind it go first, and then a cut is appended: a crash in
// between leaves a longer file, as it may with any other, and at no time is there anything that was not at the end before.
func (f *File) Truncate(size int64) error {
	f.writeMu.Lock()
	defer f.writeMu.Unlock()
	if f.extent().why != nil && size == 0 && f.flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		return f.empty()
	}
	e, err := f.writable("truncate")
	if err != nil {
		return err
	}
	switch {
	case size < 0:
		return f.fail("truncate", syscall.EINVAL)
	case size == 0:
		return f.empty()
	case size < e.end:
		return f.cut(e, size)
	}
	if e.junk > 0 {
		e.junk = 0
		if err := f.inner.Truncate(e.phys); err != nil {
			return err
		}
		f.set(e, true)
	}
	_, err = f.grow(e, size)
	return err
}

// empty makes the file a new one, which gets a header when it is written to again.
func (f *File) empty() error {
	if err := f.inner.Truncate(0); err != nil {
		return err
	}
	f.set(extent{}, true)
	return nil
}

// cut ends the file within it.
func (f *File) cut(e extent, size int64) error {
	end, behind, err := f.locate(e, size-1)
	if err != nil {
		return err
	}
	if err := f.inner.Truncate(behind); err != nil {
		return err
	}
	e.end, e.phys, e.junk = end, behind, 0
	f.set(e, true)
	if size == end {
		return nil
	}
	_, padding := room(behind, 0)
	b := e.crypt.appendPiece(append([]byte(nil), zeros[:padding]...), size, nil)
	if err := f.put(b, behind); err != nil {
		return err
	}
	e.end, e.phys = size, behind+int64(len(b))
	f.set(e, true)
	return nil
}
