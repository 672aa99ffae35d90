package consensus

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"leat/internal/invariant"
	"leat/internal/record"
)

// Errors of Append, Step and Change.
var (
	// ErrNotLeader refuses what only the leader of the epoch may do. Nothing was written.
	ErrNotLeader = errors.New("this controller does not lead")
	// ErrBusy refuses an append for now: too much is not committed yet, or the leadership is being handed over. Nothing was written.
	ErrBusy = errors.New("too much waits for its commit")
	// ErrLost means that entries are gone which this voter had acknowledged: its disk was replaced or set back.
	ErrLost = errors.New("acknowledged entries are lost: this directory is not the one that this voter wrote to; " +
		"remove the voter from the quorum and add it anew")
)

// Config is what a node is made with. Sizes are bytes; zeros are defaults.
type Config struct {
	Self      Replica
	ClusterID record.UUID
	// ElectionTicks is how long a follower waits for its leader at least, at most twice that; so long goes a leader without a majority.
	ElectionTicks  int // 10
	HeartbeatTicks int // 2
	MessageBytes   int // of entries in one message: 1 MiB
	InflightBytes  int // of entries sent to one voter and not acknowledged: 8 MiB
	PendingBytes   int // of entries appended and not committed: 32 MiB
	RetainBytes    int // of applied entries kept in memory: 1 MiB
	RetainForSlow  int // the same while a voter that answers needs them: 16 MiB
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value  *int
		preset int
	}{{&c.ElectionTicks, 10}, {&c.HeartbeatTicks, 2}, {&c.MessageBytes, 1 << 20}, {&c.InflightBytes, 8 << 20}, {&c.PendingBytes, 32 << 20},
		{&c.RetainBytes, 1 << 20}, {&c.RetainForSlow, 16 << 20}} {
		if *d.value == 0 {
			*d.value = d.preset
		}
	}
	return c
}

// Ballot is what a voter may never forget: the epoch it is in and whom it voted for there. Commit is a hint that saves time.
type Ballot struct {
	Epoch  int32
	Vote   uint64 // a replica's number; 0: nobody
	Commit uint64
	// Forgot is above 0 while this voter does not know what it has promised: what it has to hear of is committed in this epoch or a later one.
	Forgot int32
}

// State is what a node begins from: what a journal and the metadata log held.
type State struct {
	Base    Position
	Members Members // at Base
	Ballot  Ballot
	Entries []Entry // behind Base, persisted
	LogEnd  int64   // of the metadata log; the entries below it are known to be committed
}

// Node is one replica's part of the agreement. Methods are called from one place at a time; after each of them follows Ready until there is no
// more.
type Node struct {
	cfg      Config
	raw      *raft.RawNode
	store    store
	writing  []row     // handed out in Writes that are not Written
	begins   *snapshot // the same, of a snapshot: what is below it no longer counts
	hard     Ballot
	durable  uint64   // the highest commit that is on disk
	unsure   []uint64 // indexes of changes of the members above the commit in the last Write
	applied  uint64
	retained int // bytes of applied entries in memory
	now      time.Time
	failure  error

	lead       Replica // who leads, as far as known
	hasLead    bool
	leadership *leadership
	members    Members // as of applied
	versions   []membersVersionAt
	change     *changing
	contacts   map[uint64]contact
	routes     map[uint64]Replica // of replicas that are no members, or not known to be
	offer      *offer
	asked      int // the tick, counted from 1, at which a WantCheckpoint event was told that still waits; 0: none
	ticks      int // so far
	rush       int // ticks until an early election; 0: none
	rushes     int // ticks for which early elections follow each other
	eager      int // ticks for which this node tries to be elected because it has just started
	events     []Event
}

// leadership is what there is only while this node leads.
type leadership struct {
	epoch       int32
	next        int64  // offset of the next record
	opening     uint64 // index of the leader change; 0: still to be appended
	established bool
	stuck       map[uint64]int // ticks for which a snapshot is on its way
}

// membersVersionAt is the members from an entry on.
type membersVersionAt struct {
	index   uint64
	members Members
}

