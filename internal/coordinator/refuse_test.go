package coordinator

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka's answer to a refused JoinGroup names no protocol: null from version 7 on, and the codec writes null as "" before.
func TestARefusedJoinNamesNoProtocol(t *testing.T) {
	rq := kmsg.NewPtrJoinGroupRequest()
	rq.MemberID = "m"
	resp := Refuse(rq, ErrNotCoordinator).(*kmsg.JoinGroupResponse)
	if resp.Protocol != nil || resp.MemberID != "m" || resp.Generation != -1 {
		t.Errorf("%+v", resp)
	}
}

// A client that hears NOT_COORDINATOR looks for the coordinator, which makes the topic of offsets.
func TestWithoutTheTopicOfOffsetsNobodyCoordinates(t *testing.T) {
	g := NewGroups(GroupsConfig{})
	if _, err := g.find("anything"); err != ErrNotCoordinator {
		t.Error(err)
	}
}
