package admin

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// partition is a partition of a topic.
type partition struct {
	topic string
	index int32
}

func (p partition) String() string { return p.topic + "-" + number(p.index) }

// move is a reassignment that is under way.
type move struct{ replicas, adding, removing []int32 }

// reassignments are those under way.
func reassignments(ctx context.Context, cluster *tool.Cluster) (map[partition]move, error) {
	request := kmsg.NewPtrListPartitionReassignmentsRequest()
	request.TimeoutMillis = 30000
	answer, err := tool.Ask[*kmsg.ListPartitionReassignmentsResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, answer.ErrorMessage)
	}
	if err != nil {
		return nil, err
	}
	moves := make(map[partition]move)
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			moves[partition{t.Topic, p.Partition}] = move{p.Replicas, p.AddingReplicas, p.RemovingReplicas}
		}
	}
	return moves, nil
}
