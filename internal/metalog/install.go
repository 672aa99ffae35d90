package metalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"leat/internal/fs"
	"leat/internal/metadata"
)

// partSuffix is what the name of a checkpoint that is still being fetched ends with, as in Kafka.
const partSuffix = ".part"

// MaxCheckpointBytes is the largest checkpoint that is taken from another node.
const MaxCheckpointBytes = 1 << 30

// Incoming is a checkpoint on its way from another node: a temporary file until it is whole.
type Incoming struct {
	log  *Log
	id   Checkpoint
	name string // of the temporary file
	file fs.File
	size int64
}

// Receive begins to take a checkpoint in. What an earlier try left is dropped.
func (l *Log) Receive(id Checkpoint) (*Incoming, error) {
	in := &Incoming{log: l, id: id, name: filepath.Join(l.path, id.name()+partSuffix)}
	file, err := l.cfg.FS.OpenFile(in.name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	in.file = file
	return in, nil
}

// Size is how many bytes have come.
func (in *Incoming) Size() int64 { return in.size }

// Write appends to the checkpoint.
func (in *Incoming) Write(data []byte) error {
	if in.size+int64(len(data)) > MaxCheckpointBytes {
		return fmt.Errorf("%s: more than %d bytes", in.name, MaxCheckpointBytes)
	}
	n, err := in.file.Write(data)
	in.size += int64(n)
	return err
}

// Drop gives the checkpoint up.
func (in *Incoming) Drop() error { return errors.Join(in.file.Close(), in.log.cfg.FS.Remove(in.name)) }

// Install puts the whole checkpoint in place, empties the log, which goes on where the checkpoint ends, and returns the image.
//
// The file is read before it gets its name: one that cannot be read must not take the place of one that can.
func (in *Incoming) Install() (*metadata.Image, error) {
	fsys := in.log.cfg.FS
	if err := errors.Join(in.file.Sync(), in.file.Close()); err != nil {
		return nil, errors.Join(err, fsys.Remove(in.name))
	}
	image, _, err := loadCheckpoint(fsys, in.name, in.id)
	if err != nil {
		return nil, errors.Join(err, fsys.Remove(in.name))
	}
	if err := fsys.Rename(in.name, filepath.Join(in.log.path, in.id.name())); err != nil {
		return nil, errors.Join(err, fsys.Remove(in.name))
	}
	if err := fsys.SyncDir(in.log.path); err != nil {
		return nil, err
	}
	// A crash from here on finds a log that ends before its newest checkpoint, and Open does what comes next.
	if err := in.log.TruncateFullyAndStartAt(in.id.End); err != nil {
		return nil, err
	}
	in.log.Commit(in.id.End)
	return image, nil
}

// dropParts removes what checkpoints that never became whole have left.
func (l *Log) dropParts() error {
	entries, err := l.cfg.FS.ReadDir(l.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == partSuffix {
			if err := l.cfg.FS.Remove(filepath.Join(l.path, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
