package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/broker/authorizetest"
	"leat/internal/security/acl"
)

// The users of brokers with an authorizer. The first may do everything, the second what a step grants.
const (
	adminUser = "admin"
	aliceUser = "alice"
)

// authorized are the settings of brokers that ask who somebody is, and what he may do. The listeners keep their names; what they speak is SASL.
func authorized(settings map[string]string) map[string]string {
	all := maps.Clone(settings)
	login := fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q user_%s=%q user_%s=%q;",
		adminUser, secretOf(adminUser), adminUser, secretOf(adminUser), aliceUser, secretOf(aliceUser))
	maps.Copy(all, map[string]string{
		"listener.security.protocol.map":                   "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
		"sasl.enabled.mechanisms":                          "PLAIN",
		"sasl.mechanism.inter.broker.protocol":             "PLAIN",
		"sasl.mechanism.controller.protocol":               "PLAIN",
		"listener.name.plaintext.plain.sasl.jaas.config":   login,
		"listener.name.controller.plain.sasl.jaas.config":  login,
		"listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
		"authorizer.class.name":                            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                                      "User:" + adminUser,
		"unstable.api.versions.enable":                     "true",
		"transaction.two.phase.commit.enable":              "true",
	})
	return all
}

func secretOf(user string) string { return user + "-secret" }

// login makes a new connection that of the side's user.
func (s *side) login() error {
	for _, req := range []kmsg.Request{
		&kmsg.SASLHandshakeRequest{Mechanism: "PLAIN"},
		&kmsg.SASLAuthenticateRequest{SASLAuthBytes: []byte("\x00" + s.user + "\x00" + secretOf(s.user))},
	} {
		resp, _, err := s.exchange(1, req)
		if err != nil {
			return err
		}
		if code := reflect.ValueOf(resp).Elem().FieldByName("ErrorCode").Int(); code != 0 {
			return fmt.Errorf("%s: not let in as %s: error %d", s.addr, s.user, code)
		}
	}
	return nil
}

// withAuthorizer run on brokers with an authorizer.
var withAuthorizer = []scenario{
	{"authorization", authorization},
	{"acls that are none", strangeACLs},
	{"tokens-without-secret", tokensWithoutSecret},
	{"two phases", twoPhases},
}

// guarded is one of the two brokers, with a connection to each listener for each user.
type guarded struct {
	s                     *side
	admin, adminOfControl *side
	alice, aliceOfControl *side
	ids                   authorizetest.IDs
	tokens                int // that were made
}

func newGuarded(s *side) *guarded {
	as := func(user, addr string) *side {
		return &side{kind: s.kind, addr: addr, user: user, ranges: s.ranges, names: s.names}
	}
	return &guarded{
		s: s, admin: as(adminUser, s.addr), adminOfControl: as(adminUser, s.controlAddr),
		alice: as(aliceUser, s.addr), aliceOfControl: as(aliceUser, s.controlAddr),
	}
}

func (g *guarded) hangUp() {
	for _, s := range []*side{g.admin, g.adminOfControl, g.alice, g.aliceOfControl} {
		s.hangUp()
	}
}

// authorization plays the table of what each request needs: nothing granted, each way to be allowed, each way with one need missing or denied. Who is
// refused must learn the same of both brokers; of an allowed request only that is compared, because what it leads to is the matter of other scenarios.
func authorization(s *side) {
	g := newGuarded(s)
	defer g.hangUp()
	for _, c := range authorizetest.Cases() {
		if _, advertised := s.ranges[c.Request(g.ids).Key()]; !advertised && !c.Control {
			continue
		}
		g.refused(&c, "nothing granted")
		for i, way := range c.Needs {
			if !c.Control { // a controller must not do what is asked here
				g.allowed(&c, fmt.Sprintf("way %d", i), rulesOf(way, -1))
			}
			for j, need := range way {
				if len(way) > 1 {
					g.refused(&c, fmt.Sprintf("way %d without %v", i, need), rulesOf(way, j)...)
				}
				deny := need.Rule("User:*")
				deny.Permission = acl.Deny
				g.refused(&c, fmt.Sprintf("way %d with %v denied", i, need), append(rulesOf(way, -1), deny)...)
			}
		}
	}
}

func rulesOf(needs []authorizetest.Need, but int) []acl.Rule {
	var rules []acl.Rule
	for i, need := range needs {
		if i != but {
			rules = append(rules, need.Rule("User:"+aliceUser))
		}
	}
	return rules
}

// refused compares whole answers.
func (g *guarded) refused(c *authorizetest.Case, step string, rules ...acl.Rule) {
	req, resp, extra, err := g.ask(c, step, rules)
	g.s.record(c.Name+": "+step, req, resp, extra, err)
}

// allowed compares whether requests were refused.
func (g *guarded) allowed(c *authorizetest.Case, step string, rules []acl.Rule) {
	_, resp, _, err := g.ask(c, step, rules)
	switch {
	case err != nil:
		g.s.note(c.Name+": "+step, err.Error())
	case authorizetest.Refused(resp):
		g.s.note(c.Name+": "+step, authorizetest.Codes(resp))
	default:
		g.s.note(c.Name+": "+step, "allowed")
	}
}

