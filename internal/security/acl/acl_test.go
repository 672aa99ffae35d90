package acl

import (
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"leat/internal/security"
)

// naive decides by looking at all rules, one by one, as the package comment says.
func naive(a *Authorizer, rules []Rule, r Request) bool {
	if _, super := a.SuperUsers[r.Principal]; super {
		return true
	}
	allowed, denied, about := false, false, false
	for _, rule := range rules {
		if rule.Type != r.Type || !patternMatches(rule, r.Name) {
			continue
		}
		about = true
		if rule.Principal != r.Principal.String() && rule.Principal != r.Principal.Type+":*" || !hostMatches(rule.Host, r.Host) {
			continue
		}
		if rule.Permission == Deny {
			denied = denied || rule.Operation == security.OpAll || rule.Operation == r.Operation
		} else {
			allowed = allowed || implies(rule.Operation, r.Operation)
		}
	}
	if !about {
		return a.AllowEveryone
	}
	return allowed && !denied
}

func patternMatches(rule Rule, name string) bool {
	if rule.Pattern == Prefixed {
		return strings.HasPrefix(name, rule.Name)
	}
	return rule.Name == "*" || rule.Name == name
}

func hostMatches(rule string, host netip.Addr) bool {
	if rule == "*" || rule == host.String() {
		return true
	}
	p, err := netip.ParsePrefix(rule)
	return err == nil && p.Contains(host)
}

func implies(has, asked security.Operation) bool {
	switch {
	case has == asked, has == security.OpAll:
		return true
	case asked == security.OpDescribe:
		return has == security.OpRead || has == security.OpWrite || has == security.OpDelete || has == security.OpAlter
	case asked == security.OpDescribeConfigs:
		return has == security.OpAlterConfigs
	}
	return false
}

// naiveSome is Authorizer.authorizeByResourceType as Kafka's interface has it.
func naiveSome(a *Authorizer, rules []Rule, r Request) bool {
	r.Name = "hardcode"
	if naive(a, rules, r) {
		return true
	}
	var allows, denies []Rule
	for _, rule := range rules {
		if rule.Type != r.Type || !hostMatches(rule.Host, r.Host) || rule.Operation != r.Operation && rule.Operation != security.OpAll ||
			rule.Principal != r.Principal.String() && rule.Principal != r.Principal.Type+":*" {
			continue
		}
		if rule.Permission == Deny {
			denies = append(denies, rule)
		} else {
			allows = append(allows, rule)
		}
	}
	for _, allow := range allows {
		dominated := false
		for _, deny := range denies {
			dominated = dominated || deny.Pattern == Literal && deny.Name == "*" ||
				deny.Pattern == Prefixed && strings.HasPrefix(allow.Name, deny.Name) && !(allow.Pattern == Literal && allow.Name == "*") ||
				deny.Pattern == Literal && allow.Pattern == Literal && deny.Name == allow.Name
		}
		if !dominated {
			return true
		}
	}
	return false
}

var (
	principals = []string{"alice", "bob", "alicia", "*"}
	hostsDrawn = []string{"*", "*", "10.0.0.1", "10.0.0.2", "10.0.0.0/8", "10.0.0.1/32", "::1", "fd00::/8", "nowhere"}
	callers    = []string{"10.0.0.1", "10.0.0.2", "10.9.9.9", "192.168.0.1", "::1", "fd00::7"}
	operations = []security.Operation{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15}
)

func drawName(t *rapid.T) string {
	return rapid.StringMatching(`[ab]{1,4}|\*|hardcode`).Draw(t, "name")
}

func drawRule(t *rapid.T) Rule {
	kind := rapid.SampledFrom([]string{"User", "User", "User", "Group"}).Draw(t, "kind")
	return Rule{
		Type: security.ResourceType(rapid.IntRange(2, 3).Draw(t, "type")), Pattern: PatternType(rapid.IntRange(3, 4).Draw(t, "pattern")),
		Name: drawName(t), Principal: kind + ":" + rapid.SampledFrom(principals).Draw(t, "principal"), Host: rapid.SampledFrom(hostsDrawn).Draw(t, "host"),
		Operation: rapid.SampledFrom(operations).Draw(t, "operation"), Permission: Permission(rapid.IntRange(2, 3).Draw(t, "permission")),
	}
}

