package admin

import "leat/internal/cli/kafka/tool"

// consumerGroupsOptions are those of Kafka's tool, in its order.
func consumerGroupsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "group", Type: "String", Argument: "consumer group", Text: "Name of a group."},
		{Name: "topic", Type: "String", Argument: "topic", Text: "Name of a topic."},
		{Name: "all-topics", Text: "Every topic of the group."},
		{Name: "list", Text: "List them."},
		{Name: "describe", Text: "Show it."},
		{Name: "all-groups", Text: "Every group."},
		{Name: "delete", Text: "Delete it."},
		{Name: "timeout", Type: "Long", Argument: "timeout (ms)", Default: []string{"30000"}, Text: "How long to wait, in milliseconds."},
		{Name: "command-config", Type: "String", Argument: "command config property file", Text: "Properties file of the client."},
		{Name: "reset-offsets", Text: "Set offsets of a group that is at rest."},
		{Name: "delete-offsets", Text: "Forget the offsets of topics."},
		{Name: "dry-run", Text: "Say what would be done, and do nothing."},
		{Name: "execute", Text: "Do it."},
		{Name: "export", Text: "Print the offsets as CSV."},
		{Name: "to-offset", Type: "Long", Argument: "offset", Text: "Set offsets to this one."},
		{Name: "from-file", Type: "String", Argument: "path to CSV file", Text: "Set the offsets of a CSV file."},
		{Name: "to-datetime", Type: "String", Argument: "datetime", Text: "Set offsets by time, as 2006-01-02T15:04:05.000."},
		{Name: "by-duration", Type: "String", Argument: "duration", Text: "Go back by an ISO 8601 duration, such as P1DT2H."},
		{Name: "to-earliest", Text: "Set offsets to the first."},
		{Name: "to-latest", Text: "Set offsets to the end."},
		{Name: "to-current", Text: "Set offsets to where they are."},
		{Name: "shift-by", Type: "Long", Argument: "number-of-offsets", Text: "Go so many records forth, or back."},
		{Name: "members", With: []string{"describe"}, Text: "Show the members."},
		{Name: "verbose", With: []string{"describe"}, Text: "Show more."},
		{Name: "offsets", With: []string{"describe"}, Text: "Show the offsets; this is so by default."},
		{Name: "state", Type: "String", MayLack: true, With: []string{"describe", "list"}, Text: "Only groups in these states, with commas between; with describe: show the state."},
		{Name: "type", Type: "String", MayLack: true, With: []string{"list"}, Text: "Only groups of these types, or show the type."},
		{Name: "validate-regex", Type: "String", Argument: "regex", Text: "Regular expression to check."},
	}
}

// groupsOptions are those of Kafka's tool, in its order.
func groupsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Required: true, Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "command-config", Type: "String", Argument: "command config property file", Text: "Properties file of the client."},
		{Name: "list", Text: "List them."},
		{Name: "group-type", Type: "String", Argument: "type", Text: "Only groups of this type: classic, consumer, share or streams."},
		{Name: "protocol", Type: "String", Argument: "protocol", Text: "Only groups with this protocol type."},
		{Name: "consumer", Text: "For consumers."},
		{Name: "share", Text: "Only share groups."},
		{Name: "streams", Text: "Only streams groups."},
	}
}

// shareGroupsOptions are those of Kafka's tool, in its order.
func shareGroupsOptions() []tool.Option {
	describe := []string{"describe"}
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "group", Type: "String", Argument: "share group", Text: "Name of a group."},
		{Name: "topic", Type: "String", Argument: "topic", Text: "Name of a topic; to set offsets, also some of its partitions: TOPIC:0,1."},
		{Name: "all-topics", Text: "Every topic of the group."},
		{Name: "list", Text: "List them."},
		{Name: "describe", Text: "Show it."},
		{Name: "all-groups", Text: "Every group."},
		{Name: "delete", Text: "Delete it."},
		{Name: "timeout", Type: "Long", Argument: "timeout (ms)", Default: []string{"30000"}, Text: "How long to wait, in milliseconds."},
		{Name: "command-config", Type: "String", Argument: "command config property file", Text: "Properties file of the client."},
		{Name: "reset-offsets", Text: "Set the start offsets of a group that is at rest."},
		{Name: "delete-offsets", Text: "Forget the offsets of topics."},
		{Name: "dry-run", Text: "Say what would be done, and do nothing."},
		{Name: "execute", Text: "Do it."},
		{Name: "to-datetime", Type: "String", Argument: "datetime", Text: "Set offsets by time, as 2006-01-02T15:04:05.000."},
		{Name: "to-earliest", Text: "Set offsets to the first."},
		{Name: "to-latest", Text: "Set offsets to the end."},
		{Name: "members", With: describe, Text: "Show the members."},
		{Name: "offsets", With: describe, Text: "Show the offsets; this is so by default."},
		{Name: "state", Type: "String", MayLack: true, With: []string{"describe", "list"}, Text: "Only groups in these states, with commas between; with describe: show the state."},
		{Name: "verbose", With: describe, Text: "Show more."},
	}
}

