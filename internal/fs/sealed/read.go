package sealed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"leat/internal/fs"
)

// ReadAt reads plaintext. At damage it returns what lies before it, and an fs.ErrDamaged that names the place.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case off < 0:
		return 0, f.fail("readat", errNegative)
	case f.flag&os.O_WRONLY != 0:
		return 0, f.fail("read", syscall.EBADF)
	case len(p) == 0:
		return 0, nil
	}
	e, changes := f.look()
	if e.why != nil {
		return 0, f.fail("read", e.why)
	}
	n, err := f.read(e, changes, p, off)
	if err == nil {
		return n, nil
	}
	// The file may have been cut meanwhile, or written to by somebody else who has it open: then what was looked up is no longer so.
	for range maxLooks {
		size, sizeErr := f.inner.Size()
		if sizeErr != nil {
			return 0, sizeErr
		}
		if _, err := f.refresh(size); err != nil {
			return n, err
		}
		fresh, changed := f.look()
		if fresh == e && changed == changes {
			break
		}
		if n, err = f.read(fresh, changed, p, off); err == nil {
			return n, nil
		}
		e, changes = fresh, changed
	}
	if errors.Is(err, fs.ErrDamaged) {
		f.damaged.Store(true)
	}
	return n, err
}

// maxLooks bounds how often a read begins again because somebody cuts the file.
const maxLooks = 1000

// Damaged reports whether a read found damage since the file was opened.
func (f *File) Damaged() bool { return f.damaged.Load() }

// read reads with one view of the file.
func (f *File) read(e extent, changes int64, p []byte, off int64) (int, error) {
	if off >= e.end {
		return 0, f.atEnd(e, off)
	}
	sector, err := f.find(e, off, changes)
	if err != nil {
		return 0, err
	}
	w := &walk{f: f, e: e, changes: changes, p: p[:min(int64(len(p)), e.end-off)], off: off}
	w.buf = sectorBuffers.Get().(*[sectorSize]byte)
	defer sectorBuffers.Put(w.buf)
	for ; w.filled < len(w.p); sector++ {
		if err := w.sector(sector); err != nil {
			return w.filled, err
		}
	}
	if w.filled < len(p) {
		return w.filled, f.atEnd(e, e.end)
	}
	return w.filled, nil
}

// atEnd is the error of reading at a position behind the last that can be read.
func (f *File) atEnd(e extent, off int64) error {
	if off < e.end+e.junk {
		return f.damage(e.end, e.phys, fmt.Sprintf("%d bytes are no whole piece", e.junk))
	}
	return io.EOF
}

// walk is one read that goes from sector to sector.
type walk struct {
	f       *File
	e       extent
	changes int64
	p       []byte
	off     int64 // position of p[0]
	filled  int   // bytes of p
	buf     *[sectorSize]byte
}

// sealedPiece is a piece in memory, and how far its content counts.
type sealedPiece struct {
	piece
	bytes []byte
	at    int64 // in the file
	end   int64 // position; before pos+length if it was cut
}

// sector reads what p wants of one sector. A piece is only taken once what follows it is known, for that may be a cut.
func (w *walk) sector(sector int64) error {
	at := max(sector*sectorSize, firstPiece)
	limit := min((sector+1)*sectorSize, w.e.phys)
	want := w.off + int64(w.filled)
	if limit <= at {
		return w.f.damage(want, at, "the pieces end before it")
	}
	b := w.buf[:limit-at]
	n, err := w.f.inner.ReadAt(b, at)
	if n < len(b) && err != nil && err != io.EOF {
		return err
	}
	b = b[:n] // the file may have been cut behind what is wanted
	span := sectorSpan{sector: sector, from: -1}
	var held sealedPiece
	for i := int64(0); ; {
		p, ok := w.e.crypt.parse(b[i:])
		if !ok || i+p.size() > int64(len(b)) || span.from >= 0 && !follows(p, held.end) {
			return w.endSector(sector, held, span, b[i:], at+i)
		}
		if span.from < 0 {
			span.from = p.pos
		}
		if p.cut() {
			held.end = p.pos
			span.from = min(span.from, p.pos)
		} else {
			if err := w.take(held); err != nil {
				return err
			}
			if w.filled == len(w.p) {
				span.to = held.end
				w.f.noteSpan(span, w.changes)
				return nil
			}
			held = sealedPiece{p, b[i:][:p.size()], at + i, p.pos + p.length}
		}
		i += p.size()
	}
}

// endSector takes the last piece of a sector. rest is what stands behind it: nothing, or zeros if the next piece did not fit.
func (w *walk) endSector(sector int64, held sealedPiece, span sectorSpan, rest []byte, at int64) error {
	damaged := !isZero(rest)
	if !damaged && sector+1 < w.e.sectors() {
		next, ok, err := w.f.start(w.e, sector+1, w.changes)
		if err != nil {
			return err
		}
		if ok {
			held.end = min(held.end, next)
		}
	}
	if err := w.take(held); err != nil {
		return err
	}
	want := w.off + int64(w.filled)
	switch {
	case w.filled == len(w.p):
	case damaged:
		return w.f.damage(want, at, "no piece begins here")
	case span.from < 0:
		return w.f.damage(want, at, "the sector is empty")
	case want > held.end && held.bytes != nil:
		return w.f.damage(want, at, "the piece with it is missing")
	}
	if !damaged && span.from >= 0 {
		span.to = held.end
		w.f.noteSpan(span, w.changes)
	}
	return nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// take decrypts what p wants of a piece.
func (w *walk) take(s sealedPiece) error {
	want := w.off + int64(w.filled)
	if s.bytes == nil || s.end <= want {
		return nil
	}
	if s.pos > want {
		return w.f.damage(want, s.at, "the piece with it is missing")
	}
	into := w.p[w.filled:]
	whole := want == s.pos && s.end == s.pos+s.length && int64(len(into)) >= s.length
	dst := s.bytes[openSize:openSize]
	if whole {
		dst = into[:0:s.length]
	}
	plain, err := w.e.crypt.open(dst, s.piece, s.bytes)
	if err != nil {
		return w.f.damage(want, s.at, "the piece is not what was written")
	}
	if whole {
		w.filled += len(plain)
	} else {
		w.filled += copy(into, plain[want-s.pos:s.end-s.pos])
	}
	return nil
}

// locate finds the piece whose content counts at a position: how far it counts, and the place behind it and the cuts that follow it.
func (f *File) locate(e extent, pos int64) (end, behind int64, err error) {
	_, changes := f.look()
	sector, err := f.find(e, pos, changes)
	if err != nil {
		return 0, 0, err
	}
	var held piece
	at := max(sector*sectorSize, firstPiece)
	for at < e.phys {
		p, ok, err := f.headAt(e, at)
		if err != nil {
			return 0, 0, err
		}
		if !ok && at%sectorSize != 0 { // the rest of the sector is empty
			at += sectorSize - at%sectorSize
			continue
		}
		found := held.length > 0 && pos < end
		if !ok || !p.cut() && (found || p.pos > pos) {
			break
		}
		at += p.size()
		if p.cut() {
			end = min(end, p.pos)
		} else {
			held, end = p, p.pos+p.length
		}
		behind = at
	}
	if held.length == 0 || pos >= end {
		return 0, 0, f.damage(pos, at, "the piece with it is missing")
	}
	return end, behind, nil
}