func drawRequest(t *rapid.T) Request {
	return Request{
		Principal: security.Principal{Type: rapid.SampledFrom([]string{"User", "User", "Group"}).Draw(t, "kind"), Name: rapid.SampledFrom(principals[:3]).Draw(t, "who")},
		Host:      netip.MustParseAddr(rapid.SampledFrom(callers).Draw(t, "from")),
		Operation: rapid.SampledFrom(operations[1:]).Draw(t, "asked"), Type: security.ResourceType(rapid.IntRange(2, 3).Draw(t, "of")), Name: drawName(t),
	}
}

// TestPropertyIndexDecidesAsTheRulesSay adds and removes random rules, and compares with the naive decision after each step. An index of before must
// still decide as it did.
func TestPropertyIndexDecidesAsTheRulesSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := &Authorizer{AllowEveryone: rapid.Bool().Draw(t, "everyone"), SuperUsers: map[security.Principal]struct{}{{Type: "User", Name: "alicia"}: {}}}
		x, rules := None, []Rule(nil)
		before, rulesBefore := x, rules
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(rules) > 0 && rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				i := rapid.IntRange(0, len(rules)-1).Draw(t, "which")
				x = x.Without(rules[i])
				rules = append(append([]Rule(nil), rules[:i]...), rules[i+1:]...)
			} else {
				r := drawRule(t)
				x = x.With(r)
				rules = append(append([]Rule(nil), rules...), r)
			}
			if x.Len() != len(rules) {
				t.Fatalf("%d rules, want %d", x.Len(), len(rules))
			}
			for _, at := range []struct {
				x     *Index
				rules []Rule
			}{{x, rules}, {before, rulesBefore}} {
				r := drawRequest(t)
				if got, want := a.Allowed(at.x, r), naive(a, at.rules, r); got != want {
					t.Fatalf("%+v: %t, want %t by %+v", r, got, want, at.rules)
				}
				if r.Operation == security.OpDescribe || r.Operation == security.OpDescribeConfigs {
					continue // others imply them, which Kafka does not look at there
				}
				if got, want := a.AllowedSome(at.x, r), naiveSome(a, at.rules, r); got != want {
					t.Fatalf("%+v on some resource: %t, want %t by %+v", r, got, want, at.rules)
				}
			}
			if asked := drawRule(t); x.Has(asked) != slices.Contains(rules, asked) {
				t.Fatalf("has %+v: %t of %+v", asked, x.Has(asked), rules)
			} else if len(rules) > 0 && !x.Has(rules[0]) {
				t.Fatalf("has not %+v", rules[0])
			}
			before, rulesBefore = x, rules
		}
		for _, r := range rules {
			x = x.Without(r)
		}
		if x.Len() != 0 || x.about != None.about {
			t.Fatalf("%d rules stay", x.Len())
		}
	})
}

func TestOperationsAreThoseThatTheTypeHas(t *testing.T) {
	a := &Authorizer{}
	x := None.With(Rule{Type: security.TopicResource, Pattern: Literal, Name: "orders", Principal: "User:alice", Host: "*", Operation: security.OpAll, Permission: Allow}).
		With(Rule{Type: security.TopicResource, Pattern: Prefixed, Name: "or", Principal: "User:*", Host: "10.0.0.0/8", Operation: security.OpDelete, Permission: Deny})
	r := Request{Principal: security.Principal{Type: "User", Name: "alice"}, Host: netip.MustParseAddr("::ffff:10.1.2.3"), Type: security.TopicResource, Name: "orders"}
	if got := a.Operations(x, r); got != 0b1101_1011_1000 {
		t.Errorf("got %b", got)
	}
	r.Host = netip.MustParseAddr("11.1.2.3")
	if got := a.Operations(x, r); got != 0b1101_1111_1000 {
		t.Errorf("from elsewhere: got %b", got)
	}
	if got := (*Authorizer)(nil).Operations(None, r); got != 0b1101_1111_1000 {
		t.Errorf("without authorizer: got %b", got)
	}
}