// allowedWithin is how long an answer may take here. Some requests that are allowed wait for what nobody does.
const allowedWithin = 20 * time.Second

func (g *guarded) ask(c *authorizetest.Case, step string, rules []acl.Rule) (kmsg.Request, kmsg.Response, int, error) {
	g.makeTopics()
	g.grant(rules)
	conn := g.alice
	if c.Control {
		conn = g.aliceOfControl
	}
	req := c.Request(g.ids)
	conn.within = allowedWithin
	for _, api := range []string{kmsg.NameForKey(req.Key()), keyName(-1)} { // as a whole answer, and as a note
		if silent(api, c.Name+": "+step) {
			conn.expect(api, c.Name+": "+step)
		}
	}
	began := time.Now()
	resp, extra, err := conn.exchange(c.Version, req)
	if took := time.Since(began); took > 3*time.Second {
		fmt.Printf("%s took %.1f s: %s: %s\n", conn.kind, took.Seconds(), c.Name, step)
	}
	return req, resp, extra, err
}

// makeTopics restores what an allowed request may have deleted, and learns the ids.
func (g *guarded) makeTopics() {
	create := &kmsg.CreateTopicsRequest{TimeoutMillis: 5000}
	ask := &kmsg.MetadataRequest{}
	for _, name := range []string{authorizetest.Topic, authorizetest.Other} {
		create.Topics = append(create.Topics, kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 1, ReplicationFactor: 1})
		ask.Topics = append(ask.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	look := func() (known bool) {
		resp := g.admin.quiet(12, ask).(*kmsg.MetadataResponse)
		for _, t := range resp.Topics {
			if t.ErrorCode != 0 || len(t.Partitions) != 1 || t.Partitions[0].ErrorCode != 0 {
				return false
			}
			if *t.Topic == authorizetest.Topic {
				g.ids.Topic = t.TopicID
			} else {
				g.ids.Other = t.TopicID
			}
			g.s.names.topics[t.TopicID] = "of " + *t.Topic
		}
		return true
	}
	g.admin.eventually("topics", func() bool {
		g.admin.quiet(7, create)
		return look()
	})
}

// grant makes rules the only ones, on the broker and on the controller.
func (g *guarded) grant(rules []acl.Rule) {
	all := kmsg.DeleteACLsRequestFilter{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1}
	g.admin.quiet(3, &kmsg.DeleteACLsRequest{Filters: []kmsg.DeleteACLsRequestFilter{all}})
	create := &kmsg.CreateACLsRequest{}
	var want []string
	for _, r := range rules {
		if r.Name == "" {
			continue // no ACL can be about it
		}
		create.Creations = append(create.Creations, kmsg.CreateACLsRequestCreation{ResourceType: kmsg.ACLResourceType(r.Type), ResourceName: r.Name,
			ResourcePatternType: kmsg.ACLResourcePatternType(r.Pattern), Principal: r.Principal, Host: r.Host, Operation: kmsg.ACLOperation(r.Operation),
			PermissionType: kmsg.ACLPermissionType(r.Permission)})
		want = append(want, fmt.Sprint(int8(r.Type), r.Name, r.Principal, int8(r.Operation), int8(r.Permission)))
	}
	if len(want) > 0 {
		for _, result := range g.admin.quiet(3, create).(*kmsg.CreateACLsResponse).Results {
			if result.ErrorCode != 0 {
				panic(fmt.Sprintf("ACL not made: error %d", result.ErrorCode))
			}
		}
	}
	slices.Sort(want)
	wanted := strings.Join(slices.Compact(want), "; ")
	for _, s := range []*side{g.admin, g.adminOfControl} {
		s.eventually("ACLs "+wanted, func() bool { return s.rules() == wanted })
	}
}

// rules are all ACLs, as grant writes them.
func (s *side) rules() string {
	resp := s.quiet(3, &kmsg.DescribeACLsRequest{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1}).(*kmsg.DescribeACLsResponse)
	var have []string
	for _, r := range resp.Resources {
		for _, a := range r.ACLs {
			have = append(have, fmt.Sprint(int8(r.ResourceType), r.ResourceName, a.Principal, int8(a.Operation), int8(a.PermissionType)))
		}
	}
	slices.Sort(have)
	return strings.Join(have, "; ")
}

// authorizationAllowances are the differences on purpose between brokers with an authorizer.
var authorizationAllowances = []allowance{
	{
		api: "DescribeUserSCRAMCredentials", step: `^DescribeUserScramCredentials: `, leat: `ErrorCode=31$`, kafka: `^no answer`,
		why: "who may not see credentials is told so; Kafka never answers him",
	},
	{
		api: "connection", step: `^DescribeShareGroupOffsets: way 0$`, leat: `^allowed$`, kafka: `^no answer`,
		why: "share groups without state are described; Kafka waits for its share coordinator",
	},
}
