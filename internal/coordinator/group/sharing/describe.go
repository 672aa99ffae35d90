package sharing

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
)

// Handle decides on a request.
func (s *Groups) Handle(d kind.Desk, e kind.Event) bool {
	switch rq := e.Request.(type) {
	case *kmsg.ShareGroupHeartbeatRequest:
		d.Reply(e.Ticket, s.heartbeat(d, e, rq))
	case *kmsg.ShareGroupDescribeRequest:
		d.Reply(e.Ticket, s.describe(d, rq))
	case *kmsg.AlterShareGroupOffsetsRequest:
		s.alter(d, e, rq)
	case *kmsg.DeleteShareGroupOffsetsRequest:
		s.deleteOffsets(d, e, rq)
	case *kmsg.DeleteGroupsRequest:
		s.deleteGroup(d, e, rq.Groups[0])
	case *ListStates:
		d.Reply(e.Ticket, s.listStates(d, rq))
	case *Initialized:
		s.initialized(d, rq)
		d.Reply(e.Ticket, &StatesListed{})
	case *Discarded:
		s.discarded(d, rq)
		d.Reply(e.Ticket, &StatesListed{})
	default:
		return false
	}
	return true
}

// describe tells about groups.
func (s *Groups) describe(d kind.Desk, rq *kmsg.ShareGroupDescribeRequest) *kmsg.ShareGroupDescribeResponse {
	resp := kmsg.NewPtrShareGroupDescribeResponse()
	for _, id := range rq.GroupIDs {
		rg := kmsg.NewShareGroupDescribeResponseGroup()
		rg.GroupID = id
		if g := s.hard[id]; g != nil {
			s.describeGroup(d, g, &rg)
		} else {
			rg.ErrorCode = kerr.GroupIDNotFound.Code
			text := fmt.Sprintf("Group %s not found.", id)
			if d.TypeOf(id) != kind.None {
				text = fmt.Sprintf("Group %s is not a share group.", id)
			}
			rg.ErrorMessage = &text
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}

func (s *Groups) describeGroup(d kind.Desk, g *group, rg *kmsg.ShareGroupDescribeResponseGroup) {
	rg.GroupState, rg.GroupEpoch, rg.AssignmentEpoch, rg.Assignor = s.State(d, rg.GroupID), g.Epoch, g.AssignmentEpoch, simpleAssignor
	for _, id := range sorted(g.Members) {
		m, current := g.Members[id], g.Current[id]
		rm := kmsg.NewShareGroupDescribeResponseGroupMember()
		rm.MemberID, rm.RackID, rm.MemberEpoch, rm.ClientID, rm.ClientHost = id, m.RackID, current.MemberEpoch, m.ClientID, m.ClientHost
		rm.SubscribedTopicNames = m.Topics
		for _, t := range current.Assigned {
			topic, ok := d.Image().TopicByID(t.TopicID)
			if !ok {
				continue
			}
			rm.Assignment.TopicPartitions = append(rm.Assignment.TopicPartitions, kmsg.ShareGroupDescribeResponseGroupMemberAssignmentTopicPartition{
				TopicID: t.TopicID, Topic: topic.Name, Partitions: t.Partitions})
		}
		rg.Members = append(rg.Members, rm)
	}
}

// listStates tells of which partitions there is state.
func (s *Groups) listStates(d kind.Desk, rq *ListStates) *StatesListed {
	g := s.hard[rq.Group]
	if g == nil {
		return &StatesListed{Code: kerr.GroupIDNotFound.Code}
	}
	resp := &StatesListed{}
	for _, t := range g.States.Initialized {
		if topic, ok := d.Image().TopicByID(t.TopicID); ok {
			resp.Topics = append(resp.Topics, TopicState{TopicID: t.TopicID, Topic: topic.Name, Partitions: t.Partitions})
		}
	}
	return resp
}
