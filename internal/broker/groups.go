package broker

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	groups "leat/internal/coordinator/group/sharing"
	"leat/internal/security"
)

// Groups is the group coordinator. Responses come with their error codes decided, also for loading or not being the coordinator. done is
// called exactly once, perhaps before the method returns.
type Groups interface {
	// Submit hands a request about one group to the machine of the group's partition.
	Submit(call coordinator.Call, done func(kmsg.Response))
	// List asks all machines of this node.
	List(rq *kmsg.ListGroupsRequest, done func(*kmsg.ListGroupsResponse))
	// ShareStatesOf tells of which partitions a share group has state.
	ShareStatesOf(group string, done func(topics []groups.TopicState, code int16))
}

var groupRoutes = []route{
	{key: 8, handle: (*Handlers).offsetCommit},
	{key: 9, handle: (*Handlers).offsetFetch},
	{key: 10, handle: (*Handlers).findCoordinator},
	{key: 11, handle: (*Handlers).joinGroup},
	{key: 12, handle: (*Handlers).heartbeat},
	{key: 13, handle: (*Handlers).leaveGroup},
	{key: 14, handle: (*Handlers).syncGroup},
	{key: 15, handle: (*Handlers).describeGroups},
	{key: 16, handle: (*Handlers).listGroups},
	{key: 42, handle: (*Handlers).deleteGroups},
	{key: 47, handle: (*Handlers).offsetDelete},
}

// submit hands a request about one group to its coordinator.
func (h *Handlers) submit(c *Call, group string, rq kmsg.Request, done func(kmsg.Response)) {
	h.Groups.Submit(callOf(c, group, rq), done)
}

// callOf is a request about one group as the coordinator gets it.
func callOf(c *Call, group string, rq kmsg.Request) coordinator.Call {
	return coordinator.Call{Group: group, Request: rq, ClientID: c.Header.ClientID, ClientHost: hostText(c.Conn.Remote.Addr())}
}

// gather submits n requests, and calls finish when all are answered, with the answers in the order of the requests.
func (h *Handlers) gather(c *Call, n int, request func(i int) (group string, rq kmsg.Request), finish func([]kmsg.Response)) {
	answers := make([]kmsg.Response, n)
	if n == 0 {
		finish(answers)
		return
	}
	var left atomic.Int64
	left.Store(int64(n))
	for i := range n {
		group, rq := request(i)
		h.submit(c, group, rq, func(resp kmsg.Response) {
			answers[i] = resp
			if left.Add(-1) == 0 {
				finish(answers)
			}
		})
	}
}

// hostText is an address as Java prints it, which is how groups show where their members are: "/127.0.0.1", "/0:0:0:0:0:0:0:1".
func hostText(a netip.Addr) string {
	a = a.Unmap()
	if !a.Is6() {
		return "/" + a.String()
	}
	b := a.As16()
	parts := make([]string, 0, 8)
	for i := 0; i < len(b); i += 2 {
		parts = append(parts, fmt.Sprintf("%x", uint16(b[i])<<8|uint16(b[i+1])))
	}
	return "/" + strings.Join(parts, ":")
}

func (h *Handlers) joinGroup(c *Call) {
	h.submit(c, c.Body.(*kmsg.JoinGroupRequest).Group, c.Body, c.Respond)
}

func (h *Handlers) syncGroup(c *Call) {
	h.submit(c, c.Body.(*kmsg.SyncGroupRequest).Group, c.Body, c.Respond)
}

func (h *Handlers) heartbeat(c *Call) {
	rq := c.Body.(*kmsg.HeartbeatRequest)
	call := callOf(c, rq.Group, c.Body)
	if c.envelope == nil && beatsBeside(rq.Version, c.Conn.SoftwareName) {
		call.Hold = c.OnNext
	}
	h.Groups.Submit(call, c.Respond)
}

// beatsBeside reports whether a client may be expected to go on with its work while a heartbeat is under way. Some older ones wait for it between two
// records (KafkaJS does); they speak a protocol from before Kafka 2.4: neither flexible versions (KIP-482), nor do they say what they are (KIP-511).
func beatsBeside(version int16, software string) bool {
	const flexible = 4
	return version >= flexible || software != ""
}

func (h *Handlers) leaveGroup(c *Call) {
	h.submit(c, c.Body.(*kmsg.LeaveGroupRequest).Group, c.Body, c.Respond)
}

// listGroups lists the groups that this node coordinates.
func (h *Handlers) listGroups(c *Call) {
	h.Groups.List(c.Body.(*kmsg.ListGroupsRequest), func(resp *kmsg.ListGroupsResponse) { c.Respond(resp) })
}

// describeGroups asks each group's coordinator.
func (h *Handlers) describeGroups(c *Call) {
	rq := c.Body.(*kmsg.DescribeGroupsRequest)
	one := func(i int) (string, kmsg.Request) {
		part := kmsg.NewPtrDescribeGroupsRequest()
		part.Version, part.Groups = rq.Version, rq.Groups[i:i+1]
		return rq.Groups[i], part
	}
	h.gather(c, len(rq.Groups), one, func(parts []kmsg.Response) {
		resp := kmsg.NewPtrDescribeGroupsResponse()
		for _, part := range parts {
			resp.Groups = append(resp.Groups, part.(*kmsg.DescribeGroupsResponse).Groups...)
		}
		for i := range resp.Groups {
			g := &resp.Groups[i]
			g.AuthorizedOperations = security.OperationsNotAsked
			if rq.IncludeAuthorizedOperations && g.ErrorCode == 0 {
				g.AuthorizedOperations = h.operations(c, security.GroupResource, g.Group)
			}
		}
		c.Respond(resp)
	})
}

// deleteGroups asks each group's coordinator.
func (h *Handlers) deleteGroups(c *Call) {
	rq := c.Body.(*kmsg.DeleteGroupsRequest)
	slices.Sort(rq.Groups) // each is answered once
	rq.Groups = slices.Compact(rq.Groups)
	one := func(i int) (string, kmsg.Request) {
		part := kmsg.NewPtrDeleteGroupsRequest()
		part.Version, part.Groups = rq.Version, rq.Groups[i:i+1]
		return rq.Groups[i], part
	}
	h.gather(c, len(rq.Groups), one, func(parts []kmsg.Response) {
		resp := kmsg.NewPtrDeleteGroupsResponse()
		for _, part := range parts {
			resp.Groups = append(resp.Groups, part.(*kmsg.DeleteGroupsResponse).Groups...)
		}
		c.Respond(resp)
	})
}
