package storage

import (
	"os"
	"sync"

	"leat/internal/fs"
)

// cachedFile is a .log file that is open while somebody uses it and for as long after that as the cache has room.
//
// Invariant: f is nil or open; refs > 0 only while f is open; the file is in the cache's list exactly while f is not nil.
type cachedFile struct {
	cache      *fileCache
	path       string
	f          fs.File
	refs       int
	gone       bool // the segment was removed: close when the last user lets go
	prev, next *cachedFile
}

// fileCache keeps at most max files open, unless more are in use at once.
type fileCache struct {
	fsys fs.FS
	max  func() int

	mu   sync.Mutex
	root cachedFile // of the ring of open files, the most recently used first
	open int
}

func newFileCache(fsys fs.FS, limit func() int) *fileCache {
	c := &fileCache{fsys: fsys, max: limit}
	c.root.prev, c.root.next = &c.root, &c.root
	return c
}

// acquire opens the file if need be and holds it until release.
func (cf *cachedFile) acquire() (fs.File, error) {
	c := cf.cache
	c.mu.Lock()
	if f, ok := cf.holdLocked(); ok {
		c.mu.Unlock()
		return f, nil
	}
	gone := cf.gone
	c.mu.Unlock()
	if gone {
		return nil, ErrClosed
	}
	f, err := c.fsys.OpenFile(cf.path, os.O_RDWR, 0)
	c.mu.Lock()
	if err != nil {
		gone = cf.gone // the file may have gone since
		c.mu.Unlock()
		if gone {
			return nil, ErrClosed
		}
		return nil, err
	}
	if other, ok := cf.holdLocked(); ok {
		c.mu.Unlock()
		_ = f.Close() // somebody else was faster; ours was not written to
		return other, nil
	}
	if cf.gone {
		c.mu.Unlock()
		_ = f.Close()
		return nil, ErrClosed
	}
	cf.f, cf.refs = f, 1
	c.open++
	c.pushLocked(cf)
	victims := c.evictLocked()
	c.mu.Unlock()
	closeAll(victims)
	return f, nil
}

// holdLocked counts one more user of an open file.
func (cf *cachedFile) holdLocked() (fs.File, bool) {
	if cf.f == nil || cf.gone {
		return nil, false
	}
	cf.refs++
	cf.unlink()
	cf.cache.pushLocked(cf)
	return cf.f, true
}

// release undoes one acquire.
func (cf *cachedFile) release() {
	c := cf.cache
	c.mu.Lock()
	cf.refs--
	var victims []fs.File
	if cf.refs == 0 && cf.gone {
		victims = append(victims, c.dropLocked(cf))
	} else if c.open > c.max() {
		victims = c.evictLocked()
	}
	c.mu.Unlock()
	closeAll(victims)
}

// discard closes the file when its last user lets go, and refuses new ones.
func (cf *cachedFile) discard() {
	c := cf.cache
	c.mu.Lock()
	cf.gone = true
	var f fs.File
	if cf.f != nil && cf.refs == 0 {
		f = c.dropLocked(cf)
	}
	c.mu.Unlock()
	if f != nil {
		_ = f.Close()
	}
}

func (c *fileCache) pushLocked(cf *cachedFile) {
	cf.prev, cf.next = &c.root, c.root.next
	cf.prev.next, cf.next.prev = cf, cf
}

func (cf *cachedFile) unlink() {
	cf.prev.next, cf.next.prev = cf.next, cf.prev
	cf.prev, cf.next = nil, nil
}

func (c *fileCache) dropLocked(cf *cachedFile) fs.File {
	cf.unlink()
	c.open--
	f := cf.f
	cf.f = nil
	return f
}

// evictLocked takes the least recently used files that nobody holds out of the cache until it is within its limit.
func (c *fileCache) evictLocked() []fs.File {
	var victims []fs.File
	limit := c.max()
	for cf := c.root.prev; cf != &c.root && c.open > limit; {
		prev := cf.prev
		if cf.refs == 0 {
			victims = append(victims, c.dropLocked(cf))
		}
		cf = prev
	}
	return victims
}

// closeAll closes files whose content was synced, or will be by a later open of the same file: fsync covers the file, not the
// descriptor, so an error of close says nothing about the data.
func closeAll(files []fs.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
