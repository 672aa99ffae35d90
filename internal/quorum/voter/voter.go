package voter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
	"leat/internal/record"
	"leat/internal/storage"
)

// Config is what Open needs.
type Config struct {
	FS        fs.FS
	Path      string            // of the metadata log's directory
	Log       *storage.Log      // open; nobody else appends to it
	Self      consensus.Replica // with its directory, which does not count where voters are static
	ClusterID record.UUID
	Begin     Beginning // used where there is no journal yet
	Transport Transport
	Listener  Listener
	// ElectionTimeout is controller.quorum.election.timeout.ms; 0: a second.
	ElectionTimeout time.Duration
	JournalBytes    int64 // size from which the journal is cut; 0: 16 MiB
	Limits          Limits
	Logger          *slog.Logger
}

// Limits bound memory; zeros are the defaults of consensus.Config.
type Limits struct {
	MessageBytes, InflightBytes, PendingBytes, RetainBytes, RetainForSlow int
}

// Transport reaches the other controllers. Its methods may wait, until ctx ends.
type Transport interface {
	// Send delivers frames to a controller, best effort, and in order if it can.
	Send(ctx context.Context, to int32, frames [][]byte) error
	// ReadSnapshot reads part of a checkpoint from a position on, and tells the size of all of it.
	ReadSnapshot(ctx context.Context, from int32, c consensus.Checkpoint, position int64, maxBytes int) (data []byte, size int64, err error)
}

// Listener hears what happens, from one goroutine and in order. It may call the voter, except Close and Resign.
type Listener interface {
	// Committed tells of batches that were appended to the log. They are not modified by anybody.
	Committed(entries []consensus.Committed)
	// Leading and Lost begin and end a leadership; see consensus.Leading and consensus.Lost.
	Leading(epoch int32, nextOffset int64)
	Lost(epoch int32)
	// LeaderChanged tells who leads; known is false while nobody does.
	LeaderChanged(leader consensus.Replica, epoch int32, known bool)
	MembersChanged(m consensus.Members)
	// Installed tells that the log begins anew at a checkpoint of another controller, which is there as a file.
	Installed(c consensus.Checkpoint)
	// WantCheckpoint asks for a checkpoint of the newest committed state, and Checkpointed to be called once it is a file.
	WantCheckpoint()
	// Failed is told once, when this voter cannot go on; it may come from any goroutine.
	Failed(err error)
}

// Voter is one controller's part of the agreement.
type Voter struct {
	cfg  Config
	tick time.Duration
	disk disk

	mu      sync.Mutex // guards what follows
	node    *consensus.Node
	writes  []*consensus.Write
	deeds   []deed // for the applying goroutine
	outs    map[int32]*outbox
	waiters []waiter
	outcome map[uint64]func(error) // of changes of the members
	ticket  uint64
	reached int64 // everything below is committed and in the log
	lost    int32 // the newest epoch whose leadership ended
	full    error // why nothing can be appended for now
	busy    bool  // the applying goroutine has deeds in hand
	syncing bool  // the writing goroutine has Writes in hand
	behind  bool  // appends were not collected: they share the next Write
	closing bool
	failure error

	toWrite chan struct{} // holds one
	toApply chan struct{}
	idle    chan struct{} // holds one: the applying goroutine has nothing left
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	// What follows belongs to the applying goroutine.
	told     int64 // the offset up to which the listener was told
	election election
	unsaved  bool
}

// deed is one thing for the applying goroutine: a commit or an event.
type deed struct {
	commit *consensus.Commit
	event  consensus.Event
}

type waiter struct {
	epoch int32
	next  int64
	fn    func(error)
}

// installed is the event of a snapshot that became the beginning of the log.
type installed struct{ consensus.Checkpoint }

