package server

import (
	"leat/internal/config"
	"leat/internal/coordinator/group"
)

// setStreams sets those of streams groups.
func setStreams(all *group.Settings, v *config.Values) {
	s := &all.Streams
	s.SessionTimeout = v.Millis("group.streams.session.timeout.ms")
	s.MinSessionTimeout = v.Millis("group.streams.min.session.timeout.ms")
	s.MaxSessionTimeout = v.Millis("group.streams.max.session.timeout.ms")
	s.HeartbeatInterval = v.Millis("group.streams.heartbeat.interval.ms")
	s.MinHeartbeatInterval = v.Millis("group.streams.min.heartbeat.interval.ms")
	s.MaxHeartbeatInterval = v.Millis("group.streams.max.heartbeat.interval.ms")
	s.AssignmentInterval = v.Millis("group.streams.assignment.interval.ms")
	s.MinAssignmentInterval = v.Millis("group.streams.min.assignment.interval.ms")
	s.MaxAssignmentInterval = v.Millis("group.streams.max.assignment.interval.ms")
	s.TaskOffsetInterval = v.Millis("group.streams.task.offset.interval.ms")
	s.MinTaskOffsetInterval = v.Millis("group.streams.min.task.offset.interval.ms")
	s.InitialRebalanceDelay = v.Millis("group.streams.initial.rebalance.delay.ms")
	s.MaxSize = v.Int("group.streams.max.size")
	s.StandbyReplicas = v.Int("group.streams.num.standby.replicas")
	s.MaxStandbyReplicas = v.Int("group.streams.max.standby.replicas")
	s.AcceptableRecoveryLag = v.Int64("group.streams.acceptable.recovery.lag")
	s.RackAwareTags = v.List("group.streams.rack.aware.assignment.tags")
}
