package broker

import (
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/sharing"
)

// shareGuards are of requests about share groups. Their state is the nodes' own affair.
var shareGuards = map[int16]guard{
	76: (*Handlers).guardShareHeartbeat,
	77: (*Handlers).guardShareDescribe,
	79: (*Handlers).guardShareAcknowledge,
	83: (*Handlers).guardShareState,
	84: (*Handlers).guardShareState,
	85: (*Handlers).guardShareState,
	86: (*Handlers).guardShareState,
	87: (*Handlers).guardShareState,
	90: (*Handlers).guardShareOffsets,
	91: (*Handlers).guardAlterShareOffsets,
	92: (*Handlers).guardDeleteShareOffsets,
}

// guardShareAcknowledge wants Read on the group; topics are looked at with their acknowledgements.
func (h *Handlers) guardShareAcknowledge(c *Call) bool {
	rq := c.Body.(*kmsg.ShareAcknowledgeRequest)
	return h.shareRefusal(c, rq.GroupID, rq.MemberID) != nil || byGroup(security.OpRead)(h, c)
}

// guardShareState refuses each partition: the answers have no code of their own.
func (h *Handlers) guardShareState(c *Call) bool {
	if h.mayCluster(c, security.OpClusterAction) {
		return true
	}
	resp := mirror(c.Body, kerr.ClusterAuthorizationFailed)
	text := denialTexts[kerr.ClusterAuthorizationFailed]
	eachPartition(resp, func(p reflect.Value) { p.FieldByName("ErrorMessage").Set(reflect.ValueOf(&text)) })
	c.Respond(resp)
	return false
}

// guardShareOffsets refuses groups one by one, and in each group the topics that are named; of all topics it leaves out what may not be seen.
func (h *Handlers) guardShareOffsets(c *Call) bool {
	rq := c.Body.(*kmsg.DescribeShareGroupOffsetsRequest)
	if !h.sharesGroups(c) {
		return true
	}
	asked := rq.Groups
	rq.Groups = make([]kmsg.DescribeShareGroupOffsetsRequestGroup, 0, len(asked))
	denied := make([]bool, len(asked))
	refused := make([][]kmsg.DescribeShareGroupOffsetsResponseGroupTopic, len(asked))
	for i, g := range asked {
		if denied[i] = !h.mayGroup(c, security.OpDescribe, g.GroupID); denied[i] {
			continue
		}
		if g.Topics != nil {
			kept := make([]kmsg.DescribeShareGroupOffsetsRequestGroupTopic, 0, len(g.Topics))
			for _, t := range g.Topics {
				if h.may(c, security.OpDescribe, security.TopicResource, t.Topic) {
					kept = append(kept, t)
				} else {
					refused[i] = append(refused[i], deniedShareTopic(t))
				}
			}
			g.Topics = kept
		}
		rq.Groups = append(rq.Groups, g)
	}
	c.amended(func(resp kmsg.Response) {
		r := resp.(*kmsg.DescribeShareGroupOffsetsResponse)
		answers := r.Groups
		r.Groups = nil
		for i, g := range asked {
			out := kmsg.NewDescribeShareGroupOffsetsResponseGroup()
			if denied[i] {
				out.GroupID, out.ErrorCode = g.GroupID, kerr.GroupAuthorizationFailed.Code // without a text, as in Kafka
			} else if len(answers) > 0 {
				out, answers = answers[0], answers[1:]
				if g.Topics == nil {
					out.Topics = slices.DeleteFunc(out.Topics, func(t kmsg.DescribeShareGroupOffsetsResponseGroupTopic) bool {
						return !h.mayQuietly(c, security.OpDescribe, security.TopicResource, t.Topic)
					})
				}
				out.Topics = append(out.Topics, refused[i]...)
			}
			r.Groups = append(r.Groups, out)
		}
	})
	return true
}

func deniedShareTopic(t kmsg.DescribeShareGroupOffsetsRequestGroupTopic) kmsg.DescribeShareGroupOffsetsResponseGroupTopic {
	rt := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopic()
	rt.Topic = t.Topic
	text := denialTexts[kerr.TopicAuthorizationFailed]
	for _, p := range t.Partitions {
		rp := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopicPartition()
		rp.Partition, rp.StartOffset, rp.Lag, rp.ErrorCode, rp.ErrorMessage = p, -1, -1, kerr.TopicAuthorizationFailed.Code, &text
		rt.Partitions = append(rt.Partitions, rp)
	}
	return rt
}

func (h *Handlers) guardAlterShareOffsets(c *Call) bool {
	return !h.sharesGroups(c) || h.shareGroupMay(c, security.OpRead) && h.topicsMay(c, security.OpRead, func(resp kmsg.Response) {
		r := resp.(*kmsg.AlterShareGroupOffsetsResponse)
		text := denialTexts[kerr.TopicAuthorizationFailed]
		for i := range r.Topics {
			if t, ok := c.Image.Topic(r.Topics[i].Topic); ok {
				r.Topics[i].TopicID = t.ID
			}
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].ErrorMessage = &text
			}
		}
	})
}

func (h *Handlers) guardDeleteShareOffsets(c *Call) bool {
	return !h.sharesGroups(c) || h.shareGroupMay(c, security.OpDelete) && h.topicsMay(c, security.OpRead, func(resp kmsg.Response) {
		r := resp.(*kmsg.DeleteShareGroupOffsetsResponse)
		text := denialTexts[kerr.TopicAuthorizationFailed]
		for i := range r.Topics {
			r.Topics[i].ErrorMessage = &text
		}
	})
}

// shareGroupMay is byGroup with the text that these answers have.
func (h *Handlers) shareGroupMay(c *Call, op security.Operation) bool {
	if h.mayGroup(c, op, groupOf(c.Body)) {
		return true
	}
	resp := refuseTop(c.Body, kerr.GroupAuthorizationFailed)
	setMessage(resp, denialTexts[kerr.GroupAuthorizationFailed])
	c.Respond(resp)
	return false
}

// readable parts the partitions of a share fetch into those that may be read and an answer for the others.
func (h *Handlers) readable(c *Call, parts []sharing.Topic) (kept []sharing.Topic, refused []sharing.Fetched) {
	if h.Authorizer == nil {
		return parts, nil
	}
	for _, p := range parts {
		topic, _ := c.Image.TopicByID(p.ID)
		if h.mayRead(c, topic) {
			kept = append(kept, p)
		} else {
			refused = append(refused, sharing.Fetched{Topic: p, Err: errMayNotRead})
		}
	}
	return kept, refused
}

// errMayNotRead is what the answer for a partition says; its text is Kafka's.
var errMayNotRead error = &kerr.Error{Message: "Topic authorization failed.", Code: kerr.TopicAuthorizationFailed.Code}
