package main

import (
	"fmt"
	"strings"

	"leat/interop/target"
)

// topic is what most steps are about.
const topic = "tools"

func (r *run) createTopic() error {
	if err := r.says("kafka-topics", "--create --topic "+topic+" --replica-assignment 1:2:3,2:3:1,3:1:2", "Created topic "+topic); err != nil {
		return err
	}
	if err := r.says("kafka-producer-perf-test", "--num-records 30000 --record-size 200 --throughput -1 --command-property acks=all --topic "+topic, "30000 records sent"); err != nil {
		return err
	}
	return r.inSync()
}

// inSync waits until all replicas are in sync.
func (r *run) inSync() error {
	return r.until(func() error {
		out, err := r.tool("kafka-topics", "--describe", "--under-replicated-partitions")
		if err == nil && strings.Contains(out, "Topic:") {
			err = fmt.Errorf("under-replicated: %s", out)
		}
		return err
	})
}

// controllerList is where all controllers are reached, for --bootstrap-controller.
func (r *run) controllerList() string {
	var out []string
	for _, n := range r.fleet.Controllers() {
		if n.Running() {
			out = append(out, n.Controller())
		}
	}
	return strings.Join(out, ",")
}

func (r *run) describing() []step {
	return []step{
		r.looking("kafka-metadata-quorum describe --status through brokers", r.quorumStatus),
		r.looking("kafka-metadata-quorum describe --status through controllers", r.quorumStatusOfControllers),
		r.looking("kafka-metadata-quorum describe --replication", r.quorumReplication),
		r.looking("kafka-broker-api-versions of all brokers", r.apiVersions),
		r.looking("kafka-cluster cluster-id", r.clusterID),
		r.looking("kafka-cluster list-endpoints of brokers and controllers", r.listEndpoints),
		r.looking("kafka-log-dirs of all and of named brokers", r.logDirs),
		r.looking("kafka-topics --describe of a healthy cluster", r.healthy),
	}
}

// looking is a step that changes nothing. It looks until it sees what must be: a node that got no processor for seconds is fenced, and comes back.
func (r *run) looking(name string, look func() error) step {
	return step{name: name, do: func() error { return r.until(look) }}
}

