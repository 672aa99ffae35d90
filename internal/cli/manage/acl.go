package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/security/acl"
)

func aclFamily(s run.Streams) *cobra.Command {
	return family("acl", "Look at who may do what, and change it", aclListCommand(s), aclAddCommand(s), aclRemoveCommand(s), aclCheckCommand(s))
}

// rule is an ACL as `leat acl list -o json` prints it.
type rule struct {
	Principal  string `json:"principal"`
	Permission string `json:"permission"`
	Operation  string `json:"operation"`
	Type       string `json:"resource_type"`
	Pattern    string `json:"pattern_type"`
	Name       string `json:"resource_name"`
	Host       string `json:"host"`

	raw acl.Rule
}

func ruleOf(r acl.Rule) rule {
	return rule{r.Principal, lower(kmsg.ACLPermissionType(r.Permission)), lower(kmsg.ACLOperation(r.Operation)), lower(kmsg.ACLResourceType(r.Type)),
		lower(kmsg.ACLResourcePatternType(r.Pattern)), r.Name, r.Host, r}
}

// lower is a word of the protocol as a person writes it: DESCRIBE_CONFIGS is describe-configs.
func lower(word fmt.Stringer) string {
	return strings.ReplaceAll(strings.ToLower(word.String()), "_", "-")
}

// resource is what a rule is about.
func (r *rule) resource() string {
	switch {
	case r.raw.Type == acl.Any:
		return "any resource"
	case r.Pattern == "prefixed":
		return r.Type + ":" + r.Name + "..."
	}
	return r.Type + ":" + r.Name
}

func compareRules(a, b rule) int {
	return slices.Compare([]string{a.Principal, a.Type, a.Name, a.Pattern, a.Permission, a.Operation, a.Host}, []string{b.Principal, b.Type, b.Name, b.Pattern, b.Permission, b.Operation, b.Host})
}

// chosen is what rules are about, by the flags.
type chosen struct {
	allow, deny, principals []string
	operations              []string
	topics, groups, txns    []string
	tokens, users, hosts    []string
	cluster, prefixed       bool
}

