package consensus

import pb "go.etcd.io/raft/v3/raftpb"

// A static voter whose disk was replaced is taken for the one that it was: votes that it gave, and entries that it acknowledged, still count with others,
// and it knows of neither. If it took part at once it could vote a second time in an epoch, or for somebody who lacks what it had helped to commit.
//
// So it begins in an epoch above all that a majority of the voters, without it, has been in (Ballot.Forgot), which also ends the leadership of whoever
// counts on its old log. It gives no votes, does not try to be elected, and does not acknowledge what the leader of an epoch decides in it,
// until an entry of such an epoch is known to be committed: by a majority that did without it, and has left behind all that its old votes could have
// led to. It then has everything that this leader had, and is a voter like others. If the others are too few for a majority, nobody leads until there
// are enough.

// Forgetful tells whether this voter does not know what it has promised, and takes no part in elections and decisions for that.
func (n *Node) Forgetful() bool { return n.hard.Forgot > 0 }

// recall ends that once the others have committed an entry of a new enough epoch. Called when all entries that came are in the making.
func (n *Node) recall() {
	if n.Forgetful() && n.epochOf(n.hard.Commit) >= uint64(n.hard.Forgot) {
		n.hard.Forgot = 0
	}
}

// ignores tells whether a message asks for what a forgetful voter does not do.
func (n *Node) ignores(m *pb.Message) bool {
	switch m.GetType() {
	case pb.MsgVote, pb.MsgPreVote, pb.MsgTimeoutNow:
		return n.Forgetful()
	}
	return false
}

// withholds tells whether a message would let a leader count a forgetful voter. What earlier leaders decided is acknowledged, as nothing is committed
// by that, and a leader sends no more before it is.
func (n *Node) withholds(m *pb.Message) bool {
	if !n.Forgetful() || m.GetType() != pb.MsgAppResp || m.GetReject() || m.GetIndex() <= n.bottom().Index {
		return false
	}
	return m.GetIndex() > n.lastIndex() || n.epochOf(m.GetIndex()) >= m.GetTerm()
}
