package consensus

import (
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// store is what the raft library reads of the persisted log: the newest entries, in memory. Older ones are in the metadata log only, and a
// voter that lacks them gets a snapshot.
//
// Invariant: rows continue base and each other in index and offset; all of them are persisted.
type store struct {
	base     Position
	rows     []row
	ballot   Ballot
	members  Members // as of base, when the node began
	current  Members // as of now
	snapshot snapshot
	wanted   bool // somebody needs a snapshot that is not there
}

// row is an entry with its end.
type row struct {
	entry *pb.Entry
	end   int64
}

func (r row) size() int { return len(r.entry.GetData()) + 64 }

// snapshot is a checkpoint that can be sent: where it ends, and who the members were there.
type snapshot struct {
	at      Position
	name    Checkpoint
	members Members
}

// Checkpoint names a checkpoint file: the offset at which it ends and the epoch of the last record in it.
type Checkpoint struct {
	Offset int64
	Epoch  int32
}

func (s *store) last() uint64 { return s.base.Index + uint64(len(s.rows)) }

// end is the end of a persisted entry or of base.
func (s *store) end(index uint64) int64 {
	if index == s.base.Index {
		return s.base.Offset
	}
	return s.rows[index-s.base.Index-1].end
}

// append adds persisted entries; they replace whatever had their index or a higher one.
func (s *store) append(rows []row) {
	if len(rows) == 0 {
		return
	}
	first := rows[0].entry.GetIndex()
	if first <= s.base.Index { // committed long ago; only a snapshot's installation can overtake a write
		return
	}
	s.rows = append(s.rows[:first-s.base.Index-1], rows...)
}

// trim forgets entries up to an index.
func (s *store) trim(index uint64) {
	n := int(index - s.base.Index)
	gone := s.rows[n-1]
	s.base = Position{index, int32(gone.entry.GetTerm()), gone.end}
	clear(s.rows[:n])
	s.rows = s.rows[n:]
	if cap(s.rows) > 64 && len(s.rows) < cap(s.rows)/4 {
		s.rows = slices.Clone(s.rows)
	}
}

// InitialState implements raft.Storage.
func (s *store) InitialState() (*pb.HardState, *pb.ConfState, error) {
	b := s.ballot
	return &pb.HardState{Term: new(uint64(b.Epoch)), Vote: new(b.Vote), Commit: new(b.Commit)}, s.members.conf(), nil
}

// Entries implements raft.Storage.
func (s *store) Entries(low, high, maxSize uint64) ([]*pb.Entry, error) {
	if low <= s.base.Index {
		return nil, raft.ErrCompacted
	}
	if high > s.last()+1 {
		return nil, raft.ErrUnavailable
	}
	var out []*pb.Entry
	size := 0
	for _, r := range s.rows[low-s.base.Index-1 : high-s.base.Index-1] {
		if size += r.size(); len(out) > 0 && uint64(size) > maxSize {
			break
		}
		out = append(out, r.entry)
	}
	return out, nil
}

// Term implements raft.Storage.
func (s *store) Term(i uint64) (uint64, error) {
	switch {
	case i < s.base.Index:
		return 0, raft.ErrCompacted
	case i == s.base.Index:
		return uint64(s.base.Epoch), nil
	case i > s.last():
		return 0, raft.ErrUnavailable
	}
	return s.rows[i-s.base.Index-1].entry.GetTerm(), nil
}

// LastIndex implements raft.Storage.
func (s *store) LastIndex() (uint64, error) { return s.last(), nil }

// FirstIndex implements raft.Storage.
func (s *store) FirstIndex() (uint64, error) { return s.base.Index + 1, nil }

// Snapshot implements raft.Storage. What is sent is the name of the checkpoint; the receiver fetches the bytes. Who is not among its members
// would not take it, so it has to be younger than the youngest member.
func (s *store) Snapshot() (*pb.Snapshot, error) {
	usable := s.snapshot.at.Index >= s.base.Index && s.snapshot.at.Index > 0
	for _, m := range s.current.List {
		_, known := s.snapshot.members.find(m.Replica)
		usable = usable && known
	}
	if !usable {
		s.wanted = true
		return nil, raft.ErrSnapshotTemporarilyUnavailable
	}
	return s.snapshot.raft(), nil
}
