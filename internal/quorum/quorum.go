// Package quorum keeps the metadata log, __cluster_metadata-0: it writes what the active controller decides, says when it is
// committed, and hands every committed change of the cluster's image to the rooms of this node. It runs the controller's machine on
// the node that leads, but does not know what the machine decides.
//
// It is not the log on disk (package storage) and not the meaning of records (package metadata).
//
// Terms. A record is committed when a majority of the voters has it on disk; today a quorum has one voter, this node, so it is
// committed when it is synced here. The epoch is the leader epoch of the batches: it rises with every leadership. A checkpoint
// is a snapshot of the image in a file.
//
// Invariants. Subscribers see images in the order of the log, each once, from one goroutine, and never one that is not committed or that
// ends inside a metadata transaction. A checkpoint holds committed records only. Locks do not nest and are not held over file operations.
package quorum

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/storage"
)

// Partition is the metadata log.
var Partition = record.TopicPartition{Topic: "__cluster_metadata"}

// TopicID is the topic id of the metadata log.
var TopicID = record.UUID{15: 1}

// Config is what Open needs.
type Config struct {
	FS     fs.FS
	Dir    string // the log directory that holds __cluster_metadata-0: metadata.log.dir, or the first of log.dirs
	DirID  record.UUID
	NodeID int32
	Log    LogSettings
	// Bootstrap returns the records that an empty log begins with, given those that formatting the directory left (nil: none).
	Bootstrap func(formatted []metadata.Record) []metadata.Record
	// Lead starts the controller's machine when this node becomes leader.
	Lead func(Leadership) Leader
	// Register, if not nil, is the registration of this controller, which it sends to itself when it leads.
	Register *kmsg.ControllerRegistrationRequest
	// Failed is called once, from a goroutine of its own, when the log could not be written any more: the node has to stop.
	Failed func(error)
	Logger *slog.Logger
}

// LogSettings are the sizes and times of the metadata log; a zero is Kafka's default.
type LogSettings struct {
	SegmentBytes     int64         // metadata.log.segment.bytes
	SegmentMs        time.Duration // metadata.log.segment.ms
	RetentionBytes   int64         // metadata.max.retention.bytes
	RetentionMs      time.Duration // metadata.max.retention.ms
	SnapshotBytes    int64         // metadata.log.max.record.bytes.between.snapshots
	SnapshotInterval time.Duration // metadata.log.max.snapshot.interval.ms; 0: by size only
}

func (s LogSettings) withDefaults() LogSettings {
	s.SegmentBytes = cmp.Or(s.SegmentBytes, 1<<30)
	s.SegmentMs = cmp.Or(s.SegmentMs, 7*24*time.Hour)
	s.RetentionBytes = cmp.Or(s.RetentionBytes, 100<<20)
	s.RetentionMs = cmp.Or(s.RetentionMs, 7*24*time.Hour)
	s.SnapshotBytes = cmp.Or(s.SnapshotBytes, 20<<20)
	return s
}

// Leadership is what a leader starts from.
type Leadership struct {
	Image      *metadata.Image
	Epoch      int32
	NextOffset int64 // where the first record of the machine will be written
	Now        time.Time
	Log        machine.Log[metadata.Record]
	Failed     func(error)
}

// Leader is the controller's machine at work.
type Leader interface {
	// Submit hands it a request; done is called exactly once.
	Submit(principal security.Principal, request kmsg.Request, done func(response any, err error))
	// Close ends it; who waits gets machine.ErrUnloaded.
	Close()
}

// Quorum is this node's part of the controller quorum.
type Quorum struct {
	cfg    Config
	path   string // of the partition's directory
	log    *storage.Log
	epoch  int32
	writer *writer
	feed   *feed

	mu     sync.Mutex
	leader Leader // changes when the machine is lost
	closed bool

	background sync.WaitGroup // checkpoints being written, a machine being started
	failOnce   sync.Once
	closeOnce  sync.Once
	closeErr   error
}

