package server

import (
	"strings"

	"leat/internal/config"
	"leat/internal/coordinator/group"
)

// setConsumer sets those of consumer groups.
func setConsumer(all *group.Settings, v *config.Values) {
	s := &all.Consumer
	s.SessionTimeout = v.Millis("group.consumer.session.timeout.ms")
	s.MinSessionTimeout = v.Millis("group.consumer.min.session.timeout.ms")
	s.MaxSessionTimeout = v.Millis("group.consumer.max.session.timeout.ms")
	s.HeartbeatInterval = v.Millis("group.consumer.heartbeat.interval.ms")
	s.MinHeartbeatInterval = v.Millis("group.consumer.min.heartbeat.interval.ms")
	s.MaxHeartbeatInterval = v.Millis("group.consumer.max.heartbeat.interval.ms")
	s.LeastHeartbeatInterval = v.Millis("leat.group.consumer.heartbeat.least.ms")
	s.AssignmentInterval = v.Millis("group.consumer.assignment.interval.ms")
	s.MinAssignmentInterval = v.Millis("group.consumer.min.assignment.interval.ms")
	s.MaxAssignmentInterval = v.Millis("group.consumer.max.assignment.interval.ms")
	s.MaxSize = v.Int("group.consumer.max.size")
	s.RegexRefreshInterval = v.Millis("group.consumer.regex.refresh.interval.ms")
	s.MigrationPolicy = strings.ToLower(v.String("group.consumer.migration.policy"))
	if names := assignorNames(v.List("group.consumer.assignors")); len(names) > 0 {
		s.Assignors = names
	}
}

// assignorNames keeps those assignors that there are. Kafka's may also be named by their classes.
func assignorNames(configured []string) []string {
	classes := map[string]string{
		"org.apache.kafka.coordinator.group.assignor.UniformAssignor": "uniform",
		"org.apache.kafka.coordinator.group.assignor.RangeAssignor":   "range",
	}
	var names []string
	for _, name := range configured {
		if of, ok := classes[name]; ok {
			name = of
		}
		if name == "uniform" || name == "range" {
			names = append(names, name)
		}
	}
	return names
}
