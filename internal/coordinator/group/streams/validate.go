package streams

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The member epochs with a meaning of their own.
const (
	joinEpoch        int32 = 0
	leaveEpoch       int32 = -1
	leaveStaticEpoch int32 = -2 // the member with this instance id comes back
)

// validate checks what can be told from the request alone.
func validate(rq *kmsg.StreamsGroupHeartbeatRequest) *refusal {
	if rq.Topology != nil {
		for i := range rq.Topology.Subtopologies {
			if len(rq.Topology.Subtopologies[i].SourceTopicRegex) > 0 {
				return refuse(codeInvalidRequest, "Regular expressions for source topics are not supported yet.")
			}
		}
	}
	switch {
	case blank(&rq.MemberID):
		return refuse(codeInvalidRequest, "MemberId can't be empty.")
	case blank(&rq.Group):
		return refuse(codeInvalidRequest, "GroupId can't be empty.")
	case blank(rq.InstanceID):
		return refuse(codeInvalidRequest, "InstanceId can't be empty.")
	case blank(rq.RackID):
		return refuse(codeInvalidRequest, "RackId can't be empty.")
	}
	switch {
	case rq.MemberEpoch == joinEpoch:
		if bad := validateJoin(rq); bad != nil {
			return bad
		}
	case rq.MemberEpoch == leaveStaticEpoch && rq.InstanceID == nil:
		return refuse(codeInvalidRequest, "InstanceId can't be null.")
	case rq.MemberEpoch < leaveStaticEpoch:
		return refuse(codeInvalidRequest, fmt.Sprintf("MemberEpoch is %d, but must be greater than or equal to -2.", rq.MemberEpoch))
	}
	some := rq.ActiveTasks != nil || rq.StandbyTasks != nil || rq.WarmupTasks != nil
	if some && !reportsTasks(rq) {
		return refuse(codeInvalidRequest, "If one task-type is non-null, all must be non-null.")
	}
	if rq.MemberEpoch != joinEpoch && rq.Topology != nil {
		return refuse(codeInvalidRequest, "Topology can only be provided when (re-)joining.")
	}
	return nil
}

// reportsTasks reports whether the member says what it runs.
func reportsTasks(rq *kmsg.StreamsGroupHeartbeatRequest) bool {
	return rq.ActiveTasks != nil && rq.StandbyTasks != nil && rq.WarmupTasks != nil
}

func blank(s *string) bool { return s != nil && strings.TrimSpace(*s) == "" }

// validateJoin checks a request to join.
func validateJoin(rq *kmsg.StreamsGroupHeartbeatRequest) *refusal {
	none := func(tasks []kmsg.TaskIDs) bool { return tasks != nil && len(tasks) == 0 }
	switch {
	case rq.RebalanceTimeoutMillis == -1:
		return refuse(codeInvalidRequest, "RebalanceTimeoutMs must be provided in first request.")
	case !none(rq.ActiveTasks):
		return refuse(codeInvalidRequest, "ActiveTasks must be empty when (re-)joining.")
	case !none(rq.StandbyTasks):
		return refuse(codeInvalidRequest, "StandbyTasks must be empty when (re-)joining.")
	case !none(rq.WarmupTasks):
		return refuse(codeInvalidRequest, "WarmupTasks must be empty when (re-)joining.")
	case rq.Topology == nil:
		return refuse(codeInvalidRequest, "Topology must be non-null when (re-)joining.")
	case rq.Topology.Epoch < 0:
		return refuse(codeUnknownServerError, "Topology epoch must be non-negative.")
	}
	if bad := boundTopology(rq.Topology); bad != nil {
		return bad
	}
	ids := make(map[string]bool)
	for i := range rq.Topology.Subtopologies {
		s := &rq.Topology.Subtopologies[i]
		if ids[s.SubtopologyID] {
			return refuse(codeInvalidTopology, "Subtopology "+s.SubtopologyID+" is there twice.")
		}
		ids[s.SubtopologyID] = true
		for _, topic := range s.StateChangelogTopics {
			if topic.NumPartitions != 0 {
				return refuse(codeInvalidTopology, fmt.Sprintf(
					"Changelog topic %s must have an undefined partition count, but it is set to %d.", topic.Topic, topic.NumPartitions))
			}
		}
		for _, topic := range s.RepartitionSourceTopics {
			if topic.NumPartitions < 0 {
				return refuse(codeInvalidTopology, fmt.Sprintf("Repartition topic %s cannot have %d partitions.", topic.Topic, topic.NumPartitions))
			}
		}
	}
	return nil
}

// validateTasks checks that a member runs tasks that there are.
func validateTasks(c *configured, tasks []kmsg.TaskIDs) *refusal {
	for i := range tasks {
		id := tasks[i].SubtopologyID
		s := c.subtopologies[id]
		if s == nil {
			return refuse(codeInvalidRequest, "Subtopology "+id+" does not exist in the topology.")
		}
		for _, p := range tasks[i].Partitions {
			if p < 0 || p >= s.tasks {
				return refuse(codeInvalidRequest, fmt.Sprintf(
					"Task %d for subtopology %s is invalid. Number of tasks for this subtopology: %d", p, id, s.tasks))
			}
		}
	}
	return nil
}

// offsetsOf reads the offsets that a member reports.
func offsetsOf(all []kmsg.TaskOffset) (map[Task]int64, *refusal) {
	out := make(map[Task]int64, len(all))
	for i := range all {
		task := Task{all[i].SubtopologyID, all[i].Partition}
		if _, twice := out[task]; twice {
			return nil, refuse(codeInvalidRequest, fmt.Sprintf(
				"Task offsets contain a duplicate entry for subtopology %s and partition %d.", task.Subtopology, task.Partition))
		}
		out[task] = all[i].Offset
	}
	return out, nil
}
