package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/security/acl"
)

// guard looks what the principal of a call may do, before the call's handler sees it, and reports whether the handler is to be called. If not, it has
// answered. It may take parts out of the request, and have the answer amended with what these parts are told (Call.amend).
//
// So handlers know nothing of rules, with two exceptions: Produce, Fetch and ShareFetch, whose frames are not made of messages, look themselves; and so
// does who finds out about resources only later (which topics a page has, which topics are to be created).
type guard func(h *Handlers, c *Call) bool

// guards has a guard for each key but those that everybody may use. The checks are those of Kafka's KafkaApis and ControllerApis.
var guards map[int16]guard

// Set here and not where it is declared, because guards look into routes.
func init() {
	guards = make(map[int16]guard)
	for _, family := range []map[int16]guard{clusterGuards, topicGuards, dataGuards, groupGuards, shareGuards, transactionGuards, delegationGuards} {
		for key, g := range family {
			guards[key] = g
		}
	}
}

// unguarded are the keys that need no rule: Produce and Fetch look themselves, and the others everybody may use.
var unguarded = map[int16]string{
	0: "looks itself", 1: "looks itself", 78: "looks itself",
	17: "before authentication", 18: "before authentication", 36: "before authentication",
	71: "about the client itself", 72: "about the client itself",
	39: "the controller looks who owns the token", 40: "the controller looks who owns the token", 41: "looks itself",
}

// authorized reports whether the call's handler is to be called.
func (h *Handlers) authorized(c *Call) bool {
	if h.Authorizer == nil {
		return true
	}
	g := guards[c.Header.Key]
	return g == nil || g(h, c)
}

func (h *Handlers) request(c *Call, op security.Operation, t security.ResourceType, name string) acl.Request {
	return c.ofTenant(acl.Request{Principal: c.Conn.Principal, Host: c.Conn.Remote.Addr(), Operation: op, Type: t, Name: name})
}

// may reports whether the principal of a call may do something. A refusal is logged.
func (h *Handlers) may(c *Call, op security.Operation, t security.ResourceType, name string) bool {
	allowed := h.mayQuietly(c, op, t, name)
	if !allowed {
		h.denials.log(h.Logger, c, op, t, name)
		h.auditDenied(c, op, t, name)
		h.noteDenied(c, op, t, name)
	}
	return allowed
}

// mayQuietly is may for what is only a filter, or the first of several ways to be allowed.
func (h *Handlers) mayQuietly(c *Call, op security.Operation, t security.ResourceType, name string) bool {
	if h.Authorizer == nil || c.administersTenant() {
		return true
	}
	allowed := h.Authorizer.Allowed(c.Image.Rules(), h.request(c, op, t, name))
	h.Metrics.Authorization(allowed)
	return allowed
}

func (h *Handlers) mayCluster(c *Call, op security.Operation) bool {
	return h.may(c, op, security.ClusterResource, acl.ClusterName)
}

func (h *Handlers) mayClusterQuietly(c *Call, op security.Operation) bool {
	return h.mayQuietly(c, op, security.ClusterResource, acl.ClusterName)
}

// operations is the authorised-operations field of a resource.
func (h *Handlers) operations(c *Call, t security.ResourceType, name string) int32 {
	if c.administersTenant() {
		return security.AllOperations(t)
	}
	return h.Authorizer.Operations(c.Image.Rules(), h.request(c, 0, t, name))
}

// clusterOperations is the field of the cluster: empty for those that may not describe it.
func (h *Handlers) clusterOperations(c *Call) int32 {
	if !h.mayCluster(c, security.OpDescribe) {
		return 0
	}
	return h.operations(c, security.ClusterResource, acl.ClusterName)
}

// denialTexts are Kafka's, for answers that have a place for them.
var denialTexts = map[*kerr.Error]string{
	kerr.TopicAuthorizationFailed:           "Topic authorization failed.",
	kerr.GroupAuthorizationFailed:           "Group authorization failed.",
	kerr.ClusterAuthorizationFailed:         "Cluster authorization failed.",
	kerr.TransactionalIDAuthorizationFailed: "Transactional Id authorization failed.",
}

// needsCluster guards a request that is all about the cluster.
func needsCluster(op security.Operation) guard {
	return func(h *Handlers, c *Call) bool {
		if h.mayCluster(c, op) {
			return true
		}
		c.Respond(denyCluster(c, op))
		return false
	}
}

// denyCluster is the answer to a request that needs an operation on the cluster.
func denyCluster(c *Call, op security.Operation) kmsg.Response {
	const code = 31
	text := "Request " + apiName(c.Header.Key) + " needs " + operationNames[op] + " permission."
	switch rq := c.Body.(type) {
	case *kmsg.AlterUserSCRAMCredentialsRequest:
		return denyCredentials(rq, text)
	case *kmsg.AlterClientQuotasRequest:
		return refuseQuotas(rq, code, text)
	case *kmsg.ElectLeadersRequest, *kmsg.AlterPartitionAssignmentsRequest, *kmsg.CreateACLsRequest, *kmsg.DeleteACLsRequest:
		return refuseAll(c.Body, code, text)
	}
	resp := refuseTop(c.Body, kerr.ClusterAuthorizationFailed)
	if _, ok := c.Body.(*kmsg.DescribeClientQuotasRequest); !ok { // which Kafka answers without words
		setMessage(resp, text)
	}
	return resp
}
