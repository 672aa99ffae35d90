package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
	"leat/internal/wire"
)

// finalShareEpoch ends a share session.
const finalShareEpoch int32 = -1

// shareRoutes are the requests of share groups about partitions. They run on the connection's reader and never wait.
var shareRoutes = []route{
	{key: 78, handle: (*Handlers).shareFetch},
	{key: 79, handle: (*Handlers).shareAcknowledge},
}

// shareRefusal is why a request of a share group is refused as a whole, nil if it is not.
func (h *Handlers) shareRefusal(c *Call, group, member *string) *kerr.Error {
	switch {
	case h.Shares == nil || c.Image.Feature(metadata.FeatureShareVersion) < 1:
		return kerr.UnsupportedVersion
	case group == nil || member == nil || *member == "" || len(*member) > 36:
		return kerr.InvalidRequest
	}
	return nil
}

// shareAcks are the acknowledgements of one request.
type shareAcks struct {
	h       *Handlers
	c       *Call
	renew   bool // the request says that it renews
	good    []sharing.Acknowledgements
	refused map[sharing.Topic]*kerr.Error
	order   []sharing.Topic
}

// add takes up what is said of one partition.
func (a *shareAcks) add(t sharing.Topic, list []acquire.Acknowledgement, renewable bool) {
	if len(list) == 0 {
		return
	}
	a.order = append(a.order, t)
	if err := a.check(t, list, renewable); err != nil {
		if a.refused == nil {
			a.refused = make(map[sharing.Topic]*kerr.Error)
		}
		a.refused[t] = err
		return
	}
	a.good = append(a.good, sharing.Acknowledgements{Topic: t, List: list})
}

// check refuses what cannot be read, like Kafka before it looks at any record.
func (a *shareAcks) check(t sharing.Topic, list []acquire.Acknowledgement, renewable bool) *kerr.Error {
	topic, ok := a.c.Image.TopicByID(t.ID)
	switch {
	case !ok:
		return kerr.UnknownTopicID
	case !a.h.mayRead(a.c, topic):
		return kerr.TopicAuthorizationFailed
	case t.Partition < 0 || int(t.Partition) >= len(topic.Partitions):
		return kerr.UnknownTopicOrPartition
	}
	next := int64(-1)
	for i := range list {
		l := &list[i]
		if l.First > l.Last || l.First < next || len(l.Types) == 0 || len(l.Types) > 1 && int64(len(l.Types)) != l.Last-l.First+1 {
			return kerr.InvalidRequest
		}
		next = l.Last // batches that share a record are refused when they are taken up
		for _, kind := range l.Types {
			if kind < acquire.Gap || kind > acquire.Prolong || kind == acquire.Prolong && !(a.renew && renewable) {
				return kerr.InvalidRequest
			}
		}
	}
	return nil
}

// outcome is what became of the acknowledgements, for each partition of the request. It counts them.
func (a *shareAcks) outcome(h *Handlers, results []sharing.Acknowledged) map[sharing.Topic]error {
	out := make(map[sharing.Topic]error, len(a.order))
	for t, err := range a.refused {
		out[t] = err
	}
	for _, r := range results {
		out[r.Topic] = r.Err
	}
	for t, err := range out {
		if topic, ok := a.c.Image.TopicByID(t.ID); ok {
			h.Metrics.Topic(topic.Name).ShareAcknowledged(err != nil)
		}
	}
	return out
}

