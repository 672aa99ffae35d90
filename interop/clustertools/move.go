package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func (r *run) reassigning() []step {
	return []step{
		{name: "kafka-reassign-partitions --generate", do: r.generate},
		{name: "kafka-reassign-partitions --execute with a throttle, --list, --verify", do: r.reassign},
		{name: "kafka-leader-election preferred", do: r.preferred},
	}
}

func (r *run) generate() error {
	topics, err := r.file("topics.json", `{"topics":[{"topic":"`+topic+`"}],"version":1}`)
	if err != nil {
		return err
	}
	return r.says("kafka-reassign-partitions", "--generate --topics-to-move-json-file "+topics+" --broker-list 1,2,3",
		"Current partition replica assignment", "Proposed partition reassignment configuration")
}

// plan is a file for kafka-reassign-partitions: the replicas of partition 0, 1...
func (r *run) plan(name, of string, replicas ...string) (string, error) {
	var parts []string
	for i, list := range replicas {
		parts = append(parts, fmt.Sprintf(`{"topic":%q,"partition":%d,"replicas":[%s]}`, of, i, list))
	}
	return r.file(name, `{"version":1,"partitions":[`+strings.Join(parts, ",")+`]}`)
}

// reassign takes every third replica away and gives it back, with a throttle that verify removes.
func (r *run) reassign() error {
	fewer, err := r.plan("fewer.json", topic, "1,2", "2,3", "3,1")
	if err != nil {
		return err
	}
	all, err := r.plan("all.json", topic, "2,1,3", "3,2,1", "1,3,2")
	if err != nil {
		return err
	}
	for _, file := range []string{fewer, all} {
		if err := r.says("kafka-reassign-partitions", "--execute --throttle 50000000 --reassignment-json-file "+file,
			"Successfully started partition reassignments? for "+topic, "throttle limit was set to 50000000"); err != nil {
			return err
		}
		if err := r.shows("kafka-reassign-partitions", "--verify --preserve-throttles --reassignment-json-file "+file, `Reassignment of partition `+topic+`-2 is completed`); err != nil {
			return err
		}
		if err := r.shows("kafka-configs", "--describe --entity-type brokers --entity-name 1", "leader.replication.throttled.rate=50000000"); err != nil {
			return err
		}
		if err := r.says("kafka-reassign-partitions", "--verify --reassignment-json-file "+file, "Clearing broker-level throttles", "Clearing topic-level throttles"); err != nil {
			return err
		}
	}
	if err := r.until(func() error {
		out, err := r.tool("kafka-configs", "--describe", "--entity-type", "brokers", "--entity-name", "1")
		if err == nil && strings.Contains(out, "throttled.rate=5") {
			err = fmt.Errorf("a throttle is left: %s", out)
		}
		return err
	}); err != nil {
		return err
	}
	return r.shows("kafka-topics", "--describe --topic "+topic, `Partition: 0\s+Leader: \d\s+Replicas: 2,1,3`, `Partition: 2\s+Leader: \d\s+Replicas: 1,3,2`)
}

// preferred makes the first replicas leaders, which the reassignment changed.
func (r *run) preferred() error {
	if err := r.inSync(); err != nil {
		return err
	}
	if err := r.until(func() error { // a replica that fell behind for a moment is in sync again soon
		out, err := r.tool("kafka-leader-election", "--election-type", "preferred", "--all-topic-partitions")
		if err == nil && strings.Contains(out, "Error") {
			err = fmt.Errorf("says %s", out)
		}
		return err
	}); err != nil {
		return err
	}
	if err := r.shows("kafka-topics", "--describe --topic "+topic, `Partition: 0\s+Leader: 2\s`, `Partition: 1\s+Leader: 3\s`, `Partition: 2\s+Leader: 1\s`); err != nil {
		return err
	}
	return r.says("kafka-leader-election", "--election-type preferred --topic "+topic+" --partition 0", "Valid replica already elected for partition")
}

func (r *run) failing() []step {
	return []step{
		{name: "a broker stops: under-replicated, at-min-isr, unavailable", do: r.stopThird, makes: true},
		{name: "kafka-reassign-partitions --list and --cancel of what cannot end", do: r.cancel},
		{name: "kafka-cluster lists the fenced broker, and unregister forgets it", do: r.unregister},
		{name: "the broker comes back", do: r.startThird, makes: true},
		{name: "kafka-leader-election unclean", do: r.unclean},
	}
}

func (r *run) stopThird() error {
	// At the minimum with one replica gone: three replicas, two wanted.
	for name, args := range map[string]string{"at-min": "1:2:3 --config min.insync.replicas=2", "lonely": "3"} {
		if err := r.says("kafka-topics", "--create --topic "+name+" --replica-assignment "+args, "Created topic "+name); err != nil {
			return err
		}
	}
	if err := r.fleet.Node(3).Stop(); err != nil {
		return err
	}
	return r.until(func() error {
		if err := r.says("kafka-topics", "--describe --under-replicated-partitions", `Topic: `+topic+`\s+Partition: 1`, `Topic: at-min\s+Partition: 0`); err != nil {
			return err
		}
		if err := r.says("kafka-topics", "--describe --unavailable-partitions", `Topic: lonely\s+Partition: 0\s+Leader: none`); err != nil {
			return err
		}
		return r.says("kafka-topics", "--describe --at-min-isr-partitions", `Topic: at-min\s+Partition: 0\s+Leader: \d`)
	})
}

