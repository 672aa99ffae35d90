package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// describedCluster is what `leat cluster describe -o json` prints.
type describedCluster struct {
	ClusterID   string             `json:"cluster_id"`
	Brokers     []describedBroker  `json:"brokers"`
	Controllers *describedQuorum   `json:"controllers,omitempty"` // who asks may not be allowed to know
	Features    []describedFeature `json:"features"`
	Topics      int                `json:"topics"` // with the cluster's own
	Partitions  int                `json:"partitions"`
	Replicas    int                `json:"replicas"`
}

// describedBroker is one broker, with what is on it.
type describedBroker struct {
	ID       int32   `json:"id"`
	Host     string  `json:"host"`
	Port     int32   `json:"port"`
	Rack     *string `json:"rack,omitempty"`
	Fenced   bool    `json:"fenced"`
	Replicas int     `json:"replicas"`
	Leaders  int     `json:"leaders"`
}

// describedQuorum is who decides.
type describedQuorum struct {
	Leader int32   `json:"leader"` // -1: none
	Epoch  int32   `json:"leader_epoch"`
	Voters []int32 `json:"voters"`
}

// describedFeature is a feature with the level that all nodes have agreed on.
type describedFeature struct {
	Name  string `json:"name"`
	Level int16  `json:"level"`
}

// Describe is the command cluster describe.
func Describe(s run.Streams) *cobra.Command {
	c := newCommand(s, &cobra.Command{
		Use: "describe", Short: "Show the cluster's id, brokers with what is on them, controllers, features, and how much there is",
		Example: "  leat cluster describe\n  leat cluster describe -o template='{{.cluster_id}} {{.partitions}}'",
		Args:    cobra.NoArgs,
	})
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		d, err := readCluster(ctx, cl)
		if err != nil {
			return err
		}
		return c.Show(d, d.table())
	}
	return c.Command
}

func readCluster(ctx context.Context, cl *cluster) (*describedCluster, error) {
	resp, err := registered(ctx, cl)
	if err != nil {
		return nil, err
	}
	d := &describedCluster{ClusterID: resp.ClusterID}
	for _, b := range resp.Brokers {
		d.Brokers = append(d.Brokers, describedBroker{ID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack, Fenced: b.IsFenced})
	}
	slices.SortFunc(d.Brokers, func(a, b describedBroker) int { return cmp.Compare(a.ID, b.ID) })
	topics, err := readTopics(ctx, cl)
	if err != nil {
		return nil, err
	}
	d.count(topics)
	if part, err := readQuorum(ctx, cl); err == nil {
		d.Controllers = &describedQuorum{Leader: part.LeaderID, Epoch: part.LeaderEpoch}
		for _, v := range part.CurrentVoters {
			d.Controllers.Voters = append(d.Controllers.Voters, v.ReplicaID)
		}
		slices.Sort(d.Controllers.Voters)
	}
	versions, err := ask[*kmsg.ApiVersionsResponse](ctx, cl, kmsg.NewPtrApiVersionsRequest())
	if err != nil {
		return nil, of("features", err)
	}
	for _, f := range versions.FinalizedFeatures {
		d.Features = append(d.Features, describedFeature{f.Name, f.MaxVersionLevel})
	}
	slices.SortFunc(d.Features, func(a, b describedFeature) int { return strings.Compare(a.Name, b.Name) })
	return d, nil
}

// count adds up what there is, and what of it is on each broker.
func (d *describedCluster) count(topics []topic) {
	replicas, leaders := map[int32]int{}, map[int32]int{}
	d.Topics = len(topics)
	for i := range topics {
		d.Partitions += len(topics[i].Partitions)
		for j := range topics[i].Partitions {
			p := &topics[i].Partitions[j]
			d.Replicas += len(p.Replicas)
			leaders[p.Leader]++
			for _, id := range p.Replicas {
				replicas[id]++
			}
		}
	}
	for i := range d.Brokers {
		b := &d.Brokers[i]
		b.Replicas, b.Leaders = replicas[b.ID], leaders[b.ID]
	}
}

func (d *describedCluster) table() *present.Table {
	t := present.NewTable("BROKER", "HOST", "PORT", "RACK", "REPLICAS", "LEADERS", "STATE")
	t.Title = fmt.Sprintf("cluster %s: %s, %s, %s", d.ClusterID, plural(d.Topics, "topic"), plural(d.Partitions, "partition"), plural(d.Replicas, "replica"))
	for _, b := range d.Brokers {
		state := any(present.Good("up"))
		if b.Fenced {
			state = present.Bad("fenced")
		}
		t.Add(b.ID, b.Host, b.Port, orNothing(b.Rack), b.Replicas, b.Leaders, state)
	}
	switch q := d.Controllers; {
	case q == nil:
	case q.Leader < 0:
		t.Notes = append(t.Notes, fmt.Sprintf("controllers: %s vote, nobody leads", nodes(q.Voters)))
	default:
		t.Notes = append(t.Notes, fmt.Sprintf("controllers: %s vote, %d leads in epoch %d", nodes(q.Voters), q.Leader, q.Epoch))
	}
	var features []string
	for _, f := range d.Features {
		features = append(features, fmt.Sprintf("%s %d", f.Name, f.Level))
	}
	t.Notes = append(t.Notes, "features: "+strings.Join(features, ", "))
	return t
}
