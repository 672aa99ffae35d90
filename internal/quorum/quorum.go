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
	"leat/internal/metalog"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/storage"
)

// Partition is the metadata log.
var Partition = metalog.Partition

// TopicID is the topic id of the metadata log.
var TopicID = metalog.TopicID

// Config is what Open needs.
type Config struct {
	FS     fs.FS
	Dir    string // the log directory that holds __cluster_metadata-0: metadata.log.dir, or the first of log.dirs
	DirID  record.UUID
	NodeID int32
	Log    LogSettings
	// ClusterID is that of the frames between controllers.
	ClusterID record.UUID
	// Voters are those with whom a quorum begins that has no journal yet, unless the log itself says who votes. Nobody: this controller waits to be
	// added, or is alone if there is no Transport.
	Voters []Member
	// Transport reaches the other controllers; nil: there are none.
	Transport Transport
	// ElectionTimeout is controller.quorum.election.timeout.ms; 0: a second.
	ElectionTimeout time.Duration
	// LeaderChanged, if not nil, hears who leads, in order and from one goroutine; known is false while nobody does. It must not wait.
	LeaderChanged func(leader, epoch int32, known bool)
	// MembersChanged, if not nil, hears who votes, likewise, and once at the start.
	MembersChanged func([]Member)
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

// LogSettings are the sizes and times of the metadata log.
type LogSettings = metalog.Settings

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
	log    *metalog.Log
	epoch  int32
	writer *writer
	feed   *metalog.Feed

	observers observers

	mu     sync.Mutex
	leader Leader // changes when the machine is lost
	closed bool

	background sync.WaitGroup // a machine being started
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
	q := &Quorum{cfg: cfg}
	var found *metalog.Found
	var err error
	q.log, found, err = metalog.Open(ctx, metalog.Config{FS: cfg.FS, Dir: cfg.Dir, Settings: cfg.Log, Logger: cfg.Logger})
	if err != nil {
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	if err := q.lead(ctx, found); err != nil {
		_ = q.log.Close() // the first error says more
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	return q, nil
}

// lead makes this node the leader: epoch, leader change, first records, machine.
//
// With one voter, everything that the log holds is committed. If it ends inside a metadata transaction, the first record to be written aborts it, or
// what follows would become part of it.
func (q *Quorum) lead(ctx context.Context, s *metalog.Found) error {
	end := q.log.Offsets().LogEnd
	q.log.SetHighWatermark(end)
	if err := q.log.Replay(ctx, s, end); err != nil {
		return err
	}
	open := s.Open
	if open {
		if err := s.AbortOpen(); err != nil {
			return err
		}
	}
	q.epoch = s.Epoch + 1
	if err := s.State.Save(q.cfg.FS, q.log.Path(), q.cfg.NodeID, q.epoch); err != nil {
		return err
	}
	now := time.Now()
	q.writer = newWriter(q.log, q.epoch, s.Image.Feature(metadata.FeatureMetadataVersion))
	if err := q.writer.leaderChange(now, q.cfg.NodeID); err != nil {
		return err
	}
	if open {
		if err := q.writer.abort(now); err != nil {
			return err
		}
	}
	if s.Image.Feature(metadata.FeatureMetadataVersion) == 0 {
		formatted, err := metalog.ReadBootstrap(q.cfg.FS, q.cfg.Dir)
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
	q.feed = metalog.NewFeed(s, q.cfg.Log, q.log.Snapshot)
	if err := q.feed.TakeFirst(q.writer.takeCommitted()); err != nil {
		return err
	}
	q.writer.start(q.feed.Add, q.fail)
	q.feed.Start(q.fail)
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
		q.cfg.Logger.Error("metadata log failed, this controller stops", "dir", q.log.Path(), "err", err)
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
		q.feed.Await(ctx, q.writer.committedOffset())
	}
	return response, nil
}

// Subscribe calls fn with the newest image and a nil delta, then with every image after it and the delta that led there. fn is called from
// one goroutine for all subscribers, in the order of their subscriptions; while it runs, no newer image is published.
func (q *Quorum) Subscribe(fn func(*metadata.Image, *metadata.Delta)) { q.feed.Subscribe(fn) }

// Image returns the newest published image.
func (q *Quorum) Image() *metadata.Image { return q.feed.Newest() }

// Log is the metadata log, for Fetch on the controller listener. Its high watermark is the committed offset.
func (q *Quorum) Log() *storage.Log { return q.log.Log }

// Close stops the machine, publishes what is committed, and closes the log cleanly.
func (q *Quorum) Close() error {
	q.closeOnce.Do(func() {
		q.stopLeader()
		q.writer.close()
		q.feed.Close()
		q.background.Wait()
		q.closeErr = q.log.Close()
	})
	return q.closeErr
}
