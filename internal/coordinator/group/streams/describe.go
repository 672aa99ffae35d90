package streams

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
)

// assignorName is the one assignor there is.
const assignorName = "sticky"

// topologyDescriptionNotStored says that nobody has stored a description of the topology (KIP-1331).
const topologyDescriptionNotStored int8 = 1

// describe tells all about groups.
func (k *Groups) describe(d kind.Desk, rq *kmsg.StreamsGroupDescribeRequest) *kmsg.StreamsGroupDescribeResponse {
	resp := rq.ResponseKind().(*kmsg.StreamsGroupDescribeResponse)
	for _, id := range rq.Groups {
		resp.Groups = append(resp.Groups, k.describeGroup(d, rq, id))
	}
	return resp
}

func (k *Groups) describeGroup(d kind.Desk, rq *kmsg.StreamsGroupDescribeRequest, id string) kmsg.StreamsGroupDescribeResponseGroup {
	out := kmsg.NewStreamsGroupDescribeResponseGroup()
	out.Group = id
	g := k.hard[id]
	if g == nil {
		out.ErrorCode, out.ErrorMessage = codeGroupIDNotFound, new("Group "+id+" not found.")
		if d.TypeOf(id) != kind.None {
			out.ErrorMessage = new("Group " + id + " is not a streams group.")
		}
		return out
	}
	l := k.live(id)
	out.State, out.Epoch, out.AssignmentEpoch, out.AssignorName = g.state(), g.Epoch, g.Target.Epoch, new(assignorName)
	if rq.IncludeTopologyDescription {
		out.TopologyDescriptionStatus = topologyDescriptionNotStored
	}
	if g.Topology != nil {
		out.Topology = g.Topology.described(l.configured)
	}
	for _, m := range g.sortedMembers() {
		out.Members = append(out.Members, m.described(g.Targets[m.ID], l.offsets[m.ID]))
	}
	return out
}

// described is the topology with the numbers of partitions that were decided, if it is ready.
func (t *Topology) described(c *configured) *kmsg.StreamsGroupDescribeResponseGroupTopology {
	out := kmsg.NewStreamsGroupDescribeResponseGroupTopology()
	out.Epoch = t.Epoch
	out.Subtopologies = []kmsg.StreamsGroupDescribeResponseGroupTopologySubtopology{}
	for _, s := range t.byID() {
		changelogs, repartition := s.Changelogs, s.RepartitionSource
		if c != nil && c.ready() {
			changelogs, repartition = c.subtopologies[s.ID].changelogs, c.subtopologies[s.ID].repartitionSource
		}
		sub := kmsg.NewStreamsGroupDescribeResponseGroupTopologySubtopology()
		sub.SubtopologyID = s.ID
		sub.SourceTopics = slices.Sorted(slices.Values(s.SourceTopics))
		sub.RepartitionSinkTopics = slices.Sorted(slices.Values(s.RepartitionSinks))
		sub.StateChangelogTopics, sub.RepartitionSourceTopics = infos(changelogs), infos(repartition)
		out.Subtopologies = append(out.Subtopologies, sub)
	}
	return &out
}

// infos lists internal topics by name.
func infos(topics []InternalTopic) (all []kmsg.TopicInfo) {
	for i := range topics {
		t := &topics[i]
		info := kmsg.NewTopicInfo()
		info.Topic, info.NumPartitions, info.ReplicationFactor = t.Name, t.Partitions, t.ReplicationFactor
		for _, p := range t.Configs {
			c := kmsg.NewTopicInfoConfig()
			c.Key, c.Value = p.Key, p.Value
			info.Configs = append(info.Configs, c)
		}
		all = append(all, info)
	}
	slices.SortFunc(all, func(a, b kmsg.TopicInfo) int { return cmp.Compare(a.Topic, b.Topic) })
	return all
}

func (m *member) described(target Assignment, told reported) kmsg.StreamsGroupDescribeResponseGroupMember {
	out := kmsg.NewStreamsGroupDescribeResponseGroupMember()
	out.MemberID, out.MemberEpoch, out.InstanceID, out.RackID = m.ID, m.Epoch, m.InstanceID, m.RackID
	out.ClientID, out.ClientHost, out.TopologyEpoch, out.ProcessID = m.ClientID, m.ClientHost, m.TopologyEpoch, m.ProcessID
	if m.Endpoint != nil {
		e := kmsg.NewStreamsGroupDescribeResponseGroupMemberUserEndpoint()
		e.Host, e.Port = m.Endpoint.Host, m.Endpoint.Port
		out.UserEndpoint = &e
	}
	for _, p := range m.ClientTags {
		tag := kmsg.NewStreamsGroupDescribeResponseGroupMemberClientTag()
		tag.Key, tag.Value = p.Key, p.Value
		out.ClientTags = append(out.ClientTags, tag)
	}
	out.TaskOffsets, out.TaskEndOffsets = offsetList(told.offsets), offsetList(told.ends)
	out.Assignment, out.TargetAssignment = assignmentOf(m.Assigned), assignmentOf(target)
	return out
}

func assignmentOf(a Assignment) kmsg.StreamsAssignment {
	out := kmsg.NewStreamsAssignment()
	out.ActiveTasks, out.StandbyTasks, out.WarmupTasks = a[Active].grouped(), a[Standby].grouped(), a[Warmup].grouped()
	return out
}

func offsetList(offsets map[Task]int64) (all []kmsg.TaskOffset) {
	for _, task := range slices.SortedFunc(maps.Keys(offsets), byTask) {
		o := kmsg.NewTaskOffset()
		o.SubtopologyID, o.Partition, o.Offset = task.Subtopology, task.Partition, offsets[task]
		all = append(all, o)
	}
	return all
}
