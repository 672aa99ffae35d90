package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

const consoleConsumerClass = "org.apache.kafka.tools.consumer.ConsoleConsumer"

const defaultFormatterClass = "org.apache.kafka.tools.consumer.DefaultMessageFormatter"

// formatterText is what the help says of the properties of the formatter.
const formatterText = "Property of the formatter as KEY=VALUE: print.timestamp, print.key, print.offset, print.epoch, print.partition, print.headers, print.value, " +
	"key.separator, line.separator, headers.separator, null.literal, key.deserializer, value.deserializer, headers.deserializer."

// consoleOptions are those that both console consumers have.
func consoleOptions() []tool.Option {
	return []tool.Option{
		maybe("command-property", "String", "consumer_prop", "Property of the consumer as KEY=VALUE."),
		maybe("consumer-property", "String", "consumer_prop", "(DEPRECATED) Property of the consumer; --command-property has taken its place."),
		maybe("command-config", "String", "config file", "File of properties of the consumer."),
		optionally("formatter", "String", "class", defaultFormatterClass, "Class that writes the records."),
		maybe("property", "String", "prop", "(DEPRECATED) Property of the formatter; --formatter-property has taken its place."),
		maybe("formatter-property", "String", "prop", formatterText),
		maybe("formatter-config", "String", "config file", "File of properties of the formatter."),
		maybe("max-messages", "Integer", "num_messages", "How many records to print; without it there is no end."),
		maybe("bootstrap-server", "String", "server to connect to", "REQUIRED: Brokers to ask first, as HOST:PORT,..."),
		maybe("key-deserializer", "String", "deserializer for keys", "Class that reads keys."),
		maybe("value-deserializer", "String", "deserializer for values", "Class that reads values."),
		{Name: "enable-systest-events", Text: "Say when the consumer is closed."},
	}
}

// ConsoleConsumer is kafka-console-consumer.
func ConsoleConsumer() *tool.Tool {
	return &tool.Tool{
		Name:    "kafka-console-consumer",
		Purpose: "This tool helps to read data from Kafka topics and outputs it to standard output.",
		Options: append(consoleOptions(),
			maybe("topic", "String", "topic", "Name of a topic."),
			maybe("include", "String", "Java regex (String)", "Expression for names of topics."),
			maybe("partition", "Integer", "partition", "Partition to read, from its end unless --offset says otherwise."),
			optionally("offset", "String", "consume offset", "latest", "Offset to begin at: a number, earliest or latest."),
			maybe("consumer.config", "String", "config file", "(DEPRECATED) File of properties of the consumer; --command-config has taken its place."),
			tool.Option{Name: "from-beginning", Text: "Begin with the first record where the group has no offset yet, not with the next one."},
			maybe("timeout-ms", "Long", "timeout_ms", "End when nothing came for so long."),
			tool.Option{Name: "skip-message-on-error", Text: "Go on after a record that cannot be written."},
			optionally("isolation-level", "String", "", "read_uncommitted", "read_committed leaves out what transactions have not committed."),
			maybe("group", "String", "consumer group id", "Group to be a member of."),
		),
		Run: consoleConsumer,
	}
}

// checkConsole finds options that do not go together.
func checkConsole(c *tool.Call) error {
	if err := c.OneOf("topic", "include"); err != nil {
		return err
	}
	switch {
	case c.Has("partition") && !c.Has("topic"):
		return tool.Usage("The topic is required when partition is specified.")
	case c.Has("partition") && c.Has("from-beginning") && c.Has("offset"):
		return tool.Usage("Options from-beginning and offset cannot be specified together.")
	case !c.Has("partition") && c.Has("offset"):
		return tool.Usage("The partition is required when offset is specified.")
	}
	return c.Require("bootstrap-server")
}

// groupOf is the group that is named in one or more places; "": in none.
func groupOf(c *tool.Call, set properties) (string, error) {
	groups := map[string]bool{}
	if c.Has("group") {
		groups[c.Value("group")] = true
	}
	if id, ok := set["group.id"]; ok {
		groups[id] = true
	}
	names := tool.HashOrder(slices.Collect(maps.Keys(groups)))
	if len(names) > 1 {
		return "", tool.Usage("The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. " +
			"Detected group ids: '" + strings.Join(names, "', '") + "'")
	}
	if len(names) == 0 {
		return "", nil
	}
	return names[0], nil
}

