package storage

import (
	"fmt"
	"os"
	"path/filepath"

	"leat/internal/record"
)

// Delete renames the log's directory away at once and removes it after file.delete.delay.ms.
func (s *Store) Delete(tp record.TopicPartition) error {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	l, err := s.takeOut("delete", tp)
	if err != nil {
		return err
	}
	l.abandon()
	return s.retire(l, "delete", deleteDirSuffix)
}

// SetAside renames the directory of a log that belongs to no known topic as Kafka does, to <topic>-<partition>.<unique>-stray, and
// forgets it, so that a new topic may have the name. The directory is never removed: it may be all that is left of somebody's data.
func (s *Store) SetAside(tp record.TopicPartition) error {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	l, err := s.takeOut("set aside", tp)
	if err != nil {
		return err
	}
	if err := l.close(); err != nil {
		// What is on disk is kept as it is, even if a full disk did not take the last index entries: those can be rebuilt.
		s.logger.Warn("stray log not closed cleanly", "topic", tp.Topic, "partition", tp.Partition, "dir", l.path, "err", err)
	}
	return s.retire(l, "set aside", strayDirSuffix)
}

// takeOut removes a log from the store, with changeMu held; nobody finds it from here on.
func (s *Store) takeOut(doing string, tp record.TopicPartition) (*Log, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.logs[tp]
	if !ok {
		return nil, fmt.Errorf("%s %s: no such log: %w", doing, tp, os.ErrNotExist)
	}
	delete(s.logs, tp)
	l.host.(*logDir).logs--
	return l, nil
}

// unretired is a closed log whose directory still has to be renamed.
type unretired struct {
	log           *Log
	doing, suffix string
}

// retire gives the directory of a closed log another name, durably, with changeMu held. If that fails, Create tries again before it makes
// another log there: it would find itself among the segments of this one.
func (s *Store) retire(l *Log, doing, suffix string) error {
	d := l.host.(*logDir)
	if !l.made() {
		return nil
	}
	d.forget(l.tp)
	if s.unretired == nil {
		s.unretired = make(map[string]unretired)
	}
	s.unretired[l.path] = unretired{l, doing, suffix}
	renamed := filepath.Join(d.path, retiredDirName(l.tp, newUUID(), suffix))
	if err := s.cfg.FS.Rename(l.path, renamed); err != nil {
		return l.diskError(doing, err)
	}
	delete(s.unretired, l.path)
	// Without files to open it may be undone by a loss of power, as if it had come a moment earlier.
	if err := s.cfg.FS.SyncDir(d.path); err != nil && !tooManyFiles(err) {
		return l.syncError(doing, err)
	}
	if suffix == deleteDirSuffix {
		s.tasks.removeLater(l.Config().FileDeleteDelay, renamed)
	}
	return nil
}
