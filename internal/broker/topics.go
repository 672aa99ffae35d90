package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/uplink"
)

var topicRoutes = []route{
	{key: 19, handle: (*Handlers).createTopics, waits: true},
	{key: 20, handle: (*Handlers).deleteTopics, waits: true},
	{key: 37, handle: (*Handlers).createPartitions, waits: true},
}

// Answers of the controller reach the client once this node's image shows the change, so that the client's next request here
// finds what it made; this bounds that wait.
const imageWait = 2 * time.Second

// createTopics hands the request to the controller and waits until this node knows the topics.
func (h *Handlers) createTopics(c *Call) {
	rq := c.Body.(*kmsg.CreateTopicsRequest)
	resp, ok := h.askController(c, rq.TimeoutMillis).(*kmsg.CreateTopicsResponse)
	if !ok {
		return
	}
	if !rq.ValidateOnly {
		h.awaitImage(c, func(im *metadata.Image) bool {
			for _, t := range resp.Topics {
				if _, known := im.Topic(t.Topic); t.ErrorCode == 0 && !known {
					return false
				}
			}
			return true
		})
	}
	c.Respond(resp)
}

// deleteTopics hands the request to the controller and waits until this node has forgotten the topics.
func (h *Handlers) deleteTopics(c *Call) {
	rq := c.Body.(*kmsg.DeleteTopicsRequest)
	resp, ok := h.askController(c, rq.TimeoutMillis).(*kmsg.DeleteTopicsResponse)
	if !ok {
		return
	}
	h.awaitImage(c, func(im *metadata.Image) bool {
		for _, t := range resp.Topics {
			if t.ErrorCode != 0 {
				continue
			}
			if _, known := im.TopicByID(record.UUID(t.TopicID)); known {
				return false
			}
		}
		return true
	})
	c.Respond(resp)
}

// createPartitions hands the request to the controller and waits until this node knows the partitions.
func (h *Handlers) createPartitions(c *Call) {
	rq := c.Body.(*kmsg.CreatePartitionsRequest)
	resp, ok := h.askController(c, rq.TimeoutMillis).(*kmsg.CreatePartitionsResponse)
	if !ok {
		return
	}
	if !rq.ValidateOnly {
		wanted := make(map[string]int32, len(rq.Topics))
		for _, t := range rq.Topics {
			wanted[t.Topic] = t.Count
		}
		h.awaitImage(c, func(im *metadata.Image) bool {
			for _, t := range resp.Topics {
				topic, known := im.Topic(t.Topic)
				if t.ErrorCode == 0 && known && len(topic.Partitions) < int(wanted[t.Topic]) {
					return false
				}
			}
			return true
		})
	}
	c.Respond(resp)
}

// askController hands the call's request to the active controller. If that fails it has answered the call, and returns nil.
func (h *Handlers) askController(c *Call, timeoutMillis int32) kmsg.Response {
	ctx, cancel := context.WithTimeout(c.Gone, max(time.Duration(timeoutMillis)*time.Millisecond, time.Second))
	defer cancel()
	defer c.waiting(time.Now())
	resp, err := h.controllerFor(c).Do(asCaller(ctx, c), c.Conn.Principal, c.Body)
	if err == nil {
		return resp
	}
	code := kerr.NotController.Code
	if errors.Is(err, context.DeadlineExceeded) {
		code = kerr.RequestTimedOut.Code
	} else if known := (*kerr.Error)(nil); errors.As(err, &known) {
		code = known.Code
	}
	if c.envelope != nil && code == kerr.NotController.Code {
		sealed := kmsg.NewPtrEnvelopeResponse()
		sealed.ErrorCode = code // outside, so that the broker asks the active controller
		c.envelope.Respond(sealed)
		return nil
	}
	c.Respond(refuseAll(c.Body, code, err.Error()))
	return nil
}

// asCaller tells the controller who asks: its rules may depend on the address, and quotas on the client id.
func asCaller(ctx context.Context, c *Call) context.Context {
	ctx = uplink.WithTenant(uplink.WithCaller(ctx, c.Conn.Remote.Addr(), c.Header.ClientID), c.tenantName())
	return quorum.WithClientID(ctx, c.Header.ClientID)
}

// controllerFor is who decides about a call. What comes to a controller is decided by that one or refused: who sent it looks for the active one
// itself, and two controllers that each take the other for it must not send a request back and forth.
func (h *Handlers) controllerFor(c *Call) Controller {
	if h.OwnController != nil && (c.Conn.Control || c.envelope != nil) {
		return h.OwnController
	}
	return h.Controller
}

func (h *Handlers) awaitImage(c *Call, until func(*metadata.Image) bool) {
	ctx, cancel := context.WithTimeout(c.Gone, imageWait)
	defer cancel()
	defer c.waiting(time.Now())
	if err := h.Await(ctx, until); err != nil && c.Gone.Err() == nil {
		h.Logger.Warn("answering before this node's metadata shows the change", "api", c.Header.Key, "err", err)
	}
}

