package broker

import (
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
	"leat/internal/security"
)

// groupGuards are of requests about consumer groups, old and new, and streams groups.
var groupGuards = map[int16]guard{
	8:  (*Handlers).guardOffsetCommit,
	9:  (*Handlers).guardOffsetFetch,
	10: (*Handlers).guardFindCoordinator,
	11: (*Handlers).guardJoinGroup,
	12: byGroup(security.OpRead),
	13: byGroup(security.OpRead),
	14: (*Handlers).guardSyncGroup,
	15: (*Handlers).guardDescribeGroups,
	16: (*Handlers).guardListGroups,
	42: (*Handlers).guardDeleteGroups,
	47: (*Handlers).guardOffsetDelete,
	68: (*Handlers).guardConsumerHeartbeat,
	69: (*Handlers).guardConsumerDescribe,
	88: (*Handlers).guardStreamsHeartbeat,
	89: (*Handlers).guardStreamsDescribe,
	93: byGroup(security.OpRead),
}

func (h *Handlers) mayGroup(c *Call, op security.Operation, group string) bool {
	return h.may(c, op, security.GroupResource, group)
}

// groupOf is the one group that a request is about.
func groupOf(rq kmsg.Request) string {
	v := reflect.ValueOf(rq).Elem()
	for _, name := range []string{"Group", "GroupID"} {
		switch f := v.FieldByName(name); {
		case !f.IsValid():
		case f.Kind() == reflect.String:
			return f.String()
		case !f.IsNil():
			return f.Elem().String()
		}
	}
	return ""
}

// byGroup guards a request about one group whose answer has a code of its own.
func byGroup(op security.Operation) guard {
	return func(h *Handlers, c *Call) bool {
		if h.mayGroup(c, op, groupOf(c.Body)) {
			return true
		}
		c.Respond(refuseTop(c.Body, kerr.GroupAuthorizationFailed))
		return false
	}
}

func (h *Handlers) guardJoinGroup(c *Call) bool {
	rq := c.Body.(*kmsg.JoinGroupRequest)
	if h.mayGroup(c, security.OpRead, rq.Group) {
		return true
	}
	resp := rq.ResponseKind().(*kmsg.JoinGroupResponse)
	resp.ErrorCode, resp.Generation = kerr.GroupAuthorizationFailed.Code, -1
	if rq.Version < 7 {
		resp.Protocol = new(string)
	}
	c.Respond(resp)
	return false
}

// guardSyncGroup leaves requests that lack what their version must have to the handler, which refuses them whoever asks.
func (h *Handlers) guardSyncGroup(c *Call) bool {
	rq := c.Body.(*kmsg.SyncGroupRequest)
	if rq.Version >= 5 && (rq.ProtocolType == nil || rq.Protocol == nil) {
		return true
	}
	return byGroup(security.OpRead)(h, c)
}

func (h *Handlers) guardOffsetCommit(c *Call) bool {
	if !h.mayGroup(c, security.OpRead, groupOf(c.Body)) {
		c.Respond(mirror(c.Body, kerr.GroupAuthorizationFailed))
		return false
	}
	return h.topicsMay(c, security.OpRead, nil)
}

func (h *Handlers) guardOffsetDelete(c *Call) bool {
	return byGroup(security.OpDelete)(h, c) && h.topicsMay(c, security.OpRead, nil)
}

// guardOffsetFetch refuses groups and topics one by one. Who asks for all topics of a group is told of those that he may see.
func (h *Handlers) guardOffsetFetch(c *Call) bool {
	rq := c.Body.(*kmsg.OffsetFetchRequest)
	if rq.Version < 8 {
		return h.guardOldOffsetFetch(c, rq)
	}
	asked := rq.Groups
	rq.Groups = make([]kmsg.OffsetFetchRequestGroup, 0, len(asked))
	denied := make([]bool, len(asked))
	refused := make([][]kmsg.OffsetFetchResponseGroupTopic, len(asked))
	for i, g := range asked {
		if denied[i] = !h.mayGroup(c, security.OpDescribe, g.Group); denied[i] {
			continue
		}
		all := g.Topics == nil
		g.Topics, refused[i] = h.describedOffsets(c, g.Topics)
		if all {
			g.Topics = nil
		}
		rq.Groups = append(rq.Groups, g)
	}
	c.amended(func(resp kmsg.Response) {
		r := resp.(*kmsg.OffsetFetchResponse)
		answers := r.Groups
		r.Groups = nil
		for i, g := range asked {
			out := kmsg.NewOffsetFetchResponseGroup()
			if out.Group = g.Group; denied[i] {
				out.ErrorCode = kerr.GroupAuthorizationFailed.Code
			} else if len(answers) > 0 {
				out, answers = answers[0], answers[1:]
				if g.Topics == nil {
					out.Topics = h.seenOffsets(c, out.Topics)
				} else if out.ErrorCode == 0 {
					out.Topics = append(out.Topics, refused[i]...)
				}
			}
			r.Groups = append(r.Groups, out)
		}
	})
	return true
}

