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
	pending := wantedDirectories(all)
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

// wantedDirectories are the directories that a plan names, by replica.
func wantedDirectories(all []target) map[replica]string {
	wanted := make(map[replica]string)
	for _, t := range all {
		for i, dir := range t.dirs {
			if dir != anyDir {
				wanted[replica{t.at, t.replicas[i]}] = dir
			}
		}
	}
	return wanted
}

// throttleDirectories limits what moves between directories may take on the brokers that a plan has some on.
func (c *reassignCall) throttleDirectories(ctx context.Context, all []target, rate int64) error {
	limit, last := number(rate), int32(-1)
	for _, r := range sortedReplicas(wantedDirectories(all)) { // by broker
		if r.broker == last {
			continue
		}
		last = r.broker
		if err := alterConfigs(ctx, c.cluster, kmsg.ConfigResourceTypeBroker, number(r.broker), []change{{brokerThrottles[2], &limit}}); err != nil {
			return err
		}
	}
	return nil
}

// whereabouts is where a replica lies, and where it is being moved to; "": nowhere.
type whereabouts struct{ now, next string }

// directoryMoves tells how far the moves between directories are that a plan asks for, and whether one is under way.
func (c *reassignCall) directoryMoves(ctx context.Context, all []target) (lines []string, ongoing bool, err error) {
	wanted := wantedDirectories(all)
	found := make(map[replica]whereabouts)
	asked := make(map[int32]bool)
	for _, r := range sortedReplicas(wanted) {
		if asked[r.broker] {
			continue
		}
		asked[r.broker] = true
		answer, err := tool.AskNode[*kmsg.DescribeLogDirsResponse](ctx, c.cluster, r.broker, kmsg.NewPtrDescribeLogDirsRequest())
		if err != nil {
			return nil, false, err
		}
		for _, d := range answer.Dirs {
			for _, t := range d.Topics {
				for _, p := range t.Partitions {
					at := replica{partition{t.Topic, p.Partition}, r.broker}
					w := found[at]
					if p.IsFuture {
						w.next = d.Dir
					} else {
						w.now = d.Dir
					}
					found[at] = w
				}
			}
		}
	}
	for _, r := range sortedReplicas(wanted) {
		w := found[r]
		lines = append(lines, directoryMove(r, wanted[r], w))
		ongoing = ongoing || w.next != ""
	}
	return lines, ongoing, nil
}

// directoryMove is how far the move of a replica to a directory is.
func directoryMove(r replica, to string, w whereabouts) string {
	name := fmt.Sprintf("%s-%d", r.partition, r.broker)
	switch {
	case w.now == "" && w.next == "":
		return fmt.Sprintf("Partition %s cannot be found in any live log directory on broker %d.", r.partition, r.broker)
	case w.next == to:
		return "Reassignment of replica " + name + " is still in progress."
	case w.next != "":
		return fmt.Sprintf("Partition %s on broker %d is being moved to log dir %s instead of %s.", r.partition, r.broker, w.next, to)
	case w.now == to:
		return "Reassignment of replica " + name + " completed successfully."
	}
	return fmt.Sprintf("Partition %s on broker %d is not being moved from log dir %s to %s.", r.partition, r.broker, w.now, to)
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
