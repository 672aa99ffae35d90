package metalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// Partition is the metadata log.
var Partition = record.TopicPartition{Topic: "__cluster_metadata"}

// TopicID is the topic id of the metadata log.
var TopicID = record.UUID{15: 1}

// Config is what Open needs.
type Config struct {
	FS       fs.FS
	Dir      string // the log directory that holds __cluster_metadata-0: metadata.log.dir, or the first of log.dirs
	Settings Settings
	Logger   *slog.Logger
}

// Settings are the sizes and times of the metadata log; a zero is Kafka's default.
type Settings struct {
	SegmentBytes     int64         // metadata.log.segment.bytes
	SegmentMs        time.Duration // metadata.log.segment.ms
	RetentionBytes   int64         // metadata.max.retention.bytes
	RetentionMs      time.Duration // metadata.max.retention.ms
	SnapshotBytes    int64         // metadata.log.max.record.bytes.between.snapshots
	SnapshotInterval time.Duration // metadata.log.max.snapshot.interval.ms; 0: by size only
}

// WithDefaults fills what is zero.
func (s Settings) WithDefaults() Settings {
	s.SegmentBytes = cmp.Or(s.SegmentBytes, 1<<30)
	s.SegmentMs = cmp.Or(s.SegmentMs, 7*24*time.Hour)
	s.RetentionBytes = cmp.Or(s.RetentionBytes, 100<<20)
	s.RetentionMs = cmp.Or(s.RetentionMs, 7*24*time.Hour)
	s.SnapshotBytes = cmp.Or(s.SnapshotBytes, 20<<20)
	return s
}

// Log is the copy on disk.
type Log struct {
	*storage.Log
	cfg        Config
	path       string         // of the partition's directory
	background sync.WaitGroup // checkpoints being written
	writing    chan struct{}  // holds one while one of them has its turn
	commits    commits
}

// Found is what a replay of the disk has come to.
type Found struct {
	State State
	Image *metadata.Image
	// Epoch is the highest seen anywhere.
	Epoch      int32
	SnapshotAt time.Time
	SinceBytes int64 // of the log after the checkpoint, as far as it was replayed
	// Open is true when what was replayed ends inside a metadata transaction. Image is the one before it.
	Open bool
	// Voting is what the checkpoint and what was replayed say about who votes.
	Voting Voting

	next    int64 // to be replayed
	pending replay
}

func dirOf(logDir string) string { return filepath.Join(logDir, Partition.String()) }

// Open opens the log and loads the newest checkpoint. What the log holds after that is replayed by Replay.
func Open(ctx context.Context, cfg Config) (*Log, *Found, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Settings = cfg.Settings.WithDefaults()
	l := &Log{cfg: cfg, path: dirOf(cfg.Dir), writing: make(chan struct{}, 1)}
	if err := cfg.FS.MkdirAll(l.path, 0o755); err != nil {
		return nil, nil, err
	}
	if err := l.nameTopic(); err != nil {
		return nil, nil, err
	}
	if err := l.dropParts(); err != nil {
		return nil, nil, err
	}
	f := &Found{}
	var err error
	if f.State, err = LoadState(cfg.FS, l.path); err != nil {
		return nil, nil, err
	}
	var at Checkpoint
	if f.Image, at, f.Voting, err = newestCheckpoint(cfg.FS, l.path); err != nil {
		return nil, nil, err
	}
	f.SnapshotAt, f.next = time.Now(), at.End
	l.Log, err = storage.OpenLog(ctx, cfg.FS, l.path, Partition, l.logConfig(), storage.Settings{}, cfg.Logger)
	if err != nil {
		return nil, nil, err
	}
	if err := l.join(at); err != nil {
		return nil, nil, errors.Join(err, l.Log.Close())
	}
	f.Epoch = max(f.State.LeaderEpoch, l.LatestEpoch(), at.Epoch, 0)
	return l, f, nil
}

// Path is the directory of the log.
func (l *Log) Path() string { return l.path }

// Close waits until no checkpoint is being written, and closes the log cleanly.
func (l *Log) Close() error {
	l.background.Wait()
	return l.Log.Close()
}

// nameTopic writes partition.metadata, so that tools and Kafka know the directory's topic.
func (l *Log) nameTopic() error {
	name := filepath.Join(l.path, "partition.metadata")
	if _, err := l.cfg.FS.Stat(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// The first start: the directory itself, and the log directory it lies in, may be as new as their first file.
	for dir := l.path; dir != filepath.Dir(l.cfg.Dir); {
		dir = filepath.Dir(dir)
		if err := l.cfg.FS.SyncDir(dir); err != nil {
			return err
		}
	}
	return fs.WriteFile(l.cfg.FS, name, fmt.Appendf(nil, "version: 0\ntopic_id: %s", TopicID), 0o644)
}

// logConfig is that of a log which nobody but this package cleans: segments are rolled by size and time, and go when a checkpoint covers
// them.
func (l *Log) logConfig() storage.LogConfig {
	set := l.cfg.Settings
	return storage.LogConfig{
		SegmentBytes: set.SegmentBytes, SegmentMs: set.SegmentMs, SegmentIndexBytes: 10 << 20, IndexIntervalBytes: 4096,
		RetentionMs: -1, RetentionBytes: -1, FlushMessages: 1<<63 - 1, FlushMs: 1<<63 - 1, FileDeleteDelay: time.Minute,
		MaxMessageBytes: MaxBatchBytes, Delete: true, CompressionType: "producer",
		TimestampBeforeMax: 1<<63 - 1, TimestampAfterMax: 1<<63 - 1,
	}
}

// join makes the log go on where the checkpoint ends: one that ends before it was lost or never fetched.
func (l *Log) join(at Checkpoint) error {
	o := l.Offsets()
	if o.LogEnd < at.End {
		if err := l.TruncateFullyAndStartAt(at.End); err != nil {
			return err
		}
		o = l.Offsets()
	}
	if o.LogStart > at.End {
		return fmt.Errorf("%s begins at offset %d, but the newest checkpoint ends at %d: the records between are missing", l.path, o.LogStart, at.End)
	}
	return nil
}
