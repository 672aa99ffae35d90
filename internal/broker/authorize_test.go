package broker

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/broker/authorizetest"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/security/acl"
	"leat/internal/wire"
)

// looksItself are the keys whose handlers leave out or refuse by themselves; of the others the test only wants to know that they are called.
var looksItself = map[int16]bool{0: true, 1: true, 3: true, 75: true, 78: true}

// elsewhere are the cases that this node cannot have: it has no share sessions, and no tokens where nobody authenticates. Other tests have them.
var elsewhere = map[string]bool{"ShareAcknowledge": true, "CreateDelegationToken for somebody else": true}

// consenting replaces handlers by one that agrees to all that it is still asked for.
func consenting(t *testing.T) {
	was := routes
	routes = make(map[int16]route, len(was))
	for key, r := range was {
		if !looksItself[key] {
			r = route{key: key, handle: func(_ *Handlers, c *Call) { c.Respond(mirror(c.Body, &kerr.Error{})) }}
		}
		routes[key] = r
	}
	t.Cleanup(func() { routes = was })
}

// guarded is a node with an authorizer, and with a connection to each of its listeners.
type guarded struct {
	*node
	clients, controllers *client
	granted              []record.UUID
}

func newGuarded(t *testing.T) *guarded {
	g := &guarded{node: newNode(t)}
	g.h.Authorizer = &acl.Authorizer{}
	g.h.ShareStates = struct{ ShareStates }{}
	g.h.Await = func(context.Context, func(*metadata.Image) bool) error { return nil }
	control := newPipes()
	server := listener.Serve(listener.Config{Name: "CONTROLLER", Control: true, Listener: control, Shared: listener.NewShared(), Handler: g.h.Handle,
		Logger: slog.New(slog.DiscardHandler), Limits: func() listener.Limits {
			return listener.Limits{MaxRequestBytes: 1 << 20, MaxConnections: 10, MaxConnectionsPerIP: 10, MaxIdle: 1e15, MaxInFlight: 10, QueuedMaxBytes: -1, SendBuffer: -1, RecvBuffer: -1}
		}})
	for feature, level := range map[string]int16{metadata.FeatureMetadataVersion: 33, metadata.FeatureGroupVersion: 1, metadata.FeatureShareVersion: 2, metadata.FeatureStreamsVersion: 1} {
		g.publish(&metadata.FeatureLevelRecord{Name: feature, FeatureLevel: level})
	}
	g.makeTopic(authorizetest.Topic, 1)
	g.makeTopic(authorizetest.Other, 1)
	g.clients = g.dial()
	inner := &node{t: t, accept: control}
	g.controllers = inner.dial()
	t.Cleanup(func() {
		g.clients.close()
		g.controllers.close()
		server.Close()
		g.stop()
	})
	return g
}

// grant makes rules the only ones.
func (g *guarded) grant(rules ...acl.Rule) {
	for _, id := range g.granted {
		g.publish(&metadata.RemoveAccessControlEntryRecord{ID: id})
	}
	g.granted = nil
	for i, r := range rules {
		id := record.UUID{1, byte(i)}
		g.publish(&metadata.AccessControlEntryRecord{ID: id, ResourceType: int8(r.Type), ResourceName: r.Name, PatternType: int8(r.Pattern), Principal: r.Principal, Host: r.Host,
			Operation: int8(r.Operation), PermissionType: int8(r.Permission)})
		g.granted = append(g.granted, id)
	}
}

func (g *guarded) ask(c *authorizetest.Case) kmsg.Response {
	conn := g.clients
	if c.Control {
		conn = g.controllers
	}
	rq := c.Request(authorizetest.IDs{Topic: topicID(authorizetest.Topic), Other: topicID(authorizetest.Other)})
	return ask[kmsg.Response](conn, rq, c.Version)
}

func rulesOf(needs []authorizetest.Need, but int) []acl.Rule {
	var rules []acl.Rule
	for i, n := range needs {
		if i != but {
			rules = append(rules, n.Rule("User:ANONYMOUS"))
		}
	}
	return rules
}