func (r *run) quorumStatus() error {
	patterns := []string{`^ClusterId: +\S{22}$`, `^LeaderId: +[1-3]$`, `^LeaderEpoch: +[1-9]`, `^HighWatermark: +[1-9]`, `^MaxFollowerLag: +\d+$`}
	for _, n := range r.fleet.Nodes {
		row := fmt.Sprintf(`^CurrentObservers: .*"id": %d,`, n.ID)
		if n.Has("controller") {
			row = fmt.Sprintf(`^CurrentVoters: .*"id": %d, .*"CONTROLLER://127.0.0.1:%s"`, n.ID, port(n.Controller()))
		}
		patterns = append(patterns, row)
	}
	return r.says("kafka-metadata-quorum", "describe --status", patterns...)
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

func (r *run) quorumStatusOfControllers() error {
	for _, n := range r.fleet.Controllers() { // each by itself: who does not lead has to say who does
		out, err := r.raw("kafka-metadata-quorum", "--bootstrap-controller", n.Controller(), "describe", "--status")
		if err == nil {
			err = matches(out, `^LeaderId: +[1-3]$`, `^CurrentVoters: .*"id": 1,`)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) quorumReplication() error {
	out, err := r.tool("kafka-metadata-quorum", "describe", "--replication")
	if err != nil {
		return err
	}
	leaders, replicas := 0, 0
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != 7 || f[0] == "NodeId" {
			continue
		}
		replicas++
		switch f[6] {
		case "Leader":
			leaders++
		case "Follower", "Observer":
			if f[4] == "-1" {
				return fmt.Errorf("node %s never fetched: %s", f[0], out)
			}
		}
		if len(f[1]) != 22 {
			return fmt.Errorf("directory id %q: %s", f[1], out)
		}
	}
	if leaders != 1 || replicas != 3 {
		return fmt.Errorf("%d leaders, %d replicas: %s", leaders, replicas, out)
	}
	return nil
}

func (r *run) apiVersions() error {
	var rows []string
	for _, n := range r.fleet.Brokers() {
		rows = append(rows, fmt.Sprintf(`^127.0.0.1:%s \(id: %d rack: null`, port(n.Address()), n.ID))
	}
	return r.says("kafka-broker-api-versions", "", append(rows, `AddRaftVoter\(80\): 0`, `DescribeQuorum\(55\): 0 to 2`)...)
}

func (r *run) clusterID() error {
	out, err := r.raw("kafka-cluster", "cluster-id", "--bootstrap-server", r.running()[0])
	if err != nil {
		return err
	}
	id := first(out, `^Cluster ID: (\S{22})$`)
	other, err := r.raw("kafka-cluster", "cluster-id", "--bootstrap-controller", r.controllerList())
	if err != nil {
		return err
	}
	if id == "" || first(other, `^Cluster ID: (\S{22})$`) != id {
		return fmt.Errorf("brokers say %s, controllers %s", out, other)
	}
	return nil
}

func (r *run) listEndpoints() error {
	out, err := r.raw("kafka-cluster", "list-endpoints", "--bootstrap-server", r.running()[0])
	if err != nil {
		return err
	}
	for _, n := range r.fleet.Brokers() {
		if err := matches(out, fmt.Sprintf(`^%d +127.0.0.1 +%s +null +unfenced +broker`, n.ID, port(n.Address()))); err != nil {
			return err
		}
	}
	out, err = r.raw("kafka-cluster", "list-endpoints", "--bootstrap-controller", r.controllerList())
	if err != nil {
		return err
	}
	for _, n := range r.fleet.Controllers() {
		if err := matches(out, fmt.Sprintf(`^%d +127.0.0.1 +%s +null +controller`, n.ID, port(n.Controller()))); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) logDirs() error {
	if err := r.says("kafka-log-dirs", "--describe --topic-list "+topic, `"broker":1,.*"broker":2,.*"broker":3,`, `"partition":"`+topic+`-2","size":[1-9]`); err != nil {
		return err
	}
	out, err := r.tool("kafka-log-dirs", "--describe", "--broker-list", "2")
	if err == nil && strings.Contains(out, `"broker":1,`) {
		err = fmt.Errorf("says something about broker 1: %s", out)
	}
	if err != nil {
		return err
	}
	return matches(out, `"broker":2,"logDirs":\[\{.*"error":null`)
}

func (r *run) healthy() error {
	if err := r.says("kafka-topics", "--describe --topic "+topic, "PartitionCount: 3", "ReplicationFactor: 3",
		`Partition: 0\s+Leader: 1\s+Replicas: 1,2,3\s+Isr: 1,2,3`, `Partition: 2\s+Leader: 3\s+Replicas: 3,1,2`); err != nil {
		return err
	}
	for _, filter := range []string{"--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions", "--at-min-isr-partitions"} {
		out, err := r.tool("kafka-topics", "--describe", "--topic", topic, filter)
		if err != nil || strings.Contains(out, "Topic:") {
			return fmt.Errorf("%s: %w: %s", filter, err, out)
		}
	}
	return nil
}

func (r *run) features() []step {
	return []step{
		{name: "kafka-features describe", do: func() error {
			return r.shows("kafka-features", "describe", `Feature: metadata.version\s.*FinalizedVersionLevel: (4.4|UNKNOWN 33)`, `Feature: transaction.version\s.*FinalizedVersionLevel: 2`,
				`Feature: kraft.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 1\s+FinalizedVersionLevel: 1`)
		}},
		{name: "kafka-features downgrade --dry-run changes nothing", do: func() error {
			if err := r.says("kafka-features", "downgrade --feature transaction.version=1 --dry-run", "can be downgraded to 1"); err != nil {
				return err
			}
			return r.shows("kafka-features", "describe", `Feature: transaction.version\s.*FinalizedVersionLevel: 2`)
		}},
		{name: "kafka-features downgrade and upgrade", do: func() error {
			if err := r.says("kafka-features", "downgrade --feature transaction.version=1", "was downgraded to 1"); err != nil {
				return err
			}
			if err := r.says("kafka-features", "upgrade --feature transaction.version=2 --dry-run", "can be upgraded to 2"); err != nil {
				return err
			}
			return r.says("kafka-features", "upgrade --feature transaction.version=2", "was upgraded to 2")
		}},
		{name: "kafka-features disable, and up again", do: func() error {
			if err := r.says("kafka-features", "disable --feature streams.version", "streams.version was disabled"); err != nil {
				return err
			}
			if err := r.shows("kafka-features", "describe", `Feature: streams.version\s.*FinalizedVersionLevel: 0`); err != nil {
				return err
			}
			return r.says("kafka-features", "upgrade --feature streams.version=1", "streams.version was upgraded to 1")
		}},
		{name: "kafka-features refuses a level that nobody has, and kraft.version down", do: func() error {
			if err := r.refuses("kafka-features", "upgrade --feature transaction.version=99", "(?i)could not upgrade|does not support|not supported|only supports"); err != nil {
				return err
			}
			return r.refuses("kafka-features", "downgrade --feature kraft.version=0", "(?i)downgrade")
		}},
	}
}

func (r *run) configs() []step {
	return []step{
		{name: "kafka-configs on one broker, on all, and back", do: func() error {
			if err := r.says("kafka-configs", "--alter --entity-type brokers --entity-name 2 --add-config log.cleaner.threads=2", "Completed updating config for broker 2"); err != nil {
				return err
			}
			if err := r.says("kafka-configs", "--alter --entity-type brokers --entity-default --add-config message.max.bytes=2000000", "Completed updating default config for brokers"); err != nil {
				return err
			}
			if err := r.shows("kafka-configs", "--describe --entity-type brokers --entity-name 2", `log.cleaner.threads=2 .*DYNAMIC_BROKER_CONFIG`); err != nil {
				return err
			}
			if err := r.shows("kafka-configs", "--describe --all --entity-type brokers --entity-name 3", `message.max.bytes=2000000 .*DYNAMIC_DEFAULT_BROKER_CONFIG`); err != nil {
				return err
			}
			if err := r.says("kafka-configs", "--alter --entity-type brokers --entity-name 2 --delete-config log.cleaner.threads", "Completed"); err != nil {
				return err
			}
			return r.says("kafka-configs", "--alter --entity-type brokers --entity-default --delete-config message.max.bytes", "Completed")
		}},
		{name: "kafka-configs refuses a broker config that cannot change at run time", do: func() error {
			return r.refuses("kafka-configs", "--alter --entity-type brokers --entity-name 1 --add-config log.dirs=/elsewhere", "(?i)cannot update|not.*dynamic|read-only")
		}},
	}
}

// leat reports whether the nodes are leat's.
func (r *run) leat() bool { return r.fleet.Nodes[0].Kind == target.Leat }
