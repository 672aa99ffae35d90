package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/fleet"
	"leat/interop/target"
)

// led is a cluster that a leat node controls: nodes 1 and 2 are leat, 3 and 4 Kafka's brokers, 3 with two log directories, 4 late.
type led struct {
	*fleet.Fleet
	ctx   context.Context
	admin *fleet.Admin
	load  *fleet.Load
}

const (
	loaded     = "loaded"
	partitions = 4
)

func leatControls(ctx context.Context, dir, binary string) error {
	l := &led{ctx: ctx, Fleet: &fleet.Fleet{
		Dir: filepath.Join(dir, "led"), Binary: binary, Static: true,
		Settings: map[string]string{
			"offsets.topic.replication.factor": "2", "metadata.log.max.record.bytes.between.snapshots": "50000",
			"metadata.log.segment.ms": "3000", "metadata.max.retention.ms": "2000",
		},
		Nodes: []*fleet.Node{
			{ID: 1, Kind: target.Leat, Roles: "broker,controller"},
			{ID: 2, Kind: target.Leat, Roles: "broker"},
			{ID: 3, Kind: target.Kafka, Roles: "broker", Dirs: 2},
			{ID: 4, Kind: target.Kafka, Roles: "broker"},
		},
	}}
	if err := fleet.New(l.Fleet); err != nil {
		return err
	}
	defer l.Close()
	for _, s := range []struct {
		name string
		step func() error
	}{
		{"leat starts, broker and controller, and a second leat broker", l.startLeat},
		{"a Kafka broker joins, by AssignReplicasToDirs on two directories", l.startKafka},
		{"topics are created through Kafka, and all replicas are in sync", l.topics},
		{"an idempotent producer and a consumer work with both", l.begin},
		{"leaders move from leat to Kafka and back", l.moveLeaders},
		{"the Kafka broker stops in order and comes back", l.again(3, (*fleet.Node).Stop)},
		{"the Kafka broker is killed and comes back", l.again(3, killed)},
		{"the leat broker stops in order and comes back", l.again(2, (*fleet.Node).Stop)},
		{"the leat broker is killed and comes back", l.again(2, killed)},
		{"the controller restarts", l.again(1, (*fleet.Node).Stop)},
		{"configs of a topic and of the Kafka broker change", l.configure},
		{"records are deleted from a partition of both", l.deleteRecords},
		{"2,000 partitions are created and deleted", l.many},
		{"a Kafka broker that comes late begins with a snapshot, and gets replicas", l.late},
		{"nothing is lost, and all replicas hold the same batches", l.finish},
		{"all stop in order", l.stopAll},
	} {
		if err := check(s.name, s.step); err != nil {
			return errors.Join(err, l.Tails(12))
		}
	}
	return nil
}

func killed(n *fleet.Node) error {
	n.Kill()
	return nil
}

func (l *led) startLeat() (err error) {
	if err := l.Node(1).Format(l.ctx); err != nil {
		return err
	}
	if err := l.Node(1).Start(l.ctx); err != nil {
		return err
	}
	if err := l.Node(2).Start(l.ctx); err != nil {
		return err
	}
	l.admin, err = fleet.NewAdmin(l.Node(1))
	return err
}

func (l *led) startKafka() error {
	if err := l.Node(3).Format(l.ctx); err != nil {
		return err
	}
	return l.Node(3).Start(l.ctx)
}

func (l *led) topics() error {
	admin, err := fleet.NewAdmin(l.Node(3))
	if err != nil {
		return err
	}
	defer admin.Close()
	var replicas [][]int32
	for i := range partitions {
		replicas = append(replicas, [][]int32{{2, 3}, {3, 2}}[i%2])
	}
	if err := admin.CreateOn(l.ctx, loaded, replicas, "min.insync.replicas", "1"); err != nil {
		return err
	}
	if err := admin.InSync(l.ctx, loaded); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, fleet.Patience)
	defer cancel()
	return awaited(ctx, func() error {
		for _, dir := range l.Node(3).LogDirs() {
			if held, err := filepath.Glob(filepath.Join(dir, loaded+"-*")); err != nil || len(held) == 0 {
				return fmt.Errorf("%s holds no partition of %s", dir, loaded)
			}
		}
		return nil
	})
}

