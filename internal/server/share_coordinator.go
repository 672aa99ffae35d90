package server

import (
	"context"

	"leat/internal/config"
	"leat/internal/coordinator"
	"leat/internal/coordinator/group/kind"
	"leat/internal/coordinator/share"
	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/replication"
)

// openShareCoordinator makes the share coordinator, which leads nothing yet, and the share partitions that keep their state there.
func (n *node) openShareCoordinator(shell coordinator.Config) {
	n.shareStates = coordinator.NewShareStates(coordinator.ShareStatesConfig{
		Config: shell, NodeID: n.id,
		Settings: func() coordinator.Settings { return n.settings.now().shareCoordinator },
		Share:    func() share.Settings { return n.settings.now().share },
		Connect: func(nodeID int32) coordinator.Line {
			peers := n.peers()
			peers.RequestTimeout = n.settings.now().values.Millis("request.timeout.ms")
			peers.Dial = n.outOfReach.dialer(nodeID, peers.Dial)
			return peer.New(peers, nodeID, func() (string, error) { return n.brokerAddress(nodeID) })
		},
		Replicas: func() *replication.Node { return n.replicas },
		MakeTopic: func(ctx context.Context) {
			if h := n.handlers.Load(); h != nil {
				h.MakeInternalTopic(ctx, coordinator.ShareStateTopic)
			}
		},
	})
	n.coordinate("share coordinator", n.shareStates)
	n.openSharing(n.shareStates)
}

// shareCoordinatorSettings are those of the shell around the machines of the share coordinator.
func shareCoordinatorSettings(v *config.Values) coordinator.Settings {
	s := coordinator.DefaultSettings
	s.LoadBuffer = v.Int("share.coordinator.load.buffer.size")
	s.MaxBatchBytes = v.Int("message.max.bytes")
	s.CommitTimeout = v.Millis("share.coordinator.write.timeout.ms")
	s.LoadThreads = v.Int("share.coordinator.threads")
	s.Codec = record.Codec(v.Int("share.coordinator.state.topic.compression.codec"))
	s.Linger = v.Millis("share.coordinator.append.linger.ms")
	s.KeptBuffers = v.Int("share.coordinator.cached.buffer.max.bytes")
	return s
}

// shareStateSettings are those of the machine of the share coordinator.
func shareStateSettings(v *config.Values) share.Settings {
	return share.Settings{
		UpdatesPerSnapshot: v.Int("share.coordinator.snapshot.update.records.per.snapshot"),
		ColdSnapshotAfter:  v.Millis("share.coordinator.cold.partition.snapshot.interval.ms"),
		PruneInterval:      v.Millis("share.coordinator.state.topic.prune.interval.ms"),
	}
}

// shareGroupSettings are those of share groups.
func shareGroupSettings(v *config.Values) kind.ShareSettings {
	return kind.ShareSettings{
		SessionTimeout:        v.Millis("group.share.session.timeout.ms"),
		MinSessionTimeout:     v.Millis("group.share.min.session.timeout.ms"),
		MaxSessionTimeout:     v.Millis("group.share.max.session.timeout.ms"),
		HeartbeatInterval:     v.Millis("group.share.heartbeat.interval.ms"),
		MinHeartbeatInterval:  v.Millis("group.share.min.heartbeat.interval.ms"),
		MaxHeartbeatInterval:  v.Millis("group.share.max.heartbeat.interval.ms"),
		AssignmentInterval:    v.Millis("group.share.assignment.interval.ms"),
		MinAssignmentInterval: v.Millis("group.share.min.assignment.interval.ms"),
		MaxAssignmentInterval: v.Millis("group.share.max.assignment.interval.ms"),
		MaxSize:               v.Int("group.share.max.size"),
		InitializeRetry:       v.Millis("group.share.initialize.retry.interval.ms"),
	}
}
