package sharing

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"leat/internal/coordinator/group/kind"
	"leat/internal/metadata"
)

// settingsOf are the settings of one group: the broker's, and on top what is set for the group, within the broker's bounds.
func settingsOf(d kind.Desk, id string) kind.ShareSettings {
	s := d.Settings().Share
	own := d.Image().Config(metadata.GroupResource, id)
	if len(own) == 0 {
		return s
	}
	duration := func(key string, to *time.Duration, least, most time.Duration) {
		if ms, err := strconv.ParseInt(own[key], 10, 64); err == nil {
			*to = min(max(time.Duration(ms)*time.Millisecond, least), most)
		}
	}
	duration("share.session.timeout.ms", &s.SessionTimeout, s.MinSessionTimeout, s.MaxSessionTimeout)
	duration("share.heartbeat.interval.ms", &s.HeartbeatInterval, s.MinHeartbeatInterval, s.MaxHeartbeatInterval)
	duration("share.assignment.interval.ms", &s.AssignmentInterval, s.MinAssignmentInterval, s.MaxAssignmentInterval)
	return s
}

// sorted lists the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
