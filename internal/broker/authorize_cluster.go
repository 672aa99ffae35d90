package broker

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
	"leat/internal/wire"
)

// clusterGuards are of requests about the cluster, its nodes and its configs, and of those that only nodes send.
var clusterGuards = map[int16]guard{
	29: needsCluster(security.OpDescribe),
	30: needsCluster(security.OpAlter),
	31: needsCluster(security.OpAlter),
	32: (*Handlers).guardDescribeConfigs,
	33: (*Handlers).guardAlterConfigs,
	44: (*Handlers).guardAlterConfigs,
	43: needsCluster(security.OpAlter),
	45: needsCluster(security.OpAlter),
	46: needsCluster(security.OpDescribe),
	48: needsCluster(security.OpDescribeConfigs),
	49: needsCluster(security.OpAlterConfigs),
	50: needsCluster(security.OpDescribe),
	51: needsCluster(security.OpAlter),
	55: needsCluster(security.OpDescribe),
	57: needsCluster(security.OpAlter),
	60: (*Handlers).guardDescribeCluster,
	64: needsCluster(security.OpAlter),
	74: needsCluster(security.OpDescribeConfigs),
	75: (*Handlers).guardNothing,
	80: needsCluster(security.OpAlter),
	81: needsCluster(security.OpAlter),
	94: needsCluster(security.OpAlter),

	52: needsCluster(security.OpClusterAction),
	53: needsCluster(security.OpClusterAction),
	54: needsCluster(security.OpClusterAction),
	56: needsCluster(security.OpClusterAction),
	58: needsCluster(security.OpClusterAction),
	59: needsCluster(security.OpClusterAction),
	62: needsCluster(security.OpClusterAction),
	63: needsCluster(security.OpClusterAction),
	67: needsCluster(security.OpClusterAction),
	70: needsCluster(security.OpClusterAction),
	73: needsCluster(security.OpClusterAction),
	82: needsCluster(security.OpClusterAction),

	wire.KeyQuorumFrames: (*Handlers).guardNodes,
	wire.KeyIdentity:     (*Handlers).guardNodes,
	wire.KeyWhy:          (*Handlers).guardWhy,
}

// guardNothing is for requests of which the handler leaves out or refuses what may not be seen, page by page.
func (h *Handlers) guardNothing(*Call) bool { return true }

// guardNodes guards leat's own requests between controllers, which have no code for this.
func (h *Handlers) guardNodes(c *Call) bool {
	if h.mayCluster(c, security.OpClusterAction) {
		return true
	}
	c.Hangup(c.Conn.Principal.String() + " is not a node of this cluster: it needs CLUSTER_ACTION, or to be in super.users")
	return false
}

// guardDescribeCluster lets everybody see the brokers, and administrators the controllers.
func (h *Handlers) guardDescribeCluster(c *Call) bool {
	if !c.Conn.Control || h.mayCluster(c, security.OpAlter) {
		return true
	}
	c.Respond(denyCluster(c, security.OpAlter))
	return false
}

// configOwner is what a config resource belongs to, and the code for who may not; false for types that nobody knows.
func configOwner(t kmsg.ConfigResourceType) (security.ResourceType, *kerr.Error, bool) {
	switch metadata.ResourceType(t) {
	case metadata.TopicResource:
		return security.TopicResource, kerr.TopicAuthorizationFailed, true
	case metadata.GroupResource:
		return security.GroupResource, kerr.GroupAuthorizationFailed, true
	case metadata.BrokerResource, metadata.BrokerLoggerResource, metadata.ClientMetricsResource:
		return security.ClusterResource, kerr.ClusterAuthorizationFailed, true
	}
	return 0, nil, false
}

// mayConfig decides about one config resource; nil: it may.
func (h *Handlers) mayConfig(c *Call, op security.Operation, t kmsg.ConfigResourceType, name string) *kerr.Error {
	owner, code, known := configOwner(t)
	switch {
	case !known:
		return nil // which the handler says
	case owner == security.ClusterResource && h.mayCluster(c, op), owner != security.ClusterResource && h.may(c, op, owner, name):
		return nil
	}
	return code
}

func (h *Handlers) guardDescribeConfigs(c *Call) bool {
	return h.guardConfigs(c, security.OpDescribeConfigs)
}

func (h *Handlers) guardAlterConfigs(c *Call) bool { return h.guardConfigs(c, security.OpAlterConfigs) }

// guardConfigs refuses resources one by one.
func (h *Handlers) guardConfigs(c *Call, op security.Operation) bool {
	var codes []*kerr.Error
	others, kept := divide(c.Body, "Resources", func(r reflect.Value) bool {
		t, name := kmsg.ConfigResourceType(r.FieldByName("ResourceType").Int()), r.FieldByName("ResourceName").String()
		code := h.mayConfig(c, op, t, name)
		if code != nil {
			codes = append(codes, code)
		}
		return code == nil
	})
	if others == nil {
		return true
	}
	refused := mirror(others, kerr.ClusterAuthorizationFailed)
	list := reflect.ValueOf(refused).Elem().FieldByName("Resources")
	for i, code := range codes {
		text := denialTexts[code]
		list.Index(i).FieldByName("ErrorCode").SetInt(int64(code.Code))
		if t := kmsg.ConfigResourceType(list.Index(i).FieldByName("ResourceType").Int()); c.Body.Key() == int16(kmsg.IncrementalAlterConfigs) &&
			(t == kmsg.ConfigResourceTypeBroker || t == kmsg.ConfigResourceTypeBrokerLogger) {
			continue // Kafka has no text here
		}
		list.Index(i).FieldByName("ErrorMessage").Set(reflect.ValueOf(&text))
	}
	if kept == 0 {
		c.Respond(refused)
		return false
	}
	c.amended(func(resp kmsg.Response) { appendList(resp, refused, "Resources") })
	return true
}

// denyCredentials refuses each user once: the answer has no code of its own.
func denyCredentials(rq *kmsg.AlterUserSCRAMCredentialsRequest, text string) kmsg.Response {
	resp := kmsg.NewPtrAlterUserSCRAMCredentialsResponse()
	told := map[string]bool{}
	add := func(user string) {
		if told[user] {
			return
		}
		told[user] = true
		result := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		result.User, result.ErrorCode, result.ErrorMessage = user, kerr.ClusterAuthorizationFailed.Code, &text
		resp.Results = append(resp.Results, result)
	}
	for _, d := range rq.Deletions {
		add(d.Name)
	}
	for _, u := range rq.Upsertions {
		add(u.Name)
	}
	return resp
}

// refuseQuotas refuses each entity.
func refuseQuotas(rq *kmsg.AlterClientQuotasRequest, code int16, text string) kmsg.Response {
	resp := kmsg.NewPtrAlterClientQuotasResponse()
	for _, e := range rq.Entries {
		entry := kmsg.NewAlterClientQuotasResponseEntry()
		entry.ErrorCode, entry.ErrorMessage = code, &text
		for _, part := range e.Entity {
			entry.Entity = append(entry.Entity, kmsg.AlterClientQuotasResponseEntryEntity{Type: part.Type, Name: part.Name})
		}
		resp.Entries = append(resp.Entries, entry)
	}
	return resp
}
