package server

import (
	"leat/internal/coordinator"
	"leat/internal/coordinator/group"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/telemetry"
)

// nodeCoordinator is what the node asks of each of its coordinators.
type nodeCoordinator interface {
	Leading(tp record.TopicPartition, leaderEpoch int32, leading bool)
	Publish(image *metadata.Image, delta *metadata.Delta)
	Stats() telemetry.CoordinatorStats
	Close()
}

// coordinators are those of this node. Each takes what concerns its own topic.
type coordinators []nodeCoordinator

func (c coordinators) leading(tp record.TopicPartition, leaderEpoch int32, leading bool) {
	for _, one := range c {
		one.Leading(tp, leaderEpoch, leading)
	}
}

func (c coordinators) publish(image *metadata.Image, delta *metadata.Delta) {
	for _, one := range c {
		one.Publish(image, delta)
	}
}

// coordinatorStats says how they are.
func (n *node) coordinatorStats() []telemetry.CoordinatorStats {
	if n.ops.state.Load() != stateRunning {
		return nil
	}
	var all []telemetry.CoordinatorStats
	for _, one := range n.coordinators {
		all = append(all, one.Stats())
	}
	return all
}

// openCoordinators makes the coordinators, which lead nothing yet.
func (n *node) openCoordinators() {
	shell := coordinator.Config{
		Open:   coordinator.Replicated(func() *replication.Node { return n.replicas }),
		Logger: n.logger(telemetry.LogCoordinator),
	}
	named := func(name string) coordinator.Config {
		one := shell
		one.Logger = n.logger(name)
		return one
	}
	n.openShareCoordinator(named(telemetry.LogShareCoordinator))
	n.groups = coordinator.NewGroups(coordinator.GroupsConfig{
		Config:   named(telemetry.LogGroups),
		Settings: func() coordinator.Settings { return n.settings.now().coordinator },
		Group:    func() group.Settings { return n.settings.now().group },
		States:   n.shareStates,
		Noticed:  n.noticed,
	})
	n.coordinate("group coordinator", n.groups)
	n.openLag()
	n.watchStandings()
	n.openTransactions(named(telemetry.LogTransactions))
	n.openTimers(shell)
}

// coordinate has a coordinator told of what happens, and closed with the node.
func (n *node) coordinate(name string, c nodeCoordinator) {
	n.coordinators = append(n.coordinators, c)
	n.onClose(name, func() error { c.Close(); return nil })
}