// Open loads the newest checkpoint and the log after it, becomes leader at a new epoch, writes the first records of a new cluster, and
// starts the controller's machine.
func Open(ctx context.Context, cfg Config) (*Quorum, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.withDefaults()
	q := &Quorum{cfg: cfg, path: dirOf(cfg.Dir)}
	state, err := q.openLog(ctx)
	if err != nil {
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	if err := q.lead(state); err != nil {
		_ = q.log.Close() // the first error says more
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	return q, nil
}

// lead makes this node the leader: epoch, leader change, first records, machine.
func (q *Quorum) lead(s loaded) error {
	q.epoch = s.epoch + 1
	if err := s.state.save(q.cfg.FS, q.path, q.cfg.NodeID, q.epoch); err != nil {
		return err
	}
	now := time.Now()
	q.writer = newWriter(q.log, q.epoch, s.image.Feature(metadata.FeatureMetadataVersion))
	if err := q.writer.leaderChange(now, q.cfg.NodeID); err != nil {
		return err
	}
	if s.open {
		if err := q.writer.abort(now); err != nil {
			return err
		}
	}
	if s.image.Feature(metadata.FeatureMetadataVersion) == 0 {
		formatted, err := readBootstrap(q.cfg.FS, q.cfg.Dir)
		if err != nil {
			return err
		}
		if _, _, err := q.writer.Append(now, q.cfg.Bootstrap(formatted), nil); err != nil {
			return err
		}
	}
	if err := q.writer.sync(); err != nil {
		return err
	}
	q.feed = newFeed(s, q.epoch, q.cfg.Log, q.takeSnapshot)
	if err := q.feed.takeFirst(q.writer.takeCommitted()); err != nil {
		return err
	}
	q.writer.start(q.feed.add, q.fail)
	q.feed.start(q.fail)
	q.startLeader(now)
	if q.cfg.Register != nil {
		q.active().Submit(security.Anonymous, q.cfg.Register, q.registered)
	}
	q.cfg.Logger.Info("controller became active", "node", q.cfg.NodeID, "leader_epoch", q.epoch, "offset", q.log.Offsets().LogEnd)
	return nil
}

func (q *Quorum) registered(_ any, err error) {
	if err != nil && !errors.Is(err, machine.ErrUnloaded) {
		q.cfg.Logger.Warn("controller could not register itself", "node", q.cfg.NodeID, "err", err)
	}
}

// fail reports, once, that the log cannot go on.
func (q *Quorum) fail(err error) {
	q.failOnce.Do(func() {
		q.cfg.Logger.Error("metadata log failed, this controller stops", "dir", q.path, "err", err)
		if q.cfg.Failed != nil {
			go q.cfg.Failed(err) // not from here: it may close the quorum, which waits for its goroutines
		}
	})
}

// Do hands a request to the active controller and waits for its reply, and until this node has taken in the image that the reply speaks
// of, so that who created a topic finds it. It must not be called by a subscriber.
func (q *Quorum) Do(ctx context.Context, principal security.Principal, request kmsg.Request) (kmsg.Response, error) {
	type outcome struct {
		response any
		err      error
	}
	done := make(chan outcome, 1)
	q.active().Submit(principal, request, func(response any, err error) { done <- outcome{response, err} })
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if fault := (*machine.Fault)(nil); errors.As(o.err, &fault) {
		return nil, fmt.Errorf("%w: %w", kerr.UnknownServerError, o.err)
	} else if o.err != nil {
		return nil, o.err
	}
	response, ok := o.response.(kmsg.Response)
	if refused, is := o.response.(error); is {
		return nil, fmt.Errorf("controller refused request %T: %w", request, refused)
	} else if !ok {
		return nil, fmt.Errorf("controller refused request %T: %v", request, o.response)
	}
	if _, heartbeat := request.(*kmsg.BrokerHeartbeatRequest); !heartbeat {
		q.feed.await(ctx, q.writer.committedOffset())
	}
	return response, nil
}

// Subscribe calls fn with the newest image and a nil delta, then with every image after it and the delta that led there. fn is called from
// one goroutine for all subscribers, in the order of their subscriptions; while it runs, no newer image is published.
func (q *Quorum) Subscribe(fn func(*metadata.Image, *metadata.Delta)) { q.feed.subscribe(fn) }

// Image returns the newest published image.
func (q *Quorum) Image() *metadata.Image { return q.feed.newest() }

// Log is the metadata log, for Fetch on the controller listener. Its high watermark is the committed offset.
func (q *Quorum) Log() *storage.Log { return q.log }

// Close stops the machine, publishes what is committed, and closes the log cleanly.
func (q *Quorum) Close() error {
	q.closeOnce.Do(func() {
		q.stopLeader()
		q.writer.close()
		q.feed.close()
		q.background.Wait()
		q.closeErr = q.log.Close()
	})
	return q.closeErr
}
