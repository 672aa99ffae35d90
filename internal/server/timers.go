package server

import (
	"context"
	"time"

	"leat/internal/config"
	"leat/internal/coordinator"
	"leat/internal/coordinator/timers"
	"leat/internal/peer"
	"leat/internal/replication"
)

// openTimers makes the coordinator of delayed records, which leads nothing yet.
func (n *node) openTimers(shell coordinator.Config) {
	n.timers = coordinator.NewTimers(coordinator.TimersConfig{
		Config: shell, NodeID: n.id,
		Settings: func() coordinator.Settings { return n.settings.now().timerCoordinator },
		Timers:   func() timers.Settings { return n.settings.now().timers },
		Connect: func(nodeID int32) coordinator.Line {
			peers := n.peers()
			peers.RequestTimeout = n.settings.now().values.Millis("request.timeout.ms")
			peers.Dial = n.outOfReach.dialer(nodeID, peers.Dial)
			return peer.New(peers, nodeID, func() (string, error) { return n.brokerAddress(nodeID) })
		},
		NewProducerID: func(ctx context.Context) (int64, error) {
			if h := n.handlers.Load(); h != nil {
				return h.NewProducerID(ctx)
			}
			return 0, errStarting
		},
		Replicas: func() *replication.Node { return n.replicas },
		MakeTopic: func(ctx context.Context) {
			if h := n.handlers.Load(); h != nil {
				h.MakeInternalTopic(ctx, coordinator.TimersTopic)
			}
		},
		Timeout: func() time.Duration { return n.settings.now().values.Millis("request.timeout.ms") },
	})
	n.coordinate("timer coordinator", n.timers)
}

// timerCoordinatorSettings are those of the shell around the machines of delayed records.
func timerCoordinatorSettings(*config.Values) coordinator.Settings {
	s := coordinator.DefaultSettings
	s.MaxBatchBytes = coordinator.MaxTimersBatch
	return s
}

// timerSettings are those of the machine of delayed records.
func timerSettings(v *config.Values) timers.Settings {
	s := timers.DefaultSettings
	s.AccountExpiry = v.Millis("producer.id.expiration.ms")
	return s
}
