package sharing

import (
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator/group/epochs"
	"leat/internal/coordinator/group/kind"
)

// Groups is the share groups of one machine.
type Groups struct {
	hard map[string]*group

	// Soft state.
	hasher    epochs.Hasher
	stale     map[string]bool      // groups whose topics may have changed since their members were last asked
	asked     map[string]asked     // a group's last initialization
	discardAt map[string]time.Time // when to ask again for what could not be discarded
	waiting   map[uint64]*waiting  // who waits for an Initialized or Discarded
	next      uint64               // what to know it by
	fired     map[string]bool      // groups about which something was decided at firedAt because it came due
	firedAt   time.Time
}

// asked is an initialization that was asked for.
type asked struct {
	id     uint64
	at     time.Time
	starts map[place]int64 // of what is not initialized yet
}

var _ kind.Kind = (*Groups)(nil)

// New returns no groups.
func New() *Groups {
	return &Groups{hard: make(map[string]*group), stale: make(map[string]bool), asked: make(map[string]asked), discardAt: make(map[string]time.Time),
		waiting: make(map[uint64]*waiting), fired: make(map[string]bool)}
}

// decision is what is decided about one group: a copy of it that the records written so far were applied to.
type decision struct {
	kind.Desk
	id    string
	group *group // never the hard state itself once anything was written
	wrote bool
}

// decide begins a decision about a group.
func (s *Groups) decide(d kind.Desk, id string) *decision {
	g := s.hard[id]
	if g == nil {
		return &decision{Desk: d, id: id, group: newGroup(), wrote: true}
	}
	return &decision{Desk: d, id: id, group: g}
}

// write adds a record.
func (c *decision) write(r Record) *Record {
	if !c.wrote {
		c.group, c.wrote = c.group.clone(), true
	}
	r.Group = c.id
	c.Write(&r)
	c.group.apply(&r)
	return &r
}

// Type is Share.
func (s *Groups) Type() kind.Type { return kind.Share }

// Protocol is the protocol type that listings show.
func (s *Groups) Protocol(string) string { return "share" }

// Has reports whether there is such a group.
func (s *Groups) Has(id string) bool { return s.hard[id] != nil }

// Groups lists all.
func (s *Groups) Groups() []string {
	all := make([]string, 0, len(s.hard))
	for id := range s.hard {
		all = append(all, id)
	}
	return all
}

// State is Empty or Stable.
func (s *Groups) State(_ kind.Desk, id string) string {
	if s.Empty(id) {
		return "Empty"
	}
	return "Stable"
}

// Empty reports whether the group has no members.
func (s *Groups) Empty(id string) bool {
	g := s.hard[id]
	return g == nil || len(g.Members) == 0
}

// Members counts the group's members.
func (s *Groups) Members(id string) int {
	if g := s.hard[id]; g != nil {
		return len(g.Members)
	}
	return 0
}

// Roster lists who a group's members are.
func (s *Groups) Roster(id string) []kind.Who {
	var all []kind.Who
	if g := s.hard[id]; g != nil {
		for _, who := range slices.Sorted(maps.Keys(g.Members)) {
			all = append(all, kind.Who{ID: who, ClientID: g.Members[who].ClientID, ClientHost: g.Members[who].ClientHost})
		}
	}
	return all
}

// Begun lists the partitions that there is state of. It is not to be changed.
func (s *Groups) Begun(id string) []TopicState {
	if g := s.hard[id]; g != nil {
		return g.States.Initialized
	}
	return nil
}

// Hard is the hard state.
func (s *Groups) Hard() any { return s.hard }

// CheckCommit refuses: share groups commit no offsets.
func (s *Groups) CheckCommit(kind.Desk, kind.Commit) int16 { return kerr.GroupIDNotFound.Code }

// CheckFetch lets everybody see that share groups have no committed offsets.
func (s *Groups) CheckFetch(kind.Desk, string, *string, int32) int16 {
	return 0
}

// CheckDelete refuses groups that have members, or state at the share coordinator: see Handle.
func (s *Groups) CheckDelete(_ kind.Desk, id string) int16 {
	if g := s.hard[id]; g != nil && (len(g.Members) > 0 || len(g.States.Initialized)+len(g.States.Initializing)+len(g.States.Deleting) > 0) {
		return kerr.NonEmptyGroup.Code
	}
	return 0
}

// Subscribed reports whether members read the topic.
func (s *Groups) Subscribed(id, topic string) bool {
	g := s.hard[id]
	if g == nil {
		return false
	}
	for _, m := range g.Members {
		for _, t := range m.Topics {
			if t == topic {
				return true
			}
		}
	}
	return false
}

// HasOffsets is false.
func (s *Groups) HasOffsets() bool { return false }

