package kind

import "time"

// StreamsSettings are the configs of streams groups (KIP-1071). Those without group.streams. in front of them can be set for one group.
type StreamsSettings struct {
	SessionTimeout        time.Duration // streams.session.timeout.ms
	MinSessionTimeout     time.Duration // group.streams.min.session.timeout.ms
	MaxSessionTimeout     time.Duration // group.streams.max.session.timeout.ms
	HeartbeatInterval     time.Duration // streams.heartbeat.interval.ms
	MinHeartbeatInterval  time.Duration // group.streams.min.heartbeat.interval.ms
	MaxHeartbeatInterval  time.Duration // group.streams.max.heartbeat.interval.ms
	AssignmentInterval    time.Duration // streams.assignment.interval.ms
	MinAssignmentInterval time.Duration // group.streams.min.assignment.interval.ms
	MaxAssignmentInterval time.Duration // group.streams.max.assignment.interval.ms
	TaskOffsetInterval    time.Duration // streams.task.offset.interval.ms
	MinTaskOffsetInterval time.Duration // group.streams.min.task.offset.interval.ms
	InitialRebalanceDelay time.Duration // streams.initial.rebalance.delay.ms
	MaxSize               int           // group.streams.max.size
	StandbyReplicas       int           // streams.num.standby.replicas
	MaxStandbyReplicas    int           // group.streams.max.standby.replicas
	AcceptableRecoveryLag int64         // streams.acceptable.recovery.lag
	RackAwareTags         []string      // streams.rack.aware.assignment.tags
}

// DefaultStreamsSettings are Kafka's defaults.
var DefaultStreamsSettings = StreamsSettings{
	SessionTimeout:        45 * time.Second,
	MinSessionTimeout:     45 * time.Second,
	MaxSessionTimeout:     time.Minute,
	HeartbeatInterval:     5 * time.Second,
	MinHeartbeatInterval:  5 * time.Second,
	MaxHeartbeatInterval:  15 * time.Second,
	AssignmentInterval:    time.Second,
	MaxAssignmentInterval: 15 * time.Second,
	TaskOffsetInterval:    time.Minute,
	MinTaskOffsetInterval: 15 * time.Second,
	InitialRebalanceDelay: 3 * time.Second,
	MaxSize:               1<<31 - 1,
	MaxStandbyReplicas:    2,
	AcceptableRecoveryLag: 10000,
}
