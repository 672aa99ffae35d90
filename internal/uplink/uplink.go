// Package uplink is this node's line to the active controller: it registers the broker, sends heartbeats, knows from the images when
// the broker may serve, and takes its leave in order. On a node that is no controller it also follows the metadata log of those that are
// (Follower) and hands requests to the active one (Line).
//
// It writes nothing to the metadata log (package quorum) and decides nothing about partitions. Whoever is the controller is behind one small
// interface, so it can be in this process or at the end of a connection.
//
// Terms. An incarnation is one run of this process as a broker; the broker epoch is what the controller calls it. A fenced broker is
// registered but leads nothing and is not told to clients.
//
// Invariant: one goroutine sends heartbeats, one at a time; it ends with Close. mu guards what it shares with callers and is not held over
// a request.
package uplink

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
)

// Controller is the way to the active controller.
type Controller interface {
	// Do hands it a request and waits for the reply.
	Do(ctx context.Context, principal security.Principal, request kmsg.Request) (kmsg.Response, error)
}

// Config is what New needs.
type Config struct {
	NodeID    int32
	ClusterID string
	Rack      string // "": none
	Endpoints []metadata.Endpoint
	DirIDs    []record.UUID // of the log directories that are online
	// PreviousBrokerEpoch is the epoch at which this broker stopped cleanly, -1 if it did not or nobody knows: then what it led last
	// may be missing records, and the controller does not count on it.
	PreviousBrokerEpoch int64
	HeartbeatInterval   time.Duration // broker.heartbeat.interval.ms
	RegistrationTimeout time.Duration // initial.broker.registration.timeout.ms
	Controller          Controller
	// OfflineDirs, if not nil, lists the log directories that failed; each heartbeat tells.
	OfflineDirs func() []record.UUID
	Logger      *slog.Logger
}

// Uplink is a broker's membership in its cluster.
type Uplink struct {
	cfg         Config
	incarnation record.UUID
	ctx         context.Context // ends with Close
	cancel      context.CancelFunc
	poke        chan struct{} // asks for a heartbeat now; holds one
	done        sync.WaitGroup

	mu        sync.Mutex
	epoch     int64 // -1: not registered
	offset    int64 // of the newest image that this node took in
	ready     bool
	leaving   bool
	changed   chan struct{} // closed and replaced when ready or left change
	left      bool
	lastHeard time.Time
}

// New returns an uplink that does nothing yet. Publish may be called from now on.
func New(cfg Config) *Uplink {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	u := &Uplink{cfg: cfg, poke: make(chan struct{}, 1), changed: make(chan struct{}), epoch: -1, offset: -1}
	_, _ = rand.Read(u.incarnation[:]) // never fails
	u.ctx, u.cancel = context.WithCancel(context.Background())
	return u
}

// Publish follows the images; the node has taken im in before it calls this. It does not wait.
func (u *Uplink) Publish(im *metadata.Image) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.offset = im.Offset
	b, ok := im.Broker(u.cfg.NodeID)
	ready := ok && b.Epoch == u.epoch && b.Incarnation == u.incarnation && !b.Fenced
	if ready != u.ready {
		u.ready = ready
		u.notify()
	}
	if !ready || u.leaving || anyoneLeaves(im) {
		u.nudge() // what keeps the broker waiting may be what this image brought
	}
}

// anyoneLeaves reports whether a broker waits to stop until all others have read that it leads nothing: it should not wait for their next heartbeats.
func anyoneLeaves(im *metadata.Image) bool {
	for _, b := range im.Brokers() {
		if b.InControlledShutdown && !b.Fenced {
			return true
		}
	}
	return false
}

// Registered reports whether an image shows this broker as this process registered it, and not as one before it.
func (u *Uplink) Registered(im *metadata.Image) bool {
	b, ok := im.Broker(u.cfg.NodeID)
	return ok && b.Incarnation == u.incarnation
}

// notify wakes those who wait for a change. Called with mu held.
func (u *Uplink) notify() {
	close(u.changed)
	u.changed = make(chan struct{})
}

// nudge asks for a heartbeat at once.
func (u *Uplink) nudge() {
	select {
	case u.poke <- struct{}{}:
	default:
	}
}

// Join registers the broker, begins its heartbeats, and returns when the broker is unfenced and the node has taken in the image that says
// so.
func (u *Uplink) Join(ctx context.Context) error {
	epoch, err := u.register(ctx)
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.epoch = epoch
	u.mu.Unlock()
	u.cfg.Logger.Info("broker registered", "node", u.cfg.NodeID, "broker_epoch", epoch)
	u.done.Go(u.beat)
	u.nudge()
	return u.await(ctx, func() bool { return u.ready })
}

// Epoch is the broker epoch, -1 before Join.
func (u *Uplink) Epoch() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.epoch
}

// Ready reports whether the broker may serve: registered, caught up, not fenced.
func (u *Uplink) Ready() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ready
}

