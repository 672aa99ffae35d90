package broker

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/audit"
	"leat/internal/coordinator"
	"leat/internal/security"
	"leat/internal/sharing"
)

// AuditTopic is where the audit log goes. Clients may read it, if ACLs let them, and never write to it.
const AuditTopic = "__leat_audit"

// administrative are the requests that change the cluster or tell what is secret about it: each is told, whatever becomes of it. Heartbeats and whatever
// else nodes say among each other are not among them, nor are clients' own offsets and transactions.
var administrative = map[int16]bool{
	19: true, 20: true, 21: true, 37: true, // topics, records, partitions
	29: true, 30: true, 31: true, // ACLs
	33: true, 44: true, // configs
	34: true, 43: true, 45: true, // replicas, leaders
	38: true, 39: true, 40: true, 41: true, // delegation tokens
	42: true, 47: true, 91: true, 92: true, // groups and their offsets
	49: true, 50: true, 51: true, // quotas, SCRAM credentials
	57: true, 64: true, 80: true, 81: true, 94: true, // features, nodes, voters
}

// resourceTypeWords are as in the options of Kafka's tools.
var resourceTypeWords = [...]string{"unknown", "any", "topic", "group", "cluster", "transactional-id", "delegation-token", "user"}

// auditRequest has the answer to an administrative request told. What a node of the cluster hands on for a client, that node tells.
func (h *Handlers) auditRequest(c *Call) {
	if !h.Audit.On() || !administrative[c.Header.Key] || c.envelope != nil && ofNode(c.envelope.Header.ClientID) {
		return
	}
	asked, resources := h.auditAsked(c) // before the handler, which may change the request
	c.told = func(resp kmsg.Response) {
		e := auditEvent(c)
		e.Kind, e.Resources, e.Asked = audit.Request, resources, asked
		e.Errors, e.Outcome = auditOutcome(resp)
		h.Audit.Record(e)
	}
}

// auditEvent is what an event says of a call.
func auditEvent(c *Call) audit.Event {
	e := audit.Event{
		Principal: c.Conn.Principal.String(), Mechanism: c.Conn.Mechanism, Token: c.Conn.TokenAuthenticated, Client: c.Conn.Remote.Addr().Unmap().String(),
		Listener: c.Conn.Listener, ClientID: c.Header.ClientID, API: apiName(c.Header.Key),
	}
	auditCall(&e, c)
	return e
}

// auditCall adds what is of one call alone.
func auditCall(e *audit.Event, c *Call) {
	correlation, version := c.Header.CorrelationID, c.Header.Version
	e.Connection, e.Correlation, e.Version = c.Conn.ID, &correlation, &version
}

// auditSame is what makes a call of a principal the same as another one.
func auditSame(c *Call, operation string, t security.ResourceType, name string) audit.Same {
	return audit.Same{
		PrincipalType: c.Conn.Principal.Type, Name: c.Conn.Principal.Name, Mechanism: c.Conn.Mechanism, Token: c.Conn.TokenAuthenticated,
		Client: c.Conn.Remote.Addr(), Listener: c.Conn.Listener, ClientID: c.Header.ClientID, API: apiName(c.Header.Key), Operation: operation,
		ResourceType: resourceTypeWords[t], Resource: name,
	}
}

// auditDenied tells of a refusal.
func (h *Handlers) auditDenied(c *Call, op security.Operation, t security.ResourceType, name string) {
	if !h.Audit.On() {
		return
	}
	same := auditSame(c, operationNames[op], t, name)
	same.Kind, same.Outcome = audit.Authorization, audit.Denied
	h.Audit.Seen(&same, func(e *audit.Event) { auditCall(e, c) })
}

// auditData tells of an access to data that was allowed, if a rule wants it.
func (h *Handlers) auditData(c *Call, write bool, t security.ResourceType, name string) {
	if !h.Audit.Wants(write, resourceTypeWords[t], name, c.Conn.Principal.String) || name == AuditTopic && write {
		return
	}
	operation := "READ"
	if write {
		operation = "WRITE"
	}
	same := auditSame(c, operation, t, name)
	same.Kind, same.Outcome = audit.Access, audit.Success
	h.Audit.Seen(&same, func(e *audit.Event) { auditCall(e, c) })
}

