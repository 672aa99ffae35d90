package streams

import (
	"cmp"
	"maps"
	"slices"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
)

// The states of a group, by the names that tools show.
const (
	groupEmpty       = "Empty"
	groupNotReady    = "NotReady"
	groupAssigning   = "Assigning"
	groupReconciling = "Reconciling"
	groupStable      = "Stable"
)

// group is the hard state of a group.
//
// Invariants: held counts what the members hold and have to give up. statics names the member of each instance id.
type group struct {
	Metadata
	Target   TargetMetadata
	Topology *Topology // nil: none yet
	Members  map[string]*member
	Targets  map[string]Assignment
	held     holders
	statics  map[string]string
	required []string // topics, in order
}

// member is the hard state of a member. It is replaced, never changed.
type member struct {
	ID string
	MemberMetadata
	Current
}

func newGroup() *group {
	return &group{
		Metadata: Metadata{Epoch: 1, ValidatedTopology: -1, StoredDescription: -1, FailedDescription: -1},
		Target:   TargetMetadata{Epoch: 1},
		Members:  make(map[string]*member), Targets: make(map[string]Assignment), statics: make(map[string]string),
	}
}

// newMember is a member that has said nothing yet.
func newMember(id string) *member {
	return &member{ID: id, MemberMetadata: MemberMetadata{RebalanceTimeout: -1, TopologyEpoch: -1}, Current: Current{State: MemberStable}}
}

// reconciled reports whether the member has arrived at an assignment epoch.
func (c *Current) reconciled(epoch int32) bool { return c.State == MemberStable && c.Epoch == epoch }

// equal compares where members stand.
func (c *Current) equal(o *Current) bool {
	return c.Epoch == o.Epoch && c.Previous == o.Previous && c.State == o.State && c.Assigned.equal(o.Assigned) && c.Revoking.equal(o.Revoking)
}

// equal compares what members say of themselves.
func (m *MemberMetadata) equal(o *MemberMetadata) bool {
	return same(m.InstanceID, o.InstanceID) && m.ClientID == o.ClientID && m.ClientHost == o.ClientHost &&
		m.RebalanceTimeout == o.RebalanceTimeout && same(m.Endpoint, o.Endpoint) && !m.moves(o)
}

// moves reports whether a change from o is a reason to assign anew, for a static member.
func (m *MemberMetadata) moves(o *MemberMetadata) bool {
	return m.TopologyEpoch != o.TopologyEpoch || !same(m.RackID, o.RackID) || !slices.Equal(m.ClientTags, o.ClientTags) || m.ProcessID != o.ProcessID
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// state is what tools show.
func (g *group) state() string {
	switch {
	case len(g.Members) == 0:
		return groupEmpty
	case g.Topology == nil || g.Topology.Epoch != g.ValidatedTopology:
		return groupNotReady
	case g.Epoch > g.Target.Epoch:
		return groupAssigning
	}
	for _, m := range g.Members {
		if !m.reconciled(g.Target.Epoch) {
			return groupReconciling
		}
	}
	return groupStable
}

// static finds the member of an instance id.
func (g *group) static(instance string) *member { return g.Members[g.statics[instance]] }

// set puts a member in the place of what it was before; nil takes it off.
func (g *group) set(id string, m *member) {
	if old := g.Members[id]; old != nil {
		g.held.count(old.Assigned, old.ProcessID, -1)
		g.held.count(old.Revoking, old.ProcessID, -1)
		if old.InstanceID != nil && g.statics[*old.InstanceID] == id {
			delete(g.statics, *old.InstanceID)
		}
		delete(g.Members, id)
	}
	if m == nil {
		return
	}
	g.Members[id] = m
	g.held.count(m.Assigned, m.ProcessID, 1)
	g.held.count(m.Revoking, m.ProcessID, 1)
	if m.InstanceID != nil {
		g.statics[*m.InstanceID] = id
	}
}

// sortedMembers lists the members by id.
func (g *group) sortedMembers() []*member {
	return slices.SortedFunc(maps.Values(g.Members), func(a, b *member) int { return cmp.Compare(a.ID, b.ID) })
}

// Apply takes a record in.
func (k *Groups) Apply(e machine.Entry[kind.Record]) bool {
	switch r := e.Record.(type) {
	case *MetadataRecord:
		k.applyMetadata(r)
	case *MemberRecord:
		k.applyMember(r)
	case *TargetMetadataRecord:
		if g := k.stored(r.Group, r.Target != nil); g != nil {
			g.Target = TargetMetadata{Epoch: -1}
			if r.Target != nil {
				g.Target = *r.Target
			}
		}
	case *TargetMemberRecord:
		if g := k.stored(r.Group, r.Tasks != nil); g != nil {
			delete(g.Targets, r.Member)
			if r.Tasks != nil {
				g.Targets[r.Member] = r.Tasks.tidy()
			}
		}
	case *CurrentRecord:
		k.applyCurrent(r)
	case *TopologyRecord:
		if g := k.stored(r.Group, r.Topology != nil); g != nil {
			if g.Topology, g.required = r.Topology, nil; r.Topology != nil {
				g.required = r.Topology.required()
			}
		}
	default:
		return false
	}
	return true
}

// stored finds a group, and makes it if that is asked for.
func (k *Groups) stored(id string, make bool) *group {
	g := k.hard[id]
	if g == nil && make {
		g = newGroup()
		k.hard[id] = g
	}
	return g
}

func (k *Groups) applyMetadata(r *MetadataRecord) {
	delete(k.fenced, r.Group)
	if r.Metadata == nil {
		delete(k.hard, r.Group)
		return
	}
	k.stored(r.Group, true).Metadata = *r.Metadata
}

func (k *Groups) applyMember(r *MemberRecord) {
	g := k.stored(r.Group, r.Metadata != nil)
	if g == nil {
		return
	}
	if r.Metadata == nil {
		g.set(r.Member, nil)
		return
	}
	m := &member{ID: r.Member, MemberMetadata: *r.Metadata, Current: Current{State: MemberStable}}
	if old := g.Members[r.Member]; old != nil {
		m.Current = old.Current
	}
	g.set(r.Member, m)
}

func (k *Groups) applyCurrent(r *CurrentRecord) {
	g := k.stored(r.Group, r.Current != nil)
	if g == nil {
		return
	}
	old := g.Members[r.Member]
	if old == nil && r.Current == nil {
		return
	}
	m := newMember(r.Member)
	if old != nil {
		m.MemberMetadata = old.MemberMetadata
	}
	m.Current = Current{Epoch: -1, Previous: -1, State: MemberStable}
	if c := r.Current; c != nil {
		m.Current = Current{Epoch: c.Epoch, Previous: c.Previous, State: c.State, Assigned: c.Assigned.tidy(), Revoking: c.Revoking.tidy()}
	}
	g.set(r.Member, m)
}

// tidy copies an assignment, with nil for what is empty.
func (a Assignment) tidy() Assignment {
	for r, tasks := range a {
		if a[r] = nil; len(tasks) > 0 {
			a[r] = maps.Clone(tasks)
		}
	}
	return a
}
