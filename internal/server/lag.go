package server

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/peer"
	"leat/internal/replication"
	"leat/internal/telemetry"
)

// openLag begins to look at the lag of groups.
func (n *node) openLag() {
	n.lag = coordinator.NewLag(coordinator.LagConfig{
		NodeID: n.id, Groups: n.groups, Replicas: func() *replication.Node { return n.replicas },
		Ask:    n.askBroker,
		Every:  func() time.Duration { return n.settings.now().values.Millis("leat.group.lag.interval.ms") },
		Most:   func() int { return n.settings.now().values.Int("leat.metrics.group.partitions.max") },
		Logger: n.logger(telemetry.LogLag),
	})
	n.onClose("lag of groups", func() error { n.lag.Close(); return nil })
}

// askBroker sends one request to another broker, over a connection of its own: for what is asked seldom.
func (n *node) askBroker(ctx context.Context, nodeID int32, rq kmsg.Request) (kmsg.Response, error) {
	peers := n.peers()
	peers.RequestTimeout = n.settings.now().values.Millis("request.timeout.ms")
	peers.Dial = n.outOfReach.dialer(nodeID, peers.Dial)
	p := peer.New(peers, nodeID, func() (string, error) { return n.brokerAddress(nodeID) })
	defer p.Close()
	return p.Do(ctx, rq)
}

// groupStats is what is known of groups and their lag.
func (n *node) groupStats() *telemetry.GroupStats {
	if n.ops.state.Load() != stateRunning || n.lag == nil {
		return nil
	}
	last := n.lag.Stats()
	if last == nil {
		return nil
	}
	stats := *last
	stats.Rebalances, stats.OffsetChanges = n.groups.Rebalances(), n.groups.Offsets()
	return &stats
}
