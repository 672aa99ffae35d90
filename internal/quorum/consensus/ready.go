package consensus

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"leat/internal/invariant"
	"leat/internal/record"
)

// Work is what is to be done. Any part may be missing. Writes are done in their order, and so are Commits and Events; the three
// queues run beside each other, and nobody waits for Messages.
type Work struct {
	Messages []Frame
	Write    *Write
	Commit   *Commit
	Events   []Event
}

// Write is what has to be on disk before Written is called for it. Several may be written, and synced, together.
type Write struct {
	Ballot   *Ballot  // nil: as it was
	Entries  []Entry  // they replace those with the same and higher indexes
	Snapshot *Install // before everything else in the Write
	// Durable is true if there is anything to write. What is not durable only waits for the Writes before it.
	Durable bool

	rows      []row
	install   *snapshot
	responses []*pb.Message
}

// Install makes a fetched checkpoint the beginning of the log.
type Install struct {
	Checkpoint
	Base    Position
	Members Members
}

// Commit is what goes to the metadata log, of which the part that lies there already is skipped.
type Commit struct {
	Entries []Committed
	message *pb.Message
}

// Committed is one entry whose place nobody will contest.
type Committed struct {
	Index   uint64
	Epoch   int32
	Batches []byte // empty: it leaves nothing in the log
	End     int64
}

// Event is one of Leading, Lost, LeaderChanged, MembersChanged, Changed, Fetch and WantCheckpoint.
type Event any

type (
	// Leading tells that this node leads, and everything before NextOffset is committed and applied here.
	Leading struct {
		Epoch      int32
		NextOffset int64
	}
	// Lost ends a leadership, told of by Leading or not. What was appended in it and is not committed may yet be, or not.
	Lost struct{ Epoch int32 }
	// LeaderChanged tells who leads; Known is false while nobody does.
	LeaderChanged struct {
		Leader Replica
		Epoch  int32
		Known  bool
	}
	// MembersChanged tells that a change of the members was applied.
	MembersChanged struct{ Members Members }
	// Changed is the outcome of a Change; Err is nil if it is committed.
	Changed struct {
		Ticket uint64
		Err    error
	}
	// Fetch asks for a checkpoint of another controller; Fetched tells what came of it.
	Fetch struct {
		From int32
		Checkpoint
	}
	// WantCheckpoint asks for a checkpoint of now: a voter needs what is only in older ones. Checkpointed tells of it.
	WantCheckpoint struct{}
)

// askAgain is after how many times the least wait of an election a checkpoint is asked for again that did not come: it may not have been written, or
// too late to be of use.
const askAgain = 10

// Ready returns the next work; ok is false if there is none.
func (n *Node) Ready() (w Work, ok bool) {
	err := n.ready(&w)
	if err != nil && n.failure == nil {
		n.failure = err
	}
	if n.store.wanted && (n.asked == 0 || n.ticks-n.asked > askAgain*n.cfg.ElectionTicks) {
		n.asked = n.ticks + 1
		n.tell(WantCheckpoint{})
	}
	w.Events, n.events = n.events, nil
	return w, len(w.Messages) > 0 || w.Write != nil || w.Commit != nil || len(w.Events) > 0
}

func (n *Node) ready(w *Work) (err error) {
	if n.failure != nil || !n.raw.HasReady() {
		return n.failure
	}
	defer n.catch(&err)
	rd := n.raw.Ready()
	if !raft.IsEmptyHardState(rd.HardState) {
		n.hard = Ballot{int32(rd.HardState.GetTerm()), rd.HardState.GetVote(), rd.HardState.GetCommit(), n.hard.Forgot}
	}
	for _, m := range rd.Messages {
		switch m.GetTo() {
		case raft.LocalAppendThread:
			w.Write, err = n.write(m)
		case raft.LocalApplyThread:
			w.Commit, err = n.commit(m)
		default:
			err = n.send(w, m)
		}
		if err != nil {
			return err
		}
	}
	if rd.SoftState != nil {
		n.soft(rd.SoftState)
	}
	if l := n.leadership; l != nil && l.opening == 0 {
		return n.open(l)
	}
	return nil
}

