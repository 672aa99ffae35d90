package consensus

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pb "go.etcd.io/raft/v3/raftpb"
)

// snapshotVersion is the format of what a snapshot message carries in place of bytes: version, checkpoint's offset and epoch, members.
const snapshotVersion = 1

func (s snapshot) raft() *pb.Snapshot {
	data := binary.BigEndian.AppendUint64([]byte{snapshotVersion}, uint64(s.name.Offset))
	data = s.members.Append(binary.BigEndian.AppendUint32(data, uint32(s.name.Epoch)))
	return &pb.Snapshot{Data: data, Metadata: &pb.SnapshotMetadata{
		Index: new(s.at.Index), Term: new(uint64(s.at.Epoch)), ConfState: s.members.conf()}}
}

func readSnapshot(p *pb.Snapshot) (snapshot, error) {
	r := reader{b: p.GetData()}
	r.version("snapshot", snapshotVersion)
	s := snapshot{name: Checkpoint{Offset: int64(r.u64()), Epoch: int32(r.u32())}}
	if r.err != nil {
		return s, fmt.Errorf("snapshot: %w", r.err)
	}
	m, err := ReadMembers(r.b)
	if err != nil {
		return s, fmt.Errorf("snapshot: %w", err)
	}
	meta := p.GetMetadata()
	s.members, s.at = m, Position{meta.GetIndex(), int32(meta.GetTerm()), s.name.Offset}
	conf, own := meta.GetConfState(), m.conf()
	if s.at.Index == 0 || s.name.Offset < 0 || s.name.Epoch < 0 || meta.GetTerm() > maxEpoch || !slices.Equal(conf.GetVoters(), own.GetVoters()) ||
		!slices.Equal(conf.GetLearners(), own.GetLearners()) || len(conf.GetVotersOutgoing())+len(conf.GetLearnersNext()) > 0 {
		return s, fmt.Errorf("snapshot at offset %d: %w", s.name.Offset, ErrMalformed)
	}
	return s, nil
}

// Checkpointed tells of a checkpoint that was written here from committed records. Only one that ends where a recent entry does can be sent to
// others.
func (n *Node) Checkpointed(c Checkpoint) {
	s := &n.store
	at := s.base
	for _, r := range s.rows { // the last of those that end there: the later, the more members it knows
		if r.entry.GetIndex() > n.applied || r.end > c.Offset {
			break
		}
		at = Position{r.entry.GetIndex(), int32(r.entry.GetTerm()), r.end}
	}
	if at.Offset != c.Offset {
		return
	}
	if at.Index == 0 {
		return
	}
	s.snapshot, s.wanted, n.asked = snapshot{at, c, n.membersAt(at.Index)}, false, 0
}

// offer is a snapshot that the leader wants this voter to begin from, while its checkpoint is being fetched.
type offer struct {
	message  *pb.Message
	snapshot snapshot
}

// offered takes a snapshot message: the raft library sees it only once the checkpoint is here. Until then it is like a message on its way.
func (n *Node) offered(m *pb.Message, from int32) error {
	s, err := readSnapshot(m.GetSnapshot())
	if err != nil || n.offer != nil {
		return err
	}
	if s.at.Index <= n.committed() || m.GetTerm() < n.raw.BasicStatus().GetTerm() {
		return n.step(m) // nothing to fetch; the leader is told how far this voter is
	}
	n.offer = &offer{m, s}
	n.tell(Fetch{From: from, Checkpoint: s.name})
	return nil
}

// Fetched tells that the checkpoint that a Fetch event asked for is here, as a file that Write.Snapshot will install, or could not be
// fetched. The leader will offer it again, or a newer one.
func (n *Node) Fetched(c Checkpoint, err error) error {
	o := n.offer
	if o == nil || o.snapshot.name != c {
		return nil
	}
	n.offer = nil
	if err != nil {
		return nil //nolint:nilerr // not this node's failure: the leader offers a snapshot again
	}
	return n.step(o.message)
}

const checkpointSuffix = ".checkpoint"

// Name is the name of the checkpoint's file.
func (c Checkpoint) Name() string {
	return fmt.Sprintf("%020d-%010d%s", c.Offset, c.Epoch, checkpointSuffix)
}

// ParseCheckpoint reads a file name; ok is false for other files.
func ParseCheckpoint(name string) (c Checkpoint, ok bool) {
	base, ok := strings.CutSuffix(name, checkpointSuffix)
	if !ok || len(base) != 31 || base[20] != '-' {
		return Checkpoint{}, false
	}
	offset, err1 := strconv.ParseInt(base[:20], 10, 64)
	epoch, err2 := strconv.ParseInt(base[21:], 10, 32)
	return Checkpoint{offset, int32(epoch)}, err1 == nil && err2 == nil && offset >= 0 && epoch >= 0
}
