package broker

import (
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
)

// Heartbeats and descriptions of the newer kinds of groups.

func (h *Handlers) mayDescribeAll(c *Call, topics []string) bool {
	slices.Sort(topics)
	all := true
	for _, name := range slices.Compact(topics) {
		all = h.may(c, security.OpDescribe, security.TopicResource, name) && all
	}
	return all
}

// guardConsumerHeartbeat wants Read on the group, and Describe on all topics that the member names.
func (h *Handlers) guardConsumerHeartbeat(c *Call) bool {
	rq := c.Body.(*kmsg.ConsumerGroupHeartbeatRequest)
	return !h.speaksConsumer(c) || h.heartbeatMay(c, rq.SubscribedTopicNames)
}

func (h *Handlers) guardShareHeartbeat(c *Call) bool {
	rq := c.Body.(*kmsg.ShareGroupHeartbeatRequest)
	return !h.sharesGroups(c) || h.heartbeatMay(c, rq.SubscribedTopicNames)
}

func (h *Handlers) guardStreamsHeartbeat(c *Call) bool {
	c.amended(listStatus) // of what is refused here
	rq := c.Body.(*kmsg.StreamsGroupHeartbeatRequest)
	if !h.speaksStreams(c) {
		return true
	}
	var topics []string
	if rq.Topology != nil && checkTopologyTopics(rq.Topology) == "" {
		for i := range rq.Topology.Subtopologies {
			s := &rq.Topology.Subtopologies[i]
			topics = append(topics, topologyTopics(s.SourceTopics, s.RepartitionSinkTopics, s.RepartitionSourceTopics, s.StateChangelogTopics)...)
		}
	}
	return h.heartbeatMay(c, topics)
}

func topologyTopics(source, sink []string, repartition, changelog []kmsg.TopicInfo) []string {
	names := slices.Concat(source, sink)
	for _, list := range [][]kmsg.TopicInfo{repartition, changelog} {
		for i := range list {
			names = append(names, list[i].Topic)
		}
	}
	return names
}

func (h *Handlers) heartbeatMay(c *Call, topics []string) bool {
	switch {
	case !h.mayGroup(c, security.OpRead, groupOf(c.Body)):
		c.Respond(refuseTop(c.Body, kerr.GroupAuthorizationFailed))
	case !h.mayDescribeAll(c, slices.Clone(topics)):
		c.Respond(refuseTop(c.Body, kerr.TopicAuthorizationFailed))
	default:
		return true
	}
	return false
}

// mayCreateForStreams picks the internal topics that the member may have made; if there is one that it may not, none is made, and the status says so.
func (h *Handlers) mayCreateForStreams(c *Call, resp *kmsg.StreamsGroupHeartbeatResponse, topics []kmsg.CreateTopicsRequestTopic) bool {
	if h.Authorizer == nil || h.mayClusterQuietly(c, security.OpCreate) {
		return true
	}
	var denied []string
	for i := range topics {
		if !h.may(c, security.OpCreate, security.TopicResource, topics[i].Topic) {
			denied = append(denied, topics[i].Topic)
		}
	}
	if len(denied) == 0 {
		return true
	}
	text := "Unauthorized to CREATE on topics " + strings.Join(denied, ", ") + "."
	for i := range resp.Status {
		if resp.Status[i].StatusCode == missingInternalTopics {
			resp.Status[i].StatusDetail += "; " + text
			return false
		}
	}
	s := kmsg.NewStreamsGroupHeartbeatResponseStatus()
	s.StatusCode, s.StatusDetail = missingInternalTopics, text
	resp.Status = append(resp.Status, s)
	return false
}

const (
	describedTopics = "The group has described topic(s) that the client is not authorized to describe."
	describedStream = "The described group uses topics that the client is not authorized to describe."
)