// TestHostsAreAddressesHoweverTheyAreWritten: one that a rule denies must not get in because the rule has another form of its address.
func TestHostsAreAddressesHoweverTheyAreWritten(t *testing.T) {
	for _, tt := range []struct {
		rule, host string
		want       bool
	}{
		{"10.1.2.3", "10.1.2.3", true}, {"::ffff:10.1.2.3", "10.1.2.3", true}, {"10.1.2.3", "10.1.2.4", false},
		{"10.0.0.0/8", "10.1.2.3", true}, {"::ffff:10.0.0.0/104", "10.1.2.3", true}, {"::ffff:10.0.0.0/104", "11.1.2.3", false},
		{"::/0", "10.1.2.3", false}, {"2001:db8::/32", "2001:db8::1", true}, {"somewhere", "10.1.2.3", false},
	} {
		h := parseHosts(tt.rule)
		if got := h.match(netip.MustParseAddr(tt.host)); got != tt.want {
			t.Errorf("%s matches %s: %t", tt.rule, tt.host, got)
		}
	}
}

func TestUnknownNumbersOfLaterVersionsMeanNothing(t *testing.T) {
	a := &Authorizer{}
	r := Request{Principal: security.Anonymous, Operation: security.OpRead, Type: security.TopicResource, Name: "t"}
	for _, rule := range []Rule{
		{Type: 120, Pattern: Literal, Name: "*", Principal: "User:*", Host: "*", Operation: security.OpAll, Permission: Allow},
		{Type: security.TopicResource, Pattern: 9, Name: "*", Principal: "User:*", Host: "*", Operation: security.OpAll, Permission: Allow},
		{Type: security.TopicResource, Pattern: Literal, Name: "*", Principal: "User:*", Host: "*", Operation: 99, Permission: Allow},
		{Type: -1, Pattern: Literal, Name: "*", Principal: "User:*", Host: "*", Operation: -3, Permission: Allow},
	} {
		if x := None.With(rule); a.Allowed(x, r) {
			t.Errorf("%+v allows", rule)
		} else if x.Without(rule).Len() != 0 {
			t.Errorf("%+v stays", rule)
		}
	}
	r.Type = 100
	if a.Allowed(None, r) {
		t.Error("a resource of an unknown type is allowed")
	}
}

func TestNew(t *testing.T) {
	if a, err := New("", "User:x", false); a != nil || err != nil {
		t.Errorf("empty class: %v, %v", a, err)
	}
	a, err := New(StandardAuthorizer, " User:CN=a,OU=b ;User:admin;", true)
	if err != nil || len(a.SuperUsers) != 2 || !a.AllowEveryone || !a.super(security.Principal{Type: "User", Name: "CN=a,OU=b"}) {
		t.Errorf("%+v, %v", a, err)
	}
	for _, tt := range []struct{ class, users, want string }{
		{"kafka.security.authorizer.AclAuthorizer", "", "authorizer.class.name=kafka.security.authorizer.AclAuthorizer: no such authorizer"},
		{StandardAuthorizer, "admin", `super.users=admin: "admin" is not a principal`},
	} {
		if _, err := New(tt.class, tt.users, false); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.class, err)
		}
	}
}

