package acl

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"leat/internal/security"
)

func topicRule(principal, topic string, op security.Operation, p Permission) Rule {
	return Rule{Type: security.TopicResource, Pattern: Literal, Name: topic, Principal: principal, Host: "*", Operation: op, Permission: p}
}

// roles are an authorizer in which alice is ops and reader, whoever is in the group platform is ops, and everybody is a guest.
func roles() *Authorizer {
	b := NewBindings()
	b.Bind("User", "alice", "ops", "reader")
	b.Bind("Group", "platform", "ops")
	b.Bind("User", Wildcard, "guest")
	return &Authorizer{Bindings: func() *Bindings { return b }}
}

func user(name string, groups ...string) security.Principal {
	text, _ := security.JoinGroups(groups)
	return security.Principal{Type: "User", Name: name, Groups: text}
}

func TestRolesAllowAndDenyWhoeverHasThem(t *testing.T) {
	x := None.With(topicRule("Role:ops", "orders", security.OpWrite, Allow)).With(topicRule("Role:reader", "orders", security.OpRead, Allow)).
		With(topicRule("Role:ops", "secret", security.OpRead, Deny)).With(topicRule("User:*", "secret", security.OpRead, Allow)).
		With(topicRule("Role:guest", "news", security.OpRead, Allow)).With(topicRule("Role:*", "all", security.OpRead, Allow)).
		With(topicRule("Role:nobody", "none", security.OpRead, Allow)).With(topicRule("Group:platform", "group", security.OpRead, Allow))
	a := roles()
	for _, tt := range []struct {
		who   security.Principal
		topic string
		op    security.Operation
		want  bool
	}{
		{user("alice"), "orders", security.OpWrite, true},
		{user("alice"), "orders", security.OpRead, true},
		{user("alice"), "orders", security.OpDescribe, true},
		{user("alice"), "orders", security.OpDelete, false},
		{user("alice"), "secret", security.OpRead, false},
		{user("bob"), "secret", security.OpRead, true},
		{user("bob"), "orders", security.OpWrite, false},
		{user("bob", "other", "platform"), "orders", security.OpWrite, true},
		{user("bob", "other", "platform"), "orders", security.OpRead, false},
		{user("bob", "platform"), "secret", security.OpRead, false},
		{user("bob", "ops"), "orders", security.OpWrite, false},
		{user("ops"), "orders", security.OpWrite, false},
		{user("Role:ops"), "orders", security.OpWrite, false},
		{user("bob"), "news", security.OpRead, true},
		{user("bob"), "all", security.OpRead, true},
		{user("bob"), "none", security.OpRead, false},
		{user("bob", "platform"), "group", security.OpRead, false},
		{security.Principal{Type: "Role", Name: "ops"}, "orders", security.OpWrite, false},
		{security.Principal{Type: "Group", Name: "platform"}, "orders", security.OpWrite, false},
	} {
		r := Request{Principal: tt.who, Host: netip.MustParseAddr("10.0.0.1"), Operation: tt.op, Type: security.TopicResource, Name: tt.topic}
		if got := a.Allowed(x, r); got != tt.want {
			t.Errorf("%+v %d on %s: %t", tt.who, tt.op, tt.topic, got)
		}
	}
	some := Request{Principal: user("bob", "platform"), Host: netip.MustParseAddr("10.0.0.1"), Operation: security.OpWrite, Type: security.TopicResource}
	if !a.AllowedSome(x, some) {
		t.Error("a role's resource does not count as one that may be written")
	}
	if some.Principal = user("bob"); a.AllowedSome(x, some) {
		t.Error("somebody without the role may write to some topic")
	}
}

func TestNobodyIsARole(t *testing.T) {
	a := roles()
	a.AllowEveryone, a.SuperUsers = true, map[security.Principal]struct{}{{Type: RoleType, Name: "ops"}: {}, {Type: "User", Name: "root"}: {}}
	if a.Allowed(None, Request{Principal: security.Principal{Type: RoleType, Name: "ops"}, Operation: security.OpRead, Type: security.TopicResource, Name: "x"}) {
		t.Error("a client is a role")
	}
	if !a.Allowed(None.With(topicRule("User:root", "x", security.OpRead, Deny)), Request{Principal: user("root", "g"), Operation: security.OpRead, Type: security.TopicResource, Name: "x"}) {
		t.Error("groups make another of a super user")
	}
}

// TestPropertyRolesAreAsIfTheirRulesWereTheUsers compares with the same rules written for the principal itself.
func TestPropertyRolesAreAsIfTheirRulesWereTheUsers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mixed, plain := None, None
		for range rapid.IntRange(1, 20).Draw(t, "rules") {
			r := drawRule(t)
			holder := rapid.SampledFrom([]string{"User:alice", "Role:ops", "Role:reader", "Role:other"}).Draw(t, "holder")
			r.Principal = holder
			mixed = mixed.With(r)
			if holder != "Role:other" {
				r.Principal = "User:alice"
				plain = plain.With(r)
			}
		}
		b := NewBindings()
		b.Bind("Group", "g", "reader")
		b.Bind("User", "alice", "ops")
		with, without := &Authorizer{Bindings: func() *Bindings { return b }}, &Authorizer{}
		r := drawRequest(t)
		r.Principal = user("alice", "f", "g")
		got := with.Allowed(mixed, r)
		r.Principal = user("alice")
		if want := without.Allowed(plain, r); got != want {
			t.Fatalf("%+v: %t, want %t", r, got, want)
		}
	})
}

// hundredThousandAndRoles are the rules of the other benchmark, and three roles of a thousand rules each, which whoever asks has by a group.
func hundredThousandAndRoles() (*Authorizer, *Index, []Request) {
	x, asks := hundredThousand()
	b := NewBindings()
	for _, role := range []string{"one", "two", "three"} {
		b.Bind("Group", "of-"+role, role)
		for i := range 1000 {
			x = x.With(topicRule("Role:"+role, fmt.Sprintf("%s-%04d", role, i), security.OpRead, Allow))
		}
	}
	for i := range asks {
		asks[i].Principal.Groups = strings.Join([]string{"of-one", "of-two", "of-three", ""}, "\n")
	}
	return &Authorizer{Bindings: func() *Bindings { return b }}, x, asks
}

func BenchmarkAllowed100000RulesThreeRoles(b *testing.B) {
	a, x, asks := hundredThousandAndRoles()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		a.Allowed(x, asks[i%len(asks)])
	}
}

func TestDecisionsByRolesAllocateNothing(t *testing.T) {
	a, x, asks := hundredThousandAndRoles()
	i := 0
	if n := testing.AllocsPerRun(1000, func() { a.Allowed(x, asks[i%len(asks)]); i++ }); n != 0 {
		t.Errorf("%g allocations for a decision", n)
	}
	r := Request{Principal: asks[0].Principal, Host: asks[0].Host, Operation: security.OpRead, Type: security.TopicResource, Name: "two-0500"}
	if !a.Allowed(x, r) {
		t.Error("the second role is not looked at")
	}
}
