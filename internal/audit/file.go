package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"leat/internal/fs"
)

// file is where lines are appended. When it is full it is set aside under its name and a number, 1 being the newest, and the oldest goes.
type file struct {
	fs   fs.FS
	path string
	max  int64
	keep int

	open fs.File
	size int64
}

// fileMode: nobody but the node's user reads it.
const fileMode = 0o600

// write appends lines. After an error the file is opened anew; a line that was written in part is ended, so that the next one stands alone.
func (f *file) write(_ context.Context, lines []Line) error {
	if err := f.ready(); err != nil {
		return err
	}
	var text []byte
	for _, l := range lines {
		text = append(append(text, l.JSON...), '\n')
	}
	n, err := f.open.WriteAt(text, f.size)
	f.size += int64(n)
	if err != nil {
		_ = f.open.Truncate(f.size - int64(n))
		_ = f.open.Close()
		f.open = nil
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

// ready opens the file, or sets it aside if it is full. One that somebody else has moved away, deleted or emptied meanwhile, as logrotate does, is opened anew.
func (f *file) ready() error {
	if f.open != nil {
		if info, err := f.fs.Stat(f.path); err != nil || info.Size() != f.size {
			_ = f.open.Sync()
			_ = f.open.Close()
			f.open = nil
		}
	}
	if f.open != nil && (f.max <= 0 || f.size < f.max) {
		return nil
	}
	if f.open != nil {
		_ = f.open.Sync()
		_ = f.open.Close()
		f.open = nil
		if err := f.rotate(); err != nil {
			return err
		}
	}
	if err := f.fs.MkdirAll(filepath.Dir(f.path), 0o750); err != nil {
		return fmt.Errorf("directory of %s: %w", f.path, err)
	}
	open, err := f.fs.OpenFile(f.path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return fmt.Errorf("open %s: %w", f.path, err)
	}
	size, err := open.Size()
	if err == nil {
		size, err = afterLastLine(open, size)
	}
	if err != nil {
		_ = open.Close()
		return fmt.Errorf("open %s: %w", f.path, err)
	}
	f.open, f.size = open, size
	return nil
}

// afterLastLine is where the next line begins: a crash may have left half of one, which gets an end.
func afterLastLine(open fs.File, size int64) (int64, error) {
	if size == 0 {
		return 0, nil
	}
	var last [1]byte
	if _, err := open.ReadAt(last[:], size-1); err != nil {
		return 0, err
	}
	if last[0] == '\n' {
		return size, nil
	}
	_, err := open.WriteAt([]byte{'\n'}, size)
	return size + 1, err
}

// rotate sets the file aside.
func (f *file) rotate() error {
	name := func(i int) string {
		if i == 0 {
			return f.path
		}
		return fmt.Sprintf("%s.%d", f.path, i)
	}
	if f.keep <= 0 {
		return ignoreMissing(f.fs.Remove(f.path))
	}
	if err := ignoreMissing(f.fs.Remove(name(f.keep))); err != nil {
		return err
	}
	for i := f.keep - 1; i >= 0; i-- {
		if err := ignoreMissing(f.fs.Rename(name(i), name(i+1))); err != nil {
			return err
		}
	}
	return f.fs.SyncDir(filepath.Dir(f.path))
}

func ignoreMissing(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