// streamsGroupsOptions are those of Kafka's tool, in its order.
func streamsGroupsOptions() []tool.Option {
	describe := []string{"describe"}
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "group", Type: "String", Argument: "streams group", Text: "Name of a group."},
		{Name: "input-topic", Type: "String", Argument: "topic", Text: "Name of a topic that the application reads, or some of its partitions: TOPIC:0,1."},
		{Name: "all-input-topics", Text: "Every topic that the application reads."},
		{Name: "list", Text: "List them."},
		{Name: "describe", Text: "Show it."},
		{Name: "all-groups", Text: "Every group."},
		{Name: "delete", Text: "Delete it."},
		{Name: "delete-offsets", Text: "Forget the offsets of topics."},
		{Name: "timeout", Type: "Long", Argument: "timeout (ms)", Default: []string{"30000"}, Text: "How long to wait, in milliseconds."},
		{Name: "command-config", Type: "String", Argument: "command config property file", Text: "Properties file of the client."},
		{Name: "state", Type: "String", MayLack: true, With: []string{"describe", "list"}, Text: "Only groups in these states, with commas between; with describe: show the state."},
		{Name: "members", With: describe, Text: "Show the members and their tasks."},
		{Name: "offsets", With: describe, Text: "Show the offsets; this is so by default."},
		{Name: "topology", With: describe, Text: "Show the topology, where the brokers keep descriptions of it."},
		{Name: "reset-offsets", Text: "Set offsets of a group that is at rest."},
		{Name: "to-offset", Type: "Long", Argument: "offset", Text: "Set offsets to this one."},
		{Name: "from-file", Type: "String", Argument: "path to CSV file", Text: "Set the offsets of a CSV file."},
		{Name: "to-datetime", Type: "String", Argument: "datetime", Text: "Set offsets by time, as 2006-01-02T15:04:05.000."},
		{Name: "by-duration", Type: "String", Argument: "duration", Text: "Go back by an ISO 8601 duration, such as P1DT2H."},
		{Name: "to-earliest", Text: "Set offsets to the first."},
		{Name: "to-latest", Text: "Set offsets to the end."},
		{Name: "to-current", Text: "Set offsets to where they are."},
		{Name: "shift-by", Type: "Long", Argument: "number-of-offsets", Text: "Go so many records forth, or back."},
		{Name: "delete-internal-topic", Type: "String", Text: "Also delete this internal topic when offsets are set."},
		{Name: "delete-all-internal-topics", Text: "Also delete the internal topics of the group."},
		{Name: "verbose", With: describe, Text: "Show more."},
		{Name: "dry-run", Text: "Say what would be done, and do nothing."},
		{Name: "execute", Text: "Do it."},
		{Name: "export", Text: "Print the offsets as CSV."},
	}
}

// streamsResetOptions are those of Kafka's tool, in its order.
func streamsResetOptions() []tool.Option {
	return []tool.Option{
		{Name: "application-id", Type: "String", Argument: "id", Required: true, Text: "The application.id."},
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Text: "Brokers to ask first, as HOST:PORT,...; localhost:9092 if there are none."},
		{Name: "input-topics", Type: "String", Argument: "list", Separator: ",", Text: "Topics that the application reads, with commas between: it begins anew with them, or where another option says."},
		{Name: "intermediate-topics", Type: "String", Argument: "list", Separator: ",", Text: "Topics that it writes and reads again, with commas between: it goes on at their ends. Deprecated."},
		{Name: "internal-topics", Type: "String", Argument: "list", Separator: ",", Text: "Delete only these internal topics, with commas between."},
		{Name: "to-offset", Type: "Long", Text: "Set offsets to this one."},
		{Name: "to-datetime", Type: "String", Text: "Set offsets by time, as 2006-01-02T15:04:05.000."},
		{Name: "by-duration", Type: "String", Text: "Go back by an ISO 8601 duration, such as P1DT2H."},
		{Name: "to-earliest", Text: "Set offsets to the first."},
		{Name: "to-latest", Text: "Set offsets to the end."},
		{Name: "from-file", Type: "String", Text: "Set the offsets of a CSV file."},
		{Name: "shift-by", Type: "Long", Argument: "number-of-offsets", Text: "Go so many records forth, or back."},
		{Name: "config-file", Type: "String", Argument: "file name", Text: "Properties file of the client. Deprecated: it is --command-config now."},
		{Name: "command-config", Type: "String", Argument: "file name", Text: "Properties file of the client."},
		{Name: "force", Text: "Remove members that are left over from the group."},
		{Name: "dry-run", Text: "Say what would be done, and do nothing."},
	}
}
