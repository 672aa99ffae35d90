package server

import (
	"context"
	"net"
	"slices"
	"strconv"
	"time"

	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/telemetry"
	"leat/internal/uplink"
)

// voice is what a controller has of the others: where they are, who leads, and the connections for frames.
type voice struct {
	controllers *uplink.Controllers
	frames      *uplink.Frames
	line        *uplink.Line
}

// openVoice makes the connections to the other controllers, which are used when there are others.
func (n *node) openVoice() {
	c := n.voice.controllers
	for _, ep := range n.controllerEndpoints()[:min(1, len(n.controllerEndpoints()))] {
		c.Known(uplink.Address{NodeID: n.id, Host: ep.Host, Port: int(ep.Port)})
	}
	peers := n.controllerPeers()
	peers.Traffic = &n.ops.channel
	peers.BackoffMax = frameBackoff // a controller that comes back is missed
	n.voice.frames = uplink.NewFrames(uplink.FramesConfig{
		NodeID: n.id, DirID: n.dirID(n.Values.MetadataLogDir()), ClusterID: n.clusterID, Controllers: c, Peers: peers,
		Timeout: max(n.Values.Millis("controller.quorum.request.timeout.ms"), 100*time.Millisecond),
		Suspect: func(id int32) {
			if q := n.voting.Load(); q != nil {
				q.Suspect(id)
			}
		},
		Logger: n.logger(telemetry.LogUplink),
	})
	n.onClose("connections to controllers", func() error { n.voice.frames.Close(); return nil })
}

// frameBackoff bounds the pause between tries to reach another controller.
const frameBackoff = 200 * time.Millisecond

// openLine makes this controller's way to the active one, which it may be itself.
func (n *node) openLine() {
	n.voice.line = uplink.NewLineFrom(n.voice.controllers, n.id, n.quorum)
	n.onClose("line to the controllers", func() error { n.voice.line.Close(); return nil })
	if leader, epoch, known := n.quorum.Active(); known {
		n.voice.controllers.Lead(leader, epoch)
	}
}

// leaderChanged hears from the quorum who leads.
func (n *node) leaderChanged(leader, epoch int32, known bool) {
	if known {
		n.counts.newActive.Add(1)
	} else {
		leader = -1
	}
	n.voice.controllers.Lead(leader, epoch)
}

// membersChanged hears from the quorum who votes, and where they are reached.
func (n *node) membersChanged(members []quorum.Member) {
	for _, m := range members {
		if i := n.listenerOf(m.Endpoints); i >= 0 && m.ID != n.id {
			e := m.Endpoints[i]
			n.voice.controllers.Known(uplink.Address{NodeID: m.ID, Host: e.Host, Port: int(e.Port)})
		}
	}
}

// freshVoter hands this controller's leadership over if a static voter comes with an empty disk. A leader counts on what a voter acknowledged, and
// the one that has lost it only follows leaders of a later epoch.
func (n *node) freshVoter(ctx context.Context, id, from int32) {
	leader, epoch, known := n.quorum.Active()
	if !known || leader != n.id || epoch >= from {
		return
	}
	for _, m := range n.quorum.Members() {
		if m.ID != id || !m.DirID.IsZero() {
			continue
		}
		if last := n.resigned.Swap(time.Now().Unix()); time.Now().Unix()-last < int64(freshVoterPause/time.Second) {
			return // it was told before, or somebody plays
		}
		n.logger(telemetry.LogQuorum).Warn("a voter comes with an empty disk, so the controllers' leadership goes to another", "node", id)
		ctx, cancel := context.WithTimeout(ctx, formAsk/2)
		n.quorum.Resign(ctx)
		cancel()
	}
}

// freshVoterPause is the least time between two leaderships that are given away for a fresh voter.
const freshVoterPause = 5 * time.Second

// listenerOf picks the endpoint by which controllers are reached.
func (n *node) listenerOf(all []quorum.Endpoint) int {
	i := slices.IndexFunc(all, func(e quorum.Endpoint) bool {
		return len(n.listeners.Controllers) > 0 && e.Name == n.listeners.Controllers[0]
	})
	if i < 0 && len(all) > 0 {
		return 0
	}
	return i
}

// knowControllers takes addresses of controllers out of an image: those that are no voters yet are found there only.
func (n *node) knowControllers(im *metadata.Image) {
	for _, registered := range im.Controllers() {
		if registered.ControllerID == n.id || n.configuredVoter(registered.ControllerID) {
			continue
		}
		for _, e := range registered.EndPoints {
			if len(n.listeners.Controllers) > 0 && e.Name == n.listeners.Controllers[0] {
				n.voice.controllers.Known(uplink.Address{NodeID: registered.ControllerID, Host: e.Host, Port: int(e.Port)})
			}
		}
	}
}

// configuredVoter reports whether controller.quorum.voters says where a controller is: what is written there was meant so.
func (n *node) configuredVoter(id int32) bool {
	for _, v := range n.Values.Voters() {
		if v.ID == id {
			return true
		}
	}
	return false
}

// firstVoters are those with whom a quorum begins that has no journal: those of the configuration or of forming; without any this node alone. A
// node that knows others and was not told that it votes begins as nobody, and waits to be added.
func (n *node) firstVoters() []quorum.Member {
	if len(n.formed) > 0 {
		return n.formed
	}
	var voters []quorum.Member
	for _, v := range n.Values.Voters() {
		voters = append(voters, quorum.Member{ID: v.ID, Endpoints: []quorum.Endpoint{n.endpointAt(v.Host, v.Port)}})
	}
	if len(voters) == 0 && len(n.others()) == 0 {
		voters = append(voters, quorum.Member{ID: n.id})
	}
	return voters
}

func (n *node) endpointAt(host string, port int) quorum.Endpoint {
	e := quorum.Endpoint{Host: host, Port: uint16(port)}
	if len(n.listeners.Controllers) > 0 {
		e.Name = n.listeners.Controllers[0]
	}
	return e
}

// others are the addresses of other controllers that the configuration names.
func (n *node) others() []uplink.Address {
	all, err := controllerAddresses(n.Values)
	if err != nil {
		return nil // it names nobody
	}
	own := map[string]bool{}
	for _, ep := range n.controllerEndpoints() {
		own[net.JoinHostPort(ep.Host, strconv.Itoa(int(ep.Port)))] = true
	}
	for _, b := range n.bound {
		if b.Control {
			own[net.JoinHostPort(b.Host, strconv.Itoa(b.port()))] = true
		}
	}
	return slices.DeleteFunc(all, func(a uplink.Address) bool {
		return a.NodeID == n.id || own[net.JoinHostPort(a.Host, strconv.Itoa(a.Port))]
	})
}

// clusterUUID is the id of the cluster as controllers write it; one that is no UUID, as others may have given it, is told by nothing.
func (n *node) clusterUUID() record.UUID {
	id, err := record.ParseUUID(n.clusterID)
	if err != nil {
		return record.UUID{}
	}
	return id
}