func consoleConsumer(ctx context.Context, c *tool.Call) error {
	if err := checkConsole(c); err != nil {
		return err
	}
	set, err := given(c, asConsumers, renaming{"command-config", "consumer.config"}, renaming{"command-property", "consumer-property"})
	if err != nil {
		return err
	}
	group, err := groupOf(c, set)
	if err == nil && group != "" && c.Has("partition") {
		err = tool.Usage("Options group and partition cannot be specified together.")
	}
	if err != nil {
		return err
	}
	reset := set["auto.offset.reset"]
	switch {
	case c.Has("from-beginning") && reset != "" && reset != "earliest":
		c.Warnln("Can't simultaneously specify --from-beginning and 'auto.offset.reset=" + reset + "', please remove one option")
		return failed
	case c.Has("from-beginning"):
		set["auto.offset.reset"] = "earliest"
	}
	set.otherwise("client.id", "console-consumer")
	set.merge(c, "isolation.level", "isolation-level")
	set["group.id"] = group
	start, err := startOffset(c)
	if err != nil {
		return err
	}
	write, err := consoleFormatter(c)
	if err != nil {
		return err
	}
	if err := c.Wrong(); err != nil {
		return err
	}
	opts, err := consoleClient(c, set, start)
	if err != nil {
		return unknownError(c, err)
	}
	return newConsole(c, set, write, false).run(ctx, opts)
}

// startOffset is where a single partition is read from.
func startOffset(c *tool.Call) (kgo.Offset, error) {
	switch text := c.Value("offset"); {
	case !c.Has("offset") && c.Has("from-beginning"), strings.EqualFold(text, "earliest"):
		return kgo.NewOffset().AtStart(), nil
	case strings.EqualFold(text, "latest"):
		return kgo.NewOffset().AtEnd(), nil
	default:
		n, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, 64)
		if err != nil || n < 0 {
			return kgo.Offset{}, tool.Usage("The provided offset value '" + text + "' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.")
		}
		return kgo.NewOffset().At(n), nil
	}
}

// consoleFormatter is what writes the records.
func consoleFormatter(c *tool.Call) (formatter, error) {
	name, err := renamed(c, asConsumers, renaming{"formatter-property", "property"})
	if err != nil {
		return nil, err
	}
	file, err := tool.Properties(c.Value("formatter-config"))
	if err != nil {
		return nil, tool.Usage(err.Error())
	}
	set := properties(file)
	for _, p := range []string{"key", "value"} {
		if class := c.Value(p + "-deserializer"); class != "" {
			set[p+".deserializer"] = class
		}
	}
	maps.Copy(set, pairs(c.Values(name)))
	return newFormatter(c.Value("formatter"), set, c.Err)
}

// consoleClient is the options of the client: of a group if one is named, else of a reader by itself.
func consoleClient(c *tool.Call, set properties, start kgo.Offset) ([]kgo.Opt, error) {
	opts, err := set.consumer()
	if err != nil {
		return nil, err
	}
	if c.Has("partition") {
		return append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.Value("topic"): {c.Int32("partition"): start}})), nil
	}
	if c.Has("include") {
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics("^(?:"+c.Value("include")+")$"))
	} else {
		opts = append(opts, kgo.ConsumeTopics(c.Value("topic")))
	}
	if set["group.id"] == "" {
		return opts, nil
	}
	member, err := set.member()
	return append(append(opts, member...), kgo.AutoCommitMarks()), err
}

// console is one run of a console consumer.
type console struct {
	*tool.Call
	set   properties
	write formatter
	share bool

	out     *bufio.Writer
	line    []byte
	count   int64
	most    int64
	timeout time.Duration
	ack     kgo.AckStatus // of a share group
}