// send adds a message to the work, unless nobody knows to whom.
func (n *Node) send(w *Work, m *pb.Message) error {
	to, ok := n.replica(m.GetTo())
	if !ok || n.withholds(m) {
		return nil
	}
	f, err := n.frame(to, m)
	w.Messages = append(w.Messages, f)
	return err
}

func (n *Node) replica(number uint64) (Replica, bool) {
	if m, ok := n.members.byNumber(number); ok {
		return m.Replica, true
	}
	r, ok := n.routes[number]
	return r, ok
}

// write translates what the library wants to be persisted.
func (n *Node) write(m *pb.Message) (*Write, error) {
	w := &Write{responses: m.GetResponses()}
	if m.GetSnapshot() != nil {
		s, err := readSnapshot(m.GetSnapshot())
		if err != nil {
			return nil, err
		}
		w.install, w.Snapshot = &s, &Install{s.name, s.at, s.members}
		n.begins, n.writing = &s, nil
	}
	for _, p := range m.GetEntries() {
		e, err := fromRaft(p)
		if err != nil {
			return nil, err
		}
		end, err := e.end(n.endOf(e.Index-1), func(record.Batch) error { return nil }) // checked when it came
		if err != nil {
			return nil, err
		}
		w.Entries, w.rows = append(w.Entries, e), append(w.rows, row{p, end})
		if n.follow(row{p, end}); e.Kind == MembersChange {
			n.unsure = append(n.unsure, e.Index)
		}
	}
	n.recall()
	persisted := n.store.ballot
	if n.hard.Epoch != persisted.Epoch || n.hard.Vote != persisted.Vote || n.hard.Forgot != persisted.Forgot ||
		len(w.Entries) > 0 || w.Snapshot != nil || n.changesCommitted() {
		b := n.hard
		w.Ballot, w.Durable, n.store.ballot = &b, true, b
		n.unsure = slices.DeleteFunc(n.unsure, func(index uint64) bool { return index <= b.Commit })
	}
	return w, nil
}

// follow notes an entry that is being written; it replaces those from its index on.
func (n *Node) follow(r row) {
	if k := len(n.writing); k > 0 {
		if first, index := n.writing[0].entry.GetIndex(), r.entry.GetIndex(); index < first {
			n.writing = n.writing[:0]
		} else if int(index-first) < k {
			n.writing = n.writing[:index-first]
		}
	}
	n.writing = append(n.writing, r)
}

// Written tells that a Write is on disk, in which all before it must be, and releases what waited for that.
func (n *Node) Written(w *Write) (frames []Frame, err error) {
	if n.failure != nil {
		return nil, n.failure
	}
	defer n.catch(&err)
	if s := w.install; s != nil {
		n.installed(s)
	}
	n.store.append(w.rows)
	if w.Ballot != nil {
		n.durable = max(n.durable, w.Ballot.Commit)
		n.concludeChange()
	}
	for _, r := range w.rows {
		if len(n.writing) > 0 && n.writing[0].entry == r.entry {
			n.writing = n.writing[1:]
		}
	}
	if len(n.writing) == 0 {
		n.writing = nil
	}
	var work Work
	for _, m := range w.responses {
		if m.GetTo() == n.cfg.Self.number() {
			err = n.step(m)
		} else {
			err = n.send(&work, m)
		}
		if err != nil {
			return nil, err
		}
	}
	n.advanceChange()
	return work.Messages, nil
}

// installed makes a snapshot the beginning.
func (n *Node) installed(s *snapshot) {
	n.store.base, n.store.rows, n.store.snapshot, n.store.current = s.at, nil, *s, s.members
	n.applied, n.members, n.retained = s.at.Index, s.members, 0
	n.versions = []membersVersionAt{{s.at.Index, s.members}}
	if n.begins != nil && n.begins.at == s.at {
		n.begins = nil
	}
	n.tell(MembersChanged{s.members})
}

