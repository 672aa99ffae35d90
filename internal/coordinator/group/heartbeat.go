package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// heartbeat prolongs a member's session and tells it whether to join again: nil, if it is told later.
func (m *Machine) heartbeat(e *Event, rq *kmsg.HeartbeatRequest) *kmsg.HeartbeatResponse {
	resp := kmsg.NewPtrHeartbeatResponse()
	if rq.Group == "" {
		resp.ErrorCode = kerr.InvalidGroupID.Code
		return resp
	}
	g := m.live[rq.Group]
	if g == nil {
		resp.ErrorCode = codeUnknownMember
		return resp
	}
	p, code := g.validate(rq.MemberID, rq.InstanceID)
	switch {
	case code != 0:
		resp.ErrorCode = code
		return resp
	case rq.Generation != g.generation:
		resp.ErrorCode = kerr.IllegalGeneration.Code
		return resp
	case g.state == PreparingRebalance:
		resp.ErrorCode = codeRebalancing
	}
	m.startSession(g, p, p.sessionTimeout)
	if m.hold(g, p, e) {
		return nil
	}
	return resp
}
