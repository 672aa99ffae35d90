package broker

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/quota"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/why"
)

// Answers with these codes are remembered for a while, so that somebody who wonders can be told: each has a cause that package why knows.
var notableCodes = codeSet(kerr.OffsetOutOfRange, kerr.CorruptMessage, kerr.UnknownTopicOrPartition, kerr.MessageTooLarge, kerr.CoordinatorLoadInProgress,
	kerr.RecordListTooLarge, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.InvalidTimestamp, kerr.PolicyViolation, kerr.OutOfOrderSequenceNumber,
	kerr.InvalidProducerEpoch, kerr.KafkaStorageError, kerr.UnknownProducerID, kerr.InvalidRecord, kerr.ThrottlingQuotaExceeded, kerr.ProducerFenced, kerr.UnknownTopicID)

func codeSet(all ...*kerr.Error) map[int16]bool {
	set := make(map[int16]bool, len(all))
	for _, e := range all {
		set[e.Code] = true
	}
	return set
}

// notable remembers that a call was refused something. Detail may be empty.
func (c *Call) notable(code int16, resource, detail string) {
	if c.recent == nil || code == 0 || !notableCodes[code] || ofNode(c.Header.ClientID) {
		return
	}
	e := c.event(why.Refused)
	e.Code, e.Resource, e.Detail = kerr.TypedErrorForCode(code).Message, resource, detail
	c.recent.Note(e)
}

// event is what there is to say of a call.
func (c *Call) event(kind why.Kind) why.Event {
	return why.Event{Kind: kind, ClientID: c.Header.ClientID, Principal: c.Conn.Principal.String(), Host: c.Conn.Remote.Addr().Unmap().String(),
		Listener: c.Conn.Listener, API: apiName(c.Header.Key)}
}

func partitionResource(tp record.TopicPartition) string { return "partition:" + tp.String() }

// notableAnswer remembers what an answer refuses: as a whole, or in the parts of those that clients mostly run into.
func (c *Call) notableAnswer(resp kmsg.Response, code int16) {
	if c.recent == nil {
		return
	}
	if code != 0 {
		if notableCodes[code] {
			c.notable(code, c.firstResource(), "")
		}
		return
	}
	switch r := resp.(type) {
	case *kmsg.MetadataResponse:
		for i := range r.Topics {
			if t := &r.Topics[i]; t.ErrorCode != 0 && t.Topic != nil {
				c.notable(t.ErrorCode, "topic:"+*t.Topic, "")
			}
		}
	case *kmsg.CreateTopicsResponse:
		for i := range r.Topics {
			c.notable(r.Topics[i].ErrorCode, "topic:"+r.Topics[i].Topic, text(r.Topics[i].ErrorMessage))
		}
	case *kmsg.CreatePartitionsResponse:
		for i := range r.Topics {
			c.notable(r.Topics[i].ErrorCode, "topic:"+r.Topics[i].Topic, text(r.Topics[i].ErrorMessage))
		}
	case *kmsg.AddPartitionsToTxnResponse:
		c.notableParts(r.Topics)
	case *kmsg.FindCoordinatorResponse:
		for i := range r.Coordinators {
			c.notable(r.Coordinators[i].ErrorCode, "group:"+r.Coordinators[i].Key, "")
		}
	}
}

// notableParts remembers the first refused partition of a request to add partitions to a transaction.
func (c *Call) notableParts(topics []kmsg.AddPartitionsToTxnResponseTopic) {
	for i := range topics {
		for _, p := range topics[i].Partitions {
			if p.ErrorCode != 0 {
				c.notable(p.ErrorCode, c.firstResource(), "")
				return
			}
		}
	}
}

// notable remembers that a partition of a produce request was refused.
func (p *produceCall) notable(index int) {
	r := &p.results[index]
	if p.c.recent == nil || !notableCodes[r.ErrorCode] {
		return
	}
	i := 0
	for part := range p.rq.Partitions {
		if i == index {
			name, known := p.topicName(part)
			if !known {
				p.c.notable(r.ErrorCode, "topic:"+part.TopicID.String(), r.ErrorMessage)
				return
			}
			p.c.notable(r.ErrorCode, partitionResource(record.TopicPartition{Topic: name, Partition: part.Partition}), r.ErrorMessage)
			return
		}
		i++
	}
}

// noteThrottle remembers that the client of a call is made to wait.
func (c *Call) noteThrottle(quota string, ms int64) {
	if c.recent == nil {
		return
	}
	e := c.event(why.Throttled)
	e.API, e.Detail, e.Amount = "", quota, ms
	c.recent.Note(e)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// firstResource is the first resource that the request names.
func (c *Call) firstResource() string {
	if c.Body == nil {
		return ""
	}
	var r resourcesFound
	r.walk(c, reflect.ValueOf(c.Body).Elem())
	if len(r.all) == 0 {
		return ""
	}
	return r.all[0].Type + ":" + r.all[0].Name
}

// noteDenied remembers that a principal was denied something.
func (h *Handlers) noteDenied(c *Call, op security.Operation, t security.ResourceType, name string) {
	if h.Recent == nil {
		return
	}
	e := c.event(why.Denied)
	e.Detail, e.Resource = lower(operationNames[op]), resourceTypeWords[t]+":"+name
	h.Recent.Note(e)
}

// quotaNamed is the name of the quota that a client is over: that of bytes, of time, or the controller's.
func quotaNamed(q *quotaCall, bytes *meter, byBytes, byTime int64) string {
	switch {
	case byTime >= byBytes && q.request == nil:
		return "leat.tenant.*.request.percentage"
	case byTime >= byBytes:
		return quota.Keys[quota.Request]
	case bytes != nil:
		return quota.Keys[bytes.who.Kind]
	}
	return quota.Keys[quota.Mutation]
}
