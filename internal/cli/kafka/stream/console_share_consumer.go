package stream

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

// ConsoleShareConsumer is kafka-console-share-consumer.
func ConsoleShareConsumer() *tool.Tool {
	return &tool.Tool{
		Name:    "kafka-console-share-consumer",
		Purpose: "This tool helps to read data from Kafka topics using share groups and outputs it to standard output.",
		Options: append(consoleOptions(),
			maybe("topic", "String", "topic", "REQUIRED: Name of a topic."),
			maybe("consumer-config", "String", "config file", "(DEPRECATED) File of properties of the consumer; --command-config has taken its place."),
			maybe("timeout-ms", "Integer", "timeout_ms", "End when nothing came for so long."),
			tool.Option{Name: "reject-message-on-error", Text: "Reject a record that cannot be written, and go on."},
			tool.Option{Name: "reject", Text: "Reject the records: they do not come again."},
			tool.Option{Name: "release", Text: "Release the records: they come again."},
			maybe("group", "String", "share group id", "Share group to be a member of."),
		),
		Run: consoleShareConsumer,
	}
}

func consoleShareConsumer(ctx context.Context, c *tool.Call) error {
	if !c.Has("topic") {
		return tool.Usage("--topic is a required argument")
	}
	if err := c.Require("bootstrap-server"); err != nil {
		return err
	}
	if c.Has("reject") && c.Has("release") {
		return tool.Usage("At most one of --reject and --release may be specified.")
	}
	set, err := given(c, asConsumers, renaming{"command-config", "consumer-config"}, renaming{"command-property", "consumer-property"})
	if err != nil {
		return err
	}
	group, err := groupOf(c, set)
	if err != nil {
		return err
	}
	if group == "" {
		group = "share"
	}
	set["group.id"] = group
	set.otherwise("client.id", "console-share-consumer")
	write, err := consoleFormatter(c)
	if err != nil {
		return err
	}
	if err := c.Wrong(); err != nil {
		return err
	}
	opts, err := set.consumer()
	if err != nil {
		return unknownError(c, err)
	}
	k := newConsole(c, set, write, true)
	switch {
	case c.Has("reject"):
		k.ack = kgo.AckReject
	case c.Has("release"):
		k.ack = kgo.AckRelease
	default:
		k.ack = kgo.AckAccept
	}
	opts = append(opts, kgo.ShareGroup(group), kgo.ConsumeTopics(c.Value("topic")))
	if k.most > 0 && k.most < 500 {
		opts = append(opts, kgo.ShareMaxRecords(int32(k.most)), kgo.ShareMaxRecordsStrict()) // what is not printed stays for others
	}
	return k.run(ctx, opts)
}