// TestEachRequestNeedsWhatKafkaWants runs the table: nothing granted, each way to be allowed, each way with one need missing, and each way with the
// operations denied by another rule.
func TestEachRequestNeedsWhatKafkaWants(t *testing.T) {
	consenting(t)
	g := newGuarded(t)
	for _, c := range authorizetest.Cases() {
		if elsewhere[c.Name] {
			continue
		}
		g.grant()
		if got := authorizetest.Codes(g.ask(&c)); got != c.Denied {
			t.Errorf("%s, nothing granted: %q, want %q", c.Name, got, c.Denied)
		}
		g.grant(acl.Rule{Type: security.TopicResource, Pattern: acl.Literal, Name: "*", Principal: "User:somebody", Host: "*", Operation: security.OpAll, Permission: acl.Allow})
		if got := authorizetest.Codes(g.ask(&c)); got != c.Denied {
			t.Errorf("%s, granted to somebody else: %q, want %q", c.Name, got, c.Denied)
		}
		for _, way := range c.Needs {
			g.grant(rulesOf(way, -1)...)
			if resp := g.ask(&c); authorizetest.Refused(resp) {
				t.Errorf("%s, granted %v: %q", c.Name, way, authorizetest.Codes(resp))
			}
			for i := range way {
				if len(way) > 1 {
					g.grant(rulesOf(way, i)...)
					if resp := g.ask(&c); !authorizetest.Refused(resp) {
						t.Errorf("%s, without %v: allowed", c.Name, way[i])
					}
				}
				deny := way[i].Rule("User:*")
				deny.Permission, deny.Operation = acl.Deny, security.OpAll
				g.grant(append(rulesOf(way, -1), deny)...)
				if resp := g.ask(&c); !authorizetest.Refused(resp) {
					t.Errorf("%s, with %v denied: allowed", c.Name, way[i])
				}
			}
		}
	}
}

func TestSuperUsersMayDoEverything(t *testing.T) {
	consenting(t)
	g := newGuarded(t)
	g.h.Authorizer.SuperUsers = map[security.Principal]struct{}{security.Anonymous: {}}
	g.grant(acl.Rule{Type: security.TopicResource, Pattern: acl.Literal, Name: "*", Principal: "User:*", Host: "*", Operation: security.OpAll, Permission: acl.Deny})
	for _, c := range authorizetest.Cases() {
		if resp := g.ask(&c); authorizetest.Refused(resp) {
			t.Errorf("%s: %q", c.Name, authorizetest.Codes(resp))
		}
	}
}

// TestEachKeyIsGuarded fails for an API whose author forgot who may use it, and for one that the table lacks.
func TestEachKeyIsGuarded(t *testing.T) {
	inTable := map[int16]bool{}
	for _, c := range authorizetest.Cases() {
		inTable[c.Request(authorizetest.IDs{}).Key()] = true
	}
	own := map[int16]string{0: "TestProduce...", 1: "TestFetch...", 16: "TestLists...", 66: "TestLists...", 60: "table, for controllers", 78: "the server's", wire.KeyQuorumFrames: "hangs up", wire.KeyIdentity: "hangs up", wire.KeyWhy: "TestWhy..."}
	for key := range routes {
		_, open := unguarded[key]
		if guards[key] == nil && !open {
			t.Errorf("%s has no guard and is not in unguarded", apiName(key))
		}
		if guards[key] != nil && open {
			t.Errorf("%s has a guard and is in unguarded", apiName(key))
		}
		if api, ok := wire.Lookup(key); guards[key] != nil && ok && api.Advertised && !inTable[key] && own[key] == "" {
			t.Errorf("%s is not in the table", apiName(key))
		}
	}
}

