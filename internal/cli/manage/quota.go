package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

func quotaFamily(s run.Streams) *cobra.Command {
	return family("quota", "Look at quotas of users, clients and addresses, and change them", quotaListCommand(s), quotaSetCommand(s), quotaUnsetCommand(s))
}

// holder is whom a quota is for, by the flags. Empty: not named; <default>: whoever has no quota of its own.
type holder struct{ user, client, ip string }

const defaultHolder = "<default>"

func (h *holder) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&h.user, "user", "", "of a `USER`; "+defaultHolder+": of users without one")
	f.StringVar(&h.client, "client-id", "", "of a client `ID`; "+defaultHolder+": of those without one; with --user of that user's client")
	f.StringVar(&h.ip, "ip", "", "of connections from an `ADDRESS`; "+defaultHolder+": of those without one")
	cmd.MarkFlagsMutuallyExclusive("ip", "user")
	cmd.MarkFlagsMutuallyExclusive("ip", "client-id")
}

// entity is the holder as the protocol has it.
func (h *holder) entity() kadm.ClientQuotaEntity {
	var e kadm.ClientQuotaEntity
	for _, part := range [][2]string{{"user", h.user}, {"client-id", h.client}, {"ip", h.ip}} {
		switch part[1] {
		case "":
		case defaultHolder:
			e = append(e, kadm.ClientQuotaEntityComponent{Type: part[0]})
		default:
			e = append(e, kadm.ClientQuotaEntityComponent{Type: part[0], Name: &part[1]})
		}
	}
	return e
}

// quota is what `leat quota list -o json` prints of each.
type quota struct {
	User     *string            `json:"user,omitempty"` // <default>: of those without one
	ClientID *string            `json:"client_id,omitempty"`
	IP       *string            `json:"ip,omitempty"`
	Values   map[string]float64 `json:"values"`
}

func quotaOf(d *kadm.DescribedClientQuota) quota {
	q := quota{Values: map[string]float64{}}
	for _, part := range d.Entity {
		name := defaultHolder
		if part.Name != nil {
			name = *part.Name
		}
		switch part.Type {
		case "user":
			q.User = &name
		case "client-id":
			q.ClientID = &name
		case "ip":
			q.IP = &name
		}
	}
	for _, v := range d.Values {
		q.Values[v.Key] = v.Value
	}
	return q
}

func (q *quota) whose() string {
	var parts []string
	for _, p := range []struct {
		word string
		name *string
	}{{"user", q.User}, {"client-id", q.ClientID}, {"ip", q.IP}} {
		if p.name != nil {
			parts = append(parts, p.word+" "+*p.name)
		}
	}
	return strings.Join(parts, ", ")
}

// is reports whether a quota is the holder's.
func (h *holder) is(q *quota) bool {
	return h.user == orNothing(q.User) && h.client == orNothing(q.ClientID) && h.ip == orNothing(q.IP)
}

