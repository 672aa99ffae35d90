package admin

import "leat/internal/cli/kafka/tool"

// reassignOptions are those of Kafka's tool, in its order.
func reassignOptions() []tool.Option {
	return []tool.Option{
		{Name: "verify", Text: "Tell how far a plan is."},
		{Name: "generate", Text: "Print a plan, and do nothing."},
		{Name: "execute", Text: "Do it."},
		{Name: "cancel", Text: "Stop reassignments that are under way."},
		{Name: "list", Text: "List them."},
		{Name: "bootstrap-server", Type: "String", Argument: "Server(s) to use for bootstrapping", MayLack: true, Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "command-config", Type: "String", Argument: "Admin client property file", Text: "Properties file of the client."},
		{Name: "reassignment-json-file", Type: "String", Argument: "manual assignment json file path", Text: "JSON file with the plan."},
		{Name: "topics-to-move-json-file", Type: "String", Argument: "topics to reassign json file path", Text: "JSON file with the topics to move."},
		{Name: "broker-list", Type: "String", Argument: "brokerlist", Text: "Ids of brokers, with commas between."},
		{Name: "bootstrap-controller", Type: "String", Argument: "bootstrap controller to connect to", MayLack: true, Text: "Controllers to ask, instead of brokers."},
		{Name: "disable-rack-aware", Text: "Take no notice of racks."},
		{Name: "throttle", Type: "Long", Argument: "throttle", Default: []string{"-1"}, Text: "Bytes per second between brokers."},
		{Name: "replica-alter-log-dirs-throttle", Type: "Long", Argument: "replicaAlterLogDirsThrottle", Default: []string{"-1"}, Text: "Bytes per second between directories of a broker."},
		{Name: "timeout", Type: "Long", Argument: "timeout", Default: []string{"10000"}, Text: "How long to wait, in milliseconds."},
		{Name: "additional", Text: "Run beside reassignments that are under way, or change the throttle of those."},
		{Name: "preserve-throttles", Text: "Leave throttles as they are."},
		{Name: "disallow-replication-factor-change", Text: "Refuse a plan that changes how many replicas a partition has."},
	}
}

// leaderElectionOptions are those of Kafka's tool, in its order.
func leaderElectionOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "host:port", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "admin.config", Type: "String", Argument: "config file", Text: "The same as command-config, under its old name."},
		{Name: "command-config", Type: "String", Argument: "Config file", Text: "Properties file of the client."},
		{Name: "path-to-json-file", Type: "String", Argument: "Path to JSON file", Text: "JSON file with the partitions."},
		{Name: "topic", Type: "String", Argument: "topic name", Text: "Name of a topic."},
		{Name: "partition", Type: "Integer", Argument: "partition id", Text: "Partition."},
		{Name: "all-topic-partitions", Text: "Every partition of the cluster."},
		{Name: "election-type", Type: "[PREFERRED,UNCLEAN]", Argument: "election type", Text: "Which election: the preferred replica, or any that is left."},
	}
}

// logDirsOptions are those of Kafka's tool, in its order.
func logDirsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "The server(s) to use for bootstrapping", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "command-config", Type: "String", Argument: "Admin client property file", Text: "Properties file of the client."},
		{Name: "describe", Text: "Show it."},
		{Name: "topic-list", Type: "String", Argument: "Topic list", Default: []string{""}, Text: "Topics, with commas between; all if left out."},
		{Name: "broker-list", Type: "String", Argument: "Broker list", Default: []string{""}, Text: "Ids of brokers, with commas between."},
	}
}

// apiVersionsOptions are those of Kafka's tool, in its order.
func apiVersionsOptions() []tool.Option {
	return []tool.Option{
		{Name: "command-config", Type: "String", Argument: "command config property file", Text: "Properties file of the client."},
		{Name: "bootstrap-server", Type: "String", Argument: "server(s) to use for bootstrapping", Text: "Brokers to ask first, as HOST:PORT,..."},
	}
}