// shareAcknowledge takes up what a member says of records that it holds.
func (h *Handlers) shareAcknowledge(c *Call) {
	rq := c.Body.(*kmsg.ShareAcknowledgeRequest)
	resp := kmsg.NewPtrShareAcknowledgeResponse()
	if refusal := h.shareRefusal(c, rq.GroupID, rq.MemberID); refusal != nil {
		resp.ErrorCode = refusal.Code
		c.Respond(resp)
		return
	}
	group, member := *rq.GroupID, *rq.MemberID
	settings := h.Shares.Group(group)
	acks := shareAcks{h: h, c: c, renew: rq.IsRenewAck}
	for i := range rq.Topics {
		for j := range rq.Topics[i].Partitions {
			p := &rq.Topics[i].Partitions[j]
			var list []acquire.Acknowledgement
			for _, b := range p.AcknowledgementBatches {
				list = append(list, acquire.Acknowledgement{First: b.FirstOffset, Last: b.LastOffset, Types: b.AcknowledgeTypes})
			}
			acks.add(sharing.Topic{ID: rq.Topics[i].TopicID, Partition: p.Partition}, list, settings.Renew)
		}
	}
	if err := h.Shares.Acknowledging(group, member, rq.ShareSessionEpoch); err != nil {
		resp.ErrorCode = codeOf(err)
		c.Respond(resp)
		return
	}
	resp.AcquisitionLockTimeoutMillis = int32(settings.Lock.Milliseconds())
	h.Shares.Acknowledge(group, member, acks.good, func(results []sharing.Acknowledged) {
		if rq.ShareSessionEpoch != finalShareEpoch {
			h.answerAcknowledge(c, &acks, results, resp)
			return
		}
		h.Shares.CloseSession(group, member, func(_ []sharing.Acknowledged, err error) {
			resp.ErrorCode = codeOf(err)
			h.answerAcknowledge(c, &acks, results, resp)
		})
	})
}

// answerAcknowledge tells what became of the acknowledgements.
func (h *Handlers) answerAcknowledge(c *Call, acks *shareAcks, results []sharing.Acknowledged, resp *kmsg.ShareAcknowledgeResponse) {
	outcome := acks.outcome(h, results)
	var nodes []wire.NodeEndpoint
	for _, t := range acks.order {
		if n := len(resp.Topics); n == 0 || resp.Topics[n-1].TopicID != t.ID {
			topic := kmsg.NewShareAcknowledgeResponseTopic()
			topic.TopicID = t.ID
			resp.Topics = append(resp.Topics, topic)
		}
		p := kmsg.NewShareAcknowledgeResponseTopicPartition()
		p.Partition = t.Partition
		if err := outcome[t]; err != nil {
			p.ErrorCode = h.shareCode(err, t)
			if _, unread := acks.refused[t]; !unread { // Kafka tells no more of those either
				p.ErrorMessage = message(err)
			}
			if p.ErrorCode == kerr.NotLeaderForPartition.Code {
				p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = h.shareLeader(t)
				nodes = h.addNode(c, nodes, p.CurrentLeader.LeaderID)
			}
		}
		last := &resp.Topics[len(resp.Topics)-1]
		last.Partitions = append(last.Partitions, p)
	}
	for _, n := range nodes {
		endpoint := kmsg.NewShareAcknowledgeResponseNodeEndpoint()
		endpoint.NodeID, endpoint.Host, endpoint.Port, endpoint.Rack = n.NodeID, n.Host, n.Port, n.Rack
		resp.NodeEndpoints = append(resp.NodeEndpoints, endpoint)
	}
	c.Respond(resp)
}

// shareCodes are the codes of the share coordinator that a client hears as another one: it cannot ask that coordinator itself.
var shareCodes = map[int16]*kerr.Error{
	kerr.FencedLeaderEpoch.Code:         kerr.NotLeaderForPartition,
	kerr.FencedStateEpoch.Code:          kerr.NotLeaderForPartition,
	kerr.InconsistentTopicID.Code:       kerr.UnknownTopicID,
	kerr.NotCoordinator.Code:            kerr.CoordinatorNotAvailable,
	kerr.CoordinatorLoadInProgress.Code: kerr.CoordinatorNotAvailable,
}

// shareCode is the code for one partition.
func (h *Handlers) shareCode(err error, t sharing.Topic) int16 {
	tp := record.TopicPartition{Partition: t.Partition}
	if topic, ok := h.Image().TopicByID(t.ID); ok {
		tp.Topic = topic.Name
	}
	code := h.partitionCode(err, tp)
	if told, ok := shareCodes[code]; ok {
		return told.Code
	}
	return code
}

// shareLeader is who leads a partition now, as far as this node knows.
func (h *Handlers) shareLeader(t sharing.Topic) (leader, epoch int32) {
	topic, ok := h.Image().TopicByID(t.ID)
	if !ok {
		return -1, -1
	}
	return h.leaderHint(record.TopicPartition{Topic: topic.Name, Partition: t.Partition})
}

// message is an error's text.
func message(err error) *string {
	text := err.Error()
	return &text
}
