package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"leat/internal/fs"
	"leat/internal/record"
)

// logDir is one log directory and the host of its logs.
type logDir struct {
	store   *Store
	path    string
	id      record.UUID
	meta    metaProperties
	lock    io.Closer
	cause   atomic.Pointer[error] // why it is offline
	told    atomic.Int64          // when the log last said that it is full, in nanoseconds since 1970
	starved atomic.Int64          // and that a sync lacked open files or memory

	syncs     syncer
	writeouts writeouts
	room      room
	timed     atomic.Bool // a log has, or had, a flush.ms

	movedHW       atomic.Bool // a high watermark moved since the last checkpoint
	manifestGone  bool        // the manifest of the last clean stop is removed; guarded by checkpointMu
	previousEpoch int64       // broker epoch of the last clean stop; -1 if it was none, or nobody knows
	logs          int         // how many of the open logs lie here; guarded by Store.mu

	cleaned cleanerPoints
	kafkas  bool // Kafka wrote to it last, as it was opened

	checkpointMu sync.Mutex // one writer of the checkpoint files at a time; held over writing them
	written      map[string]uint64
	unloaded     map[record.TopicPartition]leftOut // what the checkpoints said of logs that could not be opened, kept for another try
	// stale is the logs that are gone but may still stand in the checkpoint files, each with the number of its end.
	stale map[record.TopicPartition]uint64
	ended uint64 // logs, so far
}

// forget notes that the checkpoint files may speak of a log that is gone.
func (d *logDir) forget(tp record.TopicPartition) {
	d.cleaned.forget(tp)
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	if d.stale == nil {
		d.stale = make(map[record.TopicPartition]uint64)
	}
	d.ended++
	d.stale[tp] = d.ended
}

// purge makes sure that the checkpoint files say nothing about a partition that is about to be made anew: the offsets of its
// predecessor would be taken for its own after a crash.
func (d *logDir) purge(tp record.TopicPartition) error {
	d.checkpointMu.Lock()
	_, stale := d.stale[tp]
	d.checkpointMu.Unlock()
	if !stale {
		return nil
	}
	return d.settle()
}

// settle writes checkpoint files that say nothing of the logs that are gone by now, and forgets those.
func (d *logDir) settle() error {
	d.checkpointMu.Lock()
	gone := maps.Clone(d.stale)
	d.checkpointMu.Unlock()
	if err := d.checkpointAll(); err != nil { // its list comes after gone: it has none of them, unless they were made anew
		return err
	}
	d.checkpointMu.Lock()
	defer d.checkpointMu.Unlock()
	for tp, number := range gone {
		if d.stale[tp] == number {
			delete(d.stale, tp)
		}
	}
	if len(d.stale) == 0 {
		d.stale = nil // maps do not shrink
	}
	return nil
}

// settleSoon is settle as a chore: the list of logs that are gone must not grow for ever.
func (d *logDir) settleSoon() {
	d.checkpointMu.Lock()
	stale := len(d.stale)
	d.checkpointMu.Unlock()
	if stale > 0 && d.offline() == nil {
		d.checkpointed(d.settle())
	}
}

// open locks the directory and reads whose it is.
func (d *logDir) open() error {
	fsys := d.store.cfg.FS
	if err := makeDir(fsys, d.path); err != nil {
		return fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
	}
	lock, err := fsys.Lock(filepath.Join(d.path, lockFile))
	if errors.Is(err, fs.ErrLocked) {
		return fmt.Errorf("log directory %s: %w: stop the other process or use another directory: %w", d.path, err, ErrDirLocked)
	}
	if err != nil {
		return fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
	}
	d.lock = lock
	d.written = make(map[string]uint64)
	if d.meta, _, err = readMetaProperties(fsys, d.path); d.meta.changed && err == nil {
		d.store.logger.Warn("meta.properties does not fit its checksum, changed by hand or damaged", "dir", d.path)
	}
	return err
}

// makeDir makes a directory that outlives a crash, with those above it.
func makeDir(fsys fs.FS, path string) error {
	if _, err := fsys.Stat(path); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return fsys.SyncDir(parent)
}

