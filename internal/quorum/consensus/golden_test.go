package consensus

import (
	"encoding/hex"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"leat/internal/record"
)

// Voters of an earlier build read these bytes. Another form is another version of its own, sent to those only who know it.
const (
	frameOfVersion1 = "010700000000000000000000000000000000000001000000000000000000000000000000000000000200000000000000000000000000000000" +
		"0803100318022004280330053a0a080010041806220278794005"
	membersOfVersion1 = "0100010200000001000000000000000000000000000000000100000000000000000209000000000000000000000000000000000000000101014301682385"
)

func TestFramesAndMembersOfVersion1StayAsTheyAre(t *testing.T) {
	m := Dynamic(Member{Replica: Replica{ID: 2, DirID: record.UUID{9}}, MaxKRaft: 1, Endpoints: []Endpoint{{"C", "h", 9093}}}, Member{Replica: Replica{ID: 1}, Learner: true})
	if got := hex.EncodeToString(m.Append(nil)); got != membersOfVersion1 {
		t.Errorf("members: %s, want %s", got, membersOfVersion1)
	}
	n := node(t, 1, 7)
	f, err := n.frame(Replica{ID: 2}, &pb.Message{Type: pb.MsgApp.Enum(), From: new(uint64(2)), To: new(uint64(3)), Term: new(uint64(4)), LogTerm: new(uint64(3)), Index: new(uint64(5)),
		Commit: new(uint64(5)), Entries: []*pb.Entry{(Entry{Index: 6, Epoch: 4, Data: []byte("xy")}).raft()}})
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(f.Bytes); got != frameOfVersion1 {
		t.Errorf("frame: %s, want %s", got, frameOfVersion1)
	}
}
