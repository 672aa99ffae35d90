package manage

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/record"
)

// groupMember is a member of a group and what it works on.
type groupMember struct {
	Member     string             `json:"member"`
	InstanceID string             `json:"instance_id,omitempty"`
	ClientID   string             `json:"client_id"`
	Host       string             `json:"host"`
	Epoch      int32              `json:"member_epoch"` // -1: members of the group have none
	Assigned   []memberPartitions `json:"assigned"`     // what it reads: of streams groups the source topics of its active tasks
	Tasks      *memberTasks       `json:"tasks,omitempty"`
}

// memberPartitions are partitions of a topic that a member reads.
type memberPartitions struct {
	Topic      string  `json:"topic"`
	Partitions []int32 `json:"partitions"`
}

// memberTasks are the tasks of a member of a streams group, as subtopology_partition.
type memberTasks struct {
	Active  []string `json:"active"`
	Standby []string `json:"standby"`
	Warmup  []string `json:"warmup"`
}

func (m *groupMember) assign(topic string, partitions ...int32) {
	i := slices.IndexFunc(m.Assigned, func(a memberPartitions) bool { return a.Topic == topic })
	if i < 0 {
		i = len(m.Assigned)
		m.Assigned = append(m.Assigned, memberPartitions{Topic: topic})
	}
	m.Assigned[i].Partitions = append(m.Assigned[i].Partitions, partitions...)
	slices.Sort(m.Assigned[i].Partitions)
}

// membersOf asks for the members of a group.
func membersOf(ctx context.Context, cl *kgo.Client, g *listedGroup) ([]groupMember, error) {
	members := []groupMember{}
	var err error
	switch g.Type {
	case "classic", "":
		members, err = classicMembers(ctx, kadm.NewClient(cl), g.Group)
	case "consumer":
		members, err = consumerMembers(ctx, kadm.NewClient(cl), g.Group)
	case "share":
		members, err = shareMembers(ctx, kadm.NewClient(cl), g.Group)
	case "streams":
		members, err = streamsMembers(ctx, cl, g)
	}
	if err != nil {
		return nil, fmt.Errorf("describe: %w", err)
	}
	for i := range members {
		if members[i].Assigned == nil {
			members[i].Assigned = []memberPartitions{}
		}
		slices.SortFunc(members[i].Assigned, func(a, b memberPartitions) int { return strings.Compare(a.Topic, b.Topic) })
	}
	slices.SortFunc(members, func(a, b groupMember) int { return strings.Compare(a.Member, b.Member) })
	return members, nil
}

