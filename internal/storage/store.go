package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"leat/internal/fs"
	"leat/internal/record"
)

// Dir is the state of one log directory.
type Dir struct {
	Path      string
	ID        record.UUID
	Offline   error // nil while it serves
	Total     int64 // bytes of its file system
	Available int64
	Room      RoomStatus
}

// Absolute is the path from the root, by which clients name the directory: they do not know where the node was started.
func (d *Dir) Absolute() string {
	if path, err := filepath.Abs(d.Path); err == nil {
		return path
	}
	return d.Path
}

// Store is all logs of one node. No goroutine, timer or open file belongs to a single log.
type Store struct {
	cfg    StoreConfig
	dirs   []*logDir
	files  *fileCache
	logger *slog.Logger

	changeMu  sync.Mutex           // one Create or Delete at a time; held over file operations
	unretired map[string]unretired // by path; guarded by changeMu

	mu      sync.RWMutex // guards what follows
	logs    map[record.TopicPartition]*Log
	futures map[record.TopicPartition]*Log  // copies on their way into another directory
	broken  map[record.TopicPartition]error // logs that could not be opened
	closed  bool

	brokerEpoch atomic.Int64 // the previous one until the broker is registered

	tasks   tasks
	cleaner cleaner
}

// Open locks the directories, checks or writes meta.properties, loads all logs (recovering those that were not cleanly closed),
// and starts the shared schedulers (retention, flush, checkpoints, delayed deletes). With a ClusterID of "" it takes the one
// found in the directories. It fails only if no directory is usable or one is foreign or locked.
func Open(ctx context.Context, cfg StoreConfig) (*Store, error) {
	s, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.tasks.start(s)
	s.cleaner.start()
	return s, nil
}

// open is Open without the schedulers: a test that runs their work itself is repeatable.
func open(ctx context.Context, cfg StoreConfig) (*Store, error) {
	s := &Store{
		cfg: cfg, logger: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		logs: make(map[record.TopicPartition]*Log), broken: make(map[record.TopicPartition]error),
	}
	s.cleaner.prepare(s)
	s.files = newFileCache(cfg.FS, func() int { return s.settings().MaxOpenFiles })
	if err := s.openDirs(); err != nil {
		s.unlock()
		return nil, err
	}
	if err := s.loadDirs(ctx); err != nil {
		for _, l := range append(s.list(), s.Futures()...) {
			l.abandon()
		}
		s.unlock()
		return nil, err
	}
	s.brokerEpoch.Store(s.PreviousBrokerEpoch())
	return s, nil
}

func (s *Store) settings() Settings {
	if s.cfg.Settings == nil {
		return Settings{}.withDefaults()
	}
	return s.cfg.Settings().withDefaults()
}

// ClusterID is the cluster that the directories belong to.
func (s *Store) ClusterID() string { return s.cfg.ClusterID }

// openDirs locks and identifies the directories.
func (s *Store) openDirs() error {
	if len(s.cfg.Dirs) == 0 {
		return errors.New("no log directory configured: set log.dirs")
	}
	var failures []error
	for _, path := range s.cfg.Dirs {
		d := &logDir{store: s, path: path, previousEpoch: -1}
		d.cleaned.dir = d
		d.syncs.tell = d.syncFailed
		s.dirs = append(s.dirs, d)
		err := d.open()
		switch {
		case err == nil:
		case errors.Is(err, ErrDirLocked), errors.Is(err, ErrForeignDir), errors.Is(err, ErrCorrupt):
			return err
		default:
			failures = append(failures, err)
			d.failed(err)
		}
	}
	if len(failures) == len(s.dirs) {
		return errors.Join(failures...)
	}
	return s.identify()
}

// identify makes all directories agree on the cluster, and formats those that belong to none.
func (s *Store) identify() error {
	for _, d := range s.dirs {
		if d.offline() == nil && s.cfg.ClusterID == "" {
			s.cfg.ClusterID = d.meta.clusterID
		}
	}
	if s.cfg.ClusterID == "" {
		return errors.New("no cluster id: none is configured and no log directory has one")
	}
	for _, d := range s.dirs {
		if d.offline() != nil {
			continue
		}
		if err := d.identify(); err != nil {
			if errors.Is(err, ErrForeignDir) {
				return err
			}
			d.failed(err)
		}
	}
	if s.usableDirs() == 0 {
		return s.dirs[0].offline()
	}
	return nil
}

func (s *Store) usableDirs() int {
	n := 0
	for _, d := range s.dirs {
		if d.offline() == nil {
			n++
		}
	}
	return n
}

func (s *Store) unlock() {
	for _, d := range s.dirs {
		d.unlock()
	}
}

