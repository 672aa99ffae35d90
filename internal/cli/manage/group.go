package manage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

func groupFamily(s run.Streams) *cobra.Command {
	return family("group", "Look at groups and at how far they are behind, set them back or forth, delete them",
		groupListCommand(s), groupDescribeCommand(s), groupResetCommand(s), groupDeleteCommand(s), groupDeleteOffsetsCommand(s))
}

// listedGroup is what `leat group list -o json` prints of each.
type listedGroup struct {
	Group       string `json:"group"`
	Type        string `json:"type"`
	Protocol    string `json:"protocol_type"`
	State       string `json:"state"`
	Coordinator int32  `json:"coordinator"`
}

func groupListCommand(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "list", Short: "List the groups of all types, those without members included", Args: cobra.NoArgs,
		Example: "  leat group list\n  leat group list -o template='{{.group}}'",
	})
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		groups, err := listGroups(ctx, cl.Client)
		if err != nil {
			return err
		}
		t := present.NewTable("GROUP", "TYPE", "PROTOCOL", "STATE", "COORDINATOR")
		for _, g := range groups {
			t.Add(g.Group, g.Type, g.Protocol, g.State, g.Coordinator)
		}
		return c.Show(groups, t)
	}
	return c.Command
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
		if err := of(fmt.Sprintf("list groups of broker %d", shard.Meta.NodeID), answered(resp.ErrorCode, nil)); err != nil {
			return nil, err
		}
		for _, g := range resp.Groups {
			all = append(all, listedGroup{g.Group, g.GroupType, g.ProtocolType, g.GroupState, shard.Meta.NodeID})
		}
	}
	slices.SortFunc(all, func(a, b listedGroup) int { return strings.Compare(a.Group, b.Group) })
	return all, nil
}
