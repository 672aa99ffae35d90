package consensus

import (
	"encoding/binary"
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"leat/internal/record"
)

// Between controllers travel frames: one message of the raft library, and who sends it to whom.
//
//	byte    version, 1
//	byte[16] cluster id
//	int32   sender's node id      byte[16]  sender's directory id, zero where voters are static
//	int32   receiver's node id    byte[16]  receiver's directory id
//	the message, to the end of the frame, as go.etcd.io/raft/v3/raftpb.Message in protobuf
//
// A request on the wire carries several frames, each behind its length. A frame may be lost, come late, twice or out of order.
const (
	frameVersion = 1
	frameHeader  = 1 + 16 + 20 + 20
)

// Frame is a frame to be sent.
type Frame struct {
	To    Replica
	Bytes []byte
	// Entries is true for what can be left out first when there are too many: the receiver will be sent it again.
	Entries bool
}

func (n *Node) frame(to Replica, m *pb.Message) (Frame, error) {
	b := make([]byte, 0, frameHeader+proto.Size(m))
	b = append(append(b, frameVersion), n.cfg.ClusterID[:]...)
	for _, r := range []Replica{n.cfg.Self, to} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(r.ID)), r.DirID[:]...)
	}
	b, err := proto.MarshalOptions{}.MarshalAppend(b, m)
	return Frame{To: to, Bytes: b, Entries: len(m.GetEntries()) > 0}, err
}

// ErrOtherCluster is a frame of a voter of another cluster, ErrOtherReplica one that is meant for another disk than the one here.
var (
	ErrOtherCluster = fmt.Errorf("voter of another cluster")
	ErrOtherReplica = fmt.Errorf("meant for another replica")
)

// read takes a frame apart. The message is new memory: nothing of it aliases the frame.
func (n *Node) read(frame []byte) (from Replica, m *pb.Message, err error) {
	r := reader{b: frame}
	r.version("message of another controller", frameVersion)
	var cluster record.UUID
	copy(cluster[:], r.take(16))
	var ends [2]Replica
	for i := range ends {
		ends[i].ID = int32(r.u32())
		copy(ends[i].DirID[:], r.take(16))
	}
	from = ends[0]
	switch {
	case r.err != nil:
		return from, nil, fmt.Errorf("frame of %d bytes: %w", len(frame), r.err)
	case cluster != n.cfg.ClusterID:
		return from, nil, fmt.Errorf("message of controller %s with cluster id %s, here it is %s: %w", from, cluster, n.cfg.ClusterID, ErrOtherCluster)
	case ends[1] != n.cfg.Self:
		return from, nil, fmt.Errorf("message of controller %s to %s, this is %s: %w", from, ends[1], n.cfg.Self, ErrOtherReplica)
	}
	m = new(pb.Message)
	if err := proto.Unmarshal(r.b, m); err != nil {
		return from, nil, fmt.Errorf("message of controller %s: %w: %w", from, ErrMalformed, err)
	}
	return from, m, n.check(from, m)
}

// check refuses what the raft library would take for its own, or stop the process for.
func (n *Node) check(from Replica, m *pb.Message) error {
	bad := func(what string) error {
		return fmt.Errorf("message %s of controller %s: %s: %w", m.GetType(), from, what, ErrMalformed)
	}
	switch m.GetType() {
	case pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgSnap, pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgTimeoutNow,
		pb.MsgPreVote, pb.MsgPreVoteResp:
	default:
		return bad("voters do not send this")
	}
	switch {
	case m.GetFrom() != from.number() || m.GetTo() != n.cfg.Self.number() || m.GetFrom() == m.GetTo():
		return bad("sender or receiver differ from the frame's")
	case m.GetTerm() == 0 || m.GetTerm() > maxEpoch:
		return bad("epoch out of range")
	case m.GetTerm() >= uint64(n.hard.Epoch) && m.GetType() == pb.MsgHeartbeat && m.GetCommit() > n.lastIndex():
		return fmt.Errorf("controller %s says that this one has acknowledged entry %d, but its log ends at entry %d: %w", from, m.GetCommit(), n.lastIndex(), ErrLost)
	}
	index, offset := m.GetIndex(), int64(-1)
	if at := m.GetIndex(); at >= n.bottom().Index && at <= n.lastIndex() && m.GetType() == pb.MsgApp && n.epochOf(at) == m.GetLogTerm() {
		offset = n.endOf(at)
	}
	for _, p := range m.GetEntries() {
		e, err := fromRaft(p)
		if err == nil && (e.Index != index+1 || p.GetTerm() > m.GetTerm() || p.GetTerm() == 0) {
			err = bad("entries do not follow each other")
		}
		if err == nil {
			offset, err = e.End(offset)
		}
		if err != nil {
			return fmt.Errorf("message of controller %s: %w", from, err)
		}
		index = e.Index
	}
	return nil
}

// SenderOf is who sent a frame, as far as it says.
func SenderOf(frame []byte) Replica {
	r := reader{b: frame}
	r.take(1 + 16)
	from := Replica{ID: int32(r.u32())}
	copy(from.DirID[:], r.take(16))
	return from
}

// GrantedVote tells whether a frame promises a vote, in which epoch, and to whom (a number that only serves comparison). Checkers use it.
func GrantedVote(frame []byte) (epoch, candidate uint64, ok bool) {
	m := new(pb.Message)
	if len(frame) < frameHeader || proto.Unmarshal(frame[frameHeader:], m) != nil || m.GetType() != pb.MsgVoteResp || m.GetReject() {
		return 0, 0, false
	}
	return m.GetTerm(), m.GetTo(), true
}
