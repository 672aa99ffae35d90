package sealed

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"leat/internal/fs"
)

// Config is what Open needs.
type Config struct {
	FS   fs.FS
	Dirs []string // the log directories: files of their partitions may be encrypted
	// Keys wraps data keys; nil: nothing can be encrypted or read that is.
	Keys KeyService
	// Rotation is the age at which a data key is used for no further files; 0: never.
	Rotation time.Duration
	Logger   *slog.Logger
}

// FS is a file system whose .log files may be encrypted.
type FS struct {
	fs.FS // what is below
	cfg   Config
	where layout

	ringMu sync.Mutex     // one change of the keyrings at a time
	wg     sync.WaitGroup // the goroutine that makes a data key, if there is one

	mu     sync.RWMutex        // guards what follows
	rings  map[string]*ring    // by log directory; not changed in place
	failed map[string]error    // log directories whose keyring could not be looked for
	sealed map[string]struct{} // directories of logs that begin encrypted files
	making bool                // a data key is being made
	closed bool
}

// Open reads the keyrings of the directories and unwraps their keys. It changes nothing on disk: Refresh does, once the directories are
// locked. It fails if a keyring is damaged or a key cannot be unwrapped, naming directory and key.
func Open(ctx context.Context, cfg Config) (*FS, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &FS{
		FS: cfg.FS, cfg: cfg, where: layout{isLog: isLog, dirOf: logDirOf},
		rings: make(map[string]*ring), failed: make(map[string]error), sealed: make(map[string]struct{}),
	}
	for _, dir := range cfg.Dirs {
		dir = filepath.Clean(dir)
		r, err := s.openRing(ctx, dir)
		switch {
		case err == nil && r != nil:
			s.rings[dir] = r
		case errors.Is(err, errUnreadable): // ReadDir says so, and storage takes the directory for failed
			s.failed[dir] = err
		case err != nil:
			return nil, err
		}
	}
	return s, nil
}

// Close waits for what is being done.
func (s *FS) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// Seal says whether .log files in a directory that are empty when they are opened from now on are encrypted.
func (s *FS) Seal(dir string, on bool) {
	dir = filepath.Clean(dir)
	s.mu.RLock()
	_, was := s.sealed[dir]
	s.mu.RUnlock()
	if was == on {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.sealed[dir] = struct{}{}
	} else {
		delete(s.sealed, dir)
	}
}

func (s *FS) seals(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.sealed) == 0 {
		return false
	}
	_, ok := s.sealed[filepath.Dir(name)]
	return ok
}

// layout says what a file is by its name.
type layout struct {
	isLog func(name string) bool
	dirOf func(name string) string // the log directory of a file in a partition's directory
}

// isLog reports whether a file may be encrypted: a segment, also one on its way in or out.
func isLog(name string) bool {
	for _, way := range [...]string{"", ".cleaned", ".swap", ".deleted"} {
		if base, ok := strings.CutSuffix(name, way); ok && strings.HasSuffix(base, ".log") {
			return true
		}
	}
	return false
}

// OpenFile opens a file; one that is encrypted, or is going to be, as its plaintext.
func (s *FS) OpenFile(name string, flag int, perm os.FileMode) (fs.File, error) {
	if !s.where.isLog(name) {
		return s.FS.OpenFile(name, flag, perm)
	}
	if err := s.failure(s.where.dirOf(name)); err != nil {
		return nil, err
	}
	return s.openLog(name, flag, perm)
}

// openLog decides by what the file begins with, and for an empty one by what Seal said.
func (s *FS) openLog(name string, flag int, perm os.FileMode) (fs.File, error) {
	below := flag &^ os.O_APPEND
	if below&os.O_WRONLY != 0 { // head and end have to be read
		below = below&^os.O_WRONLY | os.O_RDWR
	}
	inner, err := s.FS.OpenFile(name, below, perm)
	if err != nil {
		return nil, err
	}
	f, err := s.present(inner, name, flag)
	if err != nil {
		_ = inner.Close() // the first error says more
		return nil, err
	}
	if f == inner && below != flag {
		_ = inner.Close() // nothing was written to it
		return s.FS.OpenFile(name, flag&^(os.O_CREATE|os.O_EXCL|os.O_TRUNC), perm)
	}
	return f, nil
}

