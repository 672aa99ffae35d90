package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/record"
)

// kafkaMetadataQuorum is the name of Kafka's tool, which the program is when it is called by it.
const kafkaMetadataQuorum = "kafka-metadata-quorum"

func (p *program) kafkaMetadataQuorumCommand() *cobra.Command {
	var admin adminFlags
	cmd := &cobra.Command{
		Use:   kafkaMetadataQuorum,
		Short: "Describe and change the controllers that vote as Kafka's kafka-metadata-quorum does",
		Long: `Describe and change the controllers that vote as Kafka's kafka-metadata-quorum does: the same flags, the same lines on standard output, and exit status 1
for whatever is wrong, in one line without a stack trace.

A link to the program with the name kafka-metadata-quorum or kafka-metadata-quorum.sh is this command.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("kafka-metadata-quorum: error: too few arguments")
		},
	}
	f := cmd.PersistentFlags()
	f.StringVar(&admin.servers, "bootstrap-server", "", "`HOST:PORT,...` of brokers to ask")
	f.StringVar(&admin.controllers, "bootstrap-controller", "", "`HOST:PORT,...` of controllers to ask instead")
	f.StringVar(&admin.file, "command-config", "", "properties `FILE` of the client; for add-controller that of the controller")
	cmd.AddCommand(p.kafkaQuorumDescribe(&admin), p.kafkaQuorumAdd(&admin), p.kafkaQuorumRemove(&admin))
	return cmd
}

// tool makes a command of one of Kafka's tools that asks a cluster.
func tool(name string, cmd *cobra.Command, admin *adminFlags, run func(context.Context, *clusterFlags) error) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		flags, err := admin.check(name)
		if err != nil {
			return err
		}
		ctx, cancel := flags.timed(cmd)
		defer cancel()
		return run(ctx, flags)
	}
	return cmd
}

func (p *program) kafkaQuorumDescribe(admin *adminFlags) *cobra.Command {
	var status, replication, readable bool
	cmd := &cobra.Command{Use: "describe", Short: "Say who leads and votes, or how far everybody is"}
	cmd.Flags().BoolVar(&status, "status", false, "print a short summary")
	cmd.Flags().BoolVar(&replication, "replication", false, "print how far every controller and broker is")
	cmd.Flags().BoolVar(&readable, "human-readable", false, "with --replication: print how long ago, and not when")
	return tool(kafkaMetadataQuorum, cmd, admin, func(ctx context.Context, flags *clusterFlags) error {
		switch {
		case status && replication:
			return errors.New("Only one of --status or --replication should be specified with describe sub-command") //nolint:revive,staticcheck // Kafka's words
		case status && readable:
			return errors.New("The option --human-readable is only supported along with --replication") //nolint:revive,staticcheck // Kafka's words
		case !status && !replication:
			return errors.New("One of --status or --replication must be specified with describe sub-command") //nolint:revive,staticcheck // Kafka's words
		}
		state, err := flags.describeQuorum(ctx)
		if err != nil {
			return err
		}
		if replication {
			return p.print(state.replicationTable(readable, time.Now()))
		}
		nodes, err := flags.describeCluster(ctx, false)
		if err != nil {
			return err
		}
		return p.print(state.summary(nodes.ClusterID))
	})
}

// summary is what --status prints.
func (s *quorumState) summary(clusterID string) []string {
	leader, _ := s.voter(s.LeaderID)
	last := leader
	for i, v := range s.Voters {
		if i == 0 || v.LogEndOffset < last.LogEndOffset {
			last = v
		}
	}
	behind := int64(-1)
	switch {
	case last.ID == leader.ID:
		behind = 0
	case leader.LastCaughtUp >= 0 && last.LastCaughtUp >= 0:
		behind = leader.LastCaughtUp - last.LastCaughtUp
	}
	return []string{
		"ClusterId:              " + clusterID,
		fmt.Sprintf("LeaderId:               %d", s.LeaderID),
		fmt.Sprintf("LeaderEpoch:            %d", s.LeaderEpoch),
		fmt.Sprintf("HighWatermark:          %d", s.HighWatermark),
		fmt.Sprintf("MaxFollowerLag:         %d", leader.LogEndOffset-last.LogEndOffset),
		fmt.Sprintf("MaxFollowerLagTimeMs:   %d", behind),
		"CurrentVoters:          " + nodesLine(s.Voters),
		"CurrentObservers:       " + nodesLine(s.Observers),
	}
}

func nodesLine(list []quorumReplica) string {
	var nodes []string
	for _, r := range list {
		parts := []string{fmt.Sprintf(`"id": %d`, r.ID)}
		if !r.DirectoryID.IsZero() {
			parts = append(parts, fmt.Sprintf(`"directoryId": "%s"`, r.DirectoryID))
		}
		var at []string
		for _, e := range r.Endpoints {
			at = append(at, `"`+e.String()+`"`)
		}
		if len(at) > 0 {
			parts = append(parts, `"endpoints": [`+strings.Join(at, ", ")+"]")
		}
		nodes = append(nodes, "{"+strings.Join(parts, ", ")+"}")
	}
	return "[" + strings.Join(nodes, ", ") + "]"
}

// replicationTable is what --replication prints: the leader first.
func (s *quorumState) replicationTable(readable bool, now time.Time) []string {
	leader, _ := s.voter(s.LeaderID)
	rows := [][]string{{"NodeId", "DirectoryId", "LogEndOffset", "Lag", "LastFetchTimestamp", "LastCaughtUpTimestamp", "Status"}}
	at := func(ms int64) string {
		if ms >= 0 && readable {
			return fmt.Sprintf("%d ms ago", max(0, now.UnixMilli()-ms))
		}
		return strconv.FormatInt(ms, 10)
	}
	add := func(r quorumReplica, status string) {
		rows = append(rows, []string{strconv.Itoa(int(r.ID)), r.DirectoryID.String(), strconv.FormatInt(r.LogEndOffset, 10),
			strconv.FormatInt(leader.LogEndOffset-r.LogEndOffset, 10), at(r.LastFetch), at(r.LastCaughtUp), status})
	}
	add(leader, "Leader")
	for _, v := range s.Voters {
		if v.ID != s.LeaderID {
			add(v, "Follower")
		}
	}
	for _, o := range s.Observers {
		add(o, "Observer")
	}
	return columns(rows)
}

// columns pads the cells of a table to the widest of their column, each with a tab behind.
func columns(rows [][]string) []string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += pad(cell, widths[i]) + "\t"
		}
		lines = append(lines, line)
	}
	return lines
}

func (p *program) kafkaQuorumRemove(admin *adminFlags) *cobra.Command {
	var id, directory string
	var dry bool
	cmd := &cobra.Command{Use: "remove-controller", Short: "Take a controller's vote away"}
	cmd.Flags().StringVarP(&id, "controller-id", "i", "", "`ID` of the controller; needed")
	cmd.Flags().StringVarP(&directory, "controller-directory-id", "d", "", "`ID` of the directory that it votes from; needed")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and do nothing")
	return tool(kafkaMetadataQuorum, cmd, admin, func(ctx context.Context, flags *clusterFlags) error {
		if id == "" || directory == "" {
			return errors.New("kafka-metadata-quorum: error: arguments --controller-id/-i and --controller-directory-id/-d are required")
		}
		n, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return fmt.Errorf("kafka-metadata-quorum: error: argument --controller-id/-i: could not convert '%s' to Integer", id)
		}
		if n < 0 {
			return fmt.Errorf("Invalid negative --controller-id: %d", n) //nolint:revive,staticcheck // Kafka's words
		}
		dir, err := record.ParseUUID(directory)
		if err != nil {
			return fmt.Errorf("Failed to parse --controller-directory-id: %w", err) //nolint:revive,staticcheck // Kafka's words
		}
		did := "DRY RUN of removing "
		if !dry {
			did = "Removed "
			if err := flags.removeVoter(ctx, int32(n), dir); err != nil {
				return err
			}
		}
		return p.print([]string{fmt.Sprintf("%s KRaft controller %d with directory id %s", did, n, dir)})
	})
}

func (p *program) kafkaQuorumAdd(admin *adminFlags) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{Use: "add-controller", Short: "Make the controller whose properties file is given one that votes"}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and do nothing")
	return tool(kafkaMetadataQuorum, cmd, admin, func(ctx context.Context, flags *clusterFlags) error {
		if admin.file == "" {
			return errors.New("You must supply the configuration file of the controller you are adding when using add-controller.") //nolint:revive,staticcheck // Kafka's words
		}
		values, err := admin.properties()
		if err != nil {
			return err
		}
		rq, at, err := newVoter(values)
		if err != nil {
			return err
		}
		did := "DRY RUN of adding"
		if !dry {
			did = "Added"
			rq.TimeoutMillis = int32(flags.timeout.Milliseconds())
			resp, err := asked[*kmsg.AddRaftVoterResponse](ctx, flags, rq)
			if err != nil {
				return err
			}
			if err := answered(fmt.Sprintf("add controller %d", rq.VoterID), resp.ErrorCode, resp.ErrorMessage); err != nil {
				return err
			}
		}
		return p.print([]string{fmt.Sprintf("%s controller %d with directory id %s and endpoints: %s", did, rq.VoterID, record.UUID(rq.VoterDirectoryID), at)})
	})
}

const notAController = "Is this a valid controller configuration file?"

// newVoter is the request for a controller to vote, by its properties file and the meta.properties of its metadata directory.
func newVoter(values map[string]string) (rq *kmsg.AddRaftVoterRequest, at string, err error) {
	rq = kmsg.NewPtrAddRaftVoterRequest()
	id, err := strconv.ParseInt(values["node.id"], 10, 32)
	switch {
	case values["node.id"] == "":
		return nil, "", fmt.Errorf("node.id not found in configuration file. %s", notAController)
	case err != nil || id < 0:
		return nil, "", fmt.Errorf("node.id was negative in configuration file. %s", notAController)
	case !strings.Contains(values["process.roles"], "controller"):
		return nil, "", fmt.Errorf("process.roles did not contain 'controller' in configuration file. %s", notAController)
	}
	rq.VoterID = int32(id)
	dir := values["metadata.log.dir"]
	if dir == "" {
		dir, _, _ = strings.Cut(strings.TrimSpace(values["log.dirs"]), ",")
	}
	if dir == "" {
		return nil, "", fmt.Errorf("Neither metadata.log.dir nor log.dirs were found. %s", notAController) //nolint:revive,staticcheck // Kafka's words
	}
	text, err := os.ReadFile(filepath.Join(dir, "meta.properties"))
	if err != nil {
		return nil, "", fmt.Errorf("Unable to read meta.properties from %s", dir) //nolint:revive,staticcheck // Kafka's words
	}
	meta, err := config.ReadProperties(text)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", dir, err)
	}
	directory, err := record.ParseUUID(meta["directory.id"])
	if err != nil {
		return nil, "", fmt.Errorf("No directory id found in %s", dir) //nolint:revive,staticcheck // Kafka's words
	}
	rq.VoterDirectoryID = directory
	if cluster := meta["cluster.id"]; cluster != "" {
		rq.ClusterID = &cluster
	}
	rq.Listeners, at, err = controllerListeners(values)
	return rq, at, err
}

// controllerListeners are those of controller.listener.names, where they are advertised or else where they listen.
func controllerListeners(values map[string]string) (list []kmsg.AddRaftVoterRequestListener, at string, err error) {
	if values["controller.listener.names"] == "" {
		return nil, "", fmt.Errorf("controller.listener.names was not found. %s", notAController)
	}
	all := slices.Concat(items(values["advertised.listeners"]), items(values["listeners"]))
	for _, name := range items(values["controller.listener.names"]) {
		i := slices.IndexFunc(all, func(l string) bool { return strings.HasPrefix(strings.ToUpper(l), strings.ToUpper(name)+"://") })
		if i < 0 {
			return nil, "", fmt.Errorf("Cannot find information about controller listener name: %s", name) //nolint:revive,staticcheck // Kafka's words
		}
		_, address, _ := strings.Cut(all[i], "://")
		host, portText, err := net.SplitHostPort(address)
		port, err2 := strconv.ParseUint(portText, 10, 16)
		if err := errors.Join(err, err2); err != nil {
			return nil, "", fmt.Errorf("listener %s: %w", all[i], err)
		}
		if host == "" {
			host = "localhost"
		}
		list = append(list, kmsg.AddRaftVoterRequestListener{Name: strings.ToUpper(name), Host: host, Port: uint16(port)})
	}
	var shown []string
	for _, l := range list {
		shown = append(shown, voterListen{l.Name, l.Host, l.Port}.String())
	}
	return list, strings.Join(shown, ", "), nil
}

// items are those of a comma separated list.
func items(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
