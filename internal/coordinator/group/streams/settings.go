package streams

import (
	"strconv"
	"strings"
	"time"

	"leat/internal/coordinator/group/kind"
	"leat/internal/metadata"
)

// settingsOf are the settings of one group: the broker's, and on top what is set for the group, within the broker's bounds.
func settingsOf(d kind.Desk, group string) kind.StreamsSettings {
	s := d.Settings().Streams
	own := d.Image().Config(metadata.GroupResource, group)
	if len(own) == 0 {
		return s
	}
	duration := func(key string, to *time.Duration, least, most time.Duration) {
		if ms, err := strconv.ParseInt(own[key], 10, 64); err == nil {
			*to = max(time.Duration(ms)*time.Millisecond, least)
			if most > 0 {
				*to = min(*to, most)
			}
		}
	}
	duration("streams.session.timeout.ms", &s.SessionTimeout, s.MinSessionTimeout, s.MaxSessionTimeout)
	duration("streams.heartbeat.interval.ms", &s.HeartbeatInterval, s.MinHeartbeatInterval, s.MaxHeartbeatInterval)
	duration("streams.assignment.interval.ms", &s.AssignmentInterval, s.MinAssignmentInterval, s.MaxAssignmentInterval)
	duration("streams.task.offset.interval.ms", &s.TaskOffsetInterval, s.MinTaskOffsetInterval, 0)
	duration("streams.initial.rebalance.delay.ms", &s.InitialRebalanceDelay, 0, 0)
	if n, err := strconv.Atoi(own["streams.num.standby.replicas"]); err == nil {
		s.StandbyReplicas = min(n, s.MaxStandbyReplicas)
	}
	if n, err := strconv.ParseInt(own["streams.acceptable.recovery.lag"], 10, 64); err == nil {
		s.AcceptableRecoveryLag = n
	}
	if tags, ok := own["streams.rack.aware.assignment.tags"]; ok {
		s.RackAwareTags = listOf(tags)
	}
	return s
}

// listOf splits at commas; blanks around them do not count.
func listOf(text string) (all []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// assignmentConfigs are the settings that an assignment depends on, as the group's record keeps them.
func assignmentConfigs(s *kind.StreamsSettings) []Pair {
	out := []Pair{{"num.standby.replicas", strconv.Itoa(s.StandbyReplicas)}}
	if len(s.RackAwareTags) > 0 {
		out = append(out, Pair{"rack.aware.assignment.tags", strings.Join(s.RackAwareTags, ",")})
	}
	return out
}

// standbyReplicas reads them back.
func standbyReplicas(configs []Pair) int {
	for _, p := range configs {
		if n, err := strconv.Atoi(p.Value); err == nil && p.Key == "num.standby.replicas" {
			return n
		}
	}
	return 0
}