// present gives the file as what it is.
func (s *FS) present(inner fs.File, name string, flag int) (fs.File, error) {
	head := make([]byte, 16)
	n, err := inner.ReadAt(head, 0)
	switch {
	case errors.Is(err, syscall.EISDIR):
		return inner, nil
	case err != nil && err != io.EOF:
		return nil, err
	case n == 0 && s.seals(name):
		return newFile(s, inner, name, flag, nil)
	case (n < len(head) || isZero(head)) && s.seals(name): // the header did not reach the disk before power was lost; no batch looks so, either
		return unusable(s, inner, name, flag, fmt.Errorf("%w: %w", errHeaderTorn, fs.ErrDamaged)), nil
	case !isSealed(head[:n]):
		return inner, nil
	}
	crypt, err := s.readHeader(inner, name)
	if errors.Is(err, fs.ErrDamaged) || errors.Is(err, fs.ErrNoKey) {
		return unusable(s, inner, name, flag, err), nil
	}
	if err != nil {
		return nil, err
	}
	return newFile(s, inner, name, flag, crypt)
}

// readHeader reads the header of an open file.
func (s *FS) readHeader(inner io.ReaderAt, name string) (*cryptor, error) {
	h := make([]byte, headerSize)
	n, err := inner.ReadAt(h, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return readHeader(h[:n], func(id keyID) ([]byte, error) { return s.dataKey(s.where.dirOf(name), id) })
}

func logDirOf(name string) string { return filepath.Dir(filepath.Dir(name)) }

// hasRing reports whether a directory may hold encrypted files of partitions whose keys are known.
func (s *FS) hasRing(dir string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rings[dir] != nil
}

// Stat describes a file; the size is that of the plaintext.
func (s *FS) Stat(name string) (iofs.FileInfo, error) {
	info, err := s.FS.Stat(name)
	if err != nil || !s.where.isLog(name) || info.IsDir() || info.Size() == 0 || !s.hasRing(s.where.dirOf(name)) {
		return info, err
	}
	return s.plainInfo(name, info)
}

// failure is why the keyring of a log directory could not be read, or nil. What is encrypted would be taken for damaged plaintext.
func (s *FS) failure(dir string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.failed[dir]; err != nil {
		return fmt.Errorf("log directory %s: %w", dir, err)
	}
	return nil
}

// ReadDir lists a directory; sizes of files are those of their plaintext.
func (s *FS) ReadDir(name string) ([]iofs.DirEntry, error) {
	if err := s.failure(filepath.Clean(name)); err != nil {
		return nil, err
	}
	entries, err := s.FS.ReadDir(name)
	if err != nil || !s.hasRing(s.where.dirOf(filepath.Join(name, "x"))) {
		return entries, err
	}
	for i, e := range entries {
		if s.where.isLog(e.Name()) && !e.IsDir() {
			entries[i] = plainEntry{e, s, filepath.Join(name, e.Name())}
		}
	}
	return entries, nil
}

// plainEntry is a .log file in a directory.
type plainEntry struct {
	iofs.DirEntry
	fs   *FS
	path string
}

// Info describes the file; the size is that of the plaintext.
func (e plainEntry) Info() (iofs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	if err != nil || info.Size() == 0 {
		return info, err
	}
	return e.fs.plainInfo(e.path, info)
}

// plainSize is a file's description with another size.
type plainSize struct {
	iofs.FileInfo
	size int64
}

// Size is the length of the plaintext.
func (i plainSize) Size() int64 { return i.size }

func (s *FS) plainInfo(name string, info iofs.FileInfo) (iofs.FileInfo, error) {
	f, err := s.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	sealed, ok := f.(*File)
	if !ok {
		return info, f.Close()
	}
	size, err := sealed.Size()
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("size of %s: %w", name, err)
	}
	return plainSize{info, size}, nil
}