// describedOffsets parts topics into those that may be described and an answer for the others.
func (h *Handlers) describedOffsets(c *Call, topics []kmsg.OffsetFetchRequestGroupTopic) (kept []kmsg.OffsetFetchRequestGroupTopic, refused []kmsg.OffsetFetchResponseGroupTopic) {
	kept = make([]kmsg.OffsetFetchRequestGroupTopic, 0, len(topics))
	for _, t := range topics {
		name := t.Topic
		if t.TopicID != [16]byte{} {
			topic, ok := c.Image.TopicByID(record.UUID(t.TopicID))
			if !ok {
				kept = append(kept, t)
				continue
			}
			name = topic.Name
		}
		if h.may(c, security.OpDescribe, security.TopicResource, name) {
			kept = append(kept, t)
			continue
		}
		rt := kmsg.NewOffsetFetchResponseGroupTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
			rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata, rp.ErrorCode = p, -1, -1, new(string), kerr.TopicAuthorizationFailed.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		refused = append(refused, rt)
	}
	return kept, refused
}

func (h *Handlers) seenOffsets(c *Call, topics []kmsg.OffsetFetchResponseGroupTopic) []kmsg.OffsetFetchResponseGroupTopic {
	return slices.DeleteFunc(topics, func(t kmsg.OffsetFetchResponseGroupTopic) bool {
		name := t.Topic
		if topic, ok := c.Image.TopicByID(record.UUID(t.TopicID)); ok {
			name = topic.Name
		}
		return !h.mayQuietly(c, security.OpDescribe, security.TopicResource, name)
	})
}

// guardOldOffsetFetch is for versions of one group.
func (h *Handlers) guardOldOffsetFetch(c *Call, rq *kmsg.OffsetFetchRequest) bool {
	if !h.mayGroup(c, security.OpDescribe, rq.Group) {
		resp := mirror(rq, kerr.GroupAuthorizationFailed).(*kmsg.OffsetFetchResponse)
		if resp.Groups = nil; rq.Version >= 2 {
			resp.Topics, resp.ErrorCode = nil, kerr.GroupAuthorizationFailed.Code
		}
		noOffsets(resp)
		c.Respond(resp)
		return false
	}
	if rq.Topics == nil && rq.Version >= 2 {
		c.amended(func(resp kmsg.Response) {
			r := resp.(*kmsg.OffsetFetchResponse)
			r.Topics = slices.DeleteFunc(r.Topics, func(t kmsg.OffsetFetchResponseTopic) bool {
				return !h.mayQuietly(c, security.OpDescribe, security.TopicResource, t.Topic)
			})
		})
		return true
	}
	others, _ := divide(rq, "Topics", func(t reflect.Value) bool {
		return h.may(c, security.OpDescribe, security.TopicResource, t.FieldByName("Topic").String())
	})
	if others == nil {
		return true
	}
	refused := mirror(others, kerr.TopicAuthorizationFailed).(*kmsg.OffsetFetchResponse)
	noOffsets(refused)
	c.amended(func(resp kmsg.Response) {
		r := resp.(*kmsg.OffsetFetchResponse)
		switch {
		case r.ErrorCode == 0:
			r.Topics = append(r.Topics, refused.Topics...)
		case rq.Version < 2: // what is wrong with the group stands at each partition
			eachPartition(refused, func(p reflect.Value) { p.FieldByName("ErrorCode").SetInt(int64(r.ErrorCode)) })
			r.Topics = append(r.Topics, refused.Topics...)
		}
	})
	return true
}

// noOffsets fills in what stands where no offset is told.
func noOffsets(resp *kmsg.OffsetFetchResponse) {
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			p.Offset, p.LeaderEpoch, p.Metadata = -1, -1, new(string)
		}
	}
}