func (x *chosen) add(cmd *cobra.Command, filter bool) {
	f := cmd.Flags()
	if filter {
		f.StringArrayVar(&x.principals, "principal", nil, "of a `PRINCIPAL` such as User:alice or Role:readers; may be repeated")
	}
	f.StringArrayVar(&x.allow, "allow", nil, "that allow a `PRINCIPAL` something; User:* is everybody; may be repeated")
	f.StringArrayVar(&x.deny, "deny", nil, "that deny a `PRINCIPAL` something; may be repeated")
	f.StringSliceVar(&x.operations, "operation", nil, "`OPERATION,...`: read, write, create, delete, alter, describe, describe-configs, alter-configs, cluster-action, idempotent-write, create-tokens, describe-tokens, two-phase-commit, all")
	f.StringArrayVar(&x.topics, "topic", nil, "on a `TOPIC`, * for all; may be repeated")
	f.StringArrayVar(&x.groups, "group", nil, "on a `GROUP`; may be repeated")
	f.StringArrayVar(&x.txns, "transactional-id", nil, "on a transactional `ID`; may be repeated")
	f.StringArrayVar(&x.tokens, "token", nil, "on a delegation token, by its `ID`; may be repeated")
	f.StringArrayVar(&x.users, "user", nil, "on tokens of a `PRINCIPAL`; may be repeated")
	f.BoolVar(&x.cluster, "cluster", false, "on the cluster itself")
	f.BoolVar(&x.prefixed, "prefixed", false, "names are the beginnings of names")
	f.StringArrayVar(&x.hosts, "host", nil, "from an `ADDRESS`, or a range such as 10.0.0.0/8; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("topic", completeTopics)
	_ = cmd.RegisterFlagCompletionFunc("group", completeGroups)
}

// named is a resource by its type and name.
type named struct {
	kind kmsg.ACLResourceType
	name string
}

func (x *chosen) resources() []named {
	var all []named
	for _, list := range []struct {
		kind  kmsg.ACLResourceType
		names []string
	}{{kmsg.ACLResourceTypeTopic, x.topics}, {kmsg.ACLResourceTypeGroup, x.groups}, {kmsg.ACLResourceTypeTransactionalId, x.txns},
		{kmsg.ACLResourceTypeDelegationToken, x.tokens}, {kmsg.ACLResourceTypeUser, x.users}} {
		for _, name := range list.names {
			all = append(all, named{list.kind, name})
		}
	}
	if x.cluster {
		all = append(all, named{kmsg.ACLResourceTypeCluster, acl.ClusterName})
	}
	return all
}

func (x *chosen) parsedOperations() ([]kmsg.ACLOperation, error) {
	var all []kmsg.ACLOperation
	for _, word := range x.operations {
		op, err := kmsg.ParseACLOperation(word)
		if err != nil || op <= kmsg.ACLOperationAny {
			return nil, fmt.Errorf("--operation=%s: there is no such operation: --help shows which there are", word)
		}
		all = append(all, op)
	}
	return all, nil
}

// checkPrincipals refuses what can be no principal, which a cluster would take.
func checkPrincipals(lists ...[]string) error {
	for _, list := range lists {
		for _, p := range list {
			if kind, name, ok := strings.Cut(p, ":"); !ok || kind == "" || name == "" {
				return fmt.Errorf("%s: it is not a principal: write User:%s", p, p)
			}
		}
	}
	return nil
}

// rules are the ACLs that the flags name, each one.
func (x *chosen) rules() ([]rule, error) {
	if err := checkPrincipals(x.allow, x.deny); err != nil {
		return nil, err
	}
	ops, err := x.parsedOperations()
	if err != nil {
		return nil, err
	}
	on := x.resources()
	switch {
	case len(x.allow)+len(x.deny) == 0:
		return nil, errors.New("--allow or --deny: say whom")
	case len(ops) == 0:
		return nil, errors.New("--operation: say what")
	case len(on) == 0:
		return nil, errors.New("--topic, --group, --transactional-id, --token, --user or --cluster: say on what")
	}
	hosts := x.hosts
	if len(hosts) == 0 {
		hosts = []string{acl.Wildcard}
	}
	pattern := acl.Literal
	if x.prefixed {
		pattern = acl.Prefixed
	}
	var all []rule
	each := func(principals []string, permission acl.Permission) {
		for _, p := range principals {
			for _, r := range on {
				for _, op := range ops {
					for _, host := range hosts {
						all = append(all, ruleOf(rawRule(r, pattern, p, host, op, permission)))
					}
				}
			}
		}
	}
	each(x.allow, acl.Allow)
	each(x.deny, acl.Deny)
	return all, nil
}

// readRules asks for all rules.
func readRules(ctx context.Context, cl *cluster) ([]rule, error) {
	rq := kmsg.NewPtrDescribeACLsRequest()
	rq.ResourceType, rq.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	rq.Operation, rq.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	resp, err := ask[*kmsg.DescribeACLsResponse](ctx, cl, rq)
	if err == nil {
		err = answered(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return nil, of("ACLs", err)
	}
	all := []rule{}
	for _, r := range resp.Resources {
		for _, a := range r.ACLs {
			all = append(all, ruleOf(rawRule(named{r.ResourceType, r.ResourceName}, acl.PatternType(r.ResourcePatternType), a.Principal, a.Host, a.Operation, acl.Permission(a.PermissionType))))
		}
	}
	slices.SortFunc(all, compareRules)
	return all, nil
}

func rulesTable(rules []rule) *present.Table {
	t := present.NewTable("PRINCIPAL", "PERMISSION", "OPERATION", "RESOURCE", "HOST")
	for i := range rules {
		r := &rules[i]
		var permission any = r.Permission
		if r.raw.Permission == acl.Deny {
			permission = present.Bad(r.Permission)
		}
		t.Add(r.Principal, permission, r.Operation, r.resource(), r.Host)
	}
	return t
}

func aclListCommand(s run.Streams) *cobra.Command {
	var x chosen
	c := newCommand(s, &cobra.Command{
		Use: "list", Short: "List ACLs: all, or those that the flags choose",
		Example: "  leat acl list\n  leat acl list --principal User:alice\n  leat acl list --topic orders",
		Args:    cobra.NoArgs,
	})
	x.add(c.Command, true)
	c.check = func([]string) error { return x.checkFilter() }
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		rules, err := readRules(ctx, cl)
		if err != nil {
			return err
		}
		rules = x.choose(rules)
		return c.Show(rules, rulesTable(rules))
	}
	return c.Command
}

func (x *chosen) checkFilter() error {
	if _, err := x.parsedOperations(); err != nil {
		return err
	}
	return checkPrincipals(x.allow, x.deny, x.principals)
}

// choose are the rules that the flags name; flags that are not given choose all. A rule that was prefixed is chosen by its own name, with --prefixed.
func (x *chosen) choose(rules []rule) []rule {
	ops, _ := x.parsedOperations()
	on := x.resources()
	return slices.DeleteFunc(rules, func(r rule) bool {
		switch {
		case len(x.principals) > 0 && !slices.Contains(x.principals, r.Principal),
			len(x.allow)+len(x.deny) > 0 && !(r.raw.Permission == acl.Allow && slices.Contains(x.allow, r.Principal)) && !(r.raw.Permission == acl.Deny && slices.Contains(x.deny, r.Principal)),
			len(ops) > 0 && !slices.Contains(ops, kmsg.ACLOperation(r.raw.Operation)),
			len(on) > 0 && !slices.Contains(on, named{kmsg.ACLResourceType(r.raw.Type), r.Name}),
			x.prefixed && r.raw.Pattern != acl.Prefixed,
			len(x.hosts) > 0 && !slices.Contains(x.hosts, r.Host):
			return true
		}
		return false
	})
}
