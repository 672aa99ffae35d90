package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// anyDir stands in a plan for whatever directory a broker takes.
const anyDir = "any"

// replica is a partition on a broker.
type replica struct {
	partition

	broker int32
}

// directories are where the replicas of some partitions lie. What cannot be found out is left out.
func (c *reassignCall) directories(ctx context.Context, of map[partition][]int32) map[replica]string {
	dirs := make(map[replica]string)
	var brokers []int32
	for _, replicas := range of {
		brokers = append(brokers, replicas...)
	}
	slices.Sort(brokers)
	for _, b := range slices.Compact(brokers) {
		answer, err := tool.AskNode[*kmsg.DescribeLogDirsResponse](ctx, c.cluster, b, kmsg.NewPtrDescribeLogDirsRequest())
		if err != nil {
			continue
		}
		for _, d := range answer.Dirs {
			for _, t := range d.Topics {
				for _, p := range t.Partitions {
					if !p.IsFuture {
						dirs[replica{partition{t.Topic, p.Partition}, b}] = d.Dir
					}
				}
			}
		}
	}
	return dirs
}

// moveDirectories asks the brokers to have replicas in the directories that a plan names, until all know their replicas.
func (c *reassignCall) moveDirectories(ctx context.Context, all []target) error {
	pending := make(map[replica]string)
	for _, t := range all {
		for i, dir := range t.dirs {
			if dir != anyDir {
				pending[replica{t.at, t.replicas[i]}] = dir
			}
		}
	}
	deadline := time.Now().Add(time.Duration(c.Int("timeout", 64)) * time.Millisecond)
	for len(pending) > 0 {
		for _, r := range sortedReplicas(pending) {
			started, err := c.moveDirectory(ctx, r, pending[r])
			if err != nil {
				return err
			}
			if started {
				c.Printf("Successfully started moving log directory to %s for replica %s with broker %d \n", pending[r], r.partition, r.broker)
				delete(pending, r)
			}
		}
		if len(pending) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			var left []string
			for _, r := range sortedReplicas(pending) {
				left = append(left, fmt.Sprintf("%s-%d", r.partition, r.broker))
			}
			return tool.Saidf("Timed out before log directory move%s could be started for: %s", plural(len(left)), strings.Join(left, ","))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func sortedReplicas(of map[replica]string) []replica {
	var all []replica
	for r := range of {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b replica) int {
		if a.broker != b.broker {
			return int(a.broker - b.broker)
		}
		return comparePartitions(a.partition, b.partition)
	})
	return all
}

// moveDirectory reports whether a broker knows the replica that is to move.
func (c *reassignCall) moveDirectory(ctx context.Context, r replica, dir string) (bool, error) {
	t := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
	t.Topic, t.Partitions = r.topic, []int32{r.index}
	d := kmsg.NewAlterReplicaLogDirsRequestDir()
	d.Dir = dir
	d.Topics = append(d.Topics, t)
	request := kmsg.NewPtrAlterReplicaLogDirsRequest()
	request.Dirs = append(request.Dirs, d)
	answer, err := tool.AskNode[*kmsg.AlterReplicaLogDirsResponse](ctx, c.cluster, r.broker, request)
	if err != nil {
		return false, err
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == replicaNotAvailable {
				return false, nil
			}
			if err := tool.Refused(p.ErrorCode, nil); err != nil {
				return false, tool.Saidf("Failed to alter dir for %s-%d: %v", r.partition, r.broker, err)
			}
		}
	}
	return true, nil
}
