package consumer

import (
	"slices"
	"strconv"
	"time"

	"leat/internal/coordinator/group/kind"
	"leat/internal/metadata"
)

// config is what holds for one group: its own configs, then those of the node.
type config struct {
	sessionTimeout     time.Duration
	heartbeatInterval  time.Duration
	assignmentInterval time.Duration
}

// configOf looks the configs of a group up. What an administrator set for the group is brought into the range that the node allows.
func configOf(d kind.Desk, id string) config {
	s := &d.Settings().Consumer
	c := config{s.SessionTimeout, s.HeartbeatInterval, s.AssignmentInterval}
	own := d.Image().Config(metadata.GroupResource, id)
	if len(own) == 0 {
		return c
	}
	set := func(key string, to *time.Duration, least, most time.Duration) {
		if millis, err := strconv.ParseInt(own[key], 10, 32); err == nil {
			*to = min(max(time.Duration(millis)*time.Millisecond, least), most)
		}
	}
	set("consumer.session.timeout.ms", &c.sessionTimeout, s.MinSessionTimeout, s.MaxSessionTimeout)
	set("consumer.heartbeat.interval.ms", &c.heartbeatInterval, s.MinHeartbeatInterval, s.MaxHeartbeatInterval)
	set("consumer.assignment.interval.ms", &c.assignmentInterval, s.MinAssignmentInterval, s.MaxAssignmentInterval)
	return c
}

// beatEach is how often a member may be heard on average while a partition of the offsets topic has many: 500 a second all together.
const beatEach = 2 * time.Millisecond

// interval is what a member is told to wait until its next heartbeat, which is when it hears of what became its own or is to be given up. The
// configured interval is for the largest groups; where there are fewer members they are heard more often, and groups settle sooner.
func (k *Kind) interval(d kind.Desk, id string) time.Duration {
	most, least := configOf(d, id).heartbeatInterval, d.Settings().Consumer.LeastHeartbeatInterval
	if least <= 0 {
		return most
	}
	return min(most, max(least, time.Duration(k.hard.members)*beatEach))
}

// assignor is the assignor that most members ask for; of those with as many the one that the node names first.
func assignor(d kind.Desk, counts map[string]int) string {
	all := d.Settings().Consumer.Assignors
	best := all[0]
	most := 0
	for _, name := range sortedKeys(counts) {
		n := counts[name]
		if n > most || n == most && slices.Index(all, name) < slices.Index(all, best) {
			best, most = name, n
		}
	}
	return best
}
