package sharing

import (
	"bytes"
	"maps"
	"slices"

	"leat/internal/machine"
	"leat/internal/record"

	"leat/internal/coordinator/group/kind"
)

// group is the hard state of a share group.
type group struct {
	Epoch           int32
	Hash            int64
	AssignmentEpoch int32
	AssignedAt      int64 // ms
	Members         map[string]Member
	Target          map[string]Assignment
	Current         map[string]Current
	States          States
}

// firstEpoch is the epoch of a group without members: nothing is assigned in it.
const firstEpoch = 1

func newGroup() *group {
	return &group{Epoch: firstEpoch, AssignmentEpoch: firstEpoch, Members: make(map[string]Member), Target: make(map[string]Assignment), Current: make(map[string]Current)}
}

// clone copies what apply changes.
func (g *group) clone() *group {
	c := *g
	c.Members, c.Target, c.Current = maps.Clone(g.Members), maps.Clone(g.Target), maps.Clone(g.Current)
	return &c
}

// apply takes in a record that does not remove the group.
func (g *group) apply(r *Record) {
	switch r.Key {
	case memberKey:
		set(g.Members, r.Member, r.Info)
	case epochKey:
		if r.Epoch != nil {
			g.Epoch, g.Hash = r.Epoch.Epoch, r.Epoch.Hash
		}
	case targetEpochKey:
		g.AssignmentEpoch, g.AssignedAt = firstEpoch, 0
		if r.TargetEpoch != nil {
			g.AssignmentEpoch, g.AssignedAt = r.TargetEpoch.Epoch, r.TargetEpoch.Timestamp
		}
	case targetKey:
		set(g.Target, r.Member, r.Target)
	case currentKey:
		set(g.Current, r.Member, r.Current)
	case statesKey:
		g.States = States{}
		if r.States != nil {
			g.States = *r.States
		}
	}
}

func set[V any](m map[string]V, key string, v *V) {
	if v == nil {
		delete(m, key)
	} else {
		m[key] = *v
	}
}

// topics lists what the members read, sorted.
func (g *group) topics() []string {
	all := make(map[string]bool)
	for _, m := range g.Members {
		for _, t := range m.Topics {
			all[t] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Apply takes a record in.
func (s *Groups) Apply(e machine.Entry[kind.Record]) bool {
	r, ok := e.Record.(*Record)
	if !ok {
		return false
	}
	g := s.hard[r.Group]
	switch {
	case r.Key == epochKey && r.Epoch == nil:
		delete(s.hard, r.Group)
		return true
	case g == nil:
		if r.Info == nil && r.Epoch == nil && r.TargetEpoch == nil && r.Target == nil && r.Current == nil && r.States == nil {
			return true // removed with its group
		}
		g = newGroup()
		s.hard[r.Group] = g
	}
	g.apply(r)
	return true
}

func compareIDs(a, b record.UUID) int { return bytes.Compare(a[:], b[:]) }

func byID(a, b TopicState) int { return compareIDs(a.TopicID, b.TopicID) }

// stateOf returns where a list has a topic, -1 if it has not.
func stateOf(list []TopicState, id record.UUID) int {
	return slices.IndexFunc(list, func(t TopicState) bool { return t.TopicID == id })
}

// with adds partitions to a list. The list given stays as it is.
func with(list []TopicState, t TopicState) []TopicState {
	list = slices.Clone(list)
	i := stateOf(list, t.TopicID)
	if i < 0 {
		t.Partitions = slices.Compact(slices.Sorted(slices.Values(t.Partitions)))
		list = append(list, t)
		slices.SortFunc(list, byID)
		return list
	}
	all := append(slices.Clone(list[i].Partitions), t.Partitions...)
	slices.Sort(all)
	list[i].Partitions, list[i].Topic = slices.Compact(all), t.Topic
	return list
}

// without takes partitions off a list; those of a topic without any left go with it. The list given stays as it is.
func without(list []TopicState, id record.UUID, partitions []int32) []TopicState {
	list = slices.Clone(list)
	if i := stateOf(list, id); i >= 0 {
		list[i].Partitions = slices.DeleteFunc(slices.Clone(list[i].Partitions), func(p int32) bool { return slices.Contains(partitions, p) })
		if len(list[i].Partitions) == 0 {
			list = slices.Delete(list, i, i+1)
		}
	}
	return list
}

// withoutTopic takes a topic off a list. The list given stays as it is.
func withoutTopic(list []TopicState, id record.UUID) []TopicState {
	return slices.DeleteFunc(slices.Clone(list), func(t TopicState) bool { return t.TopicID == id })
}

// has reports whether a list has a partition.
func has(list []TopicState, id record.UUID, partition int32) bool {
	i := stateOf(list, id)
	return i >= 0 && slices.Contains(list[i].Partitions, partition)
}
