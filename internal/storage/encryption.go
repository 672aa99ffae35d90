package storage

import (
	"errors"
	"fmt"

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
