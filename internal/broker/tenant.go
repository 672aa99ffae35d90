package broker

import (
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/security/acl"
	"leat/internal/tenant"
)

// connState is what is kept of a connection.
type connState struct {
	line produceLine

	// The connection's reader looks.
	quota     *clientQuota
	quotaUser security.Principal

	// Of the tenant's; the connection's reader looks.
	directory *tenant.Directory // that told the tenant
	principal security.Principal
	tenant    *tenant.Tenant
	seat      *seat
}

// stateOf is that of the call's connection; it is the reader's.
func stateOf(c *Call) *connState {
	s, ok := c.Conn.State.(*connState)
	if !ok {
		s = new(connState)
		c.Conn.State = s
	}
	return s
}

// seat is the place of a connection among those of its tenant.
type seat struct {
	mu   sync.Mutex
	of   *tenant.Usage // nil: none
	gone bool
}

// take leaves the place that the connection had, and takes one of a tenant if there is one.
func (s *seat) take(t *tenant.Tenant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != nil {
		s.of.Disconnect()
		s.of = nil
	}
	if t == nil || s.gone {
		return true
	}
	if !t.Usage.Connect(t.Limits.Connections) {
		return false
	}
	s.of = t.Usage
	return true
}

func (s *seat) leave() {
	s.take(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
}

// tenantMask hides the ids of topics of others, see tenant.Exchange.
var tenantMask = sync.OnceValue(func() (mask [16]byte) {
	rand.Read(mask[:]) // never fails
	return mask
})

// entered lets the call of a tenant's client in: from here on its request speaks of inner names, and its answer is turned back when it leaves. It reports
// whether the call goes on; if not, it is answered.
func (h *Handlers) entered(c *Call) bool {
	if h.Tenants == nil || c.Conn.Control {
		return true
	}
	directory := h.Tenants()
	if directory == nil || tenant.Treat(c.Header.Key) == tenant.Open {
		return true
	}
	t, ok := h.tenantOf(c, directory)
	if !ok {
		reason := fmt.Sprintf("tenant %s has %d connections to this broker, as many as it may (%s)", t.Name, t.Limits.Connections, maxConnections(t))
		time.AfterFunc(refusedFor, func() { c.Hangup(reason) })
		return false
	}
	if t == nil {
		return true
	}
	if tenant.Treat(c.Header.Key) == tenant.Refused || tenant.OfNodes(c.Body) {
		h.refuseTenant(c)
		return false
	}
	x := t.Begin(clusterView{c.Image}, tenantMask())
	if c.Header.Key != keyProduce && c.Header.Key != keyFetch { // which look themselves
		if err := x.In(c.Body); err != nil {
			c.Hangup(fmt.Sprintf("request of a client of tenant %s: %v", t.Name, err))
			return false
		}
	}
	c.tenant = x
	return true
}

// refusedFor is how long a connection that is one too many stays before it is closed. Most clients connect again as soon as they can, and a tenant at its limit must
// not take the processors from others by that.
const refusedFor = time.Second

// tenantOf is the tenant of the call's connection, nil if it has none; false: there is no place for it. It is looked up once, and again after a change.
func (h *Handlers) tenantOf(c *Call, directory *tenant.Directory) (*tenant.Tenant, bool) {
	s := stateOf(c)
	if s.directory == directory && s.principal == c.Conn.Principal {
		return s.tenant, true
	}
	t := directory.Of(c.Conn.Listener, c.Conn.Principal.String(), groupsOf(c.Conn.Principal))
	if t == nil && s.seat == nil {
		s.directory, s.principal, s.tenant = directory, c.Conn.Principal, nil
		return nil, true
	}
	if s.seat == nil {
		s.seat = new(seat)
		context.AfterFunc(c.Gone, s.seat.leave)
	}
	if s.tenant == nil || t == nil || s.tenant.Usage != t.Usage {
		if !s.seat.take(t) {
			return t, false
		}
	}
	s.directory, s.principal, s.tenant = directory, c.Conn.Principal, t
	return t, true
}

// groupsOf are the groups that a principal's token names.
func groupsOf(p security.Principal) (groups []string) {
	for rest := p.Groups; rest != ""; {
		var group string
		group, rest = security.NextGroup(rest)
		groups = append(groups, group)
	}
	return groups
}

// refuseTenant answers what is not for tenants, as it answers those who may do nothing to the cluster.
func (h *Handlers) refuseTenant(c *Call) {
	switch rq := c.Body.(type) {
	case *kmsg.AlterReplicaLogDirsRequest:
		c.Respond(refuseDirs(rq))
	case *kmsg.FetchRequest:
		c.Respond(refuseFetch(rq))
	case *kmsg.FindCoordinatorRequest:
		c.Respond(refuseCoordinators(rq))
	default:
		if !reflect.ValueOf(rq.ResponseKind()).Elem().FieldByName("ErrorCode").IsValid() && !refusesParts[c.Header.Key] {
			c.Respond(mirror(rq, kerr.ClusterAuthorizationFailed))
			return
		}
		c.Respond(denyCluster(c, security.OpClusterAction))
	}
}

// refusesParts are the keys whose answers have no code of their own, and that denyCluster knows.
var refusesParts = map[int16]bool{43: true, 45: true, 49: true, 51: true}

// refuseCoordinators refuses each key.
func refuseCoordinators(rq *kmsg.FindCoordinatorRequest) kmsg.Response {
	resp := kmsg.NewPtrFindCoordinatorResponse()
	resp.NodeID, resp.Port = -1, -1
	if rq.Version < 4 {
		resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
	}
	for _, key := range rq.CoordinatorKeys {
		rc := kmsg.NewFindCoordinatorResponseCoordinator()
		rc.Key, rc.ErrorCode, rc.NodeID, rc.Port = key, kerr.ClusterAuthorizationFailed.Code, -1, -1
		resp.Coordinators = append(resp.Coordinators, rc)
	}
	return resp
}

// clusterView is what tenants' names are looked up in.
type clusterView struct{ *metadata.Image }

// TopicName implements tenant.Cluster.
func (v clusterView) TopicName(id [16]byte) (string, bool) {
	topic, ok := v.TopicByID(record.UUID(id))
	if !ok {
		return "", false
	}
	return topic.Name, true
}

// Patterns implements tenant.Cluster.
func (v clusterView) Patterns(yield func(tenant.Pattern) bool) {
	for r := range v.ACLs() {
		rule := r.Rule()
		if !yield(tenant.Pattern{Type: kmsg.ACLResourceType(rule.Type), Kind: kmsg.ACLResourcePatternType(rule.Pattern), Name: rule.Name}) {
			return
		}
	}
}

// topicByID finds a topic, for a tenant's client if it is the tenant's.
func (c *Call) topicByID(id record.UUID) (*metadata.Topic, bool) {
	topic, ok := c.Image.TopicByID(id)
	if ok && c.tenant != nil && !c.tenant.Owns(topic.Name) {
		return nil, false
	}
	return topic, ok
}

// innerTopic is what the cluster calls a topic that the client named.
func (c *Call) innerTopic(name string) string {
	if c.tenant == nil || name == "" {
		return name
	}
	return c.tenant.Inner(name)
}

// tenantName is the name of the tenant of the call's client, "" for none.
func (c *Call) tenantName() string {
	if c.tenant == nil {
		return ""
	}
	return c.tenant.Name
}

// administersTenant reports whether the call is of somebody who may do everything within its tenant, or one that a broker hands on for a client of a tenant: that
// broker has decided, and the rules of tenants are not looked at here again.
func (c *Call) administersTenant() bool {
	if c.envelope != nil {
		rq, ok := c.envelope.Body.(*kmsg.EnvelopeRequest)
		return ok && security.TenantOf(rq.RequestPrincipal) != ""
	}
	return c.tenant != nil && c.tenant.Administers(c.Conn.Principal.String())
}

// ofTenant makes a question about the cluster one about the tenant's part of it.
func (c *Call) ofTenant(r acl.Request) acl.Request {
	if c.tenant != nil && r.Type == security.ClusterResource {
		r.Name = c.tenant.Inner(r.Name)
	}
	return r
}
