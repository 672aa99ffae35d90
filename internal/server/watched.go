package server

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/telemetry"
)

// raftStats tells where this node stands in the quorum, nil before it does.
func (n *node) raftStats() *telemetry.RaftStats {
	if n.ops.state.Load() != stateRunning {
		return nil
	}
	s := &telemetry.RaftStats{State: "observer", Leader: -1, Vote: -1, Counts: &n.ops.raft, Channel: &n.ops.channel}
	im := n.images.image()
	if n.quorum == nil {
		leader, epoch := n.remote.controllers.Epoch()
		s.Leader, s.Epoch = int64(leader), int64(epoch)
		s.HighWatermark, s.LogEnd = im.Offset+1, im.Offset+1
		return s
	}
	offsets := n.quorum.Log().Offsets()
	s.HighWatermark, s.LogEnd = offsets.HighWatermark, offsets.LogEnd
	leader, epoch, known := n.quorum.Active()
	s.Leader, s.Epoch = int64(leader), int64(epoch)
	switch {
	case known && leader == n.id:
		s.State, s.Vote = "leader", int64(n.id)
	case !n.votes(): // it follows without a vote
	case known:
		s.State = "follower"
	default:
		s.State = "unattached"
	}
	return s
}

// controllerEvents is how the controller of this node gets on, nil if it has none.
func (n *node) controllerEvents() *telemetry.Coordinator {
	if !n.Values.HasRole("controller") {
		return nil
	}
	return &n.ops.events
}

// clusterView is what the active controller knows of the cluster; nil on others.
func (n *node) clusterView() *telemetry.ClusterStats {
	if n.ops.state.Load() != stateRunning || n.quorum == nil {
		return nil
	}
	if leader, _, known := n.quorum.Active(); !known || leader != n.id {
		return nil
	}
	im := n.images.image()
	c := &telemetry.ClusterStats{Partitions: clusterPartitions(im)}
	for _, b := range im.Brokers() {
		if !b.Fenced && len(b.Endpoints) > 0 {
			ep := b.Endpoints[0]
			c.Brokers = append(c.Brokers, telemetry.ClusterBroker{ID: b.ID, Address: net.JoinHostPort(ep.Host, strconv.Itoa(int(ep.Port)))})
		}
	}
	return c
}

func clusterPartitions(im *metadata.Image) func(yield func(*telemetry.ClusterPartition) bool) {
	return func(yield func(*telemetry.ClusterPartition) bool) {
		var out telemetry.ClusterPartition
		for t := range im.Topics("") {
			for i, p := range t.Partitions {
				out = telemetry.ClusterPartition{Topic: t.Name, Partition: int32(i), Leader: p.Leader, Preferred: -1, Replicas: len(p.Replicas), InSync: len(p.ISR)}
				if len(p.Replicas) > 0 {
					out.Preferred = p.Replicas[0]
				}
				if !yield(&out) {
					return
				}
			}
		}
	}
}

// unsent is how many answers wait for their turn.
func (n *node) unsent() int64 {
	if n.ops.state.Load() != stateRunning {
		return 0
	}
	return n.shared.Unsent()
}

// certificates are those that listeners show.
func (n *node) certificates(each func(listener string, notAfter time.Time)) {
	for _, name := range slices.Sorted(maps.Keys(n.secured)) {
		s := n.secured[name]
		if !s.bound || !s.hasTLS() {
			continue
		}
		if leaf := s.stores.Store().Leaf(); leaf != nil {
			each(name, leaf.NotAfter)
		}
	}
}

// eachPartition says whether partitions have metrics of their own where a scrape does not say.
func (n *node) eachPartition() bool {
	if n.settings == nil || n.ops.state.Load() != stateRunning {
		return false
	}
	return n.settings.now().values.Bool("leat.metrics.partitions")
}

// forgetSoftware counts a connection out that has ended.
func (n *node) forgetSoftware(c *listener.Conn) {
	if c.SoftwareName != "" {
		n.ops.metrics.UseSoftware(telemetry.Software{Listener: c.Listener, Name: c.SoftwareName, Version: c.SoftwareVersion}, -1)
	}
}
