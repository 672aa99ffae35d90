package storage

import (
	"errors"
	"fmt"
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
	expected   int64 // its length plus 1 when it is opened next; 0: not known
	gone       bool  // the segment was removed: close when the last user lets go
	prev, next *cachedFile
}

// fileCache keeps at most max files open, unless more are in use at once.
type fileCache struct {
	fsys fs.FS
	max  func() int

	counts Counters // of all logs that share the cache

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
	gone, expected := cf.gone, cf.expected
	c.mu.Unlock()
	if gone {
		return nil, ErrClosed
	}
	c.counts.FileOpens.Add(1)
	f, err := cf.open(expected)
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
	cf.f, cf.refs, cf.expected = f, 1, 0
	c.open++
	c.pushLocked(cf)
	victims := c.evictLocked()
	c.mu.Unlock()
	closeAll(victims)
	return f, nil
}

// open opens the file and, if its length is known, looks whether it has it.
func (cf *cachedFile) open(expected int64) (fs.File, error) {
	f, err := cf.cache.fsys.OpenFile(cf.path, os.O_RDWR, 0)
	if expected == 0 {
		return f, err
	}
	expected--
	if errors.Is(err, os.ErrNotExist) {
		return nil, changedFile{cf.path, "it is gone", expected}
	}
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err == nil && size != expected {
		err = changedFile{cf.path, fmt.Sprintf("it has %d bytes", size), expected}
	}
	if err != nil {
		_ = f.Close() // only looked at
		return nil, err
	}
	return f, nil
}

// changedFile is a segment that somebody changed while no node had it open.
type changedFile struct {
	path, now string
	expected  int64
}

func (e changedFile) Error() string {
	return fmt.Sprintf("%s: %s, but had %d when the log was closed: the file was changed meanwhile; if another replica is in sync, "+
		"delete this directory and it is copied again", e.path, e.now, e.expected)
}

// Is makes it a damage of the file, not of the disk.
func (changedFile) Is(target error) bool { return target == fs.ErrDamaged }

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
