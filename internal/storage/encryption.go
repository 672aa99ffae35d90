package storage

import (
	"errors"
	"fmt"
	"io"

	"leat/internal/fs"
)

// sealer is a file system that can encrypt .log files (package fs/sealed). Who opens one sees positions and bytes as if it were not
// encrypted; what a file is stands in the file, so a log may hold both kinds.
type sealer interface {
	// Seal says whether .log files of a directory that are empty from now on get their records encrypted.
	Seal(dir string, on bool)
}

// sealNewSegments tells the file system what the config wants of the segments to come.
func (l *Log) sealNewSegments(encrypted bool) {
	if s, ok := l.fsys.(sealer); ok {
		s.Seal(l.path, encrypted)
	}
}

// sealable refuses to write in the clear what the config wants encrypted.
func (l *Log) sealable(cfg *LogConfig) error {
	if !cfg.Encrypted {
		return nil
	}
	if _, ok := l.fsys.(sealer); !ok {
		return fmt.Errorf("append to %s: it is to be encrypted, which this process cannot: %w: %w", l.tp, fs.ErrNoKey, ErrDisk)
	}
	return nil
}

// notTheDisk reports whether a failed file operation says something about this file's content or key only, so that the directory
// goes on serving other logs.
func notTheDisk(err error) bool { return errors.Is(err, fs.ErrDamaged) || errors.Is(err, fs.ErrNoKey) }

// suspect is a file that has found itself damaged in a read.
type suspect interface{ Damaged() bool }

// beforeDamage shortens a range of whole batches to those that can be read, if the file is known to be damaged; it is an error if the first
// one cannot. Whoever asks for bytes of a range that is found damaged on its way out can only be cut off, and asks again.
func beforeDamage(f fs.File, start, end, next int64) (int64, int64, error) {
	if s, ok := f.(suspect); !ok || !s.Damaged() {
		return end, next, nil
	}
	readable, err := readableUpTo(f, start, end)
	if readable == end || err == nil {
		return end, next, nil
	}
	sc := newScanner(f, start, readable)
	defer sc.done()
	last, after := start, int64(0)
	for {
		h, at, scanErr := sc.next()
		if scanErr != nil {
			break // io.EOF, or a batch that reaches into the damage
		}
		last, after = at+h.size, h.lastOffset+1
	}
	if last == start {
		return 0, 0, err
	}
	return last, after, nil
}

// readableUpTo reads a range and tells where it cannot be read any more.
func readableUpTo(f io.ReaderAt, start, end int64) (int64, error) {
	buf := make([]byte, min(end-start, 64<<10))
	for start < end {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), end-start)], start)
		start += int64(n)
		if err != nil {
			return start, err
		}
	}
	return end, nil
}
