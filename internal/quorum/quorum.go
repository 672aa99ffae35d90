// Package quorum keeps the metadata log, __cluster_metadata-0: it agrees with the other controllers on what the active one decides, says when it
// is committed, and hands every committed change of the cluster's image to the rooms of this node. It runs the controller's machine on
// the node that leads, but does not know what the machine decides.
//
// It is not the agreement (package voter and what lies below), not the log on disk (package storage) and not the meaning of records (package
// metadata).
//
// Terms. A record is committed when a majority of the voters has it on disk. The epoch is the leader epoch of the batches: it rises with every
// leadership. A reign is the time for which this node leads: it begins when everything before it is committed and applied here. A checkpoint
// is a snapshot of the image in a file.
//
// Order of work. Open replays the log, lets the voter put log, journal and checkpoints in agreement, and starts it; the only voter leads before Open
// returns, others whenever they are elected. Close ends the machine, the voter, the feed and the log, in this order.
//
// Invariants. Subscribers see images in the order of the log, each once, from one goroutine, and never one that is not committed or that
// ends inside a metadata transaction. A checkpoint holds committed records only. A machine appends only in the reign that it was made for. Locks
// do not nest, but that a reign's is held over an append; none is held over file operations.
package quorum

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/voter"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/storage"
	"leat/internal/telemetry"
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
	// Forgot, if above 0, is said of a static voter without a journal whose disk may have been replaced: above all epochs that a majority of the voters,
	// without it, has been in. It takes part in decisions again once an entry of such an epoch is committed.
	Forgot int32
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
	// Meter, if not nil, counts appends and elections.
	Meter *telemetry.Raft
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
	// KRaftVersion is the level of kraft.version.
	KRaftVersion int16
	Now          time.Time
	Log          machine.Log[metadata.Record]
	Failed       func(error)
}

// Leader is the controller's machine at work.
type Leader interface {
	// Submit hands it a request; done is called exactly once.
	Submit(principal security.Principal, clientID string, request kmsg.Request, done func(response any, err error))
	// Close ends it; who waits gets machine.ErrUnloaded.
	Close()
}

// Quorum is this node's part of the controller quorum.
type Quorum struct {
	cfg   Config
	log   *metalog.Log
	voter *voter.Voter
	feed  *metalog.Feed
	fed   atomic.Int64 // everything below was handed to the feed

	mu      sync.Mutex // guards what follows
	view    view
	reign   *reign        // nil while this node does not lead
	without time.Time     // when the last leader was lost; zero: somebody leads
	changed chan struct{} // closed, and made anew, when one of the two above changes or a machine is started
	opened  bool
	closed  bool
	failure error

	background sync.WaitGroup // machines being started
	closeOnce  sync.Once
	closeErr   error
}

