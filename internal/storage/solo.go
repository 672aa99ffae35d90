package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// soloHost owns a log that belongs to no Store. Its recovery point and the mark of a clean stop lie in the log's own directory.
type soloHost struct {
	set   Settings
	fsys  fs.FS
	path  string
	cause atomic.Pointer[error]
}

// OpenLog opens a single log directory by itself, outside any Store: the metadata log, and offline tools. Its retention and
// flushes are the caller's.
func OpenLog(ctx context.Context, fsys fs.FS, dir string, tp record.TopicPartition, cfg LogConfig, set Settings, logger *slog.Logger) (*Log, error) {
	set = set.withDefaults()
	h := &soloHost{set: set, fsys: fsys, path: dir}
	files := newFileCache(fsys, func() int { return set.MaxOpenFiles })
	if err := makeDir(fsys, dir); err != nil {
		return nil, fmt.Errorf("open %s: %w: %w", tp, err, ErrDisk)
	}
	clean, _, err := readCleanShutdown(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w: %w", tp, err, ErrDisk)
	}
	points, err := readOffsets(fsys, filepath.Join(dir, recoveryPointFile))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tp, err)
	}
	starts, err := readOffsets(fsys, filepath.Join(dir, logStartFile))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tp, err)
	}
	l := newLog(tp, dir, fsys, files, h, cfg, logger)
	l.newFiles, l.newDir = true, true
	if l.topicID, err = readPartitionMetadata(fsys, filepath.Join(dir, partitionMetaFile)); err != nil {
		return nil, fmt.Errorf("open %s: %w", tp, err)
	}
	start, known := starts[tp]
	if !known {
		start = -1
	}
	point, listed := points[tp]
	if err := l.load(ctx, loadSpec{tp: tp, path: dir, clean: clean, trusted: clean && listed, recoveryPoint: point, logStart: start}); err != nil {
		l.abandon()
		return nil, err
	}
	if err := removeCleanShutdown(fsys, dir); err != nil {
		l.abandon()
		return nil, l.diskError("open", err)
	}
	return l, nil
}

func newLog(tp record.TopicPartition, path string, fsys fs.FS, files *fileCache, h host, cfg LogConfig, logger *slog.Logger) *Log {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{tp: tp, path: path, fsys: fsys, files: files, host: h, logger: logger}
	l.Configure(cfg)
	return l
}

// closed leaves what the next OpenLog needs to start without reading all segments.
func (h *soloHost) closed(l *Log) error {
	if err := h.checkpoint(l); err != nil {
		return l.diskError("close", err)
	}
	if err := writeCleanShutdown(h.fsys, h.path, -1); err != nil {
		return l.diskError("close", err)
	}
	return nil
}

func (h *soloHost) checkpoint(l *Log) error {
	l.mu.RLock()
	recovery, start := l.recovery, l.logStart
	l.mu.RUnlock()
	if err := fs.WriteFile(h.fsys, filepath.Join(h.path, logStartFile), formatOffsets([]partitionOffset{{l.tp, start}}), 0o644); err != nil {
		return err
	}
	return fs.WriteFile(h.fsys, filepath.Join(h.path, recoveryPointFile), formatOffsets([]partitionOffset{{l.tp, recovery}}), 0o644)
}

func (h *soloHost) settings() Settings { return h.set }
func (h *soloHost) dirID() record.UUID { return record.UUID{} }
func (h *soloHost) flushTimed()        {} // the caller's

func (h *soloHost) admit(int64, bool) (time.Duration, error) { return 0, nil }

func (h *soloHost) roomLeft() Room { return RoomEnough }

func (h *soloHost) highWatermarkMoved() {} // not kept
func (h *soloHost) unsynced(*Log) bool  { return false }
func (h *soloHost) failed(err error)    { h.cause.CompareAndSwap(nil, &err) }
func (h *soloHost) full(error)          {} // the caller's to tell

// syncSoon does what somebody waits for at once. The rest is the caller's.
func (h *soloHost) syncSoon(l *Log, w SyncWaiter) {
	if w != nil {
		w.Synced(l.Flush())
	}
}

func (h *soloHost) recoveryLowered(l *Log) error {
	l.mu.RLock()
	lowered := l.recovery < l.checkpoint
	l.mu.RUnlock()
	if !lowered {
		return nil
	}
	return h.checkpoint(l)
}

func (h *soloHost) startLowered(l *Log) error { return h.checkpoint(l) }

func (h *soloHost) offline() error {
	if p := h.cause.Load(); p != nil {
		return *p
	}
	return nil
}

// removeLater removes at once: there is nobody to wait. Who has a file open keeps it.
func (h *soloHost) removeLater(_ time.Duration, paths ...string) {
	for _, p := range paths {
		if err := h.fsys.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			continue // swept up at the next start
		}
	}
}
