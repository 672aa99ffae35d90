package sealed

import (
	"io"
	"sync"
)

const (
	// tableStride is how many sectors lie between two whose first position an open file remembers: 512 entries for 2 GiB.
	tableStride  = 64
	unknownStart = -1
)

// sectorSpan remembers which positions one sector holds.
type sectorSpan struct{ sector, from, to int64 }

// forgetLocked drops what is remembered of sectors from the given one on.
func (f *File) forgetLocked(sector int64) {
	keep := (sector + tableStride - 1) / tableStride
	if keep < int64(len(f.starts)) {
		f.starts = f.starts[:keep]
	}
	f.recent = sectorSpan{}
}

// remembered looks the first position of a sector up in the table.
func (f *File) remembered(sector int64) (int64, bool) {
	if sector%tableStride != 0 {
		return 0, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := sector / tableStride
	if i >= int64(len(f.starts)) || f.starts[i] == unknownStart {
		return 0, false
	}
	return f.starts[i], true
}

func (f *File) remember(sector, pos, changes int64) {
	if sector%tableStride != 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changes != changes {
		return
	}
	i := sector / tableStride
	for int64(len(f.starts)) <= i {
		f.starts = append(f.starts, unknownStart)
	}
	f.starts[i] = pos
}

// start is the position that a sector begins with, the lowest of the cuts in front of its first piece if it begins with cuts. False: its
// head is no piece.
func (f *File) start(e extent, sector, changes int64) (pos int64, ok bool, err error) {
	if sector == 0 {
		return 0, true, nil
	}
	if pos, ok := f.remembered(sector); ok {
		return pos, true, nil
	}
	for at := sector * sectorSize; at < min(e.phys, (sector+1)*sectorSize); at += overhead {
		p, whole, err := f.headAt(e, at)
		if err != nil {
			return 0, false, err
		}
		if !whole {
			break
		}
		if !ok || p.pos < pos {
			pos, ok = p.pos, true
		}
		if !p.cut() {
			break
		}
	}
	if ok {
		f.remember(sector, pos, changes)
	}
	return pos, ok, nil
}

// headAt reads the head of the piece at a place of the file.
func (f *File) headAt(e extent, at int64) (p piece, ok bool, err error) {
	head := heads.Get().(*[openSize]byte)
	defer heads.Put(head)
	n, err := f.inner.ReadAt(head[:], at)
	if err != nil && err != io.EOF {
		return piece{}, false, err
	}
	p, ok = e.crypt.parse(head[:n])
	return p, ok, nil
}

// find returns the sector that holds a position: the last one that begins at or before it. A sector whose head cannot be read is passed
// over, so that damage in one sector hides no other.
func (f *File) find(e extent, pos, changes int64) (int64, error) {
	f.mu.Lock()
	recent := f.recent
	f.mu.Unlock()
	if recent.to > recent.from && pos >= recent.from && pos < recent.to {
		return recent.sector, nil
	}
	lo, hi := int64(0), e.sectors()
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		if aligned := mid / tableStride * tableStride; hi-lo > tableStride && aligned > lo {
			mid = aligned
		}
		at, begins := mid, int64(0)
		for ; at < hi; at++ {
			start, ok, err := f.start(e, at, changes)
			if err != nil {
				return 0, err
			}
			if ok {
				begins = start
				break
			}
		}
		if at < hi && begins <= pos {
			lo = at
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// noteSpan remembers what a sector held, for a reader that goes on there.
func (f *File) noteSpan(s sectorSpan, changes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changes == changes {
		f.recent = s
	}
}

// scan finds the end of a file of the given size: behind the last whole piece of the last sector that has one.
func (f *File) scan(crypt *cryptor, size int64) (extent, error) {
	e := extent{crypt: crypt, phys: headerSize, junk: max(size-headerSize, 0)}
	buf := sectorBuffers.Get().(*[sectorSize]byte)
	defer sectorBuffers.Put(buf)
	for sector := (size - 1) / sectorSize; sector >= 0; sector-- {
		at := max(sector*sectorSize, firstPiece)
		if sector > 0 {
			if _, ok, err := f.headAt(e, at); err != nil {
				return extent{}, err
			} else if !ok {
				continue
			}
		}
		b := buf[:max(min((sector+1)*sectorSize, size)-at, 0)]
		if n, err := f.inner.ReadAt(b, at); err == io.EOF {
			b = b[:n]
		} else if err != nil {
			return extent{}, err
		}
		if end, length, ok := endOf(crypt, b); ok {
			e.end, e.phys = end, at+length
			e.junk = size - e.phys
			return e, nil
		}
	}
	return e, nil
}

// endOf walks the pieces that b begins with: the position behind the last one, and how many bytes they take.
func endOf(crypt *cryptor, b []byte) (end, length int64, ok bool) {
	for {
		p, whole := crypt.parse(b[length:])
		if !whole || length+p.size() > int64(len(b)) || ok && !follows(p, end) {
			return end, length, ok
		}
		end, length, ok = p.pos+p.length, length+p.size(), true
	}
}

// follows reports whether a piece may stand behind one that ends at end.
func follows(p piece, end int64) bool { return p.pos == end || p.cut() && p.pos < end }

var (
	sectorBuffers = sync.Pool{New: func() any { return new([sectorSize]byte) }}
	heads         = sync.Pool{New: func() any { return new([openSize]byte) }}
)
