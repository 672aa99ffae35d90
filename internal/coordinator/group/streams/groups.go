package streams

import (
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/epochs"
	"leat/internal/coordinator/group/kind"
)

// Groups is the streams groups of one partition of __consumer_offsets.
type Groups struct {
	hard   map[string]*group
	soft   map[string]*live
	hasher epochs.Hasher
	// fenced is what timers have just decided, by group, and is not applied yet: several may come due in one decision.
	fenced map[string]*fenced
}

// fenced is members that are gone by a decision which is not applied yet.
type fenced struct {
	epoch int32 // of the group
	gone  map[string]bool
}

var _ kind.Kind = (*Groups)(nil)

// New returns the kind without groups.
func New() *Groups {
	return &Groups{hard: make(map[string]*group), soft: make(map[string]*live), fenced: make(map[string]*fenced)}
}

// Decoders are for the records of streams groups, by key type.
var Decoders = map[int16]kind.Decoder{
	metadataKey: Decode, memberKey: Decode, targetMetadataKey: Decode, targetMemberKey: Decode, currentKey: Decode, topologyKey: Decode,
}

// live is the soft state of a group.
type live struct {
	configured *configured // nil: to be found out
	stale      bool        // topics may have changed since
	offsets    map[string]reported
	shutdown   string // the member that asked for it; "": nobody
	endpoints  int32  // the epoch of the endpoint information
	delayed    bool   // the first assignment waits for more members
	revoking   map[string]int32
}

// reported is the offsets that a member told of its state, and of the changelogs' ends.
type reported struct{ offsets, ends map[Task]int64 }

// The keys of timers; those of one member have its id behind them.
const (
	initialTimer   = "initial"
	sessionTimer   = "session "
	rebalanceTimer = "rebalance "
)

// live returns the soft state of a group, and makes it if there is none.
func (k *Groups) live(id string) *live {
	l := k.soft[id]
	if l == nil {
		l = &live{offsets: make(map[string]reported), revoking: make(map[string]int32)}
		k.soft[id] = l
	}
	return l
}

// forget drops what is known of a member.
func (l *live) forget(d kind.Desk, group, member string) {
	delete(l.offsets, member)
	delete(l.revoking, member)
	d.Timer(group, sessionTimer+member, time.Time{})
	d.Timer(group, rebalanceTimer+member, time.Time{})
}

// Type is the type of these groups.
func (k *Groups) Type() kind.Type { return kind.Streams }

// Protocol is the protocol type that listings show.
func (k *Groups) Protocol(string) string { return "streams" }

// Hard is the hard state.
func (k *Groups) Hard() any { return k.hard }

// Has reports whether there is such a group.
func (k *Groups) Has(id string) bool { return k.hard[id] != nil }

