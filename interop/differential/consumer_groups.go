package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// consuming is a heartbeat of a consumer; with epoch 0 it joins.
func consuming(group, member string, epoch int32, change ...func(*kmsg.ConsumerGroupHeartbeatRequest)) *kmsg.ConsumerGroupHeartbeatRequest {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch = group, member, epoch
	if epoch == 0 {
		req.RebalanceTimeoutMillis, req.SubscribedTopicNames, req.Topics = 30000, []string{group + "-t"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	for _, c := range change {
		c(req)
	}
	return req
}

// owns says which partitions of a topic the member has.
func owns(topic [16]byte, partitions ...int32) func(*kmsg.ConsumerGroupHeartbeatRequest) {
	return func(req *kmsg.ConsumerGroupHeartbeatRequest) {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{TopicID: topic, Partitions: partitions}}
	}
}

// instance makes the member a static one.
func instance(id string) func(*kmsg.ConsumerGroupHeartbeatRequest) {
	return func(req *kmsg.ConsumerGroupHeartbeatRequest) { req.InstanceID = &id }
}

func describingConsumers(groups ...string) *kmsg.ConsumerGroupDescribeRequest {
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups, req.IncludeAuthorizedOperations = groups, true
	return req
}

// configured sets a config of a group and waits until it counts.
func (s *side) configured(group, key, value string) {
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

// consumerGroups follows a group of the new protocol through its life, and asks for what is refused.
func consumerGroups(s *side) {
	s.versions(kmsg.ConsumerGroupHeartbeat, func(v int16) {
		group := fmt.Sprintf("consumer-%d", v)
		s.coordinatorReady(group)
		s.configured(group, "consumer.assignment.interval.ms", "0")
		id := s.topic(group+"-t", 2)
		s.coordinatorKnows(group, group+"-t")
		s.do("member of no group", v, consuming(group, "a", 1))
		s.do("leave no group", v, consuming(group, "a", -1))
		s.do("described before", min(v, 1), describingConsumers(group))
		first := s.do("join", v, consuming(group, "a", 0)).(*kmsg.ConsumerGroupHeartbeatResponse)
		e := first.MemberEpoch
		s.do("nothing new", v, consuming(group, "a", e, owns(id, 0, 1)))
		s.do("join again", v, consuming(group, "a", 0))
		s.do("all of itself", v, consuming(group, "a", e, owns(id, 0, 1), func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.RebalanceTimeoutMillis, r.SubscribedTopicNames = 30000, []string{group + "-t"}
		}))
		s.do("an epoch to come", v, consuming(group, "a", e+1, owns(id, 0, 1)))
		s.do("an epoch gone by", v, consuming(group, "a", e-1, owns(id, 0, 1)))
		s.do("described", min(v, 1), describingConsumers(group))
		s.do("described as a classic group", 6, describing(group))
		s.do("not subscribed any more", v, consuming(group, "a", e, owns(id, 0, 1), func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{} }))
		s.do("revoked", v, consuming(group, "a", e, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{} }))
		s.do("deleted with a member", 2, deletingGroups(group))
		s.do("leave", v, consuming(group, "a", -1))
		s.do("leave again", v, consuming(group, "a", -1))
		s.do("described when empty", min(v, 1), describingConsumers(group))
		s.do("a static member", v, consuming(group, "b", 0, instance("i")))
		s.do("another one with its instance id", v, consuming(group, "c", 0, instance("i")))
		s.do("away for a while", v, consuming(group, "b", -2, instance("i")))
		s.do("back under another id", v, consuming(group, "c", 0, instance("i")))
		s.do("fenced", v, consuming(group, "b", 5, instance("i")))
		s.do("unknown instance", v, consuming(group, "b", 5, instance("j")))
		s.do("static member leaves", v, consuming(group, "c", -1, instance("i")))
		s.do("deleted", 2, deletingGroups(group))
	})
	s.consumersRefused()
}

// consumersRefused asks for what is wrong in itself.
func (s *side) consumersRefused() {
	s.coordinatorReady("consumer-wrong")
	for _, c := range []struct {
		step   string
		epoch  int32
		change func(*kmsg.ConsumerGroupHeartbeatRequest)
	}{
		{"no member id", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberID = "" }},
		{"no member id later", 3, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.MemberID = "" }},
		{"empty instance id", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.InstanceID = ptr("") }},
		{"empty rack", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.RackID = ptr(" ") }},
		{"no rebalance timeout", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.RebalanceTimeoutMillis = -1 }},
		{"partitions while joining", 0, owns([16]byte{1}, 0)},
		{"no partitions named while joining", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Topics = nil }},
		{"no subscription", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = nil }},
		{"an impossible epoch", -3, func(*kmsg.ConsumerGroupHeartbeatRequest) {}},
		{"away for a while without an instance", -2, func(*kmsg.ConsumerGroupHeartbeatRequest) {}},
		{"an unknown assignor", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.ServerAssignor = ptr("best") }},
		{"an unknown member", 4, func(*kmsg.ConsumerGroupHeartbeatRequest) {}},
	} {
		s.versions(kmsg.ConsumerGroupHeartbeat, func(v int16) {
			if c.step == "no member id" && v == 0 {
				return // version 0 makes one up
			}
			s.do(c.step, v, consuming("consumer-wrong", "a", c.epoch, c.change))
		})
	}
}