func TestProduceIsRefusedByTopicBeforeItTellsWhatExists(t *testing.T) {
	g := newGuarded(t)
	write := func(name string) acl.Rule {
		return acl.Rule{Type: security.TopicResource, Pattern: acl.Literal, Name: name, Principal: "User:ANONYMOUS", Host: "*", Operation: security.OpWrite, Permission: acl.Allow}
	}
	rq := func(id *string) *kmsg.ProduceRequest {
		r := &kmsg.ProduceRequest{Acks: -1, TimeoutMillis: 1000, TransactionID: id}
		for _, name := range []string{authorizetest.Topic, authorizetest.Other, authorizetest.Missing} {
			r.Topics = append(r.Topics, kmsg.ProduceRequestTopic{Topic: name, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: plainBatch("v")}}})
		}
		return r
	}
	codes := func(resp *kmsg.ProduceResponse) (out [3]int16) {
		for i := range resp.Topics {
			out[i] = resp.Topics[i].Partitions[0].ErrorCode
		}
		return out
	}
	for _, tt := range []struct {
		granted []string
		want    [3]int16
	}{
		{nil, [3]int16{29, 29, 29}},
		{[]string{authorizetest.Topic}, [3]int16{0, 29, 29}},
		{[]string{authorizetest.Other, authorizetest.Missing}, [3]int16{29, 0, 3}},
	} {
		var rules []acl.Rule
		for _, name := range tt.granted {
			rules = append(rules, write(name))
		}
		g.grant(rules...)
		if got := codes(ask[*kmsg.ProduceResponse](g.clients, rq(nil), 9)); got != tt.want {
			t.Errorf("granted %v: %v, want %v", tt.granted, got, tt.want)
		}
	}
	transactional := rq(nil)
	spec := record.NewSpec()
	spec.Transactional, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = true, 7, 0, 0
	id := authorizetest.TxnID
	transactional.TransactionID = &id
	transactional.Topics[0].Partitions[0].Records = batchOf(spec, "v")
	g.grant(write(authorizetest.Topic))
	if got := codes(ask[*kmsg.ProduceResponse](g.clients, transactional, 9)); got != [3]int16{53, 53, 53} {
		t.Errorf("transactional without its id: %v", got)
	}
}

func TestFetchIsRefusedByTopic(t *testing.T) {
	g := newGuarded(t)
	g.grant(acl.Rule{Type: security.TopicResource, Pattern: acl.Literal, Name: authorizetest.Topic, Principal: "User:ANONYMOUS", Host: "*", Operation: security.OpRead, Permission: acl.Allow})
	rq := fetchRequest(authorizetest.Topic, 0)
	addFetch(rq, authorizetest.Other, 0, 0)
	addFetch(rq, "unheard-of", 0, 0)
	if got := authorizetest.Codes(ask[*kmsg.FetchResponse](g.clients, rq, 15)); got != "Topics[1].Partitions[0].ErrorCode=29 Topics[2].Partitions[0].ErrorCode=100" {
		t.Errorf("by id: %q", got)
	}
	rq = fetchRequest(authorizetest.Other, 0)
	addFetch(rq, authorizetest.Missing, 0, 0)
	if got := authorizetest.Codes(ask[*kmsg.FetchResponse](g.clients, rq, 12)); got != "Topics[0].Partitions[0].ErrorCode=29 Topics[1].Partitions[0].ErrorCode=29" {
		t.Errorf("by name: %q", got)
	}
	rq.ReplicaID = 2
	if got := authorizetest.Codes(ask[*kmsg.FetchResponse](g.clients, rq, 12)); got != "Topics[0].Partitions[0].ErrorCode=29 Topics[1].Partitions[0].ErrorCode=29" {
		t.Errorf("as a follower without CLUSTER_ACTION: %q", got)
	}
}

