package admin

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// describedGroup is a group that consumes, of either protocol.
type describedGroup struct {
	state, assignor    string
	epoch, targetEpoch *int32 // of a group of the new protocol
	members            []describedMember
	err                error
}

// describedMember is a member of such a group.
type describedMember struct {
	id, instance, client, host string
	has, target                []partition
	epoch                      *int32
	upgraded                   *bool // in a group of the new protocol: whether it speaks it
}

// describeConsumerGroups asks for groups, as Kafka's admin client does: first as ones of the new protocol, then what is none as classic ones.
func describeConsumerGroups(ctx context.Context, cluster *tool.Cluster, groups []string) (map[string]describedGroup, error) {
	all := make(map[string]describedGroup, len(groups))
	if len(groups) == 0 {
		return all, nil
	}
	request := kmsg.NewPtrConsumerGroupDescribeRequest()
	request.Groups = groups
	answer, err := tool.Ask[*kmsg.ConsumerGroupDescribeResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	var classic []string
	for _, g := range answer.Groups {
		if g.ErrorCode == groupNotFound || g.ErrorCode == notSupported {
			classic = append(classic, g.Group)
			continue
		}
		all[g.Group] = newGroup(&g)
	}
	if len(classic) == 0 {
		return all, nil
	}
	older := kmsg.NewPtrDescribeGroupsRequest()
	older.Groups = classic
	answers, err := tool.Ask[*kmsg.DescribeGroupsResponse](ctx, cluster, older)
	if err != nil {
		return nil, err
	}
	for _, g := range answers.Groups {
		all[g.Group] = classicGroup(&g)
	}
	return all, nil
}

func newGroup(g *kmsg.ConsumerGroupDescribeResponseGroup) describedGroup {
	d := describedGroup{state: g.State, assignor: g.AssignorName, epoch: &g.Epoch, targetEpoch: &g.AssignmentEpoch, err: tool.Refused(g.ErrorCode, g.ErrorMessage)}
	for _, m := range g.Members {
		member := describedMember{id: m.MemberID, client: m.ClientID, host: m.ClientHost, epoch: &m.MemberEpoch}
		if m.InstanceID != nil {
			member.instance = *m.InstanceID
		}
		if m.MemberType >= 0 {
			upgraded := m.MemberType == 1
			member.upgraded = &upgraded
		}
		for _, t := range m.Assignment.TopicPartitions {
			for _, p := range t.Partitions {
				member.has = append(member.has, partition{t.Topic, p})
			}
		}
		for _, t := range m.TargetAssignment.TopicPartitions {
			for _, p := range t.Partitions {
				member.target = append(member.target, partition{t.Topic, p})
			}
		}
		d.members = append(d.members, member)
	}
	return d
}

func classicGroup(g *kmsg.DescribeGroupsResponseGroup) describedGroup {
	d := describedGroup{state: g.State, assignor: g.Protocol, err: tool.Refused(g.ErrorCode, g.ErrorMessage)}
	if d.err == nil && g.ProtocolType != "" && g.ProtocolType != "consumer" {
		d.err = tool.Illegal("GroupId %s is not a consumer group (%s).", g.Group, g.ProtocolType)
	}
	if d.err != nil {
		return d
	}
	for _, m := range g.Members {
		member := describedMember{id: m.MemberID, client: m.ClientID, host: m.ClientHost}
		if m.InstanceID != nil {
			member.instance = *m.InstanceID
		}
		var a kmsg.ConsumerMemberAssignment
		if len(m.MemberAssignment) > 0 && a.ReadFrom(m.MemberAssignment) == nil {
			for _, t := range a.Topics {
				for _, p := range t.Partitions {
					member.has = append(member.has, partition{t.Topic, p})
				}
			}
		}
		d.members = append(d.members, member)
	}
	return d
}

// lookingAfter is the broker that looks after a group.
type lookingAfter struct {
	host     string
	port, id int32
}

// coordinator finds the broker that looks after a group.
func coordinator(ctx context.Context, cluster *tool.Cluster, group string) (lookingAfter, error) {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorKey, request.CoordinatorKeys = group, []string{group}
	answer, err := tool.Ask[*kmsg.FindCoordinatorResponse](ctx, cluster, request)
	if err != nil {
		return lookingAfter{}, err
	}
	at, code := lookingAfter{answer.Host, answer.Port, answer.NodeID}, answer.ErrorCode
	for _, c := range answer.Coordinators {
		at, code = lookingAfter{c.Host, c.Port, c.NodeID}, c.ErrorCode
	}
	return at, tool.Refused(code, nil)
}

// text is HOST:PORT, some spaces and (ID).
func (n lookingAfter) text(spaces string) string {
	return n.host + ":" + number(n.port) + spaces + "(" + number(n.id) + ")"
}