func newConsole(c *tool.Call, set properties, write formatter, share bool) *console {
	k := &console{Call: c, set: set, write: write, share: share, out: bufio.NewWriterSize(c.Out, 64<<10), most: -1, timeout: -1}
	if c.Has("max-messages") {
		k.most = c.Int("max-messages", 32)
	}
	if c.Has("timeout-ms") && c.Int("timeout-ms", 64) >= 0 {
		k.timeout = millis(c.Int("timeout-ms", 64))
	}
	return k
}

// unknownError ends a console consumer with an error that it logs.
func unknownError(c *tool.Call, err error) error {
	logError(c.Err, consoleConsumerClass, "Unknown error when running consumer: ", err)
	return failed
}

// run reads until there is enough. Whatever ends it, the number of records is told last.
func (k *console) run(ctx context.Context, opts []kgo.Opt) error {
	cl, err := tool.Reach(k.Value("bootstrap-server"), k.set, opts...)
	if err != nil {
		return unknownError(k.Call, err)
	}
	ctx, stop := stopped(ctx)
	defer stop()
	err = k.process(ctx, cl.Client)
	_ = k.out.Flush() // who does not read any more has been told of
	k.leave(ctx, cl.Client)
	fmt.Fprintf(k.Err, "Processed a total of %d messages\n", k.count)
	if err != nil {
		return unknownError(k.Call, err)
	}
	if k.Has("enable-systest-events") {
		k.Println("shutdown_complete")
	}
	return nil
}

// process prints records. Its error is one of a record; the end of waiting and errors of the cluster are logged, as Kafka's tool does.
func (k *console) process(ctx context.Context, cl *kgo.Client) error {
	for k.most < 0 || k.count < k.most {
		poll, cancel := ctx, context.CancelFunc(func() {})
		if k.timeout >= 0 {
			poll, cancel = context.WithTimeout(ctx, k.timeout)
		}
		fetches := cl.PollRecords(poll, k.left())
		cancel()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // who was told to stop has not failed
		}
		err := pollFailure(ctx, fetches)
		if err == nil && fetches.NumRecords() == 0 && k.timeout >= 0 {
			err = timeout
		}
		if err != nil {
			logError(k.Err, consoleConsumerClass, "Error processing message, terminating consumer process: ", err)
			return nil //nolint:nilerr // it has been told, and Kafka's tool ends well then
		}
		for _, r := range fetches.Records() {
			if err := k.one(cl, r); err != nil {
				return err
			}
		}
		if err := k.out.Flush(); err != nil {
			k.Warnln("Unable to write to standard out, closing consumer.")
			return nil //nolint:nilerr // it has been told, and Kafka's tool ends well then
		}
	}
	return nil
}

func (k *console) left() int {
	if k.most < 0 {
		return 10_000
	}
	return int(min(k.most-k.count, 10_000))
}

// one writes a record.
func (k *console) one(cl *kgo.Client, r *kgo.Record) error {
	k.count++
	status := k.ack
	line, err := k.write(k.line[:0], r)
	k.line = line
	switch {
	case err == nil:
	case k.share && k.Has("reject-message-on-error"):
		logError(k.Err, consoleConsumerClass, "Error processing message, rejecting this message: ", err)
		status = kgo.AckReject
	case !k.share && k.Has("skip-message-on-error"):
		logError(k.Err, consoleConsumerClass, "Error processing message, skipping this message: ", err)
	default:
		return err
	}
	_, _ = k.out.Write(line) // an error comes again when it is flushed
	if k.share {
		r.Ack(status)
	} else if k.set["group.id"] != "" {
		cl.MarkCommitRecords(r)
	}
	return nil
}

// leave commits, if the group's offsets are kept, and goes.
func (k *console) leave(ctx context.Context, cl *kgo.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var err error
	switch {
	case k.share:
		err = cl.FlushAcks(ctx)
	case k.set["group.id"] != "":
		if k.set.boolean("enable.auto.commit", true) {
			err = cl.CommitMarkedOffsets(bare(ctx))
		}
		err = errors.Join(err, cl.LeaveGroupContext(ctx))
	}
	if err != nil {
		logError(k.Err, consoleConsumerClass, "Error when closing the consumer: ", err)
	}
	cl.CloseAllowingRebalance()
}
