package group

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/coordinator/group/sharing"
)

// Surveyed is what a survey tells of one group.
type Surveyed struct {
	Group, Type, State string
	Members            int
	Offsets            []SurveyedOffset // by topic and partition
	// Shared are the partitions that a share group has begun. Where it stands in them the share coordinator knows.
	Shared []sharing.TopicState
}

// SurveyedOffset is a committed offset.
type SurveyedOffset struct {
	Topic     string
	Partition int32
	Offset    int64
	Done      int64 // records after the offset that are done with: of share groups
}

// survey lists all groups with their committed offsets, by name. It is the answer to an event with Survey.
func (m *Machine) survey() []Surveyed {
	listed := m.list(kmsg.NewPtrListGroupsRequest()).Groups
	all := make([]Surveyed, 0, len(listed))
	for i := range listed {
		g := Surveyed{Group: listed[i].Group, Type: listed[i].GroupType, State: listed[i].GroupState}
		for topic, partitions := range m.hard.offsets[g.Group] {
			for p, o := range partitions {
				g.Offsets = append(g.Offsets, SurveyedOffset{Topic: topic, Partition: p, Offset: o.Offset.Offset})
			}
		}
		if d := m.owner(g.Group); d == nil {
			g.Members = len(m.peek(g.Group).members)
		} else {
			g.Members = d.kind.Members(g.Group)
			if shares, ok := d.kind.(*sharing.Groups); ok {
				g.Shared = shares.Begun(g.Group)
			}
		}
		slices.SortFunc(g.Offsets, func(a, b SurveyedOffset) int {
			if a.Topic != b.Topic {
				return strings.Compare(a.Topic, b.Topic)
			}
			return int(a.Partition - b.Partition)
		})
		all = append(all, g)
	}
	return all
}

// Roster is who is in a group. The zero Roster is of none.
type Roster struct {
	Type, State string
	Members     []kind.Who
}

// roster tells who is in a group.
func (m *Machine) roster(id string) Roster {
	t := m.typeOf(id)
	if t == kind.None {
		return Roster{}
	}
	r := Roster{Type: string(t), State: m.listed(id).GroupState}
	if d := m.owner(id); d != nil {
		r.Members = d.kind.Roster(id)
		return r
	}
	for _, p := range m.peek(id).members {
		r.Members = append(r.Members, kind.Who{ID: p.id, ClientID: p.clientID, ClientHost: p.clientHost})
	}
	return r
}