// New makes a node of what is on disk. It refuses a state that contradicts itself.
func New(cfg Config, s State, now time.Time) (n *Node, err error) {
	cfg = cfg.withDefaults()
	n = &Node{cfg: cfg, now: now, members: s.Members, contacts: map[uint64]contact{}, routes: map[uint64]Replica{}}
	n.store.base, n.store.members, n.store.current, n.applied = s.Base, s.Members, s.Members, s.Base.Index
	n.versions = []membersVersionAt{{s.Base.Index, s.Members}}
	commit := max(s.Ballot.Commit, s.Base.Index)
	for _, e := range s.Entries {
		last := n.store.last()
		end, err := e.End(n.store.end(last))
		if err == nil && e.Index != last+1 {
			err = fmt.Errorf("entry %d follows entry %d: %w", e.Index, last, ErrMalformed)
		}
		if err != nil {
			return nil, err
		}
		if n.store.end(last) < s.LogEnd {
			commit = max(commit, e.Index)
		}
		if n.store.rows = append(n.store.rows, row{e.raft(), end}); e.Kind == MembersChange {
			n.unsure = append(n.unsure, e.Index)
		}
	}
	if last := n.store.last(); n.store.end(last) < s.LogEnd || commit > last {
		return nil, fmt.Errorf("metadata log ends at offset %d and entry %d is committed, but the journal ends at entry %d, offset %d: %w",
			s.LogEnd, commit, last, n.store.end(last), ErrLost)
	}
	s.Ballot.Epoch, s.Ballot.Commit = max(s.Ballot.Epoch, s.Base.Epoch), commit
	n.store.ballot, n.hard, n.durable = s.Ballot, s.Ballot, commit
	defer n.catch(&err)
	n.raw, err = raft.NewRawNode(&raft.Config{
		ID: cfg.Self.number(), ElectionTick: cfg.ElectionTicks, HeartbeatTick: cfg.HeartbeatTicks, Storage: &n.store,
		AsyncStorageWrites: true, MaxSizePerMsg: uint64(cfg.MessageBytes), MaxCommittedSizePerReady: uint64(cfg.InflightBytes),
		MaxUncommittedEntriesSize: uint64(cfg.PendingBytes), MaxInflightMsgs: 64, MaxInflightBytes: uint64(cfg.InflightBytes),
		CheckQuorum: true, PreVote: true, DisableProposalForwarding: true, StepDownOnRemoval: true, Logger: silent{},
	})
	return n, err
}

// catch turns a panic of the raft library, which is how it says that its state makes no sense, into the failure of this node.
func (n *Node) catch(err *error) {
	if p := recover(); p != nil {
		n.failure = fmt.Errorf("controller %s cannot go on: %v", n.cfg.Self, p)
		*err = n.failure
	}
}

// Tick is the passing of a tick's time.
func (n *Node) Tick(now time.Time) (err error) {
	if n.failure != nil {
		return n.failure
	}
	defer n.catch(&err)
	n.now = now
	n.ticks++
	if !n.Forgetful() { // it would try to be elected
		n.raw.Tick()
	}
	n.retrySnapshots()
	n.advanceChange()
	return n.hurry()
}

// Campaign begins an election now. A node that is the only voter need not wait for anybody.
func (n *Node) Campaign() (err error) {
	if n.failure != nil || n.Forgetful() {
		return n.failure
	}
	defer n.catch(&err)
	return n.raw.Campaign()
}

// Alone tells whether this node is the only member, so that ticks are not needed once it leads.
func (n *Node) Alone() bool {
	return len(n.members.List) == 1 && n.members.List[0].Replica == n.cfg.Self && !n.members.List[0].Learner
}

// Unreachable tells that frames to a replica were lost, so that what it acknowledged has to be asked for.
func (n *Node) Unreachable(r Replica) (err error) {
	defer n.catch(&err)
	if _, ok := n.members.find(r); ok && n.failure == nil {
		n.raw.ReportUnreachable(r.number())
	}
	return n.failure
}

// Transfer hands the leadership to the voter that is furthest, for a shutdown. It may come to nothing.
func (n *Node) Transfer() (err error) {
	if n.failure != nil || n.leadership == nil {
		return n.failure
	}
	defer n.catch(&err)
	var best, match uint64
	for _, p := range n.progress() {
		if !p.learner && p.number != n.cfg.Self.number() && p.active && (best == 0 || p.match > match) {
			best, match = p.number, p.match
		}
	}
	if best != 0 {
		n.raw.TransferLeader(best)
	}
	return nil
}

// Append proposes batches as one entry: it gives them their offsets and epoch, in place, and keeps them.
func (n *Node) Append(epoch int32, batches []byte) (base, next int64, err error) {
	if n.failure != nil {
		return 0, 0, n.failure
	}
	l := n.leadership
	if l == nil || l.epoch != epoch || !l.established {
		return 0, 0, fmt.Errorf("append at epoch %d: %w", epoch, ErrNotLeader)
	}
	defer n.catch(&err)
	return n.propose(l, batches, func() error { return n.raw.Propose(batches) })
}

// propose stamps batches and hands them to the raft library.
func (n *Node) propose(l *leadership, batches []byte, send func() error) (base, next int64, err error) {
	base = l.next
	if next, err = stamp(batches, base, l.epoch); err != nil {
		return 0, 0, err
	}
	if err := send(); errors.Is(err, raft.ErrProposalDropped) {
		return 0, 0, fmt.Errorf("append at offset %d: %w", base, ErrBusy)
	} else if err != nil {
		return 0, 0, err
	}
	l.next = next
	return base, next, nil
}