// identify compares the directory with the node's configuration and writes what its meta.properties lacks.
func (d *logDir) identify() error {
	cfg := &d.store.cfg
	m := d.meta
	if m.clusterID != "" && m.clusterID != cfg.ClusterID {
		return fmt.Errorf("log directory %s belongs to cluster %s (%s), this is cluster %s: use another directory: %w", d.path, m.clusterID, metaPropertiesFile, cfg.ClusterID, ErrForeignDir)
	}
	if m.hasNode && m.nodeID != cfg.NodeID {
		return fmt.Errorf("log directory %s belongs to node %d (%s), node.id=%d: use another directory or node.id: %w", d.path, m.nodeID, metaPropertiesFile, cfg.NodeID, ErrForeignDir)
	}
	d.id = m.dirID
	if m.clusterID != "" && m.hasNode && !m.dirID.IsZero() {
		return nil
	}
	if m.dirID.IsZero() {
		m.dirID = cfg.NewDirIDs[d.path]
	}
	if m.dirID.IsZero() {
		m.dirID = newUUID()
	}
	m.clusterID, m.nodeID, m.hasNode = cfg.ClusterID, cfg.NodeID, true
	if err := fs.WriteFile(cfg.FS, filepath.Join(d.path, metaPropertiesFile), m.format(), 0o644); err != nil {
		return fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
	}
	d.meta, d.id = m, m.dirID
	return nil
}

func (d *logDir) unlock() {
	if d.lock != nil {
		_ = d.lock.Close() // the lock goes with the descriptor
		d.lock = nil
	}
}

// loadDirs loads the logs of all directories side by side.
func (s *Store) loadDirs(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range s.dirs {
		if d.offline() == nil {
			g.Go(func() error { return d.load(ctx) })
		}
	}
	return g.Wait()
}

// load opens the logs of the directory. One that is corrupt is left out; a directory that cannot be read goes offline.
func (d *logDir) load(ctx context.Context) error {
	base, err := d.readCheckpoints()
	if err != nil {
		d.failed(err)
		return nil
	}
	d.previousEpoch = base.brokerEpoch
	entries, err := d.store.cfg.FS.ReadDir(d.path)
	if err != nil {
		d.failed(fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk))
		return nil
	}
	partitions, futures := d.partitions(entries)
	dirs := d.loadKnown(ctx, base, partitions)
	whole := ctx
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, d.store.settings().RecoveryThreadsPerDir))
	if base.clean {
		g.SetLimit(cleanThreads)
	}
	progress := newProgress(d, base.clean, len(dirs))
	for _, f := range dirs {
		g.Go(func() error {
			defer progress.done.Add(1)
			spec := base.spec(f.tp, f.path)
			spec.known = f.known
			return d.loadLog(ctx, f.tp, spec)
		})
	}
	err = g.Wait()
	progress.stop(err)
	if err != nil {
		return err
	}
	if err := d.loadFutures(whole, futures); err != nil {
		return err
	}
	for tp := range base.all() {
		if _, ok := d.store.Log(tp); !ok && d.store.Broken(tp) == nil {
			d.forget(tp)
		}
	}
	if err := removeCleanShutdown(d.store.cfg.FS, d.path); err != nil {
		d.failed(fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk))
	}
	if d.offline() == nil {
		d.checkpointed(d.takeOver())
	}
	return nil
}

// partitions are those directories that hold a partition. What was deleted before goes on being removed.
func (d *logDir) partitions(entries []os.DirEntry) (dirs, futures []found) {
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || name == metadataLogDir {
			continue
		}
		tp, ok := parsePartitionDir(name)
		switch {
		case strings.HasSuffix(name, deleteDirSuffix):
			d.store.tasks.removeLater(0, filepath.Join(d.path, name))
		case strings.HasSuffix(name, strayDirSuffix):
			d.store.logger.Info("stray log left alone", "dir", filepath.Join(d.path, name))
		case strings.HasSuffix(name, futureDirSuffix):
			if tp, ok := parseFutureDir(name); ok {
				tp.Topic = strings.Clone(tp.Topic)
				futures = append(futures, found{tp: tp, path: filepath.Join(d.path, name)})
			} else {
				d.store.logger.Warn("directory is no partition, left alone", "dir", filepath.Join(d.path, name))
			}
		case !ok:
			d.store.logger.Warn("directory is no partition, left alone", "dir", filepath.Join(d.path, name))
		default:
			if n := len(dirs); n > 0 && dirs[n-1].tp.Topic == tp.Topic { // thousands of logs share the name
				tp.Topic = dirs[n-1].tp.Topic
			} else {
				tp.Topic = strings.Clone(tp.Topic)
			}
			dirs = append(dirs, found{tp: tp, path: filepath.Join(d.path, name)})
		}
	}
	return dirs, futures
}

