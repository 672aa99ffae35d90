package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/streams"
	"leat/internal/metadata"
	"leat/internal/security"
)

var streamsRoutes = []route{
	{key: 88, handle: (*Handlers).streamsGroupHeartbeat},
	{key: 89, handle: (*Handlers).streamsGroupDescribe},
	{key: 93, handle: (*Handlers).streamsTopologyDescription},
}

// missingInternalTopics is the status of a streams group whose internal topics are not there yet.
const missingInternalTopics int8 = 3

// speaksStreams reports whether streams groups are switched on: by the brokers' configs and by the cluster's features.
func (h *Handlers) speaksStreams(c *Call) bool {
	return slices.Contains(h.Config().List("group.coordinator.rebalance.protocols"), "streams") && c.Image.Feature(metadata.FeatureStreamsVersion) > 0
}

// streamsGroupHeartbeat hands a heartbeat to the group's coordinator, and has the topics made that the application lacks.
func (h *Handlers) streamsGroupHeartbeat(c *Call) {
	c.amended(listStatus)
	rq := c.Body.(*kmsg.StreamsGroupHeartbeatRequest)
	resp := rq.ResponseKind().(*kmsg.StreamsGroupHeartbeatResponse)
	if !h.speaksStreams(c) {
		resp.ErrorCode = kerr.UnsupportedVersion.Code
		c.Respond(resp)
		return
	}
	if wrong := checkTopologyTopics(rq.Topology); wrong != "" {
		resp.ErrorCode, resp.ErrorMessage = kerr.StreamsInvalidTopology.Code, &wrong
		c.Respond(resp)
		return
	}
	h.submit(c, rq.Group, rq, func(answer kmsg.Response) {
		a, ok := answer.(*streams.Answer)
		if !ok {
			c.Respond(answer) // the coordinator is not here
			return
		}
		if len(a.Create) == 0 || !h.mayCreateForStreams(c, a.StreamsGroupHeartbeatResponse, a.Create) {
			c.Respond(a.StreamsGroupHeartbeatResponse)
			return
		}
		retry := 2 * time.Duration(a.HeartbeatIntervalMillis) * time.Millisecond
		create, failed := h.topicsForStreams.begin(time.Now(), a.Create)
		tellFailed(a.StreamsGroupHeartbeatResponse, failed)
		c.Respond(a.StreamsGroupHeartbeatResponse)
		if len(create) > 0 {
			go h.run(route{handle: func(h *Handlers, c *Call) { h.createForStreams(c, create, retry) }}, c)
		}
	})
}

// listStatus has a heartbeat's status told as a list, also where there is nothing to tell and by whoever refuses: readers of it take null for another answer.
func listStatus(resp kmsg.Response) {
	if beat, ok := resp.(*kmsg.StreamsGroupHeartbeatResponse); ok && beat.Status == nil {
		beat.Status = []kmsg.StreamsGroupHeartbeatResponseStatus{}
	}
}

// checkTopologyTopics says what is wrong with the names of a topology's topics, "" if nothing is.
func checkTopologyTopics(t *kmsg.StreamsGroupHeartbeatRequestTopology) string {
	if t == nil {
		return ""
	}
	var names, internal, invalid []string
	for i := range t.Subtopologies {
		s := &t.Subtopologies[i]
		names = append(append(names, s.SourceTopics...), s.RepartitionSinkTopics...)
		for _, topics := range [][]kmsg.TopicInfo{s.RepartitionSourceTopics, s.StateChangelogTopics} {
			for j := range topics {
				names = append(names, topics[j].Topic)
			}
		}
	}
	seen := make(map[string]bool)
	for _, name := range names {
		switch {
		case seen[name]:
		case metadata.InternalTopic(name):
			internal = append(internal, name)
		case metadata.CheckTopicName(name) != nil:
			invalid = append(invalid, name)
		}
		seen[name] = true
	}
	switch {
	case len(internal) > 0:
		return "Use of Kafka internal topics " + strings.Join(internal, ",") + " in a Kafka Streams topology is prohibited."
	case len(invalid) > 0:
		return "Topic names " + strings.Join(invalid, ",") + " are not valid topic names."
	}
	return ""
}

