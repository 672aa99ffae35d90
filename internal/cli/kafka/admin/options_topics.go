package admin

import "leat/internal/cli/kafka/tool"

// topicsOptions are those of Kafka's tool, in its order.
func topicsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "command-config", Type: "String", Argument: "command config property file", Text: "Properties file of the client."},
		{Name: "list", Text: "List them."},
		{Name: "create", Text: "Create it."},
		{Name: "delete", Text: "Delete it."},
		{Name: "alter", Text: "Change it."},
		{Name: "describe", Text: "Show it."},
		{Name: "topic", Type: "String", Argument: "topic", Text: "Name of a topic."},
		{Name: "topic-id", Type: "String", Argument: "topic-id", Text: "Id of a topic."},
		{Name: "config", Type: "String", Argument: "name=value", Text: "Setting of the topic to create, as name=value."},
		{Name: "delete-config", Type: "String", Argument: "name", Text: "Settings to take back, with commas between."},
		{Name: "partitions", Type: "Integer", Argument: "# of partitions", Text: "How many partitions, or which."},
		{Name: "replication-factor", Type: "Integer", Argument: "replication factor", Text: "How many replicas."},
		{Name: "replica-assignment", Type: "String", Argument: "broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , broker_id_for_part2_replica1 : broker_id_for_part2_replica2 , ...", Text: "Brokers of each partition."},
		{Name: "under-replicated-partitions", Text: "When describing, only partitions with replicas that lag behind."},
		{Name: "unavailable-partitions", Text: "When describing, only partitions without a leader."},
		{Name: "under-min-isr-partitions", Text: "When describing, only partitions with fewer in-sync replicas than they need."},
		{Name: "at-min-isr-partitions", Text: "When describing, only partitions with exactly as many in-sync replicas as they need."},
		{Name: "topics-with-overrides", Text: "When describing, only topics with settings of their own."},
		{Name: "if-exists", Text: "Do nothing if there is no such topic."},
		{Name: "if-not-exists", Text: "Do nothing if there is such a topic."},
		{Name: "exclude-internal", Text: "Leave internal topics out."},
		{Name: "partition-size-limit-per-response", Type: "Integer", Argument: "maximum number of partitions per response", Text: "At most so many partitions in an answer."},
	}
}

// getOffsetsOptions are those of Kafka's tool, in its order.
func getOffsetsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "HOST1:PORT1,...,HOST3:PORT3", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "topic-partitions", Type: "String", Argument: "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3", Text: "Partitions, as TOPIC:RANGE with commas between."},
		{Name: "topic", Type: "String", Argument: "topic", Text: "Name of a topic."},
		{Name: "partitions", Type: "String", Argument: "partition ids", Text: "How many partitions, or which."},
		{Name: "time", Type: "String", Argument: "<timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload", Default: []string{"latest"}, Text: "Offset at which time."},
		{Name: "command-config", Type: "String", Argument: "config file", Text: "Properties file of the client."},
		{Name: "exclude-internal-topics", Text: "Leave internal topics out."},
	}
}

// deleteRecordsOptions are those of Kafka's tool, in its order.
func deleteRecordsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server(s) to use for bootstrapping", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "offset-json-file", Type: "String", Argument: "Offset json file path", Text: "JSON file with a topic, partition and offset for each partition."},
		{Name: "command-config", Type: "String", Argument: "command config property file path", Text: "Properties file of the client."},
	}
}