// Groups lists the groups.
func (k *Groups) Groups() []string {
	all := make([]string, 0, len(k.hard))
	for id := range k.hard {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// State is the state of a group.
func (k *Groups) State(_ kind.Desk, id string) string {
	if g := k.hard[id]; g != nil {
		return g.state()
	}
	return "Dead"
}

// Empty reports whether a group has no members.
func (k *Groups) Empty(id string) bool { g := k.hard[id]; return g == nil || len(g.Members) == 0 }

// Members counts a group's members.
func (k *Groups) Members(id string) int {
	if g := k.hard[id]; g != nil {
		return len(g.Members)
	}
	return 0
}

// Roster lists who a group's members are.
func (k *Groups) Roster(id string) []kind.Who {
	var all []kind.Who
	if g := k.hard[id]; g != nil {
		for _, m := range g.sortedMembers() {
			all = append(all, kind.Who{ID: m.ID, ClientID: m.ClientID, ClientHost: m.ClientHost})
		}
	}
	return all
}

// HasOffsets reports that these groups commit offsets.
func (k *Groups) HasOffsets() bool { return true }

// Subscribed reports whether members read the topic.
func (k *Groups) Subscribed(id, topic string) bool {
	g := k.hard[id]
	return g != nil && len(g.Members) > 0 && g.Topology != nil && g.Topology.reader(topic) != nil
}

// Handle decides on a request.
func (k *Groups) Handle(d kind.Desk, e kind.Event) bool {
	switch rq := e.Request.(type) {
	case *kmsg.StreamsGroupHeartbeatRequest:
		k.heartbeat(d, e, rq)
	case *kmsg.StreamsGroupDescribeRequest:
		d.Reply(e.Ticket, k.describe(d, rq))
	default:
		return false
	}
	return true
}

// Loaded starts the sessions of all members.
func (k *Groups) Loaded(d kind.Desk) {
	for _, id := range k.Groups() {
		g := k.hard[id]
		l := k.live(id)
		for _, m := range g.sortedMembers() {
			k.startSession(d, id, m.ID)
			if m.State == MemberUnrevoked {
				l.awaitRevocation(d, id, m)
			}
		}
	}
}

// ImageChanged has the topologies looked at again whose topics have changed.
func (k *Groups) ImageChanged(_ kind.Desk, changed kind.Topics) {
	k.hasher.Forget()
	names := slices.Clone(changed.Deleted)
	for _, t := range changed.Created {
		names = append(names, t.Name)
	}
	for _, t := range changed.Changed {
		names = append(names, t.Name)
	}
	for id, l := range k.soft {
		if g := k.hard[id]; g != nil && g.needs(names) {
			l.stale = true
		}
	}
}

// needs reports whether the topology needs any of the topics.
func (g *group) needs(names []string) bool {
	for _, name := range names {
		if _, ok := slices.BinarySearch(g.required, name); ok {
			return true
		}
	}
	return false
}

// Refused forgets what was concluded from records that were not written.
func (k *Groups) Refused(d kind.Desk, records []kind.Record) {
	for _, r := range records {
		id := groupOf(r)
		delete(k.fenced, id)
		l := k.soft[id]
		if l == nil {
			continue
		}
		l.configured = nil
		for member := range l.revoking {
			delete(l.revoking, member)
			d.Timer(id, rebalanceTimer+member, time.Time{})
		}
		g := k.hard[id]
		if g == nil {
			d.StopTimers(id)
			delete(k.soft, id)
			continue
		}
		for _, m := range g.sortedMembers() {
			if k.startSession(d, id, m.ID); m.State == MemberUnrevoked {
				l.awaitRevocation(d, id, m)
			}
		}
	}
}

// groupOf is the group that a record is about.
func groupOf(r kind.Record) string {
	switch r := r.(type) {
	case *MetadataRecord:
		return r.Group
	case *MemberRecord:
		return r.Group
	case *TargetMetadataRecord:
		return r.Group
	case *TargetMemberRecord:
		return r.Group
	case *CurrentRecord:
		return r.Group
	case *TopologyRecord:
		return r.Group
	}
	return ""
}

// startSession begins or prolongs a member's session.
func (k *Groups) startSession(d kind.Desk, id, member string) {
	s := settingsOf(d, id)
	d.Timer(id, sessionTimer+member, d.Now().Add(s.SessionTimeout))
}

// awaitRevocation gives a member the time that it asked for to give tasks up.
func (l *live) awaitRevocation(d kind.Desk, id string, m *member) {
	l.revoking[m.ID] = m.Epoch
	d.Timer(id, rebalanceTimer+m.ID, d.Now().Add(time.Duration(m.RebalanceTimeout)*time.Millisecond))
}

// Fire is a timer that came due.
func (k *Groups) Fire(d kind.Desk, id, key string) {
	g, l := k.hard[id], k.live(id)
	if key == initialTimer {
		l.delayed = false
		k.assignDelayed(d, id, g, l)
		return
	}
	if member, ok := strings.CutPrefix(key, sessionTimer); ok {
		k.expel(d, id, member, "the member session expired")
	} else if member, ok := strings.CutPrefix(key, rebalanceTimer); ok {
		epoch, waits := l.revoking[member]
		delete(l.revoking, member)
		if g != nil && waits && g.Members[member] != nil && g.Members[member].Epoch == epoch {
			k.expel(d, id, member, "the member did not give up its tasks in time")
		}
	}
}

// expel takes a member off that does not answer.
func (k *Groups) expel(d kind.Desk, id, member, reason string) {
	g := k.hard[id]
	if g == nil || g.Members[member] == nil || k.fenced[id] != nil && k.fenced[id].gone[member] {
		return
	}
	m := g.Members[member]
	d.Note(kind.Notice{Message: "streams member removed", Group: id, Member: member, ClientID: m.ClientID, ClientHost: m.ClientHost, Generation: g.Epoch, Reason: reason})
	k.fence(d, id, g, m)
}

// fence writes that a member is gone. Its tasks are assigned anew with the next heartbeat of another one.
func (k *Groups) fence(d kind.Desk, id string, g *group, m *member) {
	f := k.fenced[id]
	if f == nil {
		f = &fenced{epoch: g.Epoch, gone: make(map[string]bool)}
		k.fenced[id] = f
	}
	f.epoch++
	f.gone[m.ID] = true
	for _, r := range goneRecords(id, m.ID) {
		d.Write(r)
	}
	next := g.Metadata
	next.Epoch = f.epoch
	d.Write(&MetadataRecord{id, &next})
	l := k.live(id)
	if len(g.Members) == len(f.gone) {
		d.Write(&TargetMetadataRecord{id, &TargetMetadata{Epoch: next.Epoch}})
		l.shutdown = ""
	}
	l.forget(d, id, m.ID)
}

// goneRecords remove all that is known of a member.
func goneRecords(id, member string) []kind.Record {
	return []kind.Record{&CurrentRecord{Group: id, Member: member}, &TargetMemberRecord{Group: id, Member: member}, &MemberRecord{Group: id, Member: member}}
}

// Remove writes the tombstones of a group.
func (k *Groups) Remove(d kind.Desk, id string) {
	g := k.hard[id]
	if g == nil {
		return
	}
	members := g.sortedMembers()
	for _, m := range members {
		d.Write(&CurrentRecord{Group: id, Member: m.ID})
		d.Write(&TargetMemberRecord{Group: id, Member: m.ID})
	}
	d.Write(&TargetMetadataRecord{Group: id})
	for _, m := range members {
		d.Write(&MemberRecord{Group: id, Member: m.ID})
	}
	d.Write(&MetadataRecord{Group: id})
	d.Write(&TopologyRecord{Group: id})
	delete(k.soft, id)
}
