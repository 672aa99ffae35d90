package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/manage"
	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

func (p *program) clusterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cluster",
		Short: "Look at a running cluster and change which nodes belong to it",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(manage.Describe(p.Streams), p.clusterIDCommand(), p.clusterNodesCommand(), p.clusterUnregisterCommand(), p.clusterDrainCommand(), p.clusterBalanceCommand(), manage.Health(p.Streams))
	return cmd
}

// clusterCommandOf makes a command that asks a cluster: it has the flags, and its errors are failures of what it did.
func (p *program) clusterCommandOf(cmd *cobra.Command, flags *clusterFlags, run func(ctx context.Context, args []string) error) *cobra.Command {
	flags.add(cmd, p.Streams)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flags.check(cmd); err != nil {
			return err
		}
		p.shown = flags.out
		ctx, cancel := flags.timed(cmd)
		defer cancel()
		return run(ctx, args)
	}
	return cmd
}

func (p *program) clusterIDCommand() *cobra.Command {
	var flags clusterFlags
	cmd := &cobra.Command{Use: "id", Short: "Print the id of the cluster", Args: cobra.NoArgs}
	return p.clusterCommandOf(cmd, &flags, func(ctx context.Context, _ []string) error {
		resp, err := flags.describeCluster(ctx, false)
		if err != nil {
			return run.Failed(err)
		}
		if flags.output == "json" {
			return p.printJSON(struct {
				ClusterID string `json:"cluster_id"`
			}{resp.ClusterID})
		}
		return p.print([]string{resp.ClusterID})
	})
}

// describeCluster asks which nodes there are.
func (f *clusterFlags) describeCluster(ctx context.Context, fenced bool) (*kmsg.DescribeClusterResponse, error) {
	rq := kmsg.NewPtrDescribeClusterRequest()
	rq.IncludeFencedBrokers = fenced && !f.asksControllers()
	if f.asksControllers() {
		const controllers = 2
		rq.EndpointType = controllers
	}
	answer, err := f.ask(ctx, rq)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.DescribeClusterResponse)
	if !ok {
		return nil, fmt.Errorf("DescribeCluster was answered with %T", answer)
	}
	return resp, answered("describe cluster", resp.ErrorCode, resp.ErrorMessage)
}

// clusterNode is what `leat cluster nodes -o json` prints of each.
type clusterNode struct {
	ID     int32   `json:"id"`
	Host   string  `json:"host"`
	Port   int32   `json:"port"`
	Rack   *string `json:"rack,omitempty"`
	Kind   string  `json:"kind"`
	Fenced bool    `json:"fenced"`
	Active bool    `json:"active,omitempty"`
}

func (p *program) clusterNodesCommand() *cobra.Command {
	var flags clusterFlags
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "List the brokers, those that are fenced included, or with --bootstrap-controller the controllers",
		Args:  cobra.NoArgs,
	}
	return p.clusterCommandOf(cmd, &flags, func(ctx context.Context, _ []string) error {
		resp, err := flags.describeCluster(ctx, true)
		if err != nil {
			return run.Failed(err)
		}
		kind := "broker"
		if flags.asksControllers() {
			kind = "controller"
		}
		nodes := []clusterNode{}
		for _, b := range resp.Brokers {
			nodes = append(nodes, clusterNode{b.NodeID, b.Host, b.Port, b.Rack, kind, b.IsFenced, kind == "controller" && b.NodeID == resp.ControllerID})
		}
		slices.SortFunc(nodes, func(a, b clusterNode) int { return int(a.ID) - int(b.ID) })
		return flags.out.Show(nodes, nodesTable(nodes))
	})
}

func nodesTable(nodes []clusterNode) *present.Table {
	t := present.NewTable("ID", "HOST", "PORT", "RACK", "KIND", "STATE")
	for _, n := range nodes {
		var rack, state any = "", present.Good("up")
		if n.Rack != nil {
			rack = *n.Rack
		}
		if n.Fenced {
			state = present.Bad("fenced")
		} else if n.Active {
			state = present.Good("active")
		}
		t.Add(n.ID, n.Host, n.Port, rack, n.Kind, state)
	}
	return t
}

func (p *program) clusterUnregisterCommand() *cobra.Command {
	var flags clusterFlags
	cmd := &cobra.Command{
		Use:   "unregister ID",
		Short: "Forget a broker that is gone for good",
		Long: `Forget a broker that is gone for good. A broker that runs registers again at once: stop it first. Partitions with replicas on it keep them in their
list until they are reassigned.`,
		Example: "  leat cluster unregister 3\n  leat cluster unregister 3 --yes",
		Args:    cobra.ExactArgs(1),
	}
	p.clusterCommandOf(cmd, &flags, func(ctx context.Context, args []string) error {
		id, err := nodeID(args[0])
		if err != nil {
			return err
		}
		if flags.out.Planning() {
			return flags.out.Carry(ctx, present.Steps{{Object: fmt.Sprintf("broker %d", id), Action: "forget"}}, "")
		}
		if err := flags.out.Confirm(fmt.Sprintf("forget broker %d", id)); err != nil {
			return err
		}
		rq := kmsg.NewPtrUnregisterBrokerRequest()
		rq.BrokerID = id
		answer, err := flags.ask(ctx, rq)
		if err != nil {
			return run.Failed(err)
		}
		if resp, ok := answer.(*kmsg.UnregisterBrokerResponse); !ok {
			return run.Failed(fmt.Errorf("UnregisterBroker was answered with %T", answer))
		} else if err := answered(fmt.Sprintf("unregister broker %d", id), resp.ErrorCode, resp.ErrorMessage); err != nil {
			return run.Failed(err)
		}
		if flags.output == "json" {
			return p.printJSON(struct {
				Unregistered int32 `json:"unregistered"`
			}{id})
		}
		return p.print([]string{fmt.Sprintf("broker %d is no longer registered", id)})
	})
	flags.out.AddPlan(cmd)
	flags.out.AddYes(cmd)
	return cmd
}

// nodeID reads the id of a node.
func nodeID(text string) (int32, error) {
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil || id < 0 {
		return 0, fmt.Errorf("node id %q: not a number from 0 on", text)
	}
	return int32(id), nil
}
