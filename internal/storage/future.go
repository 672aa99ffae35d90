package storage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"leat/internal/record"
)

// A future log is the copy of a partition in another log directory that will take the place of the present one once it has caught up (KIP-113). Its
// directory is called as Kafka calls it, <topic>-<partition>.<unique>-future, so that a move goes on after a restart. It is a Log like others, but
// nobody serves from it, no checkpoint file knows it, and neither retention nor compaction looks at it.

// parseFutureDir reads the name of a future log's directory.
func parseFutureDir(name string) (record.TopicPartition, bool) {
	rest, ok := strings.CutSuffix(name, futureDirSuffix)
	i := strings.LastIndexByte(rest, '.')
	if !ok || i < 0 || len(rest)-i-1 != 32 {
		return record.TopicPartition{}, false
	}
	if _, err := hex.DecodeString(rest[i+1:]); err != nil {
		return record.TopicPartition{}, false
	}
	return parsePartitionDir(rest[:i])
}

// Movable reports whether a partition's future log can be called as Kafka calls it: a topic's name may have 249 bytes, and that of a directory 255, all of which a
// restart has to find again.
func Movable(tp record.TopicPartition) bool {
	return len(tp.Topic)+len(retiredDirName(record.TopicPartition{Partition: tp.Partition}, record.UUID{}, futureDirSuffix)) <= maxDirName
}

// Future returns the future log of a partition.
func (s *Store) Future(tp record.TopicPartition) (*Log, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.futures[tp]
	return l, ok
}

// Futures lists the future logs, in no particular order.
func (s *Store) Futures() []*Log {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Log, 0, len(s.futures))
	for _, l := range s.futures {
		list = append(list, l)
	}
	return list
}

// CreateFuture makes an empty future log in a directory for a partition that has a log in another one.
func (s *Store) CreateFuture(tp record.TopicPartition, dir record.UUID) (*Log, error) {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	current, ok := s.Log(tp)
	if !ok {
		return nil, fmt.Errorf("move %s: no such log: %w", tp, ErrClosed)
	}
	if _, ok := s.Future(tp); ok {
		return nil, fmt.Errorf("move %s: it is moving already: %w", tp, ErrClosed)
	}
	d, err := s.choose(dir)
	if err != nil {
		return nil, fmt.Errorf("move %s: %w", tp, err)
	}
	if s.cfg.FS.Remove(current.name(movedFile)) == nil { // of an earlier move; rarely there
		if err := s.cfg.FS.SyncDir(current.path); err != nil {
			return nil, current.syncError("move", err)
		}
	}
	path := filepath.Join(d.path, retiredDirName(tp, newUUID(), futureDirSuffix))
	l := newLog(tp, path, s.cfg.FS, s.files, d, *current.cfg.Load(), s.logger)
	l.topicID = current.TopicID()
	if err := s.cfg.FS.MkdirAll(path, 0o755); err != nil {
		return nil, l.diskError("create", err)
	}
	l.newDir = true
	err = writeUnsynced(s.cfg.FS, l.name(partitionMetaFile), formatPartitionMetadata(l.topicID))
	if l.newMeta = true; err == nil {
		err = l.loadEmpty(loadSpec{tp: tp, path: path, logStart: -1})
	}
	if err != nil {
		_ = s.cfg.FS.RemoveAll(path) // the first error says more
		return nil, l.diskError("create", err)
	}
	s.enterFuture(l)
	return l, nil
}

func (s *Store) enterFuture(l *Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.futures == nil {
		s.futures = make(map[record.TopicPartition]*Log)
	}
	s.futures[l.tp] = l
}

// takeFuture removes a future log from the store, and reports whether it was there. changeMu is held.
func (s *Store) takeFuture(tp record.TopicPartition, f *Log) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil || s.futures[tp] != f {
		return false
	}
	delete(s.futures, tp)
	return true
}

// DropFuture gives a move up. It is no error if there is none.
func (s *Store) DropFuture(tp record.TopicPartition) error {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	l, _ := s.Future(tp)
	if !s.takeFuture(tp, l) {
		return nil
	}
	l.abandon()
	return s.renameFuture(l, deleteDirSuffix)
}

// renameFuture has the directory of a closed future log removed.
func (s *Store) renameFuture(l *Log, suffix string) error {
	d := l.host.(*logDir)
	renamed := filepath.Join(d.path, retiredDirName(l.tp, newUUID(), suffix))
	if err := s.cfg.FS.Rename(l.path, renamed); err != nil {
		return l.diskError("delete", err)
	}
	s.tasks.removeLater(l.Config().FileDeleteDelay, renamed)
	return nil
}

