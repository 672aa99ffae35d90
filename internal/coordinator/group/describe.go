package group

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
)

// describe tells about groups. One that does not exist is Dead, since version 6 with an error (KIP-1043).
func (m *Machine) describe(rq *kmsg.DescribeGroupsRequest) *kmsg.DescribeGroupsResponse {
	resp := kmsg.NewPtrDescribeGroupsResponse()
	for _, id := range rq.Groups {
		rg := kmsg.NewDescribeGroupsResponseGroup()
		rg.Group = id
		if m.typeOf(id) == kind.Classic {
			m.peek(id).describe(&rg)
		} else {
			rg.State = string(Dead)
			if rq.Version >= 6 {
				message := fmt.Sprintf("Group %s not found.", id)
				if m.owner(id) != nil {
					message = fmt.Sprintf("Group %s is not a classic group.", id)
				}
				rg.ErrorCode, rg.ErrorMessage = kerr.GroupIDNotFound.Code, &message
			}
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}

// describe fills in what the group is. What members said is shown while the group is stable.
func (g *liveGroup) describe(rg *kmsg.DescribeGroupsResponseGroup) {
	rg.State, rg.ProtocolType = string(g.state), g.protocolType
	if g.state == Stable {
		rg.Protocol = text(g.protocol)
	}
	for _, p := range g.members {
		rm := kmsg.NewDescribeGroupsResponseGroupMember()
		rm.MemberID, rm.InstanceID, rm.ClientID, rm.ClientHost = p.id, p.instanceID, p.clientID, p.clientHost
		rm.ProtocolMetadata, rm.MemberAssignment = []byte{}, append([]byte{}, p.assignment...)
		if g.state == Stable {
			rm.ProtocolMetadata = append(rm.ProtocolMetadata, p.metadata(text(g.protocol))...)
		}
		rg.Members = append(rg.Members, rm)
	}
}

// list lists the groups that pass the filters, by id.
func (m *Machine) list(rq *kmsg.ListGroupsRequest) *kmsg.ListGroupsResponse {
	resp := kmsg.NewPtrListGroupsResponse()
	ids := make(map[string]bool, len(m.hard.groups))
	for id := range m.hard.groups {
		ids[id] = true
	}
	for id := range m.hard.offsets {
		ids[id] = true
	}
	for id := range m.live {
		ids[id] = true
	}
	for _, id := range m.kindGroups() {
		ids[id] = true
	}
	for _, id := range sortedKeys(ids) {
		rg := m.listed(id)
		if passes(rq.TypesFilter, rg.GroupType) && passes(rq.StatesFilter, rg.GroupState) {
			resp.Groups = append(resp.Groups, rg)
		}
	}
	return resp
}

// listed is a group as listings show it.
func (m *Machine) listed(id string) kmsg.ListGroupsResponseGroup {
	rg := kmsg.NewListGroupsResponseGroup()
	rg.Group = id
	if d := m.owner(id); d != nil {
		rg.ProtocolType, rg.GroupState, rg.GroupType = d.kind.Protocol(id), d.kind.State(d, id), string(d.kind.Type())
		return rg
	}
	g := m.peek(id)
	rg.ProtocolType, rg.GroupState, rg.GroupType = g.protocolType, string(g.state), string(kind.Classic)
	return rg
}

// passes reports whether a filter lets a value through: an empty one lets all.
func passes(filter []string, value string) bool {
	for _, f := range filter {
		if strings.EqualFold(strings.TrimSpace(f), value) {
			return true
		}
	}
	return len(filter) == 0
}
