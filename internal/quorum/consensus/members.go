package consensus

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	"leat/internal/record"
)

// Replica is a controller with the directory that it votes from. Where voters are static (kraft.version 0) nobody knows the directories
// of the others, and DirID is zero.
type Replica struct {
	ID    int32
	DirID record.UUID
}

func (r Replica) String() string {
	if r.DirID.IsZero() {
		return fmt.Sprint(r.ID)
	}
	return fmt.Sprintf("%d-%s", r.ID, r.DirID)
}

// number is what the raft library knows the replica by. Those with a directory get one that depends on it, so that messages for a disk that
// is gone, and votes that it gave, never count for the one that came in its place.
func (r Replica) number() uint64 {
	if r.DirID.IsZero() {
		return uint64(uint32(r.ID)) + 1 // 0 is nobody
	}
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint32(nil, uint32(r.ID)), r.DirID[:]...))
	return binary.BigEndian.Uint64(sum[:])>>2 | 1<<62 // above all static ones, below the library's own
}

// Endpoint is where a voter's controller listener is reached.
type Endpoint struct {
	Name string
	Host string
	Port uint16
}

// Member is a voter or a learner.
type Member struct {
	Replica
	Learner   bool // gets everything and has no vote
	Endpoints []Endpoint
	MinKRaft  int16 // kraft.version that it supports
	MaxKRaft  int16
}

// Members are those who agree. The zero value is nobody.
type Members struct {
	KRaftVersion int16    // 0: static, 1: changed by records in the log
	List         []Member // ordered by id, then directory
}

// Static are voters that a config names.
func Static(ids ...int32) Members {
	var m Members
	for _, id := range ids {
		m = m.with(Member{Replica: Replica{ID: id}})
	}
	return m
}

// Dynamic are voters whose changes stand in the log.
func Dynamic(voters ...Member) Members {
	m := Members{KRaftVersion: 1}
	for _, v := range voters {
		m = m.with(v)
	}
	return m
}

func (m Members) find(r Replica) (Member, bool) {
	i := slices.IndexFunc(m.List, func(x Member) bool { return x.Replica == r })
	if i < 0 {
		return Member{}, false
	}
	return m.List[i], true
}

func (m Members) byNumber(number uint64) (Member, bool) {
	i := slices.IndexFunc(m.List, func(x Member) bool { return x.number() == number })
	if i < 0 {
		return Member{}, false
	}
	return m.List[i], true
}

// Voters are the members that are no learners.
func (m Members) Voters() []Member {
	return slices.DeleteFunc(slices.Clone(m.List), func(x Member) bool { return x.Learner })
}

func (m Members) with(v Member) Members {
	list := append(m.without(v.Replica).List, v)
	slices.SortFunc(list, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), slices.Compare(a.DirID[:], b.DirID[:]))
	})
	return Members{m.KRaftVersion, list}
}

func (m Members) without(r Replica) Members {
	return Members{m.KRaftVersion, slices.DeleteFunc(slices.Clone(m.List), func(x Member) bool { return x.Replica == r })}
}

// apply is the members after a change.
func (m Members) apply(c change) Members {
	if c.kind == pb.ConfChangeRemoveNode {
		return m.without(c.member.Replica)
	}
	return m.with(c.member)
}

// conf is what the raft library calls them.
func (m Members) conf() *pb.ConfState {
	cs := pb.EnsureConfState(nil)
	for _, x := range m.List {
		if x.Learner {
			cs.Learners = append(cs.Learners, x.number())
		} else {
			cs.Voters = append(cs.Voters, x.number())
		}
	}
	return cs
}

// change is one change of the members, as an entry carries it.
type change struct {
	kind    pb.ConfChangeType
	member  Member
	batches []byte // the voters record; empty for learners
}

func (c change) encode() *pb.ConfChange {
	context := appendMember([]byte{membersVersion}, c.member)
	return &pb.ConfChange{Type: c.kind.Enum(), NodeId: new(c.member.number()), Context: append(context, c.batches...)}
}