// Open puts what is on disk in agreement. Nothing runs before Start.
func Open(ctx context.Context, cfg Config) (*Voter, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.ElectionTimeout <= 0 {
		cfg.ElectionTimeout = time.Second
	}
	if cfg.JournalBytes <= 0 {
		cfg.JournalBytes = 16 << 20
	}
	v := &Voter{cfg: cfg, tick: max(cfg.ElectionTimeout/10, time.Millisecond), outs: map[int32]*outbox{}, outcome: map[uint64]func(error){},
		toWrite: make(chan struct{}, 1), toApply: make(chan struct{}, 1), idle: make(chan struct{}, 1),
		disk: disk{fsys: cfg.FS, path: cfg.Path, log: cfg.Log, logger: cfg.Logger}}
	s, err := v.disk.open(ctx, journal.Owner{ClusterID: cfg.ClusterID, Replica: cfg.Self}, cfg.Begin)
	if err == nil {
		v.cfg.Self = v.disk.journal.Owner().Replica
		v.node, err = consensus.New(v.nodeConfig(), s, time.Now())
	}
	if err == nil {
		err = v.disk.offerAll(v.node)
	}
	if err != nil {
		if v.disk.journal != nil {
			_ = v.disk.journal.Close() // the first error says more
		}
		return nil, fmt.Errorf("open quorum: %w", err)
	}
	v.told, v.reached, v.lost = s.LogEnd, s.LogEnd, -1
	v.election = election{epoch: s.Ballot.Epoch, members: s.Members}
	v.ctx, v.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return v, nil
}

func (v *Voter) nodeConfig() consensus.Config {
	l := v.cfg.Limits
	return consensus.Config{Self: v.cfg.Self, ClusterID: v.cfg.ClusterID,
		MessageBytes: l.MessageBytes, InflightBytes: l.InflightBytes, PendingBytes: l.PendingBytes, RetainBytes: l.RetainBytes, RetainForSlow: l.RetainForSlow}
}

// Start lets the voter take part. The only voter is elected at once.
func (v *Voter) Start() {
	v.running.Go(v.write)
	v.running.Go(v.apply)
	v.running.Go(v.passTime)
	_ = v.with(func() error { // a failure ends the voter, and is told there
		if v.node.Alone() {
			return v.node.Campaign()
		}
		v.node.Eager()
		return nil
	})
}

// with calls the node and takes what is to be done after it.
func (v *Voter) with(call func() error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closing || v.failure != nil {
		return errors.Join(v.failure, ErrClosed)
	}
	if v.behind {
		v.collect()
	}
	err := call()
	v.collect()
	return err
}

// ErrClosed is told to whoever comes after Close.
var ErrClosed = errors.New("quorum is closed")

// collect queues all work of the node. mu is held.
func (v *Voter) collect() {
	v.behind = false
	for {
		w, ok := v.node.Ready()
		if !ok {
			break
		}
		v.post(w.Messages)
		if w.Write != nil {
			v.writes = append(v.writes, w.Write)
			poke(v.toWrite)
		}
		if w.Commit != nil {
			v.deeds = append(v.deeds, deed{commit: w.Commit})
		}
		for _, e := range w.Events {
			v.deeds = append(v.deeds, deed{event: e})
		}
	}
	if len(v.deeds) > 0 {
		poke(v.toApply)
	}
	if err := v.node.Failure(); err != nil {
		v.failLocked(err)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// passTime ticks. The only voter needs no ticks once it leads.
func (v *Voter) passTime() {
	timer := time.NewTimer(v.tick)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			next := v.tick
			_ = v.with(func() error { // the node remembers why it failed
				if _, _, known := v.node.Leader(); known && v.node.Alone() {
					next = max(v.tick, 500*time.Millisecond)
					return nil
				}
				return v.node.Tick(time.Now())
			})
			timer.Reset(next)
		case <-v.ctx.Done():
			return
		}
	}
}

// fail ends the voter's part because of an error.
func (v *Voter) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failLocked(err)
}

func (v *Voter) failLocked(err error) {
	if v.failure != nil || v.closing {
		return
	}
	v.failure = err
	v.cancel()
	v.cfg.Logger.Error("quorum failed, this controller stops", "dir", v.cfg.Path, "err", err)
	go v.cfg.Listener.Failed(err) // not from here: it may close the voter, which waits for its goroutines
	for _, w := range v.waiters {
		go w.fn(fmt.Errorf("%w: %w", consensus.ErrUnknown, err))
	}
	v.waiters = nil
}

// Receive takes a frame of another controller, which is not kept. The error is for the one who sent it.
func (v *Voter) Receive(frame []byte) error {
	return v.with(func() error {
		err := v.node.Step(time.Now(), frame)
		if errors.Is(err, consensus.ErrLost) {
			v.failLocked(err)
		}
		return err
	})
}

// Suspect tells that a controller hung up and cannot be reached, which is worth an early election if it led.
func (v *Voter) Suspect(id int32) { _ = v.with(func() error { return v.node.Suspect(id) }) }

