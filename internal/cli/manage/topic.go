package manage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/record"
)

func topicFamily(s run.Streams) *cobra.Command {
	return family("topic", "Look at topics, create, alter, move and delete them", topicListCommand(s), topicDescribeCommand(s), topicCreateCommand(s),
		topicAlterCommand(s), topicPlanCommand(s), topicMoveCommand(s), topicDeleteCommand(s))
}

// topic is a topic as the cluster knows it.
type topic struct {
	Name       string      `json:"name"`
	ID         string      `json:"id"`
	Internal   bool        `json:"internal"`
	Replicas   int         `json:"replication_factor"`
	Partitions []partition `json:"partitions"`
}

// partition is one of a topic.
type partition struct {
	Partition int32   `json:"partition"`
	Leader    int32   `json:"leader"` // -1: none
	Epoch     int32   `json:"leader_epoch"`
	Replicas  []int32 `json:"replicas"` // in their order: the first is preferred to lead
	InSync    []int32 `json:"in_sync_replicas"`
	Offline   []int32 `json:"offline_replicas,omitempty"`
	Start     *int64  `json:"log_start_offset,omitempty"`
	End       *int64  `json:"high_watermark,omitempty"`
}

// underReplicated reports whether a replica is not in sync.
func (p *partition) underReplicated() bool { return len(p.InSync) < len(p.Replicas) }

// state is how a topic is, in a word.
func (t *topic) state() any {
	under, offline := 0, 0
	for i := range t.Partitions {
		if p := &t.Partitions[i]; p.Leader < 0 {
			offline++
		} else if p.underReplicated() {
			under++
		}
	}
	switch {
	case offline > 0:
		return present.Bad(fmt.Sprintf("%d offline", offline))
	case under > 0:
		return present.Warn(fmt.Sprintf("%d under-replicated", under))
	}
	return present.Good("ok")
}

// readTopics asks for topics by name; without names for all. A topic that is not there is an error.
func readTopics(ctx context.Context, cl *cluster, names ...string) ([]topic, error) {
	rq := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		rq.Topics = append(rq.Topics, t)
	}
	resp, err := ask[*kmsg.MetadataResponse](ctx, cl, rq)
	if err != nil {
		return nil, err
	}
	all := []topic{}
	for i := range resp.Topics {
		rt := &resp.Topics[i]
		name := orNothing(rt.Topic)
		if err := answered(rt.ErrorCode, nil); err != nil {
			if errors.Is(err, kerr.UnknownTopicOrPartition) {
				err = run.Hint(err, "leat topic list shows which there are")
			}
			return nil, of("topic "+name, err)
		}
		t := topic{Name: name, ID: record.UUID(rt.TopicID).String(), Internal: rt.IsInternal, Partitions: []partition{}}
		for _, p := range rt.Partitions {
			t.Partitions = append(t.Partitions, partition{Partition: p.Partition, Leader: p.Leader, Epoch: p.LeaderEpoch, Replicas: p.Replicas, InSync: p.ISR, Offline: p.OfflineReplicas})
			t.Replicas = max(t.Replicas, len(p.Replicas))
		}
		slices.SortFunc(t.Partitions, func(a, b partition) int { return cmp.Compare(a.Partition, b.Partition) })
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b topic) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// listedTopic is what `leat topic list -o json` prints of each.
type listedTopic struct {
	Name       string `json:"name"`
	ID         string `json:"id"`
	Internal   bool   `json:"internal"`
	Partitions int    `json:"partitions"`
	Replicas   int    `json:"replication_factor"`
	State      string `json:"state"`
}

func topicListCommand(s run.Streams) *cobra.Command {
	var internal, unwell bool
	c := newCommand(s, &cobra.Command{
		Use: "list [PATTERN...]", Short: "List topics: all, or those whose names match patterns with * and ?",
		Example: "  leat topic list\n  leat topic list 'orders-*' -o template='{{.name}}'\n  leat topic list --unwell",
	})
	c.Command.Flags().BoolVar(&internal, "internal", false, "those of the cluster itself, too")
	c.Command.Flags().BoolVar(&unwell, "unwell", false, "only those with partitions that are offline or lack replicas")
	c.check = func(args []string) error {
		for _, pattern := range args {
			if _, err := path.Match(pattern, ""); err != nil {
				return fmt.Errorf("%s: %w", pattern, err)
			}
		}
		return nil
	}
	c.run = func(ctx context.Context, cl *cluster, args []string) error {
		topics, err := readTopics(ctx, cl)
		if err != nil {
			return err
		}
		listed, table := []listedTopic{}, present.NewTable("TOPIC", "PARTITIONS", "REPLICAS", "STATE")
		for i := range topics {
			t := &topics[i]
			state := t.state()
			if t.Internal && !internal || len(args) > 0 && !matches(args, t.Name) || unwell && state == present.Good("ok") {
				continue
			}
			listed = append(listed, listedTopic{t.Name, t.ID, t.Internal, len(t.Partitions), t.Replicas, fmt.Sprint(state)})
			table.Add(t.Name, len(t.Partitions), t.Replicas, state)
		}
		return c.Show(listed, table)
	}
	return c.Command
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}
