package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// wordTopology is the topology of a word count over a topic: lines are split into words, and words are counted.
func wordTopology(app, lines string) *kmsg.StreamsGroupHeartbeatRequestTopology {
	t := kmsg.NewStreamsGroupHeartbeatRequestTopology()
	split, count := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology(), kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	split.SubtopologyID, split.SourceTopics, split.RepartitionSinkTopics = "0", []string{lines}, []string{app + "-words-repartition"}
	count.SubtopologyID = "1"
	count.RepartitionSourceTopics = []kmsg.TopicInfo{{Topic: app + "-words-repartition"}}
	count.StateChangelogTopics = []kmsg.TopicInfo{{Topic: app + "-counts-changelog", Configs: []kmsg.TopicInfoConfig{{Key: "cleanup.policy", Value: "compact"}}}}
	t.Subtopologies = []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{split, count}
	return &t
}

// streaming is a heartbeat of a member that runs nothing.
func streaming(group, member string, epoch int32, change ...func(*kmsg.StreamsGroupHeartbeatRequest)) *kmsg.StreamsGroupHeartbeatRequest {
	req := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch = group, member, epoch
	if epoch == 0 {
		req.ActiveTasks, req.StandbyTasks, req.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
		req.RebalanceTimeoutMillis, req.ProcessID, req.Topology = 30000, ptr("process-"+member), wordTopology(group, group+"-lines")
	}
	for _, c := range change {
		c(req)
	}
	return req
}

// runs says which tasks of subtopologies 0 and 1 the member runs.
func runs(zero, one []int32) func(*kmsg.StreamsGroupHeartbeatRequest) {
	return func(req *kmsg.StreamsGroupHeartbeatRequest) {
		req.ActiveTasks, req.StandbyTasks, req.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
		if len(zero) > 0 {
			req.ActiveTasks = append(req.ActiveTasks, kmsg.TaskIDs{SubtopologyID: "0", Partitions: zero})
		}
		if len(one) > 0 {
			req.ActiveTasks = append(req.ActiveTasks, kmsg.TaskIDs{SubtopologyID: "1", Partitions: one})
		}
	}
}

func describingStreams(groups ...string) *kmsg.StreamsGroupDescribeRequest {
	req := kmsg.NewPtrStreamsGroupDescribeRequest()
	req.Groups, req.IncludeTopologyDescription, req.IncludeAuthorizedOperations = groups, true, true
	return req
}

// promptStreams has the group assign its tasks at once.
func (s *side) promptStreams(group string) {
	for key, value := range map[string]string{"streams.initial.rebalance.delay.ms": "0", "streams.assignment.interval.ms": "0"} {
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = 32, group
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Value = key, ptr(value)
		r.Configs = append(r.Configs, c)
		req.Resources = append(req.Resources, r)
		s.quiet(1, req)
		s.configSettles(32, group, key, value)
	}
}

// streamsGroups follows a streams group with one member through its life, and asks for what is refused.
func streamsGroups(s *side) {
	s.versions(kmsg.StreamsGroupHeartbeat, func(v int16) {
		group := fmt.Sprintf("streams-%d", v)
		s.coordinatorReady(group)
		s.promptStreams(group)
		s.do("member of no group", v, streaming(group, "a", 1))
		s.do("join without source topics", v, streaming(group, "a", 0))
		s.do("leave", v, streaming(group, "a", -1))
		s.topic(group+"-lines", 3)
		s.coordinatorKnows(group, group+"-lines")
		joined := s.do("join without internal topics", v, streaming(group, "a", 0)).(*kmsg.StreamsGroupHeartbeatResponse)
		s.awaitTopic(group+"-words-repartition", 3)
		s.awaitTopic(group+"-counts-changelog", 3)
		s.coordinatorKnows(group, group+"-words-repartition")
		s.coordinatorKnows(group, group+"-counts-changelog")
		epoch := joined.MemberEpoch
		s.eventually("tasks", func() bool {
			resp := s.quiet(v, streaming(group, "a", epoch, runs(nil, nil))).(*kmsg.StreamsGroupHeartbeatResponse)
			epoch = resp.MemberEpoch
			return len(resp.ActiveTasks) > 0
		})
		all := []int32{0, 1, 2}
		s.do("with all tasks", v, streaming(group, "a", epoch, runs(all, all)))
		s.do("with a task that does not exist", v, streaming(group, "a", epoch, runs([]int32{3}, nil)))
		s.do("with an epoch to come", v, streaming(group, "a", epoch+7))
		s.do("with an epoch gone by", v, streaming(group, "a", 1, runs(all, all)))
		s.do("somebody else", v, streaming(group, "nobody", 3))
		s.do("another topology", v, streaming(group, "b", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) {
			r.Topology.Subtopologies[0].SourceTopics = []string{"other"}
		}))
		s.do("described", s.last(kmsg.StreamsGroupDescribe), describingStreams(group, "streams-unknown"))
		s.do("leave for a while without an instance", v, streaming(group, "a", -2))
		s.do("shut down", v, streaming(group, "a", epoch, runs(all, all), func(r *kmsg.StreamsGroupHeartbeatRequest) { r.ShutdownApplication = true }))
		s.do("leave", v, streaming(group, "a", -1))
		s.do("leave again", v, streaming(group, "a", -1))
		s.do("described when empty", 0, describingStreams(group))
		s.do("deleted", 2, deletingGroups(group))
	})
	s.streamsRefused()
	s.versions(kmsg.StreamsGroupTopologyDescriptionUpdate, func(v int16) {
		req := kmsg.NewPtrStreamsGroupTopologyDescriptionUpdateRequest()
		req.Group, req.MemberID = "streams-1", "a"
		s.do("nobody keeps descriptions", v, req)
	})
}

func deletingGroups(groups ...string) *kmsg.DeleteGroupsRequest {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = groups
	return req
}

// streamsRefused asks for what is wrong in itself.
func (s *side) streamsRefused() {
	last := s.last(kmsg.StreamsGroupHeartbeat)
	for _, c := range []struct {
		step   string
		epoch  int32
		change func(*kmsg.StreamsGroupHeartbeatRequest)
	}{
		{"no member id", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) { r.MemberID = "" }},
		{"empty instance id", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) { r.InstanceID = ptr("") }},
		{"no topology", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) { r.Topology = nil }},
		{"no rebalance timeout", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) { r.RebalanceTimeoutMillis = -1 }},
		{"tasks while joining", 0, runs([]int32{1}, nil)},
		{"a topology later", 1, func(r *kmsg.StreamsGroupHeartbeatRequest) { r.Topology = wordTopology("x", "y") }},
		{"an impossible epoch", -3, func(*kmsg.StreamsGroupHeartbeatRequest) {}},
		{"one sort of tasks", 1, func(r *kmsg.StreamsGroupHeartbeatRequest) { r.ActiveTasks = []kmsg.TaskIDs{} }},
		{"a changelog of so many partitions", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) {
			r.Topology.Subtopologies[1].StateChangelogTopics[0].NumPartitions = 3
		}},
		{"an internal topic of Kafka", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) {
			r.Topology.Subtopologies[0].SourceTopics = []string{"__consumer_offsets"}
		}},
		{"no name for a topic", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) {
			r.Topology.Subtopologies[0].SourceTopics = []string{"a/b"}
		}},
		{"topics by pattern", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) {
			r.Topology.Subtopologies[0].SourceTopicRegex = []string{"a.*"}
		}},
	} {
		s.do(c.step, last, streaming("streams-refused", "a", c.epoch, c.change))
	}
}
