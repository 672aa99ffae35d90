package wire

import (
	"encoding/hex"
	"strings"
	"testing"

	"leat/internal/record"
)

// Nodes of an earlier build read and write these bytes. Another form is another version, which ApiVersions tells of.
func TestOwnRequestsOfVersion0StayAsTheyAre(t *testing.T) {
	dir := record.UUID{0xaa, 15: 0xbb}
	const uuid = "aa" + "0000000000000000000000000000" + "bb"
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"frames":           {(&QuorumFrames{ClusterID: "abc", Sender: 7, SenderDir: dir, Frames: [][]byte{{1, 2}, {}}}).AppendTo(nil), "0003616263 00000007 " + uuid + " 00000002 00000002 0102 00000000"},
		"answer to frames": {(&QuorumFramesResponse{ErrorCode: 104, ClusterID: "q"}).AppendTo(nil), "0068 000171"},
		"identity":         {(&Identity{NodeID: 3, DirID: dir, ClusterID: "xyz"}).AppendTo(nil), "00000003 " + uuid + " 000378797a"},
		"answer to identity": {(&IdentityResponse{NodeID: 3, DirID: dir, ClusterID: "", Voters: []IdentityVoter{{5, dir, "h", 9093}}}).AppendTo(nil),
			"0000 00000003 " + uuid + " 0000 00000001 00000005 " + uuid + " 000168 2385"},
	} {
		if got := hex.EncodeToString(c.got); got != strings.ReplaceAll(c.want, " ", "") {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for i := range OwnAPIs {
		if api := &OwnAPIs[i]; api.Min != 0 {
			t.Errorf("%s: version 0 is not answered any more, but a node of an earlier build may know no other", api.Name)
		}
	}
}