// cancel begins to move a partition to the broker that is gone, and takes that back.
func (r *run) cancel() error {
	if err := r.says("kafka-topics", "--create --topic stuck --replica-assignment 1:2", "Created topic stuck"); err != nil {
		return err
	}
	onto, err := r.plan("onto-gone.json", "stuck", "1,3")
	if err != nil {
		return err
	}
	// The tool refuses to begin with a broker that does not run; the controller does not.
	if err := r.begin("stuck", 1, 3); err != nil {
		return err
	}
	if err := r.shows("kafka-reassign-partitions", "--list", `stuck-0: replicas: 1,3,2. adding: 3. removing: 2.`); err != nil {
		return err
	}
	if err := r.shows("kafka-reassign-partitions", "--verify --reassignment-json-file "+onto, "is still in progress"); err != nil {
		return err
	}
	if err := r.says("kafka-reassign-partitions", "--cancel --preserve-throttles --reassignment-json-file "+onto, "Successfully cancelled partition reassignments? for"); err != nil {
		return err
	}
	if err := r.shows("kafka-reassign-partitions", "--list", "No partition reassignments found"); err != nil {
		return err
	}
	return r.shows("kafka-topics", "--describe --topic stuck", `Replicas: 1,2\s+Isr: 1,2`)
}

// begin begins to move partition 0 of a topic.
func (r *run) begin(topic string, replicas ...int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.running()...))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(r.ctx, toolTime)
	defer cancel()
	var move kadm.AlterPartitionAssignmentsReq
	move.Assign(topic, 0, replicas)
	answers, err := kadm.NewClient(client).AlterPartitionAssignments(ctx, move)
	if err != nil {
		return err
	}
	return answers.Error()
}

func (r *run) unregister() error {
	at := r.running()[0]
	endpoints := func() (string, error) {
		return r.raw("kafka-cluster", "list-endpoints", "--include-fenced-brokers", "--bootstrap-server", at)
	}
	if err := r.until(func() error {
		out, err := endpoints()
		return cmp.Or(err, matches(out, `^3 +127.0.0.1 +\d+ +null +fenced +broker`))
	}); err != nil {
		return err
	}
	out, err := r.raw("kafka-cluster", "unregister", "--bootstrap-server", at, "--id", "3")
	if err == nil {
		err = matches(out, "Broker 3 is no longer registered")
	}
	if err != nil {
		return err
	}
	if err := r.until(func() error {
		out, err := endpoints()
		if err == nil && first(out, `^(3) `) != "" {
			err = fmt.Errorf("broker 3 is still there: %s", out)
		}
		return err
	}); err != nil {
		return err
	}
	out, err = r.raw("kafka-cluster", "unregister", "--bootstrap-server", at, "--id", "77")
	if err == nil && !strings.Contains(out, "not") && !strings.Contains(out, "xception") {
		err = fmt.Errorf("an unknown broker was unregistered: %s", out)
		return err
	}
	return nil
}

func (r *run) startThird() error {
	if err := r.fleet.Node(3).Start(r.ctx); err != nil {
		return err
	}
	return r.inSync()
}

// unclean has a partition whose last in-sync replica is gone led by the other.
func (r *run) unclean() error {
	if err := r.says("kafka-topics", "--create --topic unclean --replica-assignment 2:3", "Created topic unclean"); err != nil {
		return err
	}
	if err := r.says("kafka-producer-perf-test", "--num-records 100 --record-size 100 --throughput -1 --command-property acks=all --topic unclean", "100 records sent"); err != nil {
		return err
	}
	r.fleet.Node(3).Kill()
	if err := r.shows("kafka-topics", "--describe --topic unclean", `Leader: 2\s+Replicas: 2,3\s+Isr: 2\s`); err != nil {
		return err
	}
	if err := r.says("kafka-producer-perf-test", "--num-records 100 --record-size 100 --throughput -1 --command-property acks=1 --topic unclean", "100 records sent"); err != nil {
		return err
	}
	r.fleet.Node(2).Kill()
	if err := r.fleet.Node(3).Start(r.ctx); err != nil {
		return err
	}
	return r.electUnclean()
}

func (r *run) electUnclean() error {
	if err := r.shows("kafka-topics", "--describe --topic unclean", `Leader: none\s+Replicas: 2,3\s+Isr: (2\s|\s*Elr: 2\s)`); err != nil {
		return err
	}
	if err := r.says("kafka-leader-election", "--election-type unclean --topic unclean --partition 0", `Successfully completed leader election \(UNCLEAN\) for partitions unclean-0`); err != nil {
		return err
	}
	if err := r.shows("kafka-topics", "--describe --topic unclean", `Leader: 3\s+Replicas: 2,3\s+Isr: 3\s`); err != nil {
		return err
	}
	if err := r.fleet.Node(2).Start(r.ctx); err != nil {
		return err
	}
	return r.inSync()
}