// Append writes batches of a leader's decision; they get their offsets and epoch here, and belong to the voter from now on. They are not
// committed when it returns. An error of the kinds ErrNotLeader, ErrBusy and ErrNoRoom means that nothing was written.
func (v *Voter) Append(epoch int32, batches []byte) (base, next int64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closing || v.failure != nil:
		return 0, 0, errors.Join(consensus.ErrNotLeader, v.failure)
	case v.full != nil:
		return 0, 0, v.full
	}
	base, next, err = v.node.Append(epoch, batches)
	// While a sync runs, the next Write gathers what comes; whatever else happens before its end sends it on its way to the others.
	if v.behind = true; !v.syncing {
		v.collect()
	}
	return base, next, err
}

// ErrNoRoom refuses an append because the disk is full. Nothing was written.
var ErrNoRoom = errors.New("the disk has no room for the quorum's journal")

// WhenCommitted calls fn once: with nil when everything below the offset is committed that was appended at the epoch, or with
// consensus.ErrUnknown if the leadership was lost before. It may call it before it returns.
func (v *Voter) WhenCommitted(epoch int32, next int64, fn func(error)) {
	v.mu.Lock()
	err := v.failure
	switch {
	case v.reached >= next && v.lost < epoch:
		err = nil
	case err != nil || v.closing || v.lost >= epoch:
		err = fmt.Errorf("records below offset %d of epoch %d: %w", next, epoch, consensus.ErrUnknown)
	default:
		v.waiters = append(v.waiters, waiter{epoch, next, fn})
		v.mu.Unlock()
		return
	}
	v.mu.Unlock()
	fn(err)
}

// Change changes the voters and waits for the outcome. Once ctx has ended it is not known.
func (v *Voter) Change(ctx context.Context, c consensus.Change) error {
	done := make(chan error, 1)
	err := v.with(func() error {
		v.ticket++
		c.Ticket = v.ticket
		if err := v.node.Change(time.Now(), c); err != nil {
			return err
		}
		v.outcome[c.Ticket] = func(err error) { done <- err }
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case err = <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", consensus.ErrUnknown, ctx.Err())
	case <-v.ctx.Done():
		return consensus.ErrUnknown
	}
}

// Checkpointed tells that a checkpoint of committed records was written, which others can be sent now.
func (v *Voter) Checkpointed(c consensus.Checkpoint) {
	_ = v.with(func() error { v.node.Checkpointed(c); return nil })
}

// Status describes the quorum.
type Status struct {
	Leader    consensus.Replica
	Known     bool // somebody leads
	Epoch     int32
	Forgetful bool // it takes no part in decisions yet, see consensus.Ballot
	Members   consensus.Members
	Followers []consensus.Follower // of the leader only: everybody, itself too
}

// Status tells what this controller knows.
func (v *Voter) Status(now time.Time) Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := Status{Members: v.node.Members(), Followers: v.node.Followers(now)}
	s.Leader, s.Epoch, s.Known = v.node.Leader()
	s.Forgetful = v.node.Forgetful()
	return s
}

// Alone tells whether this is the only voter, which leads whenever it runs.
func (v *Voter) Alone() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.node.Alone()
}

// Resign hands the leadership over and waits until it is, or ctx ends.
func (v *Voter) Resign(ctx context.Context) {
	for ctx.Err() == nil {
		leads := false
		if err := v.with(func() error {
			leader, _, known := v.node.Leader()
			if leads = known && leader == v.cfg.Self && !v.node.Alone(); leads {
				return v.node.Transfer()
			}
			return nil
		}); err != nil || !leads {
			return
		}
		timer := time.NewTimer(v.tick / 10) // it takes a round trip and a sync
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// Close stops taking part. What is committed and not in the log is completed by the next Open; of the only voter it is completed here, so that
// the directory can be given to Kafka.
func (v *Voter) Close() error {
	v.mu.Lock()
	if v.closing {
		v.mu.Unlock()
		return nil
	}
	v.closing = true
	waiters := v.waiters
	v.waiters = nil
	v.mu.Unlock()
	v.cancel()
	v.running.Wait()
	for _, w := range waiters {
		w.fn(fmt.Errorf("%w: %w", consensus.ErrUnknown, ErrClosed))
	}
	err := v.complete()
	v.saveElection()
	return errors.Join(err, v.disk.journal.Close())
}

// complete does so when all goroutines have ended.
func (v *Voter) complete() error {
	v.mu.Lock()
	wanted := v.node.Alone() && v.failure == nil && v.full == nil && v.node.End() > v.disk.log.Offsets().LogEnd
	v.mu.Unlock()
	if !wanted {
		return nil
	}
	return v.disk.complete(v.cfg.Self)
}