// Open loads the newest checkpoint and the log after it, and takes part in the quorum. It does not wait for others: only one that is alone leads when
// Open returns.
func Open(ctx context.Context, cfg Config) (*Quorum, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	q := &Quorum{cfg: cfg, changed: make(chan struct{})}
	var found *metalog.Found
	var err error
	q.log, found, err = metalog.Open(ctx, metalog.Config{FS: cfg.FS, Dir: cfg.Dir, Settings: cfg.Log, Logger: telemetry.Named(cfg.Logger, telemetry.LogMetadata)})
	if err != nil {
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	if err := q.join(ctx, found); err != nil {
		_ = q.log.Close() // the first error says more
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	if err := q.start(ctx, found); err != nil {
		_ = q.Close() // likewise
		return nil, fmt.Errorf("open metadata log: %w", err)
	}
	return q, nil
}

// join replays the log and opens the voter. The replay comes first, so that nothing is written beside a log that this build cannot read.
func (q *Quorum) join(ctx context.Context, found *metalog.Found) error {
	if err := q.log.Replay(ctx, found, q.log.Offsets().LogEnd); err != nil {
		return err
	}
	begin, err := q.beginning(found)
	if err != nil {
		return err
	}
	q.voter, err = voter.Open(ctx, voter.Config{
		FS: q.cfg.FS, Path: q.log.Path(), Log: q.log.Log, Self: consensus.Replica{ID: q.cfg.NodeID, DirID: q.cfg.DirID}, ClusterID: q.cfg.ClusterID,
		Begin: begin, Transport: carrier{q.cfg.Transport}, Listener: listener{q}, ElectionTimeout: q.cfg.ElectionTimeout,
		Logger: telemetry.Named(q.cfg.Logger, telemetry.LogVoter)})
	if err != nil {
		return err
	}
	if err := q.log.Reload(ctx, found, q.log.Offsets().LogEnd); err != nil {
		_ = q.voter.Close() // it has not begun
		return err
	}
	return nil
}

// start takes part, and waits until this node leads if nobody else could.
func (q *Quorum) start(ctx context.Context, found *metalog.Found) error {
	q.fed.Store(q.log.Offsets().LogEnd)
	q.feed = metalog.NewFeed(found, q.cfg.Log, q.snapshot)
	q.feed.Start(q.fail)
	status := q.voter.Status(time.Now())
	q.view.epoch = status.Epoch
	q.warnOfOtherVoters(status.Members)
	q.tellMembers(status.Members)
	q.voter.Start()
	for {
		q.mu.Lock()
		changed := q.changed
		q.mu.Unlock()
		alone := q.voter.Alone() // no more, once it has applied that others came
		q.mu.Lock()
		ready, failure := !alone || q.reign != nil && q.reign.machine != nil, q.failure
		q.opened = ready && failure == nil
		q.mu.Unlock()
		if failure != nil || ready {
			return failure
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// announce wakes those who wait for a change. mu is held.
func (q *Quorum) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// fail reports, once, that the log cannot go on.
func (q *Quorum) fail(err error) {
	q.mu.Lock()
	first, opened := q.failure == nil, q.opened
	if first {
		q.failure = err
		q.announce()
	}
	q.mu.Unlock()
	if !first || !opened {
		return
	}
	q.cfg.Logger.Error("metadata log failed, this controller stops", "dir", q.log.Path(), "err", err)
	if q.cfg.Failed != nil {
		go q.cfg.Failed(err) // not from here: it may close the quorum, which waits for its goroutines
	}
}

// clientIDKey is for WithClientID.
type clientIDKey struct{}

// WithClientID names the client whose request Do gets: its quota counts.
func WithClientID(ctx context.Context, clientID string) context.Context {
	return context.WithValue(ctx, clientIDKey{}, clientID)
}

// Do hands a request to the machine if this node leads, and waits for its reply, and until this node has taken in the image that the reply speaks
// of, so that who created a topic finds it. It must not be called by a subscriber.
//
// If this node does not lead, the error wraps kerr.NotController, and nothing was done. If it ceases to lead before the reply, the error
// wraps kerr.RequestTimedOut: nobody knows what became of the request.
func (q *Quorum) Do(ctx context.Context, principal security.Principal, request kmsg.Request) (kmsg.Response, error) {
	type outcome struct {
		response any
		err      error
	}
	leader, err := q.active()
	if err != nil {
		return nil, err
	}
	done := make(chan outcome, 1)
	clientID, _ := ctx.Value(clientIDKey{}).(string)
	leader.Submit(principal, clientID, request, func(response any, err error) { done <- outcome{response, err} })
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if o.err != nil {
		return nil, explain(request, o.err)
	}
	response, ok := o.response.(kmsg.Response)
	if refused, is := o.response.(error); is {
		return nil, fmt.Errorf("controller refused request %T: %w", request, refused)
	} else if !ok {
		return nil, fmt.Errorf("controller refused request %T: %v", request, o.response)
	}
	if _, heartbeat := request.(*kmsg.BrokerHeartbeatRequest); !heartbeat {
		q.feed.Await(ctx, q.fed.Load())
	}
	return response, nil
}

// explain is the error for the caller of a request that got no answer.
func explain(request kmsg.Request, err error) error {
	fault := (*machine.Fault)(nil)
	switch {
	case errors.As(err, &fault):
		return fmt.Errorf("%w: %w", kerr.UnknownServerError, err)
	case over(err), errors.Is(err, machine.ErrUnloaded):
		return fmt.Errorf("controller ended with request %T under way: %w: %w", request, kerr.RequestTimedOut, err)
	}
	return err
}

// Subscribe calls fn with the newest image and a nil delta, then with every image after it and the delta that led there, which is nil if the image came as
// a whole. fn is called from one goroutine for all subscribers, in the order of their subscriptions; while it runs, no newer image is published.
func (q *Quorum) Subscribe(fn func(*metadata.Image, *metadata.Delta)) { q.feed.Subscribe(fn) }

// Image returns the newest published image.
func (q *Quorum) Image() *metadata.Image { return q.feed.Newest() }

// Log is the metadata log, for Fetch on the controller listener. Its high watermark is the committed offset.
func (q *Quorum) Log() *storage.Log { return q.log.Log }

// Close stops the machine, takes no part any more, publishes what is committed, and closes the log cleanly.
func (q *Quorum) Close() error {
	q.closeOnce.Do(func() {
		q.mu.Lock()
		q.closed = true
		r := q.reign
		q.mu.Unlock()
		if r != nil {
			q.end(r.epoch)
		}
		err := q.voter.Close()
		q.feed.Close()
		q.background.Wait()
		q.closeErr = errors.Join(err, q.log.Close())
	})
	return q.closeErr
}