// refuseAll answers every part of a request to the controller with the same error.
func refuseAll(body kmsg.Request, code int16, message string) kmsg.Response {
	switch rq := body.(type) {
	case *kmsg.CreateTopicsRequest:
		resp := kmsg.NewPtrCreateTopicsResponse()
		for _, t := range rq.Topics {
			rt := kmsg.NewCreateTopicsResponseTopic()
			rt.Topic, rt.ErrorCode, rt.ErrorMessage = t.Topic, code, &message
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	case *kmsg.DeleteTopicsRequest:
		resp := kmsg.NewPtrDeleteTopicsResponse()
		add := func(name *string, id [16]byte) {
			rt := kmsg.NewDeleteTopicsResponseTopic()
			rt.Topic, rt.TopicID, rt.ErrorCode, rt.ErrorMessage = name, id, code, &message
			resp.Topics = append(resp.Topics, rt)
		}
		for i := range rq.TopicNames {
			add(&rq.TopicNames[i], [16]byte{})
		}
		for _, t := range rq.Topics {
			add(t.Topic, t.TopicID)
		}
		return resp
	case *kmsg.CreatePartitionsRequest:
		resp := kmsg.NewPtrCreatePartitionsResponse()
		for _, t := range rq.Topics {
			rt := kmsg.NewCreatePartitionsResponseTopic()
			rt.Topic, rt.ErrorCode, rt.ErrorMessage = t.Topic, code, &message
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	case *kmsg.ElectLeadersRequest:
		resp := kmsg.NewPtrElectLeadersResponse()
		resp.ErrorCode = code
		for _, t := range rq.Topics {
			rt := kmsg.NewElectLeadersResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewElectLeadersResponseTopicPartition()
				rp.Partition, rp.ErrorCode, rp.ErrorMessage = p, code, &message
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	case *kmsg.UpdateFeaturesRequest:
		resp := kmsg.NewPtrUpdateFeaturesResponse()
		resp.ErrorCode, resp.ErrorMessage = code, &message
		return resp
	case *kmsg.UnregisterBrokerRequest:
		resp := kmsg.NewPtrUnregisterBrokerResponse()
		resp.ErrorCode, resp.ErrorMessage = code, &message
		return resp
	}
	if resp := refuseHandedOn(body, code, message); resp != nil {
		return resp
	}
	return body.ResponseKind()
}

// autoCreate makes topics that a client named or that the platform needs, waits until this node knows who leads them, and returns the
// error codes of those that could not be made.
func (h *Handlers) autoCreate(ctx context.Context, c *Call, names []string) map[string]int16 {
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Version = rq.MaxVersion()
	rq.TimeoutMillis = int32(autoCreateWait.Milliseconds())
	for _, name := range names {
		rq.Topics = append(rq.Topics, h.autoCreated(name))
	}
	refused := make(map[string]int16)
	asking := c.Conn.Principal
	if !slices.ContainsFunc(names, func(name string) bool { return !isInternal(name) }) {
		asking = security.Self // no client has to have a right to what the platform needs
	}
	answer, err := h.controllerFor(c).Do(asCaller(ctx, c), asking, rq)
	resp, ok := answer.(*kmsg.CreateTopicsResponse)
	if err != nil || !ok {
		h.Logger.Warn("topics could not be created automatically", "topic", names[0], "err", err)
		return refused
	}
	for _, t := range resp.Topics {
		switch t.ErrorCode {
		case 0, kerr.TopicAlreadyExists.Code:
		case kerr.InvalidTopicException.Code, kerr.InvalidReplicationFactor.Code, kerr.PolicyViolation.Code:
			refused[t.Topic] = t.ErrorCode
		default:
			refused[t.Topic] = kerr.UnknownTopicOrPartition.Code
		}
		if _, failed := refused[t.Topic]; failed && isInternal(t.Topic) { // no client chose how it is made, so the operator must hear
			h.Logger.Warn("internal topic could not be created", "topic", t.Topic, "err", kerr.ErrorForCode(t.ErrorCode), "reason", deref(t.ErrorMessage))
		}
	}
	_ = h.Await(ctx, func(im *metadata.Image) bool {
		for _, name := range names {
			if _, bad := refused[name]; bad {
				continue
			}
			if t, known := im.Topic(name); !known || !led(im, t) {
				return false
			}
		}
		return true
	})
	return refused
}

// autoCreated is one of the platform's own topics, or one with what this broker's configuration says; where it says nothing the
// controller's defaults count.
func (h *Handlers) autoCreated(name string) kmsg.CreateTopicsRequestTopic {
	if t, ok := h.internalTopic(name); ok {
		return t
	}
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
	v := h.Config()
	if _, set, _ := v.Lookup("num.partitions"); set {
		t.NumPartitions = int32(v.Int("num.partitions"))
	}
	if _, set, _ := v.Lookup("default.replication.factor"); set {
		t.ReplicationFactor = int16(v.Int("default.replication.factor"))
	}
	return t
}

// led reports whether every partition of the topic has a leader.
func led(im *metadata.Image, t *metadata.Topic) bool {
	for _, p := range t.Partitions {
		if _, ok := im.Broker(p.Leader); !ok {
			return false
		}
	}
	return true
}