// guardFindCoordinator refuses keys one by one. Only nodes look for coordinators of share partitions.
func (h *Handlers) guardFindCoordinator(c *Call) bool {
	rq := c.Body.(*kmsg.FindCoordinatorRequest)
	if rq.CoordinatorType == shareCoordinator && rq.Version >= 6 && !h.mayCluster(c, security.OpClusterAction) {
		c.Respond(h.deniedCoordinators(rq, kerr.ClusterAuthorizationFailed))
		return false
	}
	kind, code := security.GroupResource, kerr.GroupAuthorizationFailed
	switch rq.CoordinatorType {
	case transactionCoordinator:
		kind, code = security.TransactionalIDResource, kerr.TransactionalIDAuthorizationFailed
	case groupCoordinator:
	default:
		return true
	}
	if rq.Version < 4 {
		if h.may(c, security.OpDescribe, kind, rq.CoordinatorKey) {
			return true
		}
		c.Respond(h.deniedCoordinators(rq, code))
		return false
	}
	others, kept := divide(rq, "CoordinatorKeys", func(k reflect.Value) bool { return h.may(c, security.OpDescribe, kind, k.String()) })
	if others == nil {
		return true
	}
	refused := h.deniedCoordinators(others.(*kmsg.FindCoordinatorRequest), code)
	if kept == 0 {
		c.Respond(refused)
		return false
	}
	c.amended(func(resp kmsg.Response) { appendList(resp, refused, "Coordinators") })
	return true
}

func (h *Handlers) deniedCoordinators(rq *kmsg.FindCoordinatorRequest, code *kerr.Error) *kmsg.FindCoordinatorResponse {
	resp := rq.ResponseKind().(*kmsg.FindCoordinatorResponse)
	if rq.Version < 4 {
		text := denialTexts[code]
		resp.ErrorCode, resp.ErrorMessage, resp.NodeID, resp.Port = code.Code, &text, -1, -1
		return resp
	}
	for _, key := range rq.CoordinatorKeys {
		one := kmsg.NewFindCoordinatorResponseCoordinator()
		one.Key, one.NodeID, one.Port, one.ErrorCode, one.ErrorMessage = key, -1, -1, code.Code, new(string)
		resp.Coordinators = append(resp.Coordinators, one)
	}
	return resp
}

// guardListGroups shows all groups to those who may describe the cluster, and to others those that they may describe.
func (h *Handlers) guardListGroups(c *Call) bool {
	if h.mayCluster(c, security.OpDescribe) {
		return true
	}
	c.amended(func(resp kmsg.Response) {
		list := resp.(*kmsg.ListGroupsResponse)
		list.Groups = slices.DeleteFunc(list.Groups, func(g kmsg.ListGroupsResponseGroup) bool {
			return !h.mayQuietly(c, security.OpDescribe, security.GroupResource, g.Group)
		})
	})
	return true
}

// groupsMay keeps the groups of a list that the principal may use, and answers for the others, which come first if first is set.
func (h *Handlers) groupsMay(c *Call, list string, op security.Operation, deny func(group string) reflect.Value, first bool) bool {
	others, kept := divide(c.Body, list, func(g reflect.Value) bool { return h.mayGroup(c, op, g.String()) })
	if others == nil {
		return true
	}
	names := reflect.ValueOf(others).Elem().FieldByName(list)
	refused := reflect.ValueOf(c.Body.ResponseKind()).Elem()
	denied := refused.FieldByName("Groups")
	for i := range names.Len() {
		denied.Set(reflect.Append(denied, deny(names.Index(i).String())))
	}
	if kept == 0 {
		c.Respond(refused.Addr().Interface().(kmsg.Response))
		return false
	}
	c.amended(func(resp kmsg.Response) {
		answers := reflect.ValueOf(resp).Elem().FieldByName("Groups")
		if first {
			answers.Set(reflect.AppendSlice(denied, answers))
		} else {
			answers.Set(reflect.AppendSlice(answers, denied))
		}
	})
	return true
}

func (h *Handlers) guardDeleteGroups(c *Call) bool {
	return h.groupsMay(c, "Groups", security.OpDelete, func(group string) reflect.Value {
		g := kmsg.NewDeleteGroupsResponseGroup()
		g.Group, g.ErrorCode = group, kerr.GroupAuthorizationFailed.Code
		return reflect.ValueOf(g)
	}, false)
}

func (h *Handlers) guardDescribeGroups(c *Call) bool {
	return h.groupsMay(c, "Groups", security.OpDescribe, func(group string) reflect.Value {
		g := kmsg.NewDescribeGroupsResponseGroup()
		g.Group, g.ErrorCode, g.AuthorizedOperations = group, kerr.GroupAuthorizationFailed.Code, security.OperationsNotAsked
		return reflect.ValueOf(g)
	}, true)
}