// cleanThreads is how many logs are opened at once after a clean stop: each waits for a few small reads.
const cleanThreads = 32

// loadLog opens one log; the error is only that of a cancelled context.
func (d *logDir) loadLog(ctx context.Context, tp record.TopicPartition, spec loadSpec) error {
	s := d.store
	l, err := d.openLog(ctx, tp, spec)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if unreadable(err) {
		d.failed(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path, held := s.holderLocked(tp)
	if held && err == nil {
		if s.outdone(spec.path, path) {
			l.abandon()
			s.tasks.removeLater(0, spec.path)
			return nil
		}
		if other := s.logs[tp]; other != nil && s.outdone(path, spec.path) {
			other.abandon()
			other.host.(*logDir).logs--
			s.tasks.removeLater(0, path)
			held = false
		}
	}
	if held {
		if err == nil {
			l.abandon()
		}
		err = errors.Join(err, fmt.Errorf("open %s: both %s and %s hold it: move one of them away: %w", tp, path, spec.path, ErrCorrupt))
		if other := s.logs[tp]; other != nil { // it may be the empty one
			other.abandon()
			delete(s.logs, tp)
			other.host.(*logDir).logs--
			other.host.(*logDir).leaveOutLocked(tp, leftOut{other.recovery, other.logStart})
		}
	}
	if err == nil {
		s.enterLocked(l, d)
		return nil
	}
	if d.offline() == nil {
		s.logger.Error("log not opened", "topic", tp.Topic, "partition", tp.Partition, "dir", d.path, "err", err)
	}
	s.broken[tp] = err
	d.leaveOutLocked(tp, leftOut{spec.recoveryPoint, spec.logStart})
	return nil
}

// holderLocked finds a directory that holds a log of the partition already, opened or not.
func (s *Store) holderLocked(tp record.TopicPartition) (path string, held bool) {
	if l := s.logs[tp]; l != nil {
		return l.path, true
	}
	for _, d := range s.dirs {
		if _, held := d.unloaded[tp]; held {
			return filepath.Join(d.path, tp.String()), true
		}
	}
	return "", false
}

// leftOut is a log that is not served.
type leftOut struct {
	recoveryPoint int64
	logStart      int64 // -1: it follows from the first segment
}

func (d *logDir) leaveOutLocked(tp record.TopicPartition, l leftOut) {
	if d.unloaded == nil {
		d.unloaded = make(map[record.TopicPartition]leftOut)
	}
	d.unloaded[tp] = l
}

func (d *logDir) openLog(ctx context.Context, tp record.TopicPartition, spec loadSpec) (*Log, error) {
	s := d.store
	l := newLog(tp, spec.path, s.cfg.FS, s.files, d, s.logConfig(tp.Topic), s.logger)
	var err error
	if l.topicID, err = readPartitionMetadata(s.cfg.FS, l.name(partitionMetaFile)); err == nil {
		err = l.load(ctx, spec)
	} else {
		err = fmt.Errorf("open %s: %w", tp, err)
	}
	if err != nil {
		l.abandon()
		return nil, err
	}
	return l, nil
}

func (s *Store) logConfig(topic string) LogConfig {
	if s.cfg.LogConfig == nil {
		return LogConfig{}
	}
	return s.cfg.LogConfig(topic)
}

// create makes the directory of a new log, or leaves none behind: the log may be made in another directory next.
func (d *logDir) create(tp record.TopicPartition, topicID record.UUID) (made *Log, _ error) {
	s := d.store
	path := filepath.Join(d.path, tp.String())
	l := newLog(tp, path, s.cfg.FS, s.files, d, s.logConfig(tp.Topic), s.logger)
	l.topicID = topicID
	if err := errors.Join(d.purge(tp), d.cleaned.begin(tp)); err != nil {
		return nil, l.diskError("create", err)
	}
	if d.postpone(l) {
		return l, nil
	}
	if _, err := s.cfg.FS.Stat(path); errors.Is(err, os.ErrNotExist) {
		defer func() {
			if made == nil {
				_ = s.cfg.FS.RemoveAll(path) // the first error says more
			}
		}()
	}
	if err := s.cfg.FS.MkdirAll(path, 0o755); err != nil {
		return nil, l.diskError("create", err)
	}
	// Not synced here, for records are not either; the next flush of the log syncs the directory.
	if !topicID.IsZero() {
		if err := writeUnsynced(s.cfg.FS, l.name(partitionMetaFile), formatPartitionMetadata(topicID)); err != nil {
			return nil, l.diskError("create", err)
		}
		l.newMeta = true
	}
	l.newDir = true
	if err := l.loadEmpty(loadSpec{tp: tp, path: path, logStart: -1}); err != nil {
		return nil, err
	}
	return l, nil
}

// close settles the logs of the directory and, if all went well, marks it clean.
func (d *logDir) close() error {
	defer d.unlock()
	var mine []*Log
	for l := range d.store.Logs() {
		if l.host == host(d) {
			mine = append(mine, l)
		}
	}
	all := slices.Clone(mine)
	for _, l := range d.store.Futures() {
		if l.host == host(d) {
			all = append(all, l)
		}
	}
	if err := d.offline(); err != nil {
		for _, l := range all {
			l.abandon()
		}
		return nil // reported when it went offline
	}
	if err := d.finish(all); err != nil {
		return err
	}
	if err := d.checkpointAll(); err != nil {
		return fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
	}
	if len(d.unloaded) > 0 {
		return nil // they have to be looked at again
	}
	if err := writeCleanShutdown(d.store.cfg.FS, d.path, d.store.brokerEpoch.Load()); err != nil {
		return fmt.Errorf("log directory %s: %w: %w", d.path, err, ErrDisk)
	}
	d.writeManifest(mine)
	return nil
}

// The rest is what logs ask of their host.

func (d *logDir) settings() Settings  { return d.store.settings() }
func (d *logDir) dirID() record.UUID  { return d.id }
func (d *logDir) flushTimed()         { d.timed.Store(true) }
func (d *logDir) highWatermarkMoved() { d.movedHW.Store(true) }

func (d *logDir) unsynced(l *Log) bool {
	d.writeouts.add(l, time.Now().UnixMilli())
	return true
}

func (d *logDir) syncSoon(l *Log, w SyncWaiter) { d.syncs.ask(l, w) }

// syncFailed tells of a sync that nobody else has told of.
func (d *logDir) syncFailed(l *Log, err error) {
	switch {
	case isClosed(err), IsFull(err), d.offline() != nil: // somebody has told
	case passing(err):
		if seldom(&d.starved) {
			d.store.logger.Error("flush failed, tried again every second", "dir", d.path, "err", err)
		}
	default:
		d.store.logger.Error("flush failed", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
	}
}

func (d *logDir) removeLater(after time.Duration, paths ...string) {
	d.store.tasks.removeLater(after, paths...)
}

func (d *logDir) offline() error {
	if p := d.cause.Load(); p != nil {
		return *p
	}
	return nil
}

// tellEvery is how often the log says that a directory lacks something, however much fails meanwhile.
const tellEvery = time.Minute

// seldom reports whether it is time to say something that was said last when told says, and notes that it is.
func seldom(told *atomic.Int64) bool {
	now, last := time.Now().UnixNano(), told.Load()
	return (last == 0 || now-last >= int64(tellEvery)) && told.CompareAndSwap(last, now)
}

// full says that writes are refused until there is room; the directory stays in use.
func (d *logDir) full(err error) {
	if seldom(&d.told) {
		d.store.logger.Error("log directory full, writes are refused until there is room", "dir", d.path, "err", err)
	}
}

// failed takes the directory offline, once.
func (d *logDir) failed(err error) {
	if !d.cause.CompareAndSwap(nil, &err) {
		return
	}
	d.store.logger.Error("log directory offline", "dir", d.path, "err", err)
	d.store.tasks.report(d.path, err)
}