func TestMetadataLeavesOutWhatMayNotBeSeenAndTellsWhatMayBeDone(t *testing.T) {
	g := newGuarded(t)
	g.grant(acl.Rule{Type: security.TopicResource, Pattern: acl.Prefixed, Name: "orders-", Principal: "User:ANONYMOUS", Host: "*", Operation: security.OpRead, Permission: acl.Allow})
	rq := &kmsg.MetadataRequest{IncludeTopicAuthorizedOperations: true, IncludeClusterAuthorizedOperations: true}
	resp := ask[*kmsg.MetadataResponse](g.clients, rq, 9)
	if len(resp.Topics) != 1 || *resp.Topics[0].Topic != authorizetest.Other || resp.Topics[0].AuthorizedOperations != 1<<security.OpRead|1<<security.OpDescribe || resp.AuthorizedOperations != 0 {
		t.Errorf("%+v", resp)
	}
	g.grant(acl.Rule{Type: security.ClusterResource, Pattern: acl.Literal, Name: acl.ClusterName, Principal: "User:*", Host: "*", Operation: security.OpAlter, Permission: acl.Allow})
	if resp := ask[*kmsg.MetadataResponse](g.clients, rq, 9); len(resp.Topics) != 0 || resp.AuthorizedOperations != 1<<security.OpAlter|1<<security.OpDescribe {
		t.Errorf("%+v", resp)
	}
}

func TestListsLeaveOutWhatMayNotBeSeen(t *testing.T) {
	g := newGuarded(t)
	was := routes
	t.Cleanup(func() { routes = was })
	routes = map[int16]route{
		16: {key: 16, handle: func(_ *Handlers, c *Call) {
			c.Respond(&kmsg.ListGroupsResponse{Groups: []kmsg.ListGroupsResponseGroup{{Group: authorizetest.Group}, {Group: "hidden"}}})
		}},
		66: {key: 66, handle: func(_ *Handlers, c *Call) {
			c.Respond(&kmsg.ListTransactionsResponse{TransactionStates: []kmsg.ListTransactionsResponseTransactionState{{TransactionalID: "hidden"}, {TransactionalID: authorizetest.TxnID}}})
		}},
	}
	describe := func(t security.ResourceType, name string) acl.Rule {
		return acl.Rule{Type: t, Pattern: acl.Literal, Name: name, Principal: "User:*", Host: "*", Operation: security.OpDescribe, Permission: acl.Allow}
	}
	g.grant(describe(security.GroupResource, authorizetest.Group), describe(security.TransactionalIDResource, authorizetest.TxnID))
	if resp := ask[*kmsg.ListGroupsResponse](g.clients, &kmsg.ListGroupsRequest{}, 4); len(resp.Groups) != 1 || resp.Groups[0].Group != authorizetest.Group {
		t.Errorf("%+v", resp.Groups)
	}
	if resp := ask[*kmsg.ListTransactionsResponse](g.clients, &kmsg.ListTransactionsRequest{}, 0); len(resp.TransactionStates) != 1 || resp.TransactionStates[0].TransactionalID != authorizetest.TxnID {
		t.Errorf("%+v", resp.TransactionStates)
	}
	g.grant(describe(security.ClusterResource, acl.ClusterName))
	if resp := ask[*kmsg.ListGroupsResponse](g.clients, &kmsg.ListGroupsRequest{}, 4); len(resp.Groups) != 2 {
		t.Errorf("who may describe the cluster: %+v", resp.Groups)
	}
}

func TestDenialsAreLoggedUntilThereAreTooMany(t *testing.T) {
	g := newGuarded(t)
	var out strings.Builder
	g.h.Logger = slog.New(slog.NewTextHandler(&out, nil))
	ask[*kmsg.HeartbeatResponse](g.clients, &kmsg.HeartbeatRequest{Group: strings.Repeat("g", 30_000)}, 4)
	if n := out.Len(); n > 1000 {
		t.Errorf("a line of %d bytes", n)
	}
	for range denialsLogged + 50 {
		ask[*kmsg.HeartbeatResponse](g.clients, &kmsg.HeartbeatRequest{Group: authorizetest.Group}, 4)
	}
	if n := strings.Count(out.String(), "operation denied"); n != denialsLogged {
		t.Errorf("%d lines, want %d", n, denialsLogged)
	}
	if want := `msg="operation denied" principal=User:ANONYMOUS operation=READ`; !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "resource=Group:LITERAL:readers api=Heartbeat") {
		t.Errorf("no %q in %.300s", want, out.String())
	}
}