// commit translates what the library wants to be applied. All of it is persisted here.
func (n *Node) commit(m *pb.Message) (*Commit, error) {
	c := &Commit{message: m}
	for _, p := range m.GetEntries() {
		e, err := fromRaft(p)
		if err != nil {
			return nil, err
		}
		batches, err := e.Batches()
		if err != nil {
			return nil, err
		}
		invariant.Check(n.store.rows[e.Index-n.store.base.Index-1].entry.GetTerm() == p.GetTerm(), "entry %d is committed and another one is persisted", e.Index)
		c.Entries = append(c.Entries, Committed{e.Index, e.Epoch, batches, n.store.end(e.Index)})
	}
	return c, nil
}

// Applied tells that a Commit is in the metadata log.
func (n *Node) Applied(c *Commit) (err error) {
	if n.failure != nil {
		return n.failure
	}
	defer n.catch(&err)
	for _, p := range c.message.GetEntries() {
		if p.GetIndex() <= n.applied { // a snapshot overtook it
			continue
		}
		n.applied = p.GetIndex()
		n.retained += row{entry: p}.size()
		if p.GetType() == pb.EntryConfChange {
			if err := n.applyChange(p); err != nil {
				return err
			}
		}
	}
	for _, m := range c.message.GetResponses() {
		if err := n.step(m); err != nil {
			return err
		}
	}
	if l := n.leadership; l != nil && !l.established && l.opening > 0 && n.applied >= l.opening {
		l.established = true
		n.tell(Leading{l.epoch, l.next})
	}
	n.advanceChange()
	n.trim()
	return nil
}

// soft notes who leads.
func (n *Node) soft(s *raft.SoftState) {
	leads := s.RaftState == raft.StateLeader
	if l := n.leadership; l != nil && (!leads || l.epoch != n.hard.Epoch) {
		n.leadership = nil
		n.endChange(fmt.Errorf("leadership lost at epoch %d: %w", l.epoch, ErrUnknown))
		n.tell(Lost{l.epoch})
	}
	if leads && n.leadership == nil {
		n.leadership = &leadership{epoch: n.hard.Epoch, stuck: map[uint64]int{}}
		n.contacts = map[uint64]contact{}
	}
	n.lead, n.hasLead = n.replica(s.Lead)
	if n.hasLead {
		n.rush, n.rushes = 0, 0
	}
	n.tell(LeaderChanged{n.lead, n.hard.Epoch, n.hasLead})
}

// open appends the leader's first decision. Everything that its log holds will be committed with it, so offsets go on behind that.
func (n *Node) open(l *leadership) error {
	l.next = n.endOf(n.lastIndex())
	batches := controlBatch(n.now, leaderChange(n.cfg.Self, n.members))
	index := n.lastIndex() + 1
	if _, _, err := n.propose(l, batches, func() error { return n.raw.Propose(batches) }); err != nil {
		return err
	}
	l.opening = index
	return nil
}

// trim forgets applied entries, the oldest first, while there are more than are kept for voters that are behind.
func (n *Node) trim() {
	most := n.cfg.RetainBytes
	if n.retained <= most+most/4 {
		return
	}
	needed, slow := n.needed()
	k := 0
	for k < len(n.store.rows) && n.retained > most {
		index := n.store.rows[k].entry.GetIndex()
		if index >= n.applied || slow && index >= needed && n.retained <= n.cfg.RetainForSlow {
			break
		}
		n.retained -= n.store.rows[k].size()
		k++
	}
	if k == 0 {
		return
	}
	n.store.trim(n.store.rows[k-1].entry.GetIndex())
	for len(n.versions) > 1 && n.versions[1].index <= n.store.base.Index {
		n.versions = n.versions[1:]
	}
}

// needed is the first entry that a member which answers still has to get.
func (n *Node) needed() (index uint64, any bool) {
	if n.leadership == nil {
		return 0, false
	}
	for _, p := range n.progress() {
		if p.active && p.number != n.cfg.Self.number() && (!any || p.next < index) {
			index, any = p.next, true
		}
	}
	return index, any
}
