package streams

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What one group may ask for. Kafka sets no such bounds: there a topology that fits a request can keep a coordinator busy for hours.
// They are far beyond what an application has.
const (
	maxSubtopologies  = 1000
	maxTopologyTopics = 10_000 // named in it, in whichever role
	maxTasks          = 100_000
)

// boundTopology refuses a topology that nobody could run.
func boundTopology(t *kmsg.StreamsGroupHeartbeatRequestTopology) *refusal {
	if n := len(t.Subtopologies); n > maxSubtopologies {
		return refuse(codeInvalidTopology, fmt.Sprintf("The topology has %d subtopologies, more than %d.", n, maxSubtopologies))
	}
	topics := 0
	for i := range t.Subtopologies {
		s := &t.Subtopologies[i]
		topics += len(s.SourceTopics) + len(s.RepartitionSinkTopics) + len(s.RepartitionSourceTopics) + len(s.StateChangelogTopics)
		for j := range s.CopartitionGroups {
			g := &s.CopartitionGroups[j]
			topics += 1 + len(g.SourceTopics) + len(g.RepartitionSourceTopics)
		}
		if topics > maxTopologyTopics {
			return refuse(codeInvalidTopology, fmt.Sprintf("The topology names more than %d topics.", maxTopologyTopics))
		}
	}
	return nil
}

// known is the offsets of tasks that there can be. Others are forgotten: what members say is kept in memory.
func (t *Topology) known(offsets map[Task]int64) map[Task]int64 {
	ids := make(map[string]string, len(t.Subtopologies))
	for i := range t.Subtopologies {
		ids[t.Subtopologies[i].ID] = t.Subtopologies[i].ID
	}
	out := make(map[Task]int64)
	for task, offset := range offsets {
		if id, ok := ids[task.Subtopology]; ok && task.Partition >= 0 && task.Partition < maxTasks && len(out) < maxTasks {
			out[Task{id, task.Partition}] = offset // shares the text with the topology
		}
	}
	return out
}
