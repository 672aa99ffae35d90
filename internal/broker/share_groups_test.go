package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestShareGroupsThatAreSwitchedOffAreRefused: members of them with the code alone, as members of consumer groups are; who administers them is told in words.
func TestShareGroupsThatAreSwitchedOffAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		beat := kmsg.NewPtrShareGroupHeartbeatRequest()
		beat.GroupID, beat.MemberID = "g", shareMember
		if resp := ask[*kmsg.ShareGroupHeartbeatResponse](c, beat, 1); resp.ErrorCode != kerr.UnsupportedVersion.Code || resp.ErrorMessage != nil {
			t.Errorf("heartbeat answered with %+v", resp)
		}
		alter := kmsg.NewPtrAlterShareGroupOffsetsRequest()
		alter.GroupID = "g"
		if resp := ask[*kmsg.AlterShareGroupOffsetsResponse](c, alter, 0); resp.ErrorCode != kerr.UnsupportedVersion.Code || resp.ErrorMessage == nil {
			t.Errorf("offsets altered: %+v", resp)
		}
	})
}
