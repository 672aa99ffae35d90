package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaCluster is the name of Kafka's tool, which the program is when it is called by it.
const kafkaCluster = "kafka-cluster"

func (p *program) kafkaClusterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   kafkaCluster,
		Short: "Show a cluster's id and nodes, and unregister brokers, as Kafka's kafka-cluster does",
		Long: `Show a cluster's id and nodes, and unregister brokers, as Kafka's kafka-cluster does: the same flags, the same lines on standard output, and exit status 1
for whatever is wrong, in one line without a stack trace.

A link to the program with the name kafka-cluster or kafka-cluster.sh is this command.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("kafka-cluster: error: too few arguments") },
	}
	cmd.AddCommand(p.kafkaClusterID(), p.kafkaClusterUnregister(), p.kafkaClusterEndpoints())
	return cmd
}

// clusterTool makes a command of kafka-cluster.
func clusterTool(cmd *cobra.Command, run func(context.Context, *clusterFlags) error) *cobra.Command {
	var admin adminFlags
	f := cmd.Flags()
	f.StringVarP(&admin.servers, "bootstrap-server", "b", "", "`HOST:PORT,...` of brokers to ask")
	f.StringVarP(&admin.controllers, "bootstrap-controller", "C", "", "`HOST:PORT,...` of controllers to ask instead")
	f.StringVar(&admin.file, "config", "", "the same as --command-config, as older versions call it")
	f.StringVarP(&admin.file, "command-config", "c", "", "properties `FILE` of the client")
	return tool(kafkaCluster, cmd, &admin, run)
}

func (p *program) kafkaClusterID() *cobra.Command {
	cmd := &cobra.Command{Use: "cluster-id", Short: "Print the id of the cluster"}
	return clusterTool(cmd, func(ctx context.Context, flags *clusterFlags) error {
		resp, err := flags.describeCluster(ctx, false)
		if err != nil {
			return err
		}
		return p.print([]string{"Cluster ID: " + resp.ClusterID})
	})
}

func (p *program) kafkaClusterUnregister() *cobra.Command {
	var id string
	cmd := &cobra.Command{Use: "unregister", Short: "Forget a broker that is gone for good"}
	cmd.Flags().StringVarP(&id, "id", "i", "", "`ID` of the broker; needed")
	return clusterTool(cmd, func(ctx context.Context, flags *clusterFlags) error {
		if id == "" {
			return errors.New("kafka-cluster: error: argument --id/-i is required")
		}
		n, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return fmt.Errorf("kafka-cluster: error: argument --id/-i: could not convert '%s' to Integer", id)
		}
		rq := kmsg.NewPtrUnregisterBrokerRequest()
		rq.BrokerID = int32(n)
		resp, err := asked[*kmsg.UnregisterBrokerResponse](ctx, flags, rq)
		if err != nil {
			return err
		}
		if err := answered(fmt.Sprintf("unregister broker %d", n), resp.ErrorCode, resp.ErrorMessage); err != nil {
			return err
		}
		return p.print([]string{fmt.Sprintf("Broker %d is no longer registered.", n)})
	})
}

func (p *program) kafkaClusterEndpoints() *cobra.Command {
	var fenced bool
	cmd := &cobra.Command{Use: "list-endpoints", Short: "List the brokers, or the controllers"}
	cmd.Flags().BoolVar(&fenced, "include-fenced-brokers", false, "list brokers that are fenced, too")
	return clusterTool(cmd, func(ctx context.Context, flags *clusterFlags) error {
		if fenced && flags.asksControllers() {
			return errors.New("The option --include-fenced-brokers is only supported with --bootstrap-server option") //nolint:revive,staticcheck // Kafka's words
		}
		resp, err := flags.describeCluster(ctx, fenced)
		if err != nil {
			return err
		}
		return p.print(endpointLines(resp.Brokers, flags.asksControllers()))
	})
}

// endpointLines are the columns that Kafka prints: hosts and racks are as wide as the widest, not counting the title.
func endpointLines(nodes []kmsg.DescribeClusterResponseBroker, controllers bool) []string {
	host, rack, racks := 0, 0, false
	for _, n := range nodes {
		host = max(host, len(n.Host))
		if n.Rack != nil {
			rack, racks = max(rack, len(*n.Rack)), true
		}
	}
	if len(nodes) == 0 {
		host = 100
	}
	if !racks {
		rack = 10
	}
	line := func(id, at, port, where, state, kind string) string {
		start := pad(id, 10) + " " + pad(at, host) + " " + pad(port, 10) + " " + pad(where, rack) + " "
		if controllers {
			return start + pad(kind, 15)
		}
		return start + pad(state, 10) + " " + pad(kind, 15)
	}
	lines := []string{line("ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE")}
	for _, n := range nodes {
		where, state, kind := "null", "unfenced", "broker"
		if n.Rack != nil {
			where = *n.Rack
		}
		if n.IsFenced {
			state = "fenced"
		}
		if controllers {
			kind = "controller"
		}
		lines = append(lines, line(strconv.Itoa(int(n.NodeID)), n.Host, strconv.Itoa(int(n.Port)), where, state, kind))
	}
	return lines
}
