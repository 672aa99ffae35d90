package kind

import "time"

// ShareSettings are the configs of share groups (KIP-932).
type ShareSettings struct {
	SessionTimeout        time.Duration // group.share.session.timeout.ms
	MinSessionTimeout     time.Duration // group.share.min.session.timeout.ms
	MaxSessionTimeout     time.Duration // group.share.max.session.timeout.ms
	HeartbeatInterval     time.Duration // group.share.heartbeat.interval.ms
	MinHeartbeatInterval  time.Duration // group.share.min.heartbeat.interval.ms
	MaxHeartbeatInterval  time.Duration // group.share.max.heartbeat.interval.ms
	AssignmentInterval    time.Duration // group.share.assignment.interval.ms
	MinAssignmentInterval time.Duration // group.share.min.assignment.interval.ms
	MaxAssignmentInterval time.Duration // group.share.max.assignment.interval.ms
	MaxSize               int           // group.share.max.size
	InitializeRetry       time.Duration // group.share.initialize.retry.interval.ms
}

// DefaultShareSettings are Kafka's defaults.
var DefaultShareSettings = ShareSettings{
	SessionTimeout:        45 * time.Second,
	MinSessionTimeout:     45 * time.Second,
	MaxSessionTimeout:     time.Minute,
	HeartbeatInterval:     5 * time.Second,
	MinHeartbeatInterval:  5 * time.Second,
	MaxHeartbeatInterval:  15 * time.Second,
	AssignmentInterval:    time.Second,
	MaxAssignmentInterval: 15 * time.Second,
	MaxSize:               200,
	InitializeRetry:       30 * time.Second,
}
