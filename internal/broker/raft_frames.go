package broker

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/record"
	"leat/internal/wire"
)

// Agreement is this node's voice among the controllers.
type Agreement interface {
	// Receive takes a frame of another controller, which it does not keep.
	Receive(frame []byte) error
}

// Identity is who this controller is, for others that look for their cluster.
type Identity struct {
	DirID     record.UUID
	ClusterID string // "": it is fresh
	Voters    []wire.IdentityVoter
	Epoch     int32 // that it has taken part in as a controller; see wire.IdentityResponse
}

// frameRoutes are leat's own requests between controllers. Frames are taken on the connection's reader: their order matters, and taking them does
// not wait for anything.
var frameRoutes = []route{
	{key: wire.KeyQuorumFrames, handle: (*Handlers).quorumFrames},
	{key: wire.KeyIdentity, handle: (*Handlers).identity, waits: true},
}

// quorumFrames hands frames to the agreement, unless they come from another cluster.
func (h *Handlers) quorumFrames(c *Call) {
	rq := c.Body.(*wire.QuorumFrames)
	resp := &wire.QuorumFramesResponse{ClusterID: h.ClusterID}
	switch {
	case rq.ClusterID != h.ClusterID:
		resp.ErrorCode = kerr.InconsistentClusterID.Code
	case h.Agreement == nil:
		resp.ErrorCode = kerr.InvalidRequest.Code
	default:
		for _, frame := range rq.Frames {
			if err := h.Agreement.Receive(frame); err != nil {
				resp.ErrorCode = codeOf(err)
				if h.strange.due(rq.Sender) && c.Gone.Err() == nil {
					h.Logger.Warn("message of another controller not taken", "node", rq.Sender, "err", err)
				}
			}
		}
	}
	c.Respond(resp)
}

// identity tells who this controller is. One that has lost what it knew is told to the quorum first.
func (h *Handlers) identity(c *Call) {
	if rq := c.Body.(*wire.Identity); rq.Forgot > 0 && rq.NodeID != h.NodeID && h.FreshController != nil {
		h.FreshController(c.Gone, rq.NodeID, rq.Forgot)
	}
	resp := &wire.IdentityResponse{NodeID: h.NodeID, ClusterID: h.ClusterID}
	if h.Identity != nil {
		who := h.Identity()
		resp.DirID, resp.ClusterID, resp.Voters, resp.Epoch = who.DirID, who.ClusterID, who.Voters, who.Epoch
	}
	c.Respond(resp)
}

// seldom keeps what every message of a controller would bring from being logged each time.
type seldom struct {
	mu   sync.Mutex
	last map[int32]time.Time // by controller; guarded by mu
}

const seldomEvery = 10 * time.Second

// due reports whether the last time was long ago. Who sends under many ids gets one line for all of them.
func (s *seldom) due(nodeID int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(s.last) > 100 {
		nodeID = -1
	}
	if now.Sub(s.last[nodeID]) < seldomEvery {
		return false
	}
	if s.last == nil {
		s.last = map[int32]time.Time{}
	}
	s.last[nodeID] = now
	return true
}
