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
		{Name: "members", Text: "Show the members."},
		{Name: "verbose", Text: "Show more."},
		{Name: "offsets", Text: "Show the offsets; this is so by default."},
		{Name: "state", Type: "String", MayLack: true, Text: "Only groups in these states, with commas between; with describe: show the state."},
		{Name: "type", Type: "String", MayLack: true, Text: "Only groups of these types, or show the type."},
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