// Step takes a frame of another controller. An error is about the frame, and no reason to stop, except ErrLost and what Failure tells.
func (n *Node) Step(now time.Time, frame []byte) (err error) {
	if n.failure != nil {
		return n.failure
	}
	defer n.catch(&err)
	n.now = now
	from, m, err := n.read(frame)
	if err != nil {
		return err
	}
	if _, known := n.members.find(from); !known && len(n.routes) < maxMembers {
		n.routes[m.GetFrom()] = from
	}
	if n.ignores(m) || n.cannotRefuse(m) {
		return nil
	}
	if m.GetType() == pb.MsgSnap {
		return n.offered(m, from.ID)
	}
	if err := n.step(m); err != nil {
		return err
	}
	n.heard(m)
	n.advanceChange()
	return nil
}

// cannotRefuse tells whether a message asks for a vote that is not given, of a voter that has been in no epoch: a refusal names the epoch of who refuses,
// and the raft library panics when there is none. Who asks hears nothing, and asks again.
func (n *Node) cannotRefuse(m *pb.Message) bool {
	if m.GetType() != pb.MsgPreVote || n.hard.Epoch != 0 {
		return false
	}
	last := n.lastIndex()
	return cmp.Or(cmp.Compare(m.GetLogTerm(), n.epochOf(last)), cmp.Compare(m.GetIndex(), last)) < 0
}

func (n *Node) step(m *pb.Message) error {
	err := n.raw.Step(m)
	if errors.Is(err, raft.ErrStepPeerNotFound) || errors.Is(err, raft.ErrProposalDropped) {
		return nil // an answer to a member that is none any more
	}
	return err
}

// Failure is why the node cannot go on; nil while it can.
func (n *Node) Failure() error { return n.failure }

func (n *Node) lastIndex() uint64 {
	if k := len(n.writing); k > 0 {
		return n.writing[k-1].entry.GetIndex()
	}
	return n.bottom().last
}

// bottom is what the entries in the making follow: where they begin to be known, and the last that is persisted.
func (n *Node) bottom() (b struct {
	Position
	last uint64
}) {
	if n.begins != nil {
		b.Position, b.last = n.begins.at, n.begins.at.Index
	} else {
		b.Position, b.last = n.store.base, n.store.last()
	}
	return b
}

// rowOf is an entry above the bottom, persisted or being so.
func (n *Node) rowOf(index uint64) row {
	if len(n.writing) > 0 && index >= n.writing[0].entry.GetIndex() {
		return n.writing[index-n.writing[0].entry.GetIndex()]
	}
	return n.store.rows[index-n.store.base.Index-1]
}

func (n *Node) endOf(index uint64) int64 {
	if b := n.bottom(); index == b.Index {
		return b.Offset
	}
	return n.rowOf(index).end
}

func (n *Node) epochOf(index uint64) uint64 {
	if b := n.bottom(); index == b.Index {
		return uint64(b.Epoch)
	}
	return n.rowOf(index).entry.GetTerm()
}

func (n *Node) committed() uint64 { return n.raw.BasicStatus().GetCommit() }

// membersAt are the members as of an entry that is still known.
func (n *Node) membersAt(index uint64) Members {
	var m Members
	for _, v := range n.versions {
		if v.index <= index {
			m = v.members
		}
	}
	return m
}

func (n *Node) tell(e Event) { n.events = append(n.events, e) }

// State is what a journal has to hold instead of all that was written to it before: everything persisted that is not certainly in the metadata log.
// The log must be synced up to where the node had applied before State was called.
func (n *Node) State() State {
	s := State{Base: n.store.base, Members: n.membersAt(n.store.base.Index)}
	for _, r := range n.store.rows {
		e, err := fromRaft(r.entry)
		invariant.Check(err == nil, "a persisted entry cannot be read: %v", err)
		s.Entries = append(s.Entries, e)
	}
	return s
}

// End is where the metadata log will end if all entries that are here are committed.
func (n *Node) End() int64 { return n.endOf(n.lastIndex()) }

// Members are those of now, as far as applied here.
func (n *Node) Members() Members { return n.members }

// Leader is who leads, as far as this node knows; ok is false if it knows of nobody.
func (n *Node) Leader() (leader Replica, epoch int32, ok bool) {
	return n.lead, n.hard.Epoch, n.hasLead
}

// silent keeps the raft library from logging by itself. Its panics are caught.
type silent struct{}

func (silent) Debug(...any)              {}
func (silent) Debugf(string, ...any)     {}
func (silent) Info(...any)               {}
func (silent) Infof(string, ...any)      {}
func (silent) Warning(...any)            {}
func (silent) Warningf(string, ...any)   {}
func (silent) Error(...any)              {}
func (silent) Errorf(string, ...any)     {}
func (silent) Fatal(v ...any)            { panic(fmt.Sprint(v...)) }
func (silent) Fatalf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
func (silent) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (silent) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