func classicMembers(ctx context.Context, admin *kadm.Client, group string) ([]groupMember, error) {
	described, err := admin.DescribeGroups(ctx, group)
	if err != nil {
		return nil, err
	}
	all := []groupMember{}
	for _, m := range described[group].Members {
		one := groupMember{Member: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost, Epoch: -1}
		if m.InstanceID != nil {
			one.InstanceID = *m.InstanceID
		}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				one.assign(t.Topic, t.Partitions...)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func consumerMembers(ctx context.Context, admin *kadm.Client, group string) ([]groupMember, error) {
	described, err := admin.DescribeConsumerGroups(ctx, group)
	if err != nil {
		return nil, err
	}
	all := []groupMember{}
	for _, m := range described[group].Members {
		one := groupMember{Member: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost, Epoch: m.MemberEpoch}
		if m.InstanceID != nil {
			one.InstanceID = *m.InstanceID
		}
		m.Assignment.Each(func(topic string, partition int32) { one.assign(topic, partition) })
		all = append(all, one)
	}
	return all, nil
}

func shareMembers(ctx context.Context, admin *kadm.Client, group string) ([]groupMember, error) {
	described, err := admin.DescribeShareGroups(ctx, group)
	if err == nil {
		err = described.Error()
	}
	if err != nil {
		return nil, err
	}
	all := []groupMember{}
	for _, m := range described[group].Members {
		one := groupMember{Member: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost, Epoch: m.MemberEpoch}
		m.Assignment.Each(func(topic string, partition int32) { one.assign(topic, partition) })
		all = append(all, one)
	}
	return all, nil
}

// streamsMembers asks for the members of a streams group. Its topology tells which topics a task reads.
func streamsMembers(ctx context.Context, cl *kgo.Client, g *listedGroup) ([]groupMember, error) {
	rq := kmsg.NewPtrStreamsGroupDescribeRequest()
	rq.Groups = []string{g.Group}
	answer, err := cl.Broker(int(g.Coordinator)).Request(ctx, rq) // the client does not know by itself whom to ask
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.StreamsGroupDescribeResponse)
	if !ok || len(resp.Groups) != 1 {
		return nil, fmt.Errorf("broker %d answered with %T, which is not about one group", g.Coordinator, answer)
	}
	rg := &resp.Groups[0]
	if err := of("group "+g.Group, answered(rg.ErrorCode, rg.ErrorMessage)); err != nil {
		return nil, err
	}
	sources := make(map[string][]string) // by subtopology
	if rg.Topology != nil {
		for _, s := range rg.Topology.Subtopologies {
			sources[s.SubtopologyID] = slices.Clone(s.SourceTopics)
			for _, t := range s.RepartitionSourceTopics {
				sources[s.SubtopologyID] = append(sources[s.SubtopologyID], t.Topic)
			}
		}
	}
	all := []groupMember{}
	for _, m := range rg.Members {
		one := groupMember{Member: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost, Epoch: m.MemberEpoch,
			Tasks: &memberTasks{Active: taskNames(m.Assignment.ActiveTasks), Standby: taskNames(m.Assignment.StandbyTasks), Warmup: taskNames(m.Assignment.WarmupTasks)}}
		if m.InstanceID != nil {
			one.InstanceID = *m.InstanceID
		}
		for _, t := range m.Assignment.ActiveTasks {
			for _, topic := range sources[t.SubtopologyID] {
				one.assign(topic, t.Partitions...)
			}
		}
		all = append(all, one)
	}
	return all, nil
}

func taskNames(tasks []kmsg.TaskIDs) []string {
	names := []string{}
	for _, t := range tasks {
		for _, p := range t.Partitions {
			names = append(names, t.SubtopologyID+"_"+strconv.Itoa(int(p)))
		}
	}
	slices.Sort(names)
	return names
}

// readersOf is who reads each partition.
func readersOf(members []groupMember) map[record.TopicPartition][]*groupMember {
	readers := make(map[record.TopicPartition][]*groupMember)
	for i := range members {
		for _, a := range members[i].Assigned {
			for _, p := range a.Partitions {
				tp := record.TopicPartition{Topic: a.Topic, Partition: p}
				readers[tp] = append(readers[tp], &members[i])
			}
		}
	}
	return readers
}

// membersTable is what people see of members.
func membersTable(members []groupMember) *present.Table {
	streams := members[0].Tasks != nil
	t := present.NewTable("MEMBER", "EPOCH", "CLIENT", "HOST", "ASSIGNED")
	if streams {
		t.Head = append(t.Head[:4], "ACTIVE", "STANDBY", "WARMUP")
	}
	for _, m := range members {
		if streams {
			t.Add(m.Member, m.Epoch, m.ClientID, m.Host, strings.Join(m.Tasks.Active, ","), strings.Join(m.Tasks.Standby, ","), strings.Join(m.Tasks.Warmup, ","))
			continue
		}
		var topics []string
		for _, a := range m.Assigned {
			topics = append(topics, a.Topic+":"+strings.Trim(strings.ReplaceAll(fmt.Sprint(a.Partitions), " ", ","), "[]"))
		}
		t.Add(m.Member, m.Epoch, m.ClientID, m.Host, strings.Join(topics, " "))
	}
	return t
}
