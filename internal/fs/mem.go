package fs

import (
	"errors"
	"io"
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Op names an operation to an injector.
type Op string

// The operations. A name given with OpRename is the old one.
const (
	OpOpen      Op = "open" // of an existing file
	OpCreate    Op = "create"
	OpRead      Op = "read"
	OpWrite     Op = "write"
	OpSync      Op = "sync"
	OpTruncate  Op = "truncate" // and a release of reserved space
	OpReserve   Op = "fallocate"
	OpClose     Op = "close"
	OpRemove    Op = "remove"
	OpRemoveAll Op = "removeall"
	OpRename    Op = "rename"
	OpMkdir     Op = "mkdir"
	OpReadDir   Op = "readdir"
	OpStat      Op = "stat"
	OpSyncDir   Op = "syncdir"
	OpLock      Op = "lock"
	OpUsage     Op = "statfs"
	OpSyncAll   Op = "syncfs"
	OpChtimes   Op = "chtimes"
)

// Injector decides before each operation of a Mem whether it fails, and with what. A write that fails with a *ShortWrite has written its
// first bytes.
type Injector func(op Op, name string) error

// ShortWrite, from an injector, lets the first N bytes of a write happen before it fails with Err.
type ShortWrite struct {
	N   int
	Err error
}

func (s *ShortWrite) Error() string { return s.Err.Error() }
func (s *ShortWrite) Unwrap() error { return s.Err }

// Mem is a file system in memory that behaves as OS does, and can in addition fill up, fail on demand, and tell what would be left
// after the machine or the process stopped right now (Crash, Kill).
//
// Durability is modelled at its strictest: content survives a crash once its file was synced, a name once its directory was.
// Relative names are relative to the root. Permissions are kept but not enforced.
type Mem struct {
	turn sync.Mutex // held while an injector runs that others are to wait for; taken before mu

	mu       sync.Mutex // guards what follows
	root     *node
	locked   map[*node]bool
	inject   Injector
	freely   bool   // the injector does not take turns
	capacity int64  // bytes; 0: no limit
	used     int64  // bytes of pages, and of those reserved, in files that still have a name or a handle
	lastOp   uint64 // number of the last change of a directory
}

// NewMem returns an empty file system.
func NewMem() *Mem { return &Mem{root: newDir(0o755), locked: map[*node]bool{}} }

// Inject sets the injector; nil for none. It is called for one operation at a time, by whatever goroutine that is of, and not any more once
// Inject was called again and has returned: what it counts needs no lock. So it must not wait, nor use the files itself.
func (m *Mem) Inject(fn Injector) {
	m.turn.Lock()
	defer m.turn.Unlock()
	m.setInjector(fn, false)
}

// InjectFreely sets an injector that may wait and may use the files, and so is called from many goroutines at once.
func (m *Mem) InjectFreely(fn Injector) { m.setInjector(fn, true) }

func (m *Mem) setInjector(fn Injector, freely bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inject, m.freely = fn, freely
}

func (m *Mem) injector() (fn Injector, freely bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inject, m.freely
}

// SetCapacity bounds the bytes that files may hold, counted in whole pages of 4 KiB; 0 for no limit. A write that does not fit
// writes what does and fails with ENOSPC.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

// before asks the injector.
func (m *Mem) before(op Op, name string) error {
	if err := m.ask(op, name); err != nil {
		return &os.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

func (m *Mem) ask(op Op, name string) error {
	inject, freely := m.injector()
	if inject != nil && !freely {
		m.turn.Lock()
		if inject, freely = m.injector(); !freely { // another may have been set while this operation waited for its turn
			defer m.turn.Unlock()
		} else {
			m.turn.Unlock()
		}
	}
	if inject == nil {
		return nil
	}
	return inject(op, name)
}

// names splits a name into its elements; the root has none.
func names(name string) []string {
	clean := filepath.ToSlash(filepath.Clean("/" + name))
	return strings.FieldsFunc(clean, func(r rune) bool { return r == '/' })
}

// find walks to the node of a name. Callers hold mu.
func (m *Mem) find(elements []string) (*node, error) {
	n := m.root
	for _, e := range elements {
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		child, ok := n.children[e]
		if !ok {
			return nil, syscall.ENOENT
		}
		n = child
	}
	return n, nil
}

// parent finds the directory that holds a name, and the last element. Callers hold mu.
func (m *Mem) parent(name string) (*node, string, error) {
	elements := names(name)
	if len(elements) == 0 {
		return nil, "", syscall.EBUSY // the root
	}
	dir, err := m.find(elements[:len(elements)-1])
	if err != nil {
		return nil, "", err
	}
	if !dir.isDir() {
		return nil, "", syscall.ENOTDIR
	}
	return dir, elements[len(elements)-1], nil
}

// OpenFile implements FS.
func (m *Mem) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	if err := m.before(m.openOp(name, flag), name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.open(name, flag, perm)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	n.handles++
	return &memFile{fs: m, node: n, name: name, flag: flag}, nil
}

// openOp tells an opening from a creation.
func (m *Mem) openOp(name string, flag int) Op {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(names(name)); err != nil && flag&os.O_CREATE != 0 {
		return OpCreate
	}
	return OpOpen
}

func (m *Mem) open(name string, flag int, perm os.FileMode) (*node, error) {
	writes := flag&(os.O_WRONLY|os.O_RDWR) != 0
	n, err := m.find(names(name))
	switch {
	case errors.Is(err, syscall.ENOENT) && flag&os.O_CREATE != 0:
		dir, base, err := m.parent(name)
		if err != nil {
			return nil, err
		}
		n = newFile(perm)
		m.link(dir, base, n)
		return n, nil
	case err != nil:
		return nil, err
	case flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, syscall.EEXIST
	case n.isDir() && (writes || flag&os.O_CREATE != 0):
		return nil, syscall.EISDIR
	case flag&os.O_TRUNC != 0 && writes:
		m.used += n.truncate(0)
	}
	return n, nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	if err := m.before(OpRemove, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.remove(name, false); err != nil {
		return &os.PathError{Op: "remove", Path: name, Err: err}
	}
	return nil
}

// RemoveAll implements FS.
func (m *Mem) RemoveAll(name string) error {
	if err := m.before(OpRemoveAll, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.remove(name, true); err != nil && !errors.Is(err, syscall.ENOENT) {
		return &os.PathError{Op: "removeall", Path: name, Err: err}
	}
	return nil
}

func (m *Mem) remove(name string, all bool) error {
	dir, base, err := m.parent(name)
	if err != nil {
		return err
	}
	n, ok := dir.children[base]
	if !ok {
		return syscall.ENOENT
	}
	if n.isDir() && len(n.children) > 0 && !all {
		return syscall.ENOTEMPTY
	}
	m.unlink(dir, base)
	return nil
}

// Rename implements FS. Like os.Rename it refuses to replace a directory.
func (m *Mem) Rename(oldName, newName string) error {
	if err := m.before(OpRename, oldName); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.rename(oldName, newName); err != nil {
		return renameError(oldName, newName, err)
	}
	return nil
}

func (m *Mem) rename(oldName, newName string) error {
	oldDir, oldBase, err := m.parent(oldName)
	if err != nil {
		return err
	}
	newDir, newBase, err := m.parent(newName)
	if err != nil {
		return err
	}
	n, ok := oldDir.children[oldBase]
	if !ok {
		return syscall.ENOENT
	}
	replaced, exists := newDir.children[newBase]
	switch {
	case replaced == n:
		return nil
	case exists && replaced.isDir():
		return syscall.EEXIST
	case exists && n.isDir():
		return syscall.ENOTDIR
	case n.isDir() && n.holds(newDir):
		return syscall.EINVAL
	}
	m.lastOp++
	if exists {
		replaced.names--
		m.reclaim(replaced)
	}
	oldDir.change(m.lastOp, oldBase, nil)
	newDir.change(m.lastOp, newBase, n)
	return nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(name string, perm os.FileMode) error {
	if err := m.before(OpMkdir, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.root
	for _, e := range names(name) {
		child, ok := n.children[e]
		if !ok {
			child = newDir(perm)
			m.link(n, e, child)
		}
		if !child.isDir() {
			return &os.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
		n = child
	}
	return nil
}

// ReadDir implements FS.
func (m *Mem) ReadDir(name string) ([]iofs.DirEntry, error) {
	if err := m.before(OpReadDir, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(names(name))
	if err == nil && !n.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	entries := make([]iofs.DirEntry, 0, len(n.children))
	for base, child := range n.children {
		entries = append(entries, iofs.FileInfoToDirEntry(child.info(base)))
	}
	slices.SortFunc(entries, func(a, b iofs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (iofs.FileInfo, error) {
	if err := m.before(OpStat, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(names(name))
	if err != nil {
		return nil, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	return n.info(filepath.Base(name)), nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(name string) error {
	if err := m.before(OpSyncDir, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(names(name))
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	n.settle(m.lastOp)
	return nil
}

// SyncAll implements FS. It does no more than it must: what does not lie below name is still in danger.
func (m *Mem) SyncAll(name string) error {
	if err := m.before(OpSyncAll, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(names(name))
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	n.each(func(n *node) {
		if n.isDir() {
			n.settle(m.lastOp)
		} else {
			n.sync()
		}
	})
	return nil
}

// SetModTime implements FS.
func (m *Mem) SetModTime(name string, t time.Time) error {
	if err := m.before(OpChtimes, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(names(name))
	if err != nil {
		return &os.PathError{Op: "chtimes", Path: name, Err: err}
	}
	n.changed = t
	return nil
}

// Lock implements FS.
func (m *Mem) Lock(name string) (io.Closer, error) {
	if err := m.before(OpLock, name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.open(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err == nil && m.locked[n] {
		err = ErrLocked
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	m.locked[n] = true
	n.handles++
	return &memLock{fs: m, node: n}, nil
}

// memLock holds a lock until it is closed.
type memLock struct {
	fs     *Mem
	node   *node
	closed bool
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.closed {
		return os.ErrClosed
	}
	l.closed = true
	delete(l.fs.locked, l.node)
	l.node.handles--
	l.fs.reclaim(l.node)
	return nil
}

// memTotal is the size that a Mem without capacity claims to have.
const memTotal = 1 << 40

// Usage implements FS.
func (m *Mem) Usage(name string) (total, available int64, err error) {
	if err := m.before(OpUsage, name); err != nil {
		return 0, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(names(name)); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	total = memTotal
	if m.capacity > 0 {
		total = m.capacity
	}
	return total, max(0, total-m.used), nil
}

// link gives n a name. Callers hold mu.
func (m *Mem) link(dir *node, base string, n *node) {
	m.lastOp++
	n.names++
	dir.change(m.lastOp, base, n)
}

// unlink takes a name away, with everything below it. Callers hold mu.
func (m *Mem) unlink(dir *node, base string) {
	n := dir.children[base]
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		m.unlink(n, name)
	}
	m.lastOp++
	n.names--
	dir.change(m.lastOp, base, nil)
	m.reclaim(n)
}

// reclaim gives back the space of a file that has neither name nor handle.
func (m *Mem) reclaim(n *node) {
	if n.names == 0 && n.handles == 0 && !n.isDir() {
		m.used -= n.pageBytes()
	}
}

// room tells how many more bytes of pages fit.
func (m *Mem) room() int64 {
	if m.capacity == 0 {
		return memTotal
	}
	return m.capacity - m.used
}
