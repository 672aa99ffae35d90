package fs

import (
	iofs "io/fs"
	"os"
	"time"
)

const pageSize = 4096

type page [pageSize]byte

// node is a file or a directory. Its Mem's mutex guards it.
type node struct {
	mode    os.FileMode
	changed time.Time
	names   int // directory entries that lead here
	handles int // open files and locks

	// Of a file. A nil page is a hole of zeros.
	size       int64
	pages      []*page
	reserved   int64 // so many first pages have their space, also those that are holes or behind the end
	syncedSize int64
	// saved holds, for each page that changed since the last sync, what it was then. So a sync costs what changed, not what
	// the file holds.
	saved map[int64]*page

	// Of a directory: what is, what was at the last sync, and the changes from there to here in order.
	children map[string]*node
	synced   map[string]*node
	pending  []change
}

// change is one change of a directory. The two halves of a rename have the same number: a crash keeps both or neither, unless only
// one of the two directories was synced.
type change struct {
	number uint64
	name   string
	node   *node // nil: removed
}

func newFile(perm os.FileMode) *node {
	return &node{mode: perm.Perm(), changed: time.Now(), saved: map[int64]*page{}}
}

func newDir(perm os.FileMode) *node {
	return &node{mode: perm.Perm() | os.ModeDir, changed: time.Now(), children: map[string]*node{}, synced: map[string]*node{}}
}

func (n *node) isDir() bool { return n.mode.IsDir() }

// holds reports whether n is dir or above it.
func (n *node) holds(dir *node) bool {
	if n == dir {
		return true
	}
	for _, child := range n.children {
		if child.isDir() && child.holds(dir) {
			return true
		}
	}
	return false
}

// change makes name lead to child, or to nothing.
func (n *node) change(number uint64, name string, child *node) {
	if child == nil {
		delete(n.children, name)
	} else {
		n.children[name] = child
	}
	n.changed = time.Now()
	n.pending = append(n.pending, change{number, name, child})
}

// settle makes the directory's changes up to the given one durable.
func (n *node) settle(number uint64) {
	for len(n.pending) > 0 && n.pending[0].number <= number {
		c := n.pending[0]
		n.pending = n.pending[1:]
		if c.node == nil {
			delete(n.synced, c.name)
		} else {
			n.synced[c.name] = c.node
		}
	}
}

// sync makes the content durable.
func (n *node) sync() {
	n.syncedSize = n.size
	clear(n.saved)
}

func pagesOf(size int64) int64 { return (size + pageSize - 1) / pageSize }

// save keeps the durable version of a page before it changes. It returns false if the page was saved before, or is younger than
// the last sync, and so may be changed in place.
func (n *node) save(i int64) bool {
	if _, ok := n.saved[i]; ok || i >= pagesOf(n.syncedSize) {
		return false
	}
	n.saved[i] = n.page(i)
	return true
}

func (n *node) page(i int64) *page {
	if i < int64(len(n.pages)) {
		return n.pages[i]
	}
	return nil
}

// own returns page i for writing.
func (n *node) own(i int64) *page {
	for int64(len(n.pages)) <= i {
		n.pages = append(n.pages, nil)
	}
	saved := n.save(i)
	if p := n.pages[i]; p == nil {
		n.pages[i] = new(page)
	} else if saved {
		copied := *p
		n.pages[i] = &copied
	}
	return n.pages[i]
}

// writeAt writes as much of p as fits into room bytes of new pages, and returns how much that is and the bytes of new pages.
func (n *node) writeAt(p []byte, off, room int64) (written int, grown int64) {
	for len(p) > 0 {
		i, at := off/pageSize, off%pageSize
		if n.page(i) == nil && i >= n.reserved {
			if grown+pageSize > room {
				break
			}
			grown += pageSize
		}
		c := copy(n.own(i)[at:], p)
		p, off, written = p[c:], off+int64(c), written+c
		n.size = max(n.size, off)
	}
	if written > 0 {
		n.changed = time.Now()
	}
	return written, grown
}

// readAt reads what lies below the size.
func (n *node) readAt(p []byte, off int64) int {
	if off >= n.size {
		return 0
	}
	p = p[:min(int64(len(p)), n.size-off)]
	total := len(p)
	for len(p) > 0 {
		i, at := off/pageSize, off%pageSize
		c := min(len(p), int(pageSize-at))
		if pg := n.page(i); pg != nil {
			copy(p[:c], pg[at:])
		} else {
			clear(p[:c])
		}
		p, off = p[c:], off+int64(c)
	}
	return total
}

// truncate sets the size and returns the (negative) change of bytes in pages.
func (n *node) truncate(size int64) int64 {
	before := n.pageBytes()
	if size < n.size {
		for i := pagesOf(size); i < int64(len(n.pages)); i++ {
			n.save(i)
		}
		n.pages = n.pages[:min(int64(len(n.pages)), pagesOf(size))]
		if at := size % pageSize; at != 0 && n.page(size/pageSize) != nil {
			clear(n.own(size / pageSize)[at:]) // what grows again reads as zeros
		}
	}
	n.reserved = min(n.reserved, pagesOf(size))
	n.size = size
	n.changed = time.Now()
	return n.pageBytes() - before
}

// reserve takes the space of the first size bytes if what is missing of it fits into room.
func (n *node) reserve(size, room int64) (grown int64, ok bool) {
	before := n.reserved
	had := n.pageBytes()
	n.reserved = max(n.reserved, pagesOf(size))
	if grown = n.pageBytes() - had; grown > room {
		n.reserved = before
		return 0, false
	}
	return grown, true
}

func (n *node) pageBytes() int64 {
	bytes := max(0, n.reserved-int64(len(n.pages))) * pageSize
	for i, p := range n.pages {
		if p != nil || int64(i) < n.reserved {
			bytes += pageSize
		}
	}
	return bytes
}

func (n *node) info(name string) iofs.FileInfo {
	return fileInfo{name: name, size: n.size, mode: n.mode, changed: n.changed}
}

type fileInfo struct {
	name    string
	size    int64
	mode    os.FileMode
	changed time.Time
}

func (i fileInfo) Name() string        { return i.name }
func (i fileInfo) Size() int64         { return i.size }
func (i fileInfo) Mode() iofs.FileMode { return i.mode }
func (i fileInfo) ModTime() time.Time  { return i.changed }
func (i fileInfo) IsDir() bool         { return i.mode.IsDir() }
func (i fileInfo) Sys() any            { return nil }
