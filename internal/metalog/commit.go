package metalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// commits wakes those who wait for the high watermark. Nobody waits on a node that nobody follows, and then it costs nothing.
type commits struct {
	mu    sync.Mutex
	moved chan struct{} // guarded by mu; closed when the high watermark moves; nil: nobody waits
}

// Commit moves the high watermark and wakes those who wait for it.
func (l *Log) Commit(offset int64) {
	l.SetHighWatermark(offset)
	l.commits.mu.Lock()
	defer l.commits.mu.Unlock()
	if l.commits.moved != nil {
		close(l.commits.moved)
		l.commits.moved = nil
	}
}

// AwaitCommit waits until the high watermark is above an offset, or ctx ends.
func (l *Log) AwaitCommit(ctx context.Context, offset int64) {
	for {
		l.commits.mu.Lock()
		if l.Offsets().HighWatermark > offset {
			l.commits.mu.Unlock()
			return
		}
		if l.commits.moved == nil {
			l.commits.moved = make(chan struct{})
		}
		moved := l.commits.moved
		l.commits.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// NewestCheckpoint tells the newest checkpoint; ok is false if there is none.
func (l *Log) NewestCheckpoint() (c Checkpoint, ok bool, err error) {
	all, err := checkpoints(l.cfg.FS, l.path)
	if err != nil || len(all) == 0 {
		return Checkpoint{}, false, err
	}
	return all[len(all)-1], true, nil
}

// ReadCheckpoint reads a piece of a checkpoint, and tells how large the whole is. It is os.ErrNotExist if there is no such checkpoint.
func (l *Log) ReadCheckpoint(c Checkpoint, position int64, maxBytes int) (data []byte, size int64, err error) {
	file, err := l.cfg.FS.OpenFile(filepath.Join(l.path, c.name()), os.O_RDONLY, 0)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if size, err = file.Size(); err != nil {
		return nil, 0, err
	}
	if position < 0 || position >= size {
		return nil, size, nil
	}
	data = make([]byte, min(size-position, int64(maxBytes)))
	n, err := file.ReadAt(data, position)
	if n == len(data) {
		err = nil
	}
	return data[:n], size, err
}

// EndEpoch is the leader epoch of the last record, which may be one that a checkpoint covers; 0 if there is none.
func (l *Log) EndEpoch() int32 {
	if o := l.Offsets(); o.LogEnd > o.LogStart {
		return max(l.EpochOf(o.LogEnd-1), 0)
	}
	if c, ok, err := l.NewestCheckpoint(); err == nil && ok {
		return c.Epoch
	}
	return 0
}

// SaveState notes who leads at an epoch, for the next start.
func (l *Log) SaveState(s State, leaderID, epoch int32) error {
	return s.Save(l.cfg.FS, l.path, leaderID, epoch)
}