// tellFailed adds to the status why topics could not be made.
func tellFailed(resp *kmsg.StreamsGroupHeartbeatResponse, failed []string) {
	if len(failed) == 0 {
		return
	}
	list := strings.Join(failed[:min(3, len(failed))], ", ")
	if n := len(failed) - 3; n > 0 {
		list += fmt.Sprintf(" and %d more", n)
	}
	for i := range resp.Status {
		if resp.Status[i].StatusCode == missingInternalTopics {
			resp.Status[i].StatusDetail += "; Creation failed: " + list + "."
			return
		}
	}
}

// createForStreams asks the controller for internal topics of a streams application, on behalf of the member.
func (h *Handlers) createForStreams(c *Call, topics []kmsg.CreateTopicsRequestTopic, retry time.Duration) {
	failed := make(map[string]string)
	defer func() { h.topicsForStreams.end(time.Now().Add(retry), topics, failed) }()
	ctx, cancel := context.WithTimeout(c.Gone, autoCreateWait)
	defer cancel()
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Version, rq.TimeoutMillis, rq.Topics = rq.MaxVersion(), int32(autoCreateWait.Milliseconds()), topics
	answer, err := h.controllerFor(c).Do(asCaller(ctx, c), c.Conn.Principal, rq)
	resp, ok := answer.(*kmsg.CreateTopicsResponse)
	if err != nil || !ok {
		for i := range topics {
			failed[topics[i].Topic] = fmt.Sprint(err)
		}
		h.Logger.Warn("internal topics of a streams application could not be created", "topic", topics[0].Topic, "err", err)
		return
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.ErrorCode == 0 {
			continue
		}
		reason := deref(t.ErrorMessage)
		if reason == "" {
			reason = fmt.Sprint(kerr.ErrorForCode(t.ErrorCode))
		}
		if failed[t.Topic] = reason; t.ErrorCode != kerr.TopicAlreadyExists.Code {
			h.Logger.Warn("internal topic of a streams application could not be created", "topic", t.Topic, "err", kerr.ErrorForCode(t.ErrorCode), "reason", reason)
		}
	}
}

// streamsGroupDescribe asks each group's coordinator.
func (h *Handlers) streamsGroupDescribe(c *Call) {
	rq := c.Body.(*kmsg.StreamsGroupDescribeRequest)
	resp := rq.ResponseKind().(*kmsg.StreamsGroupDescribeResponse)
	if !h.speaksStreams(c) {
		for _, id := range rq.Groups {
			g := kmsg.NewStreamsGroupDescribeResponseGroup()
			g.Group, g.ErrorCode = id, kerr.UnsupportedVersion.Code
			resp.Groups = append(resp.Groups, g)
		}
		c.Respond(resp)
		return
	}
	one := func(i int) (string, kmsg.Request) {
		part := kmsg.NewPtrStreamsGroupDescribeRequest()
		part.Version, part.Groups, part.IncludeTopologyDescription = rq.Version, rq.Groups[i:i+1], rq.IncludeTopologyDescription
		return rq.Groups[i], part
	}
	h.gather(c, len(rq.Groups), one, func(parts []kmsg.Response) {
		for _, part := range parts {
			resp.Groups = append(resp.Groups, part.(*kmsg.StreamsGroupDescribeResponse).Groups...)
		}
		for i := range resp.Groups {
			g := &resp.Groups[i]
			g.AuthorizedOperations = security.OperationsNotAsked
			if rq.IncludeAuthorizedOperations && g.ErrorCode == 0 {
				g.AuthorizedOperations = h.operations(c, security.GroupResource, g.Group)
			}
		}
		c.Respond(resp)
	})
}

// streamsTopologyDescription refuses the description of a topology: as in a Kafka without a plugin for them, nobody keeps them, and no
// member is asked for one.
func (h *Handlers) streamsTopologyDescription(c *Call) {
	resp := c.Body.ResponseKind().(*kmsg.StreamsGroupTopologyDescriptionUpdateResponse)
	resp.ErrorCode = kerr.UnsupportedVersion.Code
	if resp.ErrorMessage = new("The version of API is not supported."); h.speaksStreams(c) {
		resp.ErrorMessage = new("The broker has no streams group topology description plugin configured.")
	}
	c.Respond(resp)
}
