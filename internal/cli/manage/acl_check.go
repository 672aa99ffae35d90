package manage

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/config"
	"leat/internal/security"
	"leat/internal/security/acl"
)

// verdict is what `leat acl check -o json` prints.
type verdict struct {
	Principal string   `json:"principal"`
	Operation string   `json:"operation"`
	Resource  string   `json:"resource"`
	Host      string   `json:"host"`
	Allowed   bool     `json:"allowed"`
	Why       string   `json:"why"`
	Roles     []string `json:"roles,omitempty"`
	Rules     []rule   `json:"rules"` // that speak of it
}

func aclCheckCommand(s run.Streams) *cobra.Command {
	var host string
	var groups []string
	c := newCommand(s, &cobra.Command{
		Use: "check PRINCIPAL OPERATION TYPE:NAME", Short: "Say whether somebody may do something, and by which ACLs",
		Long: `Say whether somebody may do something, and by which ACLs: exit status 0 if so, 1 if not.

TYPE is topic, group, transactional-id, delegation-token, user or cluster (which needs no name). The rules are asked of the cluster and weighed here as its
brokers do it: super users, roles (leat.role.bindings) and allow.everyone.if.no.acl.found included.`,
		Example: "  leat acl check User:alice read topic:orders\n  leat acl check User:bob write topic:orders --host 10.1.2.3 -o json",
		Args:    cobra.ExactArgs(3), ValidArgsFunction: cobra.NoFileCompletions,
	})
	c.Command.Flags().StringVar(&host, "host", "127.0.0.1", "`ADDRESS` from which the principal comes")
	c.Command.Flags().StringSliceVar(&groups, "in-group", nil, "`GROUP,...` that the principal's token says it is in, for roles that groups have")
	c.check = func(args []string) error {
		_, err := parseQuestion(args, host, groups)
		return err
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		rq, err := parseQuestion(args, host, groups)
		if err != nil {
			return err
		}
		v, err := judge(ctx, cl, rq)
		if err != nil {
			return err
		}
		yes := any(present.Good("yes"))
		if !v.Allowed {
			yes = present.Bad("no")
		}
		answer := present.NewTable("PRINCIPAL", "OPERATION", "RESOURCE", "HOST", "MAY", "BECAUSE").Add(v.Principal, v.Operation, v.Resource, v.Host, yes, v.Why)
		tables := []*present.Table{answer}
		if len(v.Rules) > 0 {
			tables = append(tables, rulesTable(v.Rules))
		}
		if err := c.Show(v, tables...); err != nil || v.Allowed {
			return err
		}
		return run.Exit(1)
	}
	return c.Command
}

// parseQuestion reads who asks for what.
func parseQuestion(args []string, host string, groups []string) (rq acl.Request, err error) {
	if err := checkPrincipals(args[:1]); err != nil {
		return rq, err
	}
	rq.Principal.Type, rq.Principal.Name, _ = strings.Cut(args[0], ":")
	joined, ok := security.JoinGroups(groups)
	if !ok {
		return rq, fmt.Errorf("--in-group=%s: these are too many, or too long", strings.Join(groups, ","))
	}
	rq.Principal.Groups = joined
	op, err := kmsg.ParseACLOperation(args[1])
	if err != nil || op <= kmsg.ACLOperationAny {
		return rq, fmt.Errorf("%s: there is no such operation: leat acl add --help shows which there are", args[1])
	}
	kind, name, named := strings.Cut(args[2], ":")
	t, err := kmsg.ParseACLResourceType(kind)
	if err != nil || t <= kmsg.ACLResourceTypeAny {
		return rq, fmt.Errorf("%s: there is no such type: there are topic, group, transactional-id, delegation-token, user and cluster", kind)
	}
	if t == kmsg.ACLResourceTypeCluster && !named {
		name, named = acl.ClusterName, true
	}
	if !named || name == "" {
		return rq, fmt.Errorf("%s: say which: %s:NAME", args[2], kind)
	}
	if rq.Host, err = netip.ParseAddr(host); err != nil {
		return rq, fmt.Errorf("--host=%s: it is not an address", host)
	}
	rq.Operation, rq.Type, rq.Name = security.Operation(op), security.ResourceType(t), name
	return rq, nil
}

