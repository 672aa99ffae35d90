package voter

import (
	"errors"
	"fmt"
	"os"

	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
)

const fetchBytes = 1 << 20

// fetch gets a checkpoint from another controller, beside which the log goes on as before.
func (v *Voter) fetch(f consensus.Fetch) {
	err := v.fetchFile(f)
	if err != nil {
		v.cfg.Logger.Warn("metadata snapshot not fetched, it will be offered again", "node", f.From, "offset", f.Offset, "leader_epoch", f.Epoch, "err", err)
	}
	_ = v.with(func() error { return v.node.Fetched(f.Checkpoint, err) })
}

// fetchFile writes the file under a name that does not count yet, and syncs it.
func (v *Voter) fetchFile(f consensus.Fetch) (err error) {
	name := v.disk.file(f.Checkpoint) + fetchedSuffix
	file, err := v.cfg.FS.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	err = v.download(f, func(p []byte) error { _, err := file.Write(p); return err })
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = v.cfg.FS.SyncDir(v.cfg.Path)
	}
	if err == nil {
		err = v.disk.fetched(f.Checkpoint)
	}
	if err != nil {
		_ = v.cfg.FS.Remove(name) // what is left of it would hold space
	}
	return err
}

// download reads a checkpoint piece by piece. Nothing is written that is too much: a checkpoint has the size that was told first, and that is at most
// metalog.MaxCheckpointBytes.
func (v *Voter) download(f consensus.Fetch, write func([]byte) error) error {
	whole := int64(-1)
	for position := int64(0); ; {
		data, size, err := v.cfg.Transport.ReadSnapshot(v.ctx, f.From, f.Checkpoint, position, fetchBytes)
		if err != nil {
			return err
		}
		if whole < 0 {
			whole = size
		}
		switch n := int64(len(data)); {
		case size > metalog.MaxCheckpointBytes:
			return fmt.Errorf("checkpoint %s of controller %d: %d bytes, more than %d", f.Name(), f.From, size, metalog.MaxCheckpointBytes)
		case size != whole:
			return fmt.Errorf("checkpoint %s of controller %d: %d bytes, before it had %d", f.Name(), f.From, size, whole)
		case n > size-position || n == 0 && position < size:
			return fmt.Errorf("checkpoint %s of controller %d: %d bytes at position %d of %d", f.Name(), f.From, n, position, size)
		}
		if err := write(data); err != nil {
			return err
		}
		if position += int64(len(data)); position == size {
			return nil
		}
	}
}
