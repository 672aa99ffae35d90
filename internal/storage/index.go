package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"

	"leat/internal/fs"
)

// Lengths of an entry: relative offset int32 and position int32; timestamp int64 and relative offset int32.
const (
	indexEntrySize     = 8
	timeIndexEntrySize = 12
)

// indexPage is how many bytes of new entries gather in memory before they go to the file, and how many a lookup reads at once.
const indexPage = 4096

// sparseIndex is one .index or .timeindex file: entries of one width, sorted by their keys. The newest entries of the active
// segment are in pending, the rest only on disk, where a lookup finds them by binary search; no idle index costs memory.
//
// pending is replaced, never overwritten, so that a reader may go on with what it saw.
type sparseIndex struct {
	width   int
	onDisk  int64 // entries in the file that count; the file may be longer after a truncation or a crash
	pending []byte
}

// errIndex means that an index contradicts itself or its log; it is rebuilt from the log.
var errIndex = errors.New("index does not fit its log")

func (x *sparseIndex) entries() int64 { return x.onDisk + int64(len(x.pending)/x.width) }

// indexKey reads one field of an entry that rises from entry to entry.
type indexKey func(entry []byte) int64

func keyRelativeOffset(e []byte) int64 { return int64(int32(binary.BigEndian.Uint32(e))) }
func keyPosition(e []byte) int64       { return int64(int32(binary.BigEndian.Uint32(e[4:]))) }
func keyTimestamp(e []byte) int64      { return int64(binary.BigEndian.Uint64(e)) }
func timeRelativeOffset(e []byte) int64 {
	return int64(int32(binary.BigEndian.Uint32(e[8:])))
}

// floorPending finds the last pending entry whose key is at most target. ok is false if it lies on disk or nowhere.
func (x *sparseIndex) floorPending(target int64, key indexKey) (entry []byte, ok bool) {
	w := x.width
	n := sort.Search(len(x.pending)/w, func(i int) bool { return key(x.pending[i*w:]) > target })
	if n == 0 {
		return nil, false
	}
	return x.pending[(n-1)*w : n*w], true
}

var indexPages = sync.Pool{New: func() any { return new([indexPage]byte) }}

// floorOnDisk finds, among the first count entries of an index file, the last one whose key is at most target, and copies it
// to entry. ok is false if there is none.
func floorOnDisk(r io.ReaderAt, width int, count, target int64, key indexKey, entry []byte) (ok bool, err error) {
	page := indexPages.Get().(*[indexPage]byte)
	defer indexPages.Put(page)
	perPage := int64(indexPage / width)
	// Invariant: entries below lo are <= target, those from hi on are > target.
	lo, hi := int64(0), count
	for hi-lo > perPage {
		mid := lo + (hi-lo)/2
		if err := readIndex(r, page[:width], mid*int64(width)); err != nil {
			return false, err
		}
		if key(page[:width]) <= target {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	from := lo
	if lo > 0 && hi-lo < perPage {
		from = lo - 1 // the entry that is found if all others are above target; where the page has no room for it, it is read by itself
	}
	b := page[:(hi-from)*int64(width)]
	if err := readIndex(r, b, from*int64(width)); err != nil {
		return false, err
	}
	n := sort.Search(len(b)/width, func(i int) bool { return key(b[i*width:]) > target })
	if n == 0 {
		if from == 0 {
			return false, nil
		}
		return true, readIndex(r, entry[:width], (from-1)*int64(width))
	}
	copy(entry[:width], b[(n-1)*width:n*width])
	return true, nil
}

func readIndex(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = fmt.Errorf("%w: ends at byte %d, expected %d", errIndex, at+int64(n), at+int64(len(b)))
	}
	return err
}

// writePending appends the pending entries to the file and, if final, cuts the file behind them.
func (x *sparseIndex) writePending(fsys fs.FS, path string, final bool) (err error) {
	f, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	at := x.onDisk * int64(x.width)
	if len(x.pending) > 0 {
		if _, err := f.WriteAt(x.pending, at); err != nil {
			return err
		}
	}
	if final {
		return f.Truncate(at + int64(len(x.pending)))
	}
	return nil
}

// pendingWritten forgets the pending entries after writePending.
func (x *sparseIndex) pendingWritten() {
	x.onDisk += int64(len(x.pending) / x.width)
	x.pending = nil
}
