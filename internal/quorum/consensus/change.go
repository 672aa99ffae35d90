package consensus

import (
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

// Outcomes of a Change.
var (
	// ErrUnknown means that the change, or what was appended, may be committed by another leader, or not.
	ErrUnknown = errors.New("outcome is not known")
	// ErrChangePending refuses a change while another one is under way.
	ErrChangePending = errors.New("another change of the voters is under way")
	// ErrStatic refuses changes where the voters stand in the config.
	ErrStatic = errors.New("the voters stand in controller.quorum.voters (kraft.version 0) and cannot be changed")
	// ErrDuplicateVoter refuses to add a voter whose id one has already.
	ErrDuplicateVoter = errors.New("a voter with this id is there already: remove it first")
	// ErrVoterNotFound refuses to remove or update a voter that is none.
	ErrVoterNotFound = errors.New("not a voter")
	// ErrLastVoter refuses to remove the only voter.
	ErrLastVoter = errors.New("the last voter cannot be removed")
	// ErrTooFewLeft refuses to remove a voter without which those who answer are no majority.
	ErrTooFewLeft = errors.New("too few of the voters that would be left answer: remove those that are gone first")
	// ErrUnfit refuses a voter that others could not read: more endpoints, or longer names, than anybody has, or too many members.
	ErrUnfit = errors.New("too many endpoints or members, or too long names")
	// ErrNotCaughtUp ends an addition whose voter did not get the log in time. It is no member.
	ErrNotCaughtUp = errors.New("the new voter did not catch up in time")
)

// Action is what a Change does.
type Action int8

// The actions.
const (
	AddVoter Action = iota
	RemoveVoter
	UpdateVoter // other endpoints or versions of the same replica
)

// Change asks for a change of the voters.
type Change struct {
	Action   Action
	Voter    Member
	Deadline time.Time // for an added voter to catch up
	Ticket   uint64    // of the Changed event
}

// changing is the change under way. A voter is added in two steps: as a learner first, so that it does not count before it has the log.
type changing struct {
	Change
	index   uint64 // of the entry whose application ends this step; 0: the learner is catching up
	last    bool   // the step is the last
	applied bool   // the last step is committed here, but that is not on disk yet
	reason  error  // why it failed, while it is being undone
}

// Change begins a change. An error means that nothing was done; otherwise a Changed event comes.
func (n *Node) Change(now time.Time, c Change) (err error) {
	if n.failure != nil {
		return n.failure
	}
	defer n.catch(&err)
	n.now = now
	if err := n.refusal(c); err != nil {
		return fmt.Errorf("voter %s: %w", c.Voter.Replica, err)
	}
	if c.Action == RemoveVoter && c.Voter.Replica == n.cfg.Self {
		// Gone from its own epoch, a leader would vote for nobody whose log is shorter than what it could not commit. Another one removes it.
		return errors.Join(fmt.Errorf("voter %s hands the leadership over first: %w", c.Voter.Replica, ErrNotLeader), n.Transfer())
	}
	n.change = &changing{Change: c}
	known, isMember := n.members.find(c.Voter.Replica)
	switch {
	case c.Action == RemoveVoter:
		err = n.proposeChange(pb.ConfChangeRemoveNode, known)
	case c.Action == UpdateVoter:
		err = n.proposeChange(pb.ConfChangeUpdateNode, c.Voter)
	case isMember: // a learner that an earlier leader was about to add
		n.advanceChange()
	default:
		learner := c.Voter
		learner.Learner = true
		err = n.proposeChange(pb.ConfChangeAddLearnerNode, learner)
	}
	if err != nil {
		n.change = nil
	}
	return err
}

func (n *Node) refusal(c Change) error {
	switch {
	case n.leadership == nil || !n.leadership.established:
		return ErrNotLeader
	case n.members.KRaftVersion == 0:
		return ErrStatic
	case n.change != nil:
		return ErrChangePending
	}
	known, isMember := n.members.find(c.Voter.Replica)
	if c.Action != RemoveVoter && !c.Voter.fits() || c.Action == AddVoter && !isMember && len(n.members.List) >= maxMembers {
		return ErrUnfit
	}
	if c.Action == AddVoter {
		for _, v := range n.members.Voters() {
			if v.ID == c.Voter.ID {
				return ErrDuplicateVoter
			}
		}
		return nil
	}
	switch {
	case !isMember || known.Learner && c.Action == UpdateVoter:
		return ErrVoterNotFound
	case c.Action == RemoveVoter && !known.Learner && len(n.members.Voters()) == 1:
		return ErrLastVoter
	case c.Action == RemoveVoter && !known.Learner && !n.enoughWithout(c.Voter.Replica):
		return ErrTooFewLeft
	}
	return nil
}

// enoughWithout tells whether a majority of the voters that would be left answers.
func (n *Node) enoughWithout(r Replica) bool {
	left := n.members.without(r).Voters()
	answer := 0
	for _, v := range left {
		if c, ok := n.contacts[v.number()]; v.Replica == n.cfg.Self || ok && n.ticks-c.tick <= n.cfg.ElectionTicks {
			answer++
		}
	}
	return answer > len(left)/2
}

// proposeChange appends one step of the change under way.
func (n *Node) proposeChange(kind pb.ConfChangeType, m Member) error {
	c := change{kind: kind, member: m}
	if after := n.members.apply(c); !m.Learner {
		c.batches = controlBatch(n.now, votersRecord(after))
	}
	index := n.lastIndex() + 1
	_, _, err := n.propose(n.leadership, c.batches, func() error { return n.raw.ProposeConfChange(c.encode()) })
	if err != nil {
		return err
	}
	n.change.index, n.change.last = index, kind != pb.ConfChangeAddLearnerNode
	return nil
}

// applyChange makes a committed change effective.
func (n *Node) applyChange(p *pb.Entry) error {
	c, cc, err := readChange(p.GetData())
	if err != nil {
		return err
	}
	n.members = n.members.apply(c)
	n.store.current = n.members
	n.versions = append(n.versions, membersVersionAt{p.GetIndex(), n.members})
	n.raw.ApplyConfChange(cc)
	n.tell(MembersChanged{n.members})
	if x := n.change; x != nil && x.index == p.GetIndex() {
		if x.applied = x.last; x.applied {
			n.concludeChange()
		} else {
			x.index = 0
		}
	}
	return nil
}

// concludeChange tells that the change under way is done, once a restart cannot bring back the members from before: they may be gone by
// then, and a removed one would be waited for.
func (n *Node) concludeChange() {
	if x := n.change; x != nil && x.applied && n.durable >= x.index {
		n.endChange(x.reason)
	}
}

// changesCommitted tells whether a change of the members is committed of which the disk does not know that it is.
func (n *Node) changesCommitted() bool {
	for _, index := range n.unsure {
		if index <= n.hard.Commit {
			return true
		}
	}
	return false
}

// advanceChange makes a learner a voter once it has the log, or gives up.
func (n *Node) advanceChange() {
	x := n.change
	if x == nil || x.index != 0 || n.leadership == nil {
		return
	}
	learner, ok := n.members.find(x.Voter.Replica)
	if !ok {
		return
	}
	number, reached := learner.number(), false
	for _, p := range n.progress() {
		reached = reached || p.number == number && p.active && p.match >= n.committed() && p.match > 0
	}
	// A refusal is only for now: the next call tries again.
	switch {
	case reached:
		_ = n.proposeChange(pb.ConfChangeAddNode, x.Voter)
	case !x.Deadline.IsZero() && n.now.After(x.Deadline):
		x.reason = ErrNotCaughtUp
		_ = n.proposeChange(pb.ConfChangeRemoveNode, learner)
	}
}

func (n *Node) endChange(err error) {
	if n.change == nil {
		return
	}
	if err != nil {
		err = fmt.Errorf("voter %s: %w", n.change.Voter.Replica, err)
	}
	n.tell(Changed{n.change.Ticket, err})
	n.change = nil
}
