package controller

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// Suspicion is what the shell found out about a broker that it does not hear of any more. Only the active controller's own shell makes one.
//
// That a connection closed is no proof: it lets a new incarnation take the place of the old one if it holds the same directories and the same
// addresses, which no two processes can. Proof is that nobody listens any more where the broker did.
type Suspicion struct {
	BrokerID    int32
	BrokerEpoch int64
	// Proof says in words why the broker's process has ended, "" if only the connection of its heartbeats did.
	Proof string
}

// suspect takes a suspicion in, and fences a broker that is proven dead just as one whose session ran out. A broker that was heard of after the
// connection closed is beyond suspicion; one that was never heard of by this controller is not.
func (m *Machine) suspect(now time.Time, s *Suspicion) answer {
	b, problem := m.checkBrokerEpoch(s.BrokerID, s.BrokerEpoch)
	ses := m.sessions.of[s.BrokerID]
	switch {
	case problem != nil || ses == nil:
		return answer{response: false}
	case s.Proof == "":
		ses.hungUp = true
		return answer{response: false}
	case ses.heard && !ses.hungUp:
		return answer{response: false}
	}
	ses.heard = false
	if b.Fenced {
		return answer{response: false}
	}
	a := m.run(now, m.fencing(b, s.Proof))
	a.response, a.later = true, nil
	return a
}

// succeeds reports whether a registration is of the process that came after a registered one which hung up: it has the same directories, which
// only one process can lock, and the same addresses, which only one can be bound to.
func (m *Machine) succeeds(old *metadata.Broker, r *kmsg.BrokerRegistrationRequest) bool {
	if ses := m.sessions.of[old.ID]; ses == nil || !ses.hungUp || len(r.LogDirs) == 0 || len(r.Listeners) != len(old.Endpoints) {
		return false
	}
	dirs := make([]record.UUID, 0, len(r.LogDirs))
	for _, dir := range r.LogDirs {
		dirs = append(dirs, dir)
	}
	for _, l := range r.Listeners {
		if !slices.ContainsFunc(old.Endpoints, func(e metadata.Endpoint) bool { return e.Name == l.Name && e.Host == l.Host && e.Port == l.Port }) {
			return false
		}
	}
	return sameDirs(dirs, old.Dirs)
}

// Notice is an effect: what the controller decided about a broker, and why, for people who read the log.
type Notice struct {
	What        Occurrence
	BrokerID    int32
	BrokerEpoch int64
	Led         int // partitions that it led before
	Why         string
	Lost        time.Duration // of ControllerSlept
	Expired     bool          // of BrokerFenced: its session ended
	InOrder     bool          // of BrokerFenced: it stopped as it should
	// Unclean and Eligible count the leaders of LeadersElected that may lack records, and those that were eligible without being in sync.
	Unclean, Eligible int
}

// Occurrence is what a Notice is about.
type Occurrence int8

// The occurrences.
const (
	BrokerFenced Occurrence = iota
	BrokerUnfenced
	BrokerLeaving
	ControllerSlept
	LeadersElected
)

// told is what people should know of a decision.
func (d *decision) told() []Notice {
	if d.unclean+d.eligible == 0 {
		return d.notices
	}
	return append(d.notices, Notice{What: LeadersElected, BrokerID: nobody, BrokerEpoch: -1, Unclean: d.unclean, Eligible: d.eligible})
}

// effects are notices as effects.
func effects(notices []Notice) []machine.Effect {
	var out []machine.Effect
	for _, n := range notices {
		out = append(out, n)
	}
	return out
}