func (l *led) begin() (err error) {
	if l.load, err = fleet.StartLoad(l.ctx, l.Addresses()[:3], loaded, partitions, 5*time.Millisecond); err != nil {
		return err
	}
	return l.load.Progress(l.ctx, 200)
}

func (l *led) moveLeaders() error {
	for round := range 3 {
		for p := range int32(partitions) {
			order := []int32{3, 2}
			if round%2 == 1 {
				order = []int32{2, 3}
			}
			if err := l.admin.Lead(l.ctx, loaded, p, order...); err != nil {
				return err
			}
		}
		if err := l.load.Progress(l.ctx, 50); err != nil {
			return err
		}
	}
	for p := range int32(partitions) / 2 {
		if err := l.admin.Lead(l.ctx, loaded, p, 2, 3); err != nil {
			return err
		}
	}
	return nil
}

// again ends a node under load and starts it again.
func (l *led) again(id int32, end func(*fleet.Node) error) func() error {
	return func() error {
		l.load.Worst()
		at := time.Now()
		if err := end(l.Node(id)); err != nil {
			return err
		}
		ended := time.Since(at)
		if err := l.load.Progress(l.ctx, 100); err != nil {
			return fmt.Errorf("while node %d is away: %w", id, err)
		}
		at = time.Now()
		if err := l.Node(id).Start(l.ctx); err != nil {
			return err
		}
		started := time.Since(at)
		if err := l.admin.InSync(l.ctx, loaded); err != nil {
			return err
		}
		if err := l.load.Progress(l.ctx, 100); err != nil {
			return err
		}
		fmt.Printf("mixed    ended in %.1f s, up in %.1f s, in sync after %.1f s, longest wait for an acknowledgement %.2f s\n",
			ended.Seconds(), started.Seconds(), time.Since(at).Seconds(), l.load.Worst().Seconds())
		return nil
	}
}

func (l *led) configure() error {
	ctx, cancel := context.WithTimeout(l.ctx, fleet.Patience)
	defer cancel()
	admin, err := fleet.NewAdmin(l.Node(3))
	if err != nil {
		return err
	}
	defer admin.Close()
	if err := l.admin.InSync(ctx, loaded); err != nil {
		return err
	}
	set := func(key, value string) kadm.AlterConfig { return kadm.AlterConfig{Name: key, Value: &value} }
	if _, err := l.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{set("retention.ms", "7777777")}, loaded); err != nil {
		return err
	}
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, "3"
	r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "log.cleaner.threads", Value: kmsg.StringPtr("2")}}
	rq.Resources = append(rq.Resources, r)
	answer, err := l.admin.Raw.Broker(3).RetriableRequest(ctx, rq)
	if err != nil {
		return err
	}
	if r := answer.(*kmsg.IncrementalAlterConfigsResponse).Resources[0]; r.ErrorCode != 0 {
		return fmt.Errorf("set log.cleaner.threads: %w: %s", kerr.ErrorForCode(r.ErrorCode), *r.ErrorMessage)
	}
	return awaited(ctx, func() error {
		topics, err := admin.DescribeTopicConfigs(ctx, loaded)
		if err != nil {
			return err
		}
		brokers, err := admin.DescribeBrokerConfigs(ctx, 3)
		if err != nil {
			return err
		}
		return errors.Join(has(topics[0], "retention.ms", "7777777"), has(brokers[0], "log.cleaner.threads", "2"))
	})
}

func has(r kadm.ResourceConfig, key, value string) error {
	for _, c := range r.Configs {
		if c.Key == key && c.Value != nil && *c.Value == value {
			return nil
		}
	}
	return fmt.Errorf("%s is not %s", key, value)
}

