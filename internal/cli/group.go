package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (p *program) groupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "group",
		Short: "Look at groups and at how far they are behind",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.groupListCommand(), p.groupDescribeCommand())
	return cmd
}

// client is a client of the cluster that the flags name.
func (f *clusterFlags) client(opts ...kgo.Opt) (*kgo.Client, error) {
	if f.asksControllers() {
		return nil, fmt.Errorf("--bootstrap-controller: groups are known to brokers only: give --bootstrap-server")
	}
	all := append([]kgo.Opt{kgo.SeedBrokers(f.addresses()...), kgo.ClientID(clientID)}, opts...)
	if f.line != nil {
		all = append(all, kgo.Dialer(f.line.dial))
	}
	return kgo.NewClient(all...)
}

// listedGroup is what `leat group list -o json` prints of each.
type listedGroup struct {
	Group       string `json:"group"`
	Type        string `json:"type"`
	Protocol    string `json:"protocol_type"`
	State       string `json:"state"`
	Coordinator int32  `json:"coordinator"`
}

func (p *program) groupListCommand() *cobra.Command {
	var flags clusterFlags
	cmd := &cobra.Command{Use: "list", Short: "List the groups of all types, those without members included", Args: cobra.NoArgs}
	return p.clusterCommandOf(cmd, &flags, func(ctx context.Context, _ []string) error {
		cl, err := flags.client()
		if err != nil {
			return err
		}
		defer cl.Close()
		groups, err := listGroups(ctx, cl)
		if err != nil {
			return failure{err}
		}
		if flags.output == "json" {
			return p.printJSON(groups)
		}
		w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "GROUP\tTYPE\tPROTOCOL\tSTATE\tCOORDINATOR")
		for _, g := range groups {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", g.Group, orDash(g.Type), orDash(g.Protocol), orDash(g.State), g.Coordinator)
		}
		if err := w.Flush(); err != nil {
			return failure{err}
		}
		return nil
	})
}

// listGroups asks every broker for the groups that it coordinates.
func listGroups(ctx context.Context, cl *kgo.Client) ([]listedGroup, error) {
	all := []listedGroup{}
	for _, shard := range cl.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		if shard.Err != nil {
			return nil, fmt.Errorf("list groups of broker %d: %w", shard.Meta.NodeID, shard.Err)
		}
		resp, ok := shard.Resp.(*kmsg.ListGroupsResponse)
		if !ok {
			return nil, fmt.Errorf("ListGroups was answered with %T", shard.Resp)
		}
		if err := answered(fmt.Sprintf("list groups of broker %d", shard.Meta.NodeID), resp.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, g := range resp.Groups {
			all = append(all, listedGroup{g.Group, g.GroupType, g.ProtocolType, g.GroupState, shard.Meta.NodeID})
		}
	}
	slices.SortFunc(all, func(a, b listedGroup) int { return strings.Compare(a.Group, b.Group) })
	return all, nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