// LastHeard is when the controller last answered.
func (u *Uplink) LastHeard() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.lastHeard
}

// await waits until the condition, which is asked with mu held, is true.
func (u *Uplink) await(ctx context.Context, until func() bool) error {
	for {
		u.mu.Lock()
		ok, changed := until(), u.changed
		u.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-u.ctx.Done():
			return errors.New("uplink closed")
		}
	}
}

// Leave asks the controller to move leaderships away and returns when the broker may stop.
func (u *Uplink) Leave(ctx context.Context) error {
	u.mu.Lock()
	joined := u.epoch >= 0
	u.leaving = true
	u.mu.Unlock()
	if !joined {
		return nil
	}
	u.nudge()
	if err := u.await(ctx, func() bool { return u.left }); err != nil {
		return fmt.Errorf("controlled shutdown of broker %d: %w: stopping without it", u.cfg.NodeID, err)
	}
	return nil
}

// Close stops the heartbeats.
func (u *Uplink) Close() {
	u.cancel()
	u.done.Wait()
}

// fatal are the refusals of a registration that trying again does not change.
var fatal = map[int16]string{
	kerr.InconsistentClusterID.Code: "its log directories belong to another cluster",
	kerr.UnsupportedVersion.Code:    "the cluster finalised a feature level that this build does not know",
	kerr.InvalidRegistration.Code:   "its log directories or features are not acceptable, for instance because another broker has a directory with the same id",
}

// retryPause is between tries to register, when nothing happens that would tell when to try.
const retryPause = 100 * time.Millisecond

func (u *Uplink) register(ctx context.Context) (int64, error) {
	if u.cfg.RegistrationTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, u.cfg.RegistrationTimeout)
		defer cancel()
	}
	var complained time.Time
	for {
		epoch, err := u.tryRegister(ctx)
		var refused *refusal
		if err == nil || errors.As(err, &refused) && fatal[refused.code] != "" {
			return epoch, err
		}
		if time.Since(complained) > complainEvery {
			complained = time.Now()
			u.cfg.Logger.Warn("broker not registered yet, trying on", "node", u.cfg.NodeID, "err", err)
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return -1, fmt.Errorf("register broker %d: %w: last answer: %w", u.cfg.NodeID, ctx.Err(), err)
		case <-u.ctx.Done():
			return -1, fmt.Errorf("register broker %d: uplink closed: %w", u.cfg.NodeID, err)
		}
	}
}

// refusal is an error code that the controller answered.
type refusal struct {
	code int16
	text string
}

func (r *refusal) Error() string { return r.text }

func (u *Uplink) tryRegister(ctx context.Context) (int64, error) {
	response, err := u.cfg.Controller.Do(ctx, security.Anonymous, u.registration())
	if err != nil {
		return -1, err
	}
	resp, ok := response.(*kmsg.BrokerRegistrationResponse)
	if !ok {
		return -1, fmt.Errorf("controller answered a registration with %T", response)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		why := fatal[resp.ErrorCode]
		switch {
		case resp.ErrorCode == kerr.DuplicateBrokerRegistration.Code:
			why = fmt.Sprintf("another broker with node.id=%d is a live member: give this one another node.id, or stop that one (if it was this node before "+
				"a crash, its session ends by itself within broker.session.timeout.ms)", u.cfg.NodeID)
		case why == "":
			why = "trying again may help"
		}
		return -1, &refusal{resp.ErrorCode, fmt.Sprintf("register broker %d with cluster %s: %v: %s", u.cfg.NodeID, u.cfg.ClusterID, err, why)}
	}
	return resp.BrokerEpoch, nil
}

func (u *Uplink) registration() *kmsg.BrokerRegistrationRequest {
	r := kmsg.NewPtrBrokerRegistrationRequest()
	r.Version = r.MaxVersion()
	r.BrokerID, r.ClusterID, r.IncarnationID, r.PreviousBrokerEpoch = u.cfg.NodeID, u.cfg.ClusterID, u.incarnation, u.cfg.PreviousBrokerEpoch
	if u.cfg.Rack != "" {
		r.Rack = &u.cfg.Rack
	}
	for _, e := range u.cfg.Endpoints {
		l := kmsg.NewBrokerRegistrationRequestListener()
		l.Name, l.Host, l.Port, l.SecurityProtocol = e.Name, e.Host, e.Port, int16(e.Protocol)
		r.Listeners = append(r.Listeners, l)
	}
	for _, f := range metadata.SupportedFeatures() {
		rf := kmsg.NewBrokerRegistrationRequestFeature()
		rf.Name, rf.MinSupportedVersion, rf.MaxSupportedVersion = f.Name, f.Range.Min, f.Range.Max
		r.Features = append(r.Features, rf)
	}
	for _, id := range u.cfg.DirIDs {
		r.LogDirs = append(r.LogDirs, id)
	}
	return r
}