func readQuotas(ctx context.Context, cl *cluster) ([]quota, error) {
	resp, err := cl.admin.DescribeClientQuotas(ctx, false, nil)
	if err != nil {
		return nil, of("quotas", err)
	}
	all := []quota{}
	for i := range resp {
		all = append(all, quotaOf(&resp[i]))
	}
	slices.SortFunc(all, func(a, b quota) int { return strings.Compare(a.whose(), b.whose()) })
	return all, nil
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func quotaListCommand(s run.Streams) *cobra.Command {
	var h holder
	c := newCommand(s, &cobra.Command{
		Use: "list", Short: "List quotas: all, or those whose holder has what the flags name", Example: "  leat quota list\n  leat quota list --user alice", Args: cobra.NoArgs,
	})
	h.add(c.Command)
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		all, err := readQuotas(ctx, cl)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(q quota) bool {
			return h.user != "" && h.user != orNothing(q.User) || h.client != "" && h.client != orNothing(q.ClientID) || h.ip != "" && h.ip != orNothing(q.IP)
		})
		t := present.NewTable("HOLDER", "QUOTA", "VALUE")
		for i := range all {
			for _, key := range sortedKeys(all[i].Values) {
				t.Add(all[i].whose(), key, number(all[i].Values[key]))
			}
		}
		return c.Show(all, t)
	}
	return c.Command
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// quotaSteps are the steps to other quotas of a holder, made together. The cluster has been asked whether it would take them.
func quotaSteps(ctx context.Context, cl *cluster, h *holder, ops []kadm.AlterClientQuotaOp) (present.Steps, error) {
	all, err := readQuotas(ctx, cl)
	if err != nil {
		return nil, err
	}
	entry := []kadm.AlterClientQuotaEntry{{Entity: h.entity(), Ops: ops}}
	checked, err := cl.admin.ValidateAlterClientQuotas(ctx, entry)
	if err := quotasAltered(checked, err); err != nil {
		return nil, err
	}
	before := map[string]float64{}
	for i := range all {
		if h.is(&all[i]) {
			before = all[i].Values
		}
	}
	mine := quota{User: orNil(h.user), ClientID: orNil(h.client), IP: orNil(h.ip)}
	var steps present.Steps
	for _, op := range ops {
		step := present.Step{Object: mine.whose(), Action: "set", What: op.Key, After: number(op.Value)}
		if op.Remove {
			step.Action, step.After = "unset", ""
		}
		if v, ok := before[op.Key]; ok {
			step.Before = number(v)
		}
		steps = append(steps, step)
	}
	steps[len(steps)-1].Do = func(ctx context.Context) error {
		done, err := cl.admin.AlterClientQuotas(ctx, entry)
		return quotasAltered(done, err)
	}
	return steps, nil
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func quotasAltered(all kadm.AlteredClientQuotas, err error) error {
	wrong := []error{err}
	for _, one := range all {
		wrong = append(wrong, cmpErr(nil, one.Err, one.ErrMessage))
	}
	return errors.Join(wrong...)
}

const quotaHelp = "The quotas: producer_byte_rate, consumer_byte_rate (bytes a second), request_percentage (of one processor), controller_mutation_rate (partitions a second);\n" +
	"of addresses: connection_creation_rate."

func quotaSetCommand(s run.Streams) *cobra.Command {
	var h holder
	c := newCommand(s, &cobra.Command{
		Use: "set KEY=VALUE...", Short: "Set quotas", Long: "Set quotas.\n\n" + quotaHelp,
		Example: "  leat quota set --user alice producer_byte_rate=1048576\n  leat quota set --client-id '<default>' request_percentage=50 --plan",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}).changes()
	h.add(c.Command)
	c.MarkFlagsOneRequired("user", "client-id", "ip")
	var ops []kadm.AlterClientQuotaOp
	c.check = func(args []string) error {
		kvs, err := pairs(args)
		for _, kv := range kvs {
			v, wrong := strconv.ParseFloat(kv[1], 64)
			if wrong != nil || v < 0 {
				return fmt.Errorf("%s=%s: it is not a number", kv[0], kv[1])
			}
			ops = append(ops, kadm.AlterClientQuotaOp{Key: kv[0], Value: v})
		}
		return err
	}
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		steps, err := quotaSteps(ctx, cl, &h, ops)
		if err != nil {
			return err
		}
		return c.Carry(ctx, steps, "")
	}
	return c.Command
}

func quotaUnsetCommand(s run.Streams) *cobra.Command {
	var h holder
	c := newCommand(s, &cobra.Command{
		Use: "unset KEY...", Short: "Take quotas away", Long: "Take quotas away.\n\n" + quotaHelp,
		Example: "  leat quota unset --user alice producer_byte_rate",
		Args:    cobra.MinimumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
	}).changes()
	h.add(c.Command)
	c.MarkFlagsOneRequired("user", "client-id", "ip")
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		var ops []kadm.AlterClientQuotaOp
		for _, key := range args {
			ops = append(ops, kadm.AlterClientQuotaOp{Key: key, Remove: true})
		}
		steps, err := quotaSteps(ctx, cl, &h, ops)
		if err != nil {
			return err
		}
		return c.Carry(ctx, steps, "")
	}
	return c.Command
}
