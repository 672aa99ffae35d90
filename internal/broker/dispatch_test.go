package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestAMemberThatWaitsHoldsNoBudget lets a member wait in JoinGroup, with a request larger than queued.max.request.bytes: others are
// read meanwhile, among them the heartbeats and joins of the members that it waits for.
func TestAMemberThatWaitsHoldsNoBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newGroupNode(t, "queued.max.request.bytes", "1000", "socket.request.max.bytes", "1000")
		first, second := n.dial(), n.dial()
		n.coordinate(first)
		join := kmsg.NewPtrJoinGroupRequest()
		join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = "g", 10000, 60000, "consumer"
		join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: make([]byte, 2000)}}
		first.send(join, 3)
		synctest.Wait()
		started := time.Now()
		if resp := ask[*kmsg.ApiVersionsResponse](second, kmsg.NewPtrApiVersionsRequest(), 2); resp.ErrorCode != 0 {
			t.Errorf("%+v", resp)
		}
		if waited := time.Since(started); waited > 0 {
			t.Errorf("waited %v for the member of a group", waited)
		}
		if resp := first.receive().(*kmsg.JoinGroupResponse); resp.ErrorCode != 0 {
			t.Errorf("%+v", resp)
		}
		first.close()
		second.close()
		n.stop()
	})
}