// auditAccess tells of requests that deal with groups and transactional ids, by rule. Those that read and write records tell themselves.
func (h *Handlers) auditAccess(c *Call) {
	if !h.Audit.WantsData() {
		return
	}
	group := func(name string) { h.auditData(c, false, security.GroupResource, name) }
	transaction := func(id string) { h.auditData(c, true, security.TransactionalIDResource, id) }
	switch rq := c.Body.(type) {
	case *kmsg.JoinGroupRequest:
		group(rq.Group)
	case *kmsg.ConsumerGroupHeartbeatRequest:
		group(rq.Group)
	case *kmsg.StreamsGroupHeartbeatRequest:
		group(rq.Group)
	case *kmsg.ShareGroupHeartbeatRequest:
		group(rq.GroupID)
	case *kmsg.ShareAcknowledgeRequest:
		if rq.GroupID != nil {
			group(*rq.GroupID)
		}
		for i := range rq.Topics {
			if topic, ok := c.Image.TopicByID(rq.Topics[i].TopicID); ok {
				h.auditData(c, false, security.TopicResource, topic.Name)
			}
		}
	case *kmsg.OffsetCommitRequest:
		group(rq.Group)
	case *kmsg.OffsetFetchRequest:
		group(rq.Group)
		for i := range rq.Groups {
			group(rq.Groups[i].Group)
		}
	case *kmsg.TxnOffsetCommitRequest:
		group(rq.Group)
		transaction(rq.TransactionalID)
	case *kmsg.InitProducerIDRequest:
		if rq.TransactionalID != nil {
			transaction(*rq.TransactionalID)
		}
	case *kmsg.EndTxnRequest:
		transaction(rq.TransactionalID)
	}
}

// audit tells which topics a produce request writes to, but for those that were refused.
func (p *produceCall) audit() {
	if !p.h.Audit.WantsData() {
		return
	}
	last, index := "", 0
	for part := range p.rq.Partitions {
		name, known := p.topicName(part)
		if known && name != last && !p.mayNot(index) {
			last = name
			p.h.auditData(p.c, true, security.TopicResource, name)
		}
		index++
	}
}

// audit tells which topics a fetch reads, but for those that were refused.
func (f *fetchCall) audit() {
	if !f.h.Audit.WantsData() {
		return
	}
	last := ""
	for i := range f.parts {
		if p := &f.parts[i]; p.exists() && p.topic.Name != last {
			last = p.topic.Name
			f.h.auditData(f.c, false, security.TopicResource, last)
		}
	}
}

func (f *shareFetchCall) audit(parts []sharing.Topic) {
	if !f.h.Audit.WantsData() {
		return
	}
	f.h.auditData(f.c, false, security.GroupResource, f.group)
	for _, p := range parts {
		if topic, ok := f.c.Image.TopicByID(p.ID); ok {
			f.h.auditData(f.c, false, security.TopicResource, topic.Name)
		}
	}
}

// mayWriteInternal reports whether a produce request may write to one of the platform's own topics. As in Kafka a certain client id will do, but what
// only nodes write needs more.
func (p *produceCall) mayWriteInternal(topic string) bool {
	switch topic {
	case coordinator.TimersTopic:
		return false
	case AuditTopic:
		return ofNode(p.c.Header.ClientID) && (p.h.Authorizer == nil || p.h.mayCluster(p.c, security.OpClusterAction))
	}
	return p.c.Header.ClientID == adminClient
}

// auditTopicConfigs are how the audit topic is made.
func (h *Handlers) auditTopicConfigs(t *kmsg.CreateTopicsRequestTopic, configure func(key, value string)) {
	v := h.Config()
	t.NumPartitions = int32(v.Int("leat.audit.topic.num.partitions"))
	t.ReplicationFactor = h.internalReplication("leat.audit.topic.replication.factor")
	t.Configs = slices.DeleteFunc(t.Configs, func(c kmsg.CreateTopicsRequestTopicConfig) bool { return c.Name == "cleanup.policy" })
	configure("cleanup.policy", "delete")
	configure("compression.type", "producer")
	configure("min.insync.replicas", strconv.Itoa(min(v.Int("leat.audit.topic.min.isr"), int(t.ReplicationFactor))))
	configure("retention.ms", strconv.FormatInt(v.Int64("leat.audit.topic.retention.ms"), 10))
}

// refusals are the error codes that say that somebody may not.
var refusals = map[int16]bool{
	kerr.TopicAuthorizationFailed.Code: true, kerr.GroupAuthorizationFailed.Code: true, kerr.ClusterAuthorizationFailed.Code: true,
	kerr.TransactionalIDAuthorizationFailed.Code: true, kerr.DelegationTokenAuthorizationFailed.Code: true,
}

// errorWord is an error code as Kafka names it.
func errorWord(code int16) string {
	if e := kerr.TypedErrorForCode(code); e != nil {
		return e.Message
	}
	return strconv.Itoa(int(code))
}
