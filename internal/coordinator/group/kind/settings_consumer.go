package kind

import "time"

// ConsumerSettings are the configs of consumer groups (KIP-848).
type ConsumerSettings struct {
	SessionTimeout       time.Duration // group.consumer.session.timeout.ms
	MinSessionTimeout    time.Duration // group.consumer.min.session.timeout.ms
	MaxSessionTimeout    time.Duration // group.consumer.max.session.timeout.ms
	HeartbeatInterval    time.Duration // group.consumer.heartbeat.interval.ms
	MinHeartbeatInterval time.Duration // group.consumer.min.heartbeat.interval.ms
	MaxHeartbeatInterval time.Duration // group.consumer.max.heartbeat.interval.ms
	// LeastHeartbeatInterval is leat.group.consumer.heartbeat.least.ms; 0: HeartbeatInterval holds for groups of any size.
	LeastHeartbeatInterval time.Duration
	AssignmentInterval     time.Duration // group.consumer.assignment.interval.ms
	MinAssignmentInterval  time.Duration // group.consumer.min.assignment.interval.ms
	MaxAssignmentInterval  time.Duration // group.consumer.max.assignment.interval.ms
	MaxSize                int           // group.consumer.max.size
	Assignors              []string      // group.consumer.assignors; the first is used when members name none
	RegexRefreshInterval   time.Duration // group.consumer.regex.refresh.interval.ms
	MigrationPolicy        string        // group.consumer.migration.policy, in lower case
}

// DefaultConsumerSettings are Kafka's defaults.
var DefaultConsumerSettings = ConsumerSettings{
	SessionTimeout:        45 * time.Second,
	MinSessionTimeout:     45 * time.Second,
	MaxSessionTimeout:     time.Minute,
	HeartbeatInterval:     5 * time.Second,
	MinHeartbeatInterval:  5 * time.Second,
	MaxHeartbeatInterval:  15 * time.Second,
	AssignmentInterval:    time.Second,
	MaxAssignmentInterval: 15 * time.Second,
	MaxSize:               1<<31 - 1,
	Assignors:             []string{"uniform", "range"},
	RegexRefreshInterval:  10 * time.Minute,
	MigrationPolicy:       "bidirectional",
}