// Dirs returns the state of every directory, in the order configured.
func (s *Store) Dirs() []Dir {
	list := s.Places()
	for i := range list {
		d := &list[i]
		if d.Offline != nil {
			continue
		}
		var err error
		if d.Total, d.Available, err = s.cfg.FS.Usage(d.Path); err != nil {
			d.Total, d.Available = -1, -1
		}
	}
	return list
}

// Places is Dirs without their sizes, which the file system would have to be asked for: for who asks once for each of many partitions.
func (s *Store) Places() []Dir {
	list := make([]Dir, 0, len(s.dirs))
	for _, d := range s.dirs {
		list = append(list, Dir{Path: d.path, ID: d.id, Offline: d.offline(), Room: d.room.status()})
	}
	return list
}

// Log returns an open log.
func (s *Store) Log(tp record.TopicPartition) (*Log, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.logs[tp]
	return l, ok
}

// list is a copy of the logs, so that nobody works on them with the lock held.
func (s *Store) list() []*Log {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Log, 0, len(s.logs))
	for _, l := range s.logs {
		list = append(list, l)
	}
	return list
}

// Logs yields all open logs, in no particular order.
func (s *Store) Logs() iter.Seq[*Log] {
	return func(yield func(*Log) bool) {
		for _, l := range s.list() {
			if !yield(l) {
				return
			}
		}
	}
}

// Broken returns why a log that has a directory could not be opened, or nil.
func (s *Store) Broken(tp record.TopicPartition) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.broken[tp]
}

// Create opens the log of a partition, making it if it does not exist, in the directory with id dir, or in the one with the
// fewest logs if dir is zero. A log of another topic id under the same name is an ErrCorrupt.
func (s *Store) Create(tp record.TopicPartition, topicID record.UUID, dir record.UUID) (*Log, error) {
	if l, ok := s.Log(tp); ok && l.TopicID() == topicID {
		return l, nil
	}
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	s.mu.RLock()
	closed, l, broken := s.closed, s.logs[tp], s.broken[tp]
	s.mu.RUnlock()
	switch {
	case closed:
		return nil, fmt.Errorf("create %s: %w", tp, ErrClosed)
	case broken != nil:
		return nil, broken
	case l != nil:
		return l, s.adopt(l, topicID)
	}
	d, err := s.choose(dir)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", tp, err)
	}
	if old, ok := s.unretired[filepath.Join(d.path, tp.String())]; ok {
		if err := s.retire(old.log, old.doing, old.suffix); err != nil {
			return nil, fmt.Errorf("create %s: %w", tp, err)
		}
	}
	if l, err = d.create(tp, topicID); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.enterLocked(l, d)
	s.mu.Unlock()
	return l, nil
}

// enterLocked makes a log of a directory known.
func (s *Store) enterLocked(l *Log, d *logDir) {
	s.logs[l.tp] = l
	d.logs++
	l.listUnsynced()
}

// adopt checks the topic id of an existing log, or gives it one.
func (s *Store) adopt(l *Log, topicID record.UUID) error {
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	known := l.TopicID()
	switch {
	case topicID.IsZero() || known == topicID:
		return nil
	case !known.IsZero():
		return fmt.Errorf("create %s: %s belongs to topic id %s, not %s: %w", l.tp, l.path, known, topicID, ErrCorrupt)
	}
	if !l.unmade {
		if err := writeUnsynced(s.cfg.FS, l.name(partitionMetaFile), formatPartitionMetadata(topicID)); err != nil {
			return l.diskError("create", err)
		}
	}
	l.mu.Lock()
	l.topicID = topicID
	l.newMeta = !l.unmade
	l.mu.Unlock()
	return nil
}

// choose finds the directory for a new log.
func (s *Store) choose(id record.UUID) (*logDir, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var best *logDir
	var reason error
	for _, d := range s.dirs {
		if !id.IsZero() && d.id != id {
			continue
		}
		if err := d.offline(); err != nil {
			reason = err
			continue
		}
		if best == nil || d.logs < best.logs {
			best = d
		}
	}
	if best == nil {
		return nil, cmp.Or(reason, fmt.Errorf("no log directory has id %s: %w", id, ErrDisk))
	}
	return best, nil
}

// Close flushes everything, writes checkpoints, producer snapshots and clean-shutdown markers, and unlocks.
func (s *Store) Close() error {
	s.changeMu.Lock()
	defer s.changeMu.Unlock()
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.cleaner.stop()
	s.tasks.stop()
	var errs []error
	for _, d := range s.dirs {
		errs = append(errs, d.close())
	}
	return errors.Join(errs...)
}

// removeAll removes a file or directory tree whose name says that it is of no use.
func removeAll(fsys fs.FS, path string) error {
	err := fsys.RemoveAll(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