// judge asks for the rules, and decides as brokers do.
func judge(ctx context.Context, cl *cluster, rq acl.Request) (*verdict, error) {
	rules, err := readRules(ctx, cl)
	if err != nil {
		return nil, err
	}
	by, roles, err := readAuthorizer(ctx, cl, rq.Principal)
	if err != nil {
		return nil, err
	}
	index := &acl.Index{}
	for i := range rules {
		index = index.With(rules[i].raw)
	}
	asked := ruleOf(acl.Rule{Type: rq.Type, Name: rq.Name, Pattern: acl.Literal, Operation: rq.Operation})
	v := &verdict{Principal: rq.Principal.Itself().String(), Operation: asked.Operation, Resource: asked.resource(), Host: rq.Host.String(), Roles: roles,
		Allowed: by.Allowed(index, rq), Rules: []rule{}}
	name := rq.Name
	about := acl.Filter{Type: rq.Type, Pattern: acl.Match, Name: &name, Operation: acl.Any, Permission: acl.AnyPermission}
	principals := []string{v.Principal, rq.Principal.Type + ":*"}
	for _, role := range roles {
		principals = append(principals, acl.RoleType+":"+role, acl.RoleType+":*")
	}
	for i := range rules {
		if about.Matches(&rules[i].raw) && slices.Contains(principals, rules[i].Principal) {
			v.Rules = append(v.Rules, rules[i])
		}
	}
	v.Why = why(v, by, rq.Principal.Itself())
	return v, nil
}

func why(v *verdict, by *acl.Authorizer, who security.Principal) string {
	_, super := by.SuperUsers[who]
	denied := slices.ContainsFunc(v.Rules, func(r rule) bool { return r.raw.Permission == acl.Deny })
	switch {
	case super:
		return "it is a super user (super.users)"
	case v.Allowed && len(v.Rules) == 0:
		return "no ACL is about it, and allow.everyone.if.no.acl.found is set"
	case v.Allowed:
		return "an ACL allows it, and none denies it"
	case denied:
		return "an ACL denies it, or none allows it"
	case len(v.Rules) > 0:
		return "no ACL allows this operation, or not from this host"
	}
	return "no ACL allows it: leat acl add --allow " + v.Principal + " --operation " + v.Operation + " adds one"
}

// readAuthorizer asks a broker what is configured beside the rules, and which roles somebody has by it.
func readAuthorizer(ctx context.Context, cl *cluster, who security.Principal) (*acl.Authorizer, []string, error) {
	meta, err := ask[*kmsg.MetadataResponse](ctx, cl, &kmsg.MetadataRequest{Topics: []kmsg.MetadataRequestTopic{}})
	if err != nil {
		return nil, nil, err
	}
	if len(meta.Brokers) == 0 {
		return nil, nil, fmt.Errorf("no broker is up")
	}
	set, err := readSettings(ctx, cl, entity{kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(meta.Brokers[0].NodeID))})
	if err != nil {
		return nil, nil, err
	}
	text := func(key string) string {
		i := slices.IndexFunc(set, func(s setting) bool { return s.Key == key })
		if i < 0 {
			return ""
		}
		return orNothing(set[i].Value)
	}
	by, err := acl.New(acl.StandardAuthorizer, text("super.users"), text("allow.everyone.if.no.acl.found") == "true")
	if err != nil {
		return nil, nil, err
	}
	bound, err := config.ParseRoleBindings(text("leat.role.bindings"))
	if err != nil {
		return nil, nil, of("leat.role.bindings", err)
	}
	var roles []string
	b := acl.NewBindings()
	for _, one := range bound {
		b.Bind(one.Kind, one.Name, one.Roles...)
		if one.Kind == "User" && who.Type == "User" && (one.Name == who.Name || one.Name == "*") || one.Kind == "Group" && inGroup(who.Groups, one.Name) {
			roles = append(roles, one.Roles...)
		}
	}
	by.Bindings = func() *acl.Bindings { return b }
	return by, roles, nil
}

func inGroup(groups, name string) bool {
	for groups != "" {
		var one string
		if one, groups = security.NextGroup(groups); one == name {
			return true
		}
	}
	return false
}
