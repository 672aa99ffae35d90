package cli

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/record"
)

func (p *program) quorumCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quorum",
		Short: "Look at the controllers that vote, and change who does",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.quorumDescribeCommand(), p.quorumAddCommand(), p.quorumRemoveCommand(), p.quorumReplaceCommand(),
		p.quorumPositionCommand(), p.quorumTakeoverCommand())
	return cmd
}

// quorumState is what `leat quorum describe -o json` prints.
type quorumState struct {
	LeaderID      int32           `json:"leader_id"`
	LeaderEpoch   int32           `json:"leader_epoch"`
	HighWatermark int64           `json:"high_watermark"`
	Voters        []quorumReplica `json:"voters"`
	Observers     []quorumReplica `json:"observers"`
}

// quorumReplica is one voter or observer.
type quorumReplica struct {
	ID           int32         `json:"id"`
	DirectoryID  record.UUID   `json:"-"`
	Directory    string        `json:"directory_id"`
	Endpoints    []voterListen `json:"endpoints,omitempty"`
	LogEndOffset int64         `json:"log_end_offset"`
	Lag          int64         `json:"lag"`
	LastFetch    int64         `json:"last_fetch_ms"` // -1: never
	LastCaughtUp int64         `json:"last_caught_up_ms"`
}

// voterListen is where a voter is reached.
type voterListen struct {
	Name string `json:"name"`
	Host string `json:"host"`
	Port uint16 `json:"port"`
}

func (e voterListen) address() string { return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))) }

func (e voterListen) String() string { return e.Name + "://" + e.address() }

// describeQuorum asks who votes and how far everybody is.
func (f *clusterFlags) describeQuorum(ctx context.Context) (*quorumState, error) {
	rq := kmsg.NewPtrDescribeQuorumRequest()
	rq.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}}}}
	answer, err := f.ask(ctx, rq)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.DescribeQuorumResponse)
	if !ok {
		return nil, fmt.Errorf("DescribeQuorum was answered with %T", answer)
	}
	if err := answered("describe quorum", resp.ErrorCode, resp.ErrorMessage); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("DescribeQuorum was answered without the metadata log")
	}
	part := &resp.Topics[0].Partitions[0]
	if err := answered("describe quorum", part.ErrorCode, part.ErrorMessage); err != nil {
		return nil, err
	}
	state := &quorumState{LeaderID: part.LeaderID, LeaderEpoch: part.LeaderEpoch, HighWatermark: part.HighWatermark}
	at := map[int32][]voterListen{}
	for _, n := range resp.Nodes {
		for _, l := range n.Listeners {
			at[n.NodeID] = append(at[n.NodeID], voterListen{l.Name, l.Host, l.Port})
		}
	}
	state.Voters = quorumReplicas(part.CurrentVoters, part, at)
	state.Observers = quorumReplicas(part.Observers, part, at)
	return state, nil
}

func quorumReplicas(list []kmsg.DescribeQuorumResponseTopicPartitionReplicaState, part *kmsg.DescribeQuorumResponseTopicPartition, at map[int32][]voterListen) []quorumReplica {
	end := int64(0)
	for _, r := range part.CurrentVoters {
		if r.ReplicaID == part.LeaderID {
			end = r.LogEndOffset
		}
	}
	out := []quorumReplica{}
	for _, r := range list {
		id := record.UUID(r.ReplicaDirectoryID)
		out = append(out, quorumReplica{ID: r.ReplicaID, DirectoryID: id, Directory: id.String(), Endpoints: at[r.ReplicaID], LogEndOffset: r.LogEndOffset,
			Lag: max(end-r.LogEndOffset, 0), LastFetch: r.LastFetchTimestamp, LastCaughtUp: r.LastCaughtUpTimestamp})
	}
	return out
}

func (p *program) quorumDescribeCommand() *cobra.Command {
	var flags clusterFlags
	cmd := &cobra.Command{Use: "describe", Short: "Show who leads, who votes, who follows, and how far they are", Args: cobra.NoArgs}
	return p.clusterCommandOf(cmd, &flags, func(ctx context.Context, _ []string) error {
		state, err := flags.describeQuorum(ctx)
		if err != nil {
			return run.Failed(err)
		}
		return flags.out.Show(state, state.table(time.Now()))
	})
}

// table is what people see.
func (s *quorumState) table(now time.Time) *present.Table {
	t := present.NewTable("ID", "DIRECTORY", "ROLE", "LOG END", "LAG", "LAST FETCH", "CAUGHT UP", "ENDPOINTS")
	t.Title = fmt.Sprintf("leader %d, epoch %d, high watermark %d", s.LeaderID, s.LeaderEpoch, s.HighWatermark)
	for _, part := range []struct {
		role string
		list []quorumReplica
	}{{"voter", s.Voters}, {"observer", s.Observers}} {
		for _, r := range part.list {
			role := any(part.role)
			if r.ID == s.LeaderID && part.role == "voter" {
				role = present.Good("leader")
			}
			var at []string
			for _, e := range r.Endpoints {
				at = append(at, e.String())
			}
			t.Add(r.ID, r.Directory, role, r.LogEndOffset, r.Lag, ago(now, r.LastFetch), ago(now, r.LastCaughtUp), strings.Join(at, ","))
		}
	}
	return t
}

// ago tells a time in the protocol's milliseconds, which is -1 for never.
func ago(now time.Time, ms int64) string {
	if ms < 0 {
		return "never"
	}
	return max(now.Sub(time.UnixMilli(ms)), 0).Round(time.Millisecond).String() + " ago"
}