// guardConsumerDescribe refuses groups one by one, and those that use topics that may not be seen, without their members.
func (h *Handlers) guardConsumerDescribe(c *Call) bool {
	if !h.speaksConsumer(c) {
		return true
	}
	c.amended(func(resp kmsg.Response) {
		groups := resp.(*kmsg.ConsumerGroupDescribeResponse).Groups
		for i := range groups {
			g := &groups[i]
			var topics []string
			for j := range g.Members {
				for _, a := range []kmsg.Assignment{g.Members[j].Assignment, g.Members[j].TargetAssignment} {
					for _, t := range a.TopicPartitions {
						topics = append(topics, t.Topic)
					}
				}
			}
			if g.ErrorCode == 0 && !h.mayDescribeAll(c, topics) {
				text := describedTopics
				g.ErrorCode, g.ErrorMessage, g.Members = kerr.TopicAuthorizationFailed.Code, &text, nil
			}
		}
	})
	return h.groupsMay(c, "Groups", security.OpDescribe, func(group string) reflect.Value {
		g := kmsg.NewConsumerGroupDescribeResponseGroup()
		g.Group, g.ErrorCode, g.AuthorizedOperations = group, kerr.GroupAuthorizationFailed.Code, security.OperationsNotAsked
		return reflect.ValueOf(g)
	}, true)
}

func (h *Handlers) guardShareDescribe(c *Call) bool {
	if !h.sharesGroups(c) {
		return true
	}
	c.amended(func(resp kmsg.Response) {
		groups := resp.(*kmsg.ShareGroupDescribeResponse).Groups
		for i := range groups {
			g := &groups[i]
			var topics []string
			for j := range g.Members {
				for _, t := range g.Members[j].Assignment.TopicPartitions {
					topics = append(topics, t.Topic)
				}
			}
			if g.ErrorCode == 0 && !h.mayDescribeAll(c, topics) {
				text := describedTopics
				g.ErrorCode, g.ErrorMessage, g.Members = kerr.TopicAuthorizationFailed.Code, &text, nil
			}
		}
	})
	return h.groupsMay(c, "GroupIDs", security.OpDescribe, func(group string) reflect.Value {
		g := kmsg.NewShareGroupDescribeResponseGroup()
		g.GroupID, g.ErrorCode, g.AuthorizedOperations = group, kerr.GroupAuthorizationFailed.Code, security.OperationsNotAsked
		return reflect.ValueOf(g)
	}, true)
}

func (h *Handlers) guardStreamsDescribe(c *Call) bool {
	if !h.speaksStreams(c) {
		return true
	}
	c.amended(func(resp kmsg.Response) {
		groups := resp.(*kmsg.StreamsGroupDescribeResponse).Groups
		for i := range groups {
			g := &groups[i]
			if g.ErrorCode != 0 || g.Topology == nil {
				continue
			}
			var topics []string
			for j := range g.Topology.Subtopologies {
				s := &g.Topology.Subtopologies[j]
				topics = append(topics, topologyTopics(s.SourceTopics, s.RepartitionSinkTopics, s.RepartitionSourceTopics, s.StateChangelogTopics)...)
			}
			if !h.mayDescribeAll(c, topics) {
				text := describedStream
				g.ErrorCode, g.ErrorMessage, g.Members, g.Topology = kerr.TopicAuthorizationFailed.Code, &text, nil, nil
			}
		}
	})
	return h.groupsMay(c, "Groups", security.OpDescribe, func(group string) reflect.Value {
		g := kmsg.NewStreamsGroupDescribeResponseGroup()
		g.Group, g.ErrorCode, g.AuthorizedOperations = group, kerr.GroupAuthorizationFailed.Code, security.OperationsNotAsked
		return reflect.ValueOf(g)
	}, true)
}

// mayRead reports whether a topic may be read that a share group's request has by its id. One that nobody knows is not refused for this.
func (h *Handlers) mayRead(c *Call, topic *metadata.Topic) bool {
	return h.Authorizer == nil || topic == nil || h.may(c, security.OpRead, security.TopicResource, topic.Name)
}
