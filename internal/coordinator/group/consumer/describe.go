package consumer

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/assign"
	"leat/internal/coordinator/group/kind"
	"leat/internal/metadata"
)

// The member types that a description tells of.
const (
	classicType  int8 = 0
	consumerType int8 = 1
)

// describe tells about groups.
func (k *Kind) describe(d kind.Desk, rq *kmsg.ConsumerGroupDescribeRequest) *kmsg.ConsumerGroupDescribeResponse {
	resp := kmsg.NewPtrConsumerGroupDescribeResponse()
	for _, id := range rq.Groups {
		rg := kmsg.NewConsumerGroupDescribeResponseGroup()
		rg.Group = id
		if g := k.hard.groups[id]; g != nil {
			g.describe(d, &rg)
		} else {
			message := fmt.Sprintf("Group %s is not a consumer group.", id)
			if d.TypeOf(id) == kind.None {
				message = fmt.Sprintf("Group %s not found.", id)
			}
			rg.ErrorCode, rg.ErrorMessage = kerr.GroupIDNotFound.Code, &message
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return resp
}

func (g *group) describe(d kind.Desk, rg *kmsg.ConsumerGroupDescribeResponseGroup) {
	rg.State, rg.Epoch, rg.AssignmentEpoch, rg.AssignorName = g.stateName(), g.epoch, g.assigned, assignor(d, g.assignors)
	for _, id := range sortedKeys(g.members) {
		p := g.members[id]
		rm := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		rm.MemberID, rm.InstanceID, rm.RackID, rm.MemberEpoch = p.id, p.instanceID, p.rackID, p.epoch
		rm.ClientID, rm.ClientHost = p.clientID, p.clientHost
		rm.SubscribedTopics, rm.SubscribedTopicRegex = append([]string{}, p.topics...), p.regex
		rm.Assignment = described(d.Image(), p.held())
		rm.TargetAssignment = described(d.Image(), g.targets[id])
		rm.MemberType = consumerType
		if p.classic != nil {
			rm.MemberType = classicType
		}
		rg.Members = append(rg.Members, rm)
	}
}

// described is an assignment with the names of its topics, by name; topics that are gone are left out.
func described(image *metadata.Image, a assign.Assignment) kmsg.Assignment {
	out := kmsg.NewAssignment()
	out.TopicPartitions = []kmsg.AssignmentTopicPartition{}
	for id, ps := range a {
		if t, ok := image.TopicByID(id); ok {
			out.TopicPartitions = append(out.TopicPartitions, kmsg.AssignmentTopicPartition{TopicID: id, Topic: t.Name, Partitions: ps})
		}
	}
	slices.SortFunc(out.TopicPartitions, func(x, y kmsg.AssignmentTopicPartition) int {
		if x.Topic < y.Topic {
			return -1
		}
		return 1
	})
	return out
}