// awaited tries until it works.
func awaited(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (l *led) deleteRecords() error {
	ctx, cancel := context.WithTimeout(l.ctx, fleet.Patience)
	defer cancel()
	offsets := kadm.Offsets{}
	for p := range int32(partitions) {
		offsets.AddOffset(loaded, p, 40, -1)
	}
	answers, err := l.admin.DeleteRecords(ctx, offsets)
	if err != nil || answers.Error() != nil {
		return errors.Join(err, answers.Error())
	}
	starts, err := l.admin.ListStartOffsets(ctx, loaded)
	if err != nil {
		return err
	}
	for p := range int32(partitions) {
		if at := starts[loaded][p].Offset; at != 40 {
			return fmt.Errorf("partition %d begins at %d, not at 40", p, at)
		}
	}
	return nil
}

func (l *led) many() error {
	var replicas [][]int32
	for i := range 2000 {
		replicas = append(replicas, [][]int32{{2, 3}, {3, 2}}[i%2])
	}
	at := time.Now()
	if err := l.admin.CreateOn(l.ctx, "many", replicas); err != nil {
		return err
	}
	created := time.Since(at)
	bounded, done := context.WithTimeout(l.ctx, 2*fleet.Patience)
	defer done()
	if err := awaited(bounded, func() error { return copies(l.Node(3), "many", len(replicas)) }); err != nil {
		return err
	}
	opened := time.Since(at)
	if err := l.admin.InSync(l.ctx, "many"); err != nil {
		return err
	}
	fmt.Printf("mixed    created in %.1f s, on Kafka's disk after %.1f s, in sync after %.1f s\n", created.Seconds(), opened.Seconds(), time.Since(at).Seconds())
	ctx, cancel := context.WithTimeout(l.ctx, fleet.Patience)
	defer cancel()
	if answers, err := l.admin.DeleteTopics(ctx, "many"); err != nil || answers.Error() != nil {
		return errors.Join(err, answers.Error())
	}
	return awaited(ctx, func() error { return errors.Join(copies(l.Node(2), "many", 0), copies(l.Node(3), "many", 0)) })
}

// copies checks how many partitions of a topic a node has on disk. leat puts none there before its first record.
func copies(n *fleet.Node, topic string, want int) error {
	count := 0
	for _, dir := range n.LogDirs() {
		held, err := filepath.Glob(filepath.Join(dir, topic+"-*"))
		if err != nil {
			return err
		}
		for _, path := range held {
			if !strings.HasSuffix(path, "-delete") {
				count++
			}
		}
	}
	if count != want {
		return fmt.Errorf("node %d has %d partitions of %s, not %d", n.ID, count, topic, want)
	}
	return nil
}

func (l *led) late() error {
	checkpoints, err := filepath.Glob(filepath.Join(l.Node(1).LogDirs()[0], "__cluster_metadata-0", "*.checkpoint"))
	if err != nil || len(checkpoints) == 0 {
		return errors.Join(err, errors.New("the controller has no checkpoint"))
	}
	if err := l.Node(4).Format(l.ctx); err != nil {
		return err
	}
	if err := l.Node(4).Start(l.ctx); err != nil {
		return err
	}
	said, err := os.ReadFile(l.Node(4).LogFile())
	if err != nil {
		return err
	}
	if !strings.Contains(string(said), "snapshot") {
		return errors.New("the late broker did not speak of a snapshot")
	}
	var rq kadm.AlterPartitionAssignmentsReq
	for p := range int32(partitions) {
		rq.Assign(loaded, p, []int32{4, 2, 3})
	}
	ctx, cancel := context.WithTimeout(l.ctx, fleet.Patience)
	defer cancel()
	if answers, err := l.admin.AlterPartitionAssignments(ctx, rq); err != nil || answers.Error() != nil {
		return errors.Join(err, answers.Error())
	}
	if err := l.admin.Await(ctx, loaded, func(p kadm.PartitionDetail) bool { return len(p.ISR) == 3 && len(p.Replicas) == 3 }); err != nil {
		return err
	}
	return l.load.Progress(ctx, 50)
}

func (l *led) finish() error {
	count, err := l.load.Stop(l.ctx)
	if err != nil {
		return err
	}
	batches := 0
	for p := range partitions {
		for _, pair := range [][2]int32{{2, 3}, {2, 4}} {
			n, err := fleet.Same(l.Node(pair[0]), l.Node(pair[1]), fmt.Sprintf("%s-%d", loaded, p))
			if err != nil {
				return err
			}
			batches += n
		}
	}
	fmt.Printf("mixed    %d records, %d batches compared\n", count, batches)
	return nil
}

func (l *led) stopAll() error {
	for _, id := range []int32{4, 3, 2, 1} {
		if err := l.Node(id).Stop(); err != nil {
			return err
		}
	}
	return nil
}