func TestFilter(t *testing.T) {
	text := func(s string) *string { return &s }
	rules := []Rule{
		{Type: 2, Pattern: Literal, Name: "orders", Principal: "User:a", Host: "*", Operation: 3, Permission: Allow},
		{Type: 2, Pattern: Literal, Name: "*", Principal: "User:b", Host: "1.1.1.1", Operation: 4, Permission: Deny},
		{Type: 2, Pattern: Prefixed, Name: "ord", Principal: "User:a", Host: "*", Operation: 3, Permission: Allow},
		{Type: 3, Pattern: Prefixed, Name: "*", Principal: "User:a", Host: "*", Operation: 2, Permission: Allow},
	}
	for _, tt := range []struct {
		filter Filter
		want   string
	}{
		{Filter{Type: Any, Pattern: AnyPattern, Operation: Any, Permission: AnyPermission}, "0123"},
		{Filter{Type: 2, Pattern: Match, Name: text("orders"), Operation: Any, Permission: AnyPermission}, "012"},
		{Filter{Type: 2, Pattern: Match, Operation: Any, Permission: AnyPermission}, "012"},
		{Filter{Type: 2, Pattern: Match, Name: text("order"), Operation: Any, Permission: AnyPermission}, "12"},
		{Filter{Type: 2, Pattern: Literal, Name: text("*"), Operation: Any, Permission: AnyPermission}, "1"},
		{Filter{Type: Any, Pattern: AnyPattern, Name: text("*"), Operation: Any, Permission: AnyPermission}, "13"},
		{Filter{Type: Any, Pattern: Prefixed, Operation: Any, Permission: AnyPermission}, "23"},
		{Filter{Type: Any, Pattern: AnyPattern, Principal: text("User:b"), Operation: Any, Permission: AnyPermission}, "1"},
		{Filter{Type: Any, Pattern: AnyPattern, Host: text("1.1.1.1"), Operation: Any, Permission: AnyPermission}, "1"},
		{Filter{Type: Any, Pattern: AnyPattern, Operation: 3, Permission: Allow}, "02"},
		{Filter{Type: Any, Pattern: AnyPattern, Operation: Any, Permission: Deny}, "1"},
	} {
		got := ""
		for i := range rules {
			if tt.filter.Matches(&rules[i]) {
				got += fmt.Sprint(i)
			}
		}
		if got != tt.want {
			t.Errorf("%+v chose %s, want %s", tt.filter, got, tt.want)
		}
	}
}

// hundredThousand is a cluster of 1,000 applications, each with 50 topics of its own and some prefixes, and rules for everybody.
func hundredThousand() (*Index, []Request) {
	x := None
	var asks []Request
	user := func(i int) string { return fmt.Sprintf("User:app-%04d", i) }
	for i := range 1000 {
		for j := range 90 {
			x = x.With(Rule{Type: security.TopicResource, Pattern: Literal, Name: fmt.Sprintf("team-%02d.app-%04d.topic-%03d", i%50, i, j), Principal: user(i), Host: "*",
				Operation: security.Operation(3 + j%2), Permission: Allow})
		}
		for j := range 10 {
			x = x.With(Rule{Type: security.TopicResource, Pattern: Prefixed, Name: fmt.Sprintf("shared-%02d.", (i+j)%97), Principal: user(i), Host: fmt.Sprintf("10.%d.0.0/16", j),
				Operation: security.OpRead, Permission: Allow})
		}
	}
	for j := range 20 {
		x = x.With(Rule{Type: security.TopicResource, Pattern: Prefixed, Name: fmt.Sprintf("secret-%02d", j), Principal: "User:*", Host: "*", Operation: security.OpAll, Permission: Deny})
	}
	rng := rand.New(rand.NewSource(1))
	for range 4096 {
		i, j := rng.Intn(1000), rng.Intn(90)
		r := Request{Principal: security.Principal{Type: "User", Name: fmt.Sprintf("app-%04d", i)}, Host: netip.MustParseAddr("10.3.1.1"), Operation: security.OpRead, Type: security.TopicResource,
			Name: fmt.Sprintf("team-%02d.app-%04d.topic-%03d", i%50, i, j)}
		if rng.Intn(3) == 0 {
			r.Name = fmt.Sprintf("shared-%02d.topic-%d", (i+rng.Intn(10))%97, j)
		}
		asks = append(asks, r)
	}
	return x, asks
}

func BenchmarkAllowed100000Rules(b *testing.B) {
	x, asks := hundredThousand()
	a := &Authorizer{}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		a.Allowed(x, asks[i%len(asks)])
	}
}

func BenchmarkAddRuleTo100000(b *testing.B) {
	x, _ := hundredThousand()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		x.With(Rule{Type: security.TopicResource, Pattern: Literal, Name: fmt.Sprintf("new-%d", i), Principal: "User:app-0500", Host: "*", Operation: security.OpRead, Permission: Allow})
	}
}

func TestDecisionsAllocateNothing(t *testing.T) {
	x, asks := hundredThousand()
	if x.Len() != 100_020 {
		t.Fatalf("%d rules", x.Len())
	}
	a := &Authorizer{AllowEveryone: true}
	i := 0
	if n := testing.AllocsPerRun(1000, func() { a.Allowed(x, asks[i%len(asks)]); i++ }); n != 0 {
		t.Errorf("%g allocations for a decision", n)
	}
}
