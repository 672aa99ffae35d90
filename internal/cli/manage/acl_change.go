package manage

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/security"
	"leat/internal/security/acl"
)

func rawRule(on named, pattern acl.PatternType, principal, host string, op kmsg.ACLOperation, permission acl.Permission) acl.Rule {
	return acl.Rule{Type: security.ResourceType(on.kind), Pattern: pattern, Name: on.name, Principal: principal, Host: host, Operation: security.Operation(op), Permission: permission}
}

func aclAddCommand(s run.Streams) *cobra.Command {
	var x chosen
	c := newCommand(s, &cobra.Command{
		Use: "add", Short: "Add ACLs: every operation on every resource to everybody who is named",
		Example: "  leat acl add --allow User:alice --operation read,describe --topic orders\n" +
			"  leat acl add --allow Role:readers --operation read --topic payments- --prefixed --plan",
		Args: cobra.NoArgs,
	}).changes()
	x.add(c.Command, false)
	c.check = func([]string) error {
		_, err := x.rules()
		return err
	}
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		rules, err := x.rules()
		if err != nil {
			return err
		}
		have, err := readRules(ctx, cl)
		if err != nil {
			return err
		}
		there := map[acl.Rule]bool{}
		for i := range have {
			there[have[i].raw] = true
		}
		var steps present.Steps
		rq := kmsg.NewPtrCreateACLsRequest()
		for i := range rules {
			if there[rules[i].raw] {
				continue
			}
			steps = append(steps, rules[i].step("add"))
			rq.Creations = append(rq.Creations, creation(&rules[i].raw))
		}
		if len(steps) > 0 {
			steps[len(steps)-1].Do = func(ctx context.Context) error {
				resp, err := ask[*kmsg.CreateACLsResponse](ctx, cl, rq)
				if err != nil {
					return err
				}
				var wrong []error
				for i := range resp.Results {
					wrong = append(wrong, answered(resp.Results[i].ErrorCode, resp.Results[i].ErrorMessage))
				}
				return errors.Join(wrong...)
			}
		}
		return c.Carry(ctx, steps, "")
	}
	return c.Command
}

// step is what is done with a rule.
func (r *rule) step(action string) present.Step {
	return present.Step{Object: r.Principal, Action: action, What: r.Permission + " " + r.Operation + " on " + r.resource() + " from " + r.Host}
}

func creation(r *acl.Rule) kmsg.CreateACLsRequestCreation {
	n := kmsg.NewCreateACLsRequestCreation()
	n.ResourceType, n.ResourcePatternType, n.ResourceName = kmsg.ACLResourceType(r.Type), kmsg.ACLResourcePatternType(r.Pattern), r.Name
	n.Principal, n.Host, n.Operation, n.PermissionType = r.Principal, r.Host, kmsg.ACLOperation(r.Operation), kmsg.ACLPermissionType(r.Permission)
	return n
}

func aclRemoveCommand(s run.Streams) *cobra.Command {
	var x chosen
	c := newCommand(s, &cobra.Command{
		Use: "remove", Short: "Remove the ACLs that the flags choose",
		Example: "  leat acl remove --principal User:alice --plan\n  leat acl remove --allow User:alice --operation write --topic orders --yes",
		Args:    cobra.NoArgs,
	}).destroys()
	x.add(c.Command, true)
	c.check = func([]string) error {
		if len(x.principals)+len(x.allow)+len(x.deny)+len(x.operations)+len(x.resources())+len(x.hosts) == 0 {
			return errors.New("say which: without any flag these would be all ACLs")
		}
		return x.checkFilter()
	}
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		rules, err := readRules(ctx, cl)
		if err != nil {
			return err
		}
		rules = x.choose(rules)
		var steps present.Steps
		rq := kmsg.NewPtrDeleteACLsRequest()
		for i := range rules {
			steps = append(steps, rules[i].step("remove"))
			rq.Filters = append(rq.Filters, exactly(&rules[i].raw))
		}
		if len(steps) > 0 {
			steps[len(steps)-1].Do = func(ctx context.Context) error { return removeRules(ctx, cl, rq) }
		}
		return c.Carry(ctx, steps, fmt.Sprintf("remove %s", plural(len(steps), "ACL")))
	}
	return c.Command
}

// exactly is a filter that chooses one rule.
func exactly(r *acl.Rule) kmsg.DeleteACLsRequestFilter {
	f := kmsg.NewDeleteACLsRequestFilter()
	f.ResourceType, f.ResourcePatternType, f.ResourceName = kmsg.ACLResourceType(r.Type), kmsg.ACLResourcePatternType(r.Pattern), &r.Name
	f.Principal, f.Host, f.Operation, f.PermissionType = &r.Principal, &r.Host, kmsg.ACLOperation(r.Operation), kmsg.ACLPermissionType(r.Permission)
	return f
}

func removeRules(ctx context.Context, cl *cluster, rq *kmsg.DeleteACLsRequest) error {
	resp, err := ask[*kmsg.DeleteACLsResponse](ctx, cl, rq)
	if err != nil {
		return err
	}
	var wrong []error
	for i := range resp.Results {
		r := &resp.Results[i]
		wrong = append(wrong, answered(r.ErrorCode, r.ErrorMessage))
		for j := range r.MatchingACLs {
			wrong = append(wrong, answered(r.MatchingACLs[j].ErrorCode, r.MatchingACLs[j].ErrorMessage))
		}
	}
	return errors.Join(wrong...)
}