// Remove writes the tombstones of a group.
func (s *Groups) Remove(d kind.Desk, id string) {
	g := s.hard[id]
	if g == nil {
		return
	}
	for _, m := range sorted(g.Current) {
		d.Write(&Record{Key: currentKey, Group: id, Member: m})
	}
	for _, m := range sorted(g.Target) {
		d.Write(&Record{Key: targetKey, Group: id, Member: m})
	}
	for _, m := range sorted(g.Members) {
		d.Write(&Record{Key: memberKey, Group: id, Member: m})
	}
	d.Write(&Record{Key: targetEpochKey, Group: id})
	d.Write(&Record{Key: statesKey, Group: id})
	d.Write(&Record{Key: epochKey, Group: id})
	delete(s.stale, id)
	delete(s.asked, id)
	delete(s.discardAt, id)
}

// Loaded starts the sessions of stored members, and looks at everything anew.
func (s *Groups) Loaded(d kind.Desk) {
	for _, id := range sorted(s.hard) {
		s.stale[id] = true
		for _, m := range sorted(s.hard[id].Members) {
			d.Timer(id, m, d.Now().Add(settingsOf(d, id).SessionTimeout))
		}
		c := s.decide(d, id)
		s.discardAgain(c)
		s.schedule(c)
	}
}

// ImageChanged forgets the state of topics that are gone, and has groups look at theirs with the next heartbeat.
func (s *Groups) ImageChanged(d kind.Desk, changed kind.Topics) {
	s.hasher.Forget()
	gone := func(t *TopicState) bool {
		_, there := d.Image().TopicByID(t.TopicID)
		return !there && slices.Contains(changed.Deleted, t.Topic)
	}
	for _, id := range sorted(s.hard) {
		s.stale[id] = true
		if len(changed.Deleted) == 0 {
			continue
		}
		st, found := s.hard[id].States, false
		for _, list := range []*[]TopicState{&st.Initializing, &st.Initialized, &st.Deleting} {
			kept := make([]TopicState, 0, len(*list))
			for _, t := range *list {
				if gone(&t) {
					found = true
				} else {
					kept = append(kept, t)
				}
			}
			*list = kept
		}
		if found {
			s.decide(d, id).write(Record{Key: statesKey, States: &st})
		}
	}
}

// Fire ends a member's session, or makes an assignment that had to wait.
func (s *Groups) Fire(d kind.Desk, id, key string) {
	g := s.hard[id]
	if g == nil {
		return
	}
	if !s.firedAt.Equal(d.Now()) {
		clear(s.fired)
		s.firedAt = d.Now()
	}
	_, member := g.Members[key]
	switch {
	case s.fired[id]: // what was decided a moment ago is not in g yet
		d.Timer(id, key, d.Now().Add(time.Millisecond))
		return
	case key == alarm:
		s.alarmed(s.decide(d, id))
	case member:
		d.Note(kind.Notice{Message: "member removed", Group: id, Member: key, Generation: g.Epoch, Reason: "its session timed out"})
		s.leave(s.decide(d, id), key)
	}
	s.fired[id] = true
}

// alarm is the key of a group's timer that is not about a member, whose ids are not empty.
const alarm = ""

// schedule sets the alarm to when the group can be assigned, or something is discarded again.
func (s *Groups) schedule(c *decision) {
	at := s.discardAt[c.id]
	if g := c.group; len(g.Members) > 0 && g.AssignmentEpoch < g.Epoch {
		due := time.UnixMilli(g.AssignedAt).Add(settingsOf(c, c.id).AssignmentInterval)
		if due.After(c.Now()) && (at.IsZero() || due.Before(at)) { // what is due already is done with the next heartbeat
			at = due
		}
	}
	c.Timer(c.id, alarm, at)
}

// alarmed does what is due.
func (s *Groups) alarmed(c *decision) {
	if at := s.discardAt[c.id]; !at.IsZero() && !at.After(c.Now()) {
		delete(s.discardAt, c.id)
		s.discardAgain(c)
	}
	if len(c.group.Members) > 0 {
		s.assign(c)
	}
	s.schedule(c)
}

// Refused forgets what is remembered of groups whose records were not written, and starts sessions for those members who are stored.
func (s *Groups) Refused(d kind.Desk, records []kind.Record) {
	seen := make(map[string]bool)
	for _, r := range records {
		r, ok := r.(*Record)
		if !ok {
			continue
		}
		for id, w := range s.waiting { // the log's refusal was their answer
			if w.with == r {
				delete(s.waiting, id)
			}
		}
		if seen[r.Group] {
			continue
		}
		seen[r.Group] = true
		s.stale[r.Group] = true
		delete(s.asked, r.Group)
		d.StopTimers(r.Group)
		if g := s.hard[r.Group]; g != nil {
			for _, m := range sorted(g.Members) {
				d.Timer(r.Group, m, d.Now().Add(settingsOf(d, r.Group).SessionTimeout))
			}
			if len(g.States.Deleting) > 0 {
				s.discardAt[r.Group] = d.Now().Add(settingsOf(d, r.Group).InitializeRetry)
			}
			s.schedule(s.decide(d, r.Group))
		}
	}
}