// Promote puts a future log in the place of its partition's log, which is deleted, and returns it. The caller keeps appends away and has made sure that
// both have the same records. On an error before the change the log is served as before, and the future log is given up; it is an error if the move was
// given up before, or begun anew.
func (s *Store) Promote(f *Log) (*Log, error) {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	tp := f.tp
	if !s.takeFuture(tp, f) {
		return nil, fmt.Errorf("move %s: it was given up: %w", tp, ErrClosed)
	}
	moved, err := s.reopenFuture(f)
	if err != nil {
		s.discardFuture(f)
		return nil, err
	}
	current, err := s.takeOut("move", tp)
	if err != nil {
		moved.abandon()
		return nil, err
	}
	current.abandon()
	err = s.retire(current, "move", deleteDirSuffix)
	s.mu.Lock()
	s.enterLocked(moved, moved.host.(*logDir))
	s.mu.Unlock()
	if err != nil { // two directories hold the partition until one is taken away
		s.logger.Error("old log of a moved partition stays on disk", "topic", tp.Topic, "partition", tp.Partition, "dir", current.path, "err", err)
	} else if err := s.cfg.FS.Remove(filepath.Join(moved.path, movedFile)); err != nil {
		s.logger.Warn("mark of a moved partition stays on disk", "topic", tp.Topic, "partition", tp.Partition, "dir", moved.path, "err", err)
	}
	return moved, nil
}

// reopenFuture closes a future log, gives its directory the name of the partition's, durably, and opens it there.
func (s *Store) reopenFuture(f *Log) (*Log, error) {
	d, o := f.host.(*logDir), f.Offsets()
	if err := errors.Join(f.close(), d.purge(f.tp), d.cleaned.begin(f.tp)); err != nil {
		return nil, err
	}
	if err := writeUnsynced(s.cfg.FS, f.name(movedFile), nil); err != nil {
		return nil, f.diskError("move", err)
	}
	path := filepath.Join(d.path, f.tp.String())
	if err := s.cfg.FS.SyncDir(f.path); err != nil {
		return nil, f.diskError("move", err)
	}
	if err := s.cfg.FS.Rename(f.path, path); err != nil {
		return nil, f.diskError("move", err)
	}
	f.path = path
	if err := s.cfg.FS.SyncDir(d.path); err != nil {
		return nil, f.syncError("move", err)
	}
	spec := loadSpec{tp: f.tp, path: path, clean: true, trusted: true, recoveryPoint: o.LogEnd, logStart: o.LogStart, highWatermark: o.HighWatermark}
	return d.openLog(context.Background(), f.tp, spec)
}

// discardFuture does away with a future log that could not be promoted. If its directory may have the partition's name and cannot be renamed, the log is
// marked as well: it goes on, so at the next start the copy must not count instead of it.
func (s *Store) discardFuture(f *Log) {
	f.abandon()
	d := f.host.(*logDir)
	err := s.renameFuture(f, deleteDirSuffix)
	if err == nil && d.offline() == nil {
		err = s.cfg.FS.SyncDir(d.path)
	}
	if current, ok := s.Log(f.tp); ok && (err != nil || d.offline() != nil) {
		if err := errors.Join(writeUnsynced(s.cfg.FS, current.name(movedFile), nil), s.cfg.FS.SyncDir(current.path)); err != nil {
			s.logger.Error("log whose move failed not marked as the one that counts", "topic", f.tp.Topic, "partition", f.tp.Partition, "dir", current.path, "err", err)
		}
	}
}

// movedFile marks the directory of a log that took the place of another, from before it gets its name until the other has gone: of two directories
// that a crash leaves, it is the one that counts.
const movedFile = "leat-moved"

// outdone reports whether, of two directories of a partition, the one at old was on its way out when the other took its place.
func (s *Store) outdone(old, other string) bool {
	_, oldErr := s.cfg.FS.Stat(filepath.Join(old, movedFile))
	_, otherErr := s.cfg.FS.Stat(filepath.Join(other, movedFile))
	return oldErr != nil && otherErr == nil
}

// loadFutures opens the future logs of the directory. One that cannot be opened, or whose partition has no log any more, is removed: it is a copy.
func (d *logDir) loadFutures(ctx context.Context, futures []found) error {
	s := d.store
	for _, f := range futures {
		l, err := d.openLog(ctx, f.tp, loadSpec{tp: f.tp, path: f.path, logStart: -1})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if unreadable(err) {
			d.failed(err)
			return nil
		}
		if _, twice := s.Future(f.tp); err != nil || twice {
			s.logger.Warn("future log given up", "topic", f.tp.Topic, "partition", f.tp.Partition, "dir", f.path, "err", err)
			if err == nil {
				l.abandon()
			}
			s.tasks.removeLater(0, f.path)
			continue
		}
		s.enterFuture(l)
	}
	return nil
}
