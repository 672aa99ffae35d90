package consumer_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/coordinator/group/consumer"
	"leat/internal/machine"
)

// TestExpressionsThatExplode joins with expressions of a few bytes that would take seconds for each name, or as much memory as there is.
func TestExpressionsThatExplode(t *testing.T) {
	for name, x := range map[string]string{
		"long":            strings.Repeat("a", 5000),
		"repeated":        strings.Repeat("(x{1000})?", 300),
		"nested repeats":  strings.Repeat("(", 10) + "a" + strings.Repeat("{2}){3}", 10),
		"deep":            strings.Repeat("(", 2000) + strings.Repeat(")", 2000),
		"many classes":    strings.Repeat(`(\pL\pN){20}`, 100),
		"not an one":      "a)(b",
		"look-ahead":      "(?=a)b",
		"back reference":  `(a)\1`,
		"too many repeat": "a{1001}",
		"one name twice":  "(?P<n>a)(?P<n>b)",
	} {
		c := newCrowd(t, "g", 1, 1)
		rq := c.clients[0].request(0)
		rq.SubscribedTopicNames, rq.SubscribedTopicRegex = nil, &x
		began := time.Now()
		effects := c.take(c.m.Handle(c.now, group.Event{Ticket: 1, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}))
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if code := effects[0].(machine.Reply).Response.(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode; code != kerr.InvalidRegularExpression.Code {
			t.Errorf("%s: code %d", name, code)
		}
		if len(c.log) > 0 {
			t.Errorf("%s: writes %d records", name, len(c.log))
		}
	}
}

// TestAnExpensiveExpressionIsResolvedInPieces has the largest expression that is taken meet 2,000 topics: no tick takes long, all are found.
func TestAnExpensiveExpressionIsResolvedInPieces(t *testing.T) {
	c := newCrowd(t, "g", 1, 2000)
	x := "topic-(" + strings.Repeat("[0-9]?", 400) + "){1,2}"
	c.clients[0].names, c.clients[0].regex = nil, &x
	c.beat(c.clients[0])
	ticks := 0
	for due := c.m.Due(); !due.IsZero() && due.Before(c.now.Add(10*time.Second)); due = c.m.Due() {
		c.now = due
		c.take(c.m.Tick(due))
		ticks++
	}
	c.now = c.now.Add(2 * time.Second)
	for range 3 {
		c.beat(c.clients[0])
		c.pass(2 * time.Second)
	}
	if n := len(c.clients[0].owned); n != 2000 || ticks < 10 {
		t.Errorf("%d topics after %d ticks, wanted 2000 after more than ten", n, ticks)
	}
}

// TestTheLastOfTheNewProtocolEndTogether leaves a group to its classic members when two of the new protocol are gone at once.
func TestTheLastOfTheNewProtocolEndTogether(t *testing.T) {
	c := newCrowd(t, "g", 2, 1)
	for range 4 {
		c.all()
	}
	c.pass(2 * time.Second)
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version, meta.Topics = 3, c.names
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.Group, join.ProtocolType, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 3, "g", "consumer", 300_000, 300_000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: meta.AppendTo(nil)}}
	for _, cl := range c.clients { // both are heard of at the same moment
		c.beat(cl)
	}
	c.take(c.m.Handle(c.now, group.Event{Ticket: 2, Request: join, ClientID: "c", ClientHost: "/127.0.0.1"}))
	c.pass(46 * time.Second)
	list := kmsg.NewPtrListGroupsRequest()
	list.Version = 5
	got := c.take(c.m.Handle(c.now, group.Event{Ticket: 3, Request: list}))[0].(machine.Reply).Response.(*kmsg.ListGroupsResponse)
	if len(got.Groups) != 1 || got.Groups[0].GroupType != "classic" {
		t.Errorf("groups are %+v", got.Groups)
	}
}

// TestAnExpressionMatchesOnlyTopicsThatTheMemberMayDescribe: the names of others, and what they hold, are no business of who may not see them (KIP-848).
func TestAnExpressionMatchesOnlyTopicsThatTheMemberMayDescribe(t *testing.T) {
	c := newCrowd(t, "g", 1, 20)
	x := "topic-.*"
	c.clients[0].names, c.clients[0].regex = nil, &x
	rq := c.clients[0].request(0)
	rq.SubscribedTopicNames, rq.SubscribedTopicRegex = nil, &x
	sees := func(topic string) bool { return topic == "topic-003" || topic == "topic-007" || topic == "other" }
	c.take(c.m.Handle(c.now, group.Event{Ticket: 1, Request: rq, ClientID: "c", ClientHost: "/127.0.0.1", Sees: sees}))
	c.pass(2 * time.Second)
	var found []string
	for _, e := range c.log {
		if r, ok := e.Record.(*consumer.RegexRecord); ok {
			found = append(found, r.Topics...)
		}
	}
	if !slices.Equal(found, []string{"topic-003", "topic-007"}) {
		t.Errorf("the expression matches %v", found)
	}
}
