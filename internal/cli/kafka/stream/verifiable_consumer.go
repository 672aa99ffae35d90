package stream

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

const verifiableConsumerClass = "org.apache.kafka.tools.VerifiableConsumer"

// VerifiableConsumer is kafka-verifiable-consumer.
func VerifiableConsumer() *tool.Tool {
	return &tool.Tool{
		Name: "kafka-verifiable-consumer",
		Parser: &tool.Parser{
			Program: "verifiable-consumer",
			Text:    "This tool reads a topic as a member of a group, and prints as JSON what happens to it.",
			Args: []tool.Arg{
				tool.HelpArg(),
				servers(),
				{Flags: []string{"--topic"}, Metavar: "TOPIC", Required: true, Text: "Name of a topic."},
				{Flags: []string{"--group-protocol"}, Metavar: "GROUP-PROTOCOL", Default: "classic", Text: "classic or consumer."},
				{Flags: []string{"--group-remote-assignor"}, Metavar: "GROUP-REMOTE-ASSIGNOR", Text: "Assignor of the group, with the protocol consumer."},
				{Flags: []string{"--group-id"}, Metavar: "GROUP-ID", Required: true, Text: "Group to be a member of."},
				{Flags: []string{"--group-instance-id"}, Metavar: "GROUP-INSTANCE-ID", Text: "Name of this member."},
				{Flags: []string{"--max-messages"}, Metavar: "MAX-MESSAGES", Type: "Integer", Default: "-1", Text: "How many records to read; -1: until it is stopped."},
				{Flags: []string{"--session-timeout"}, Metavar: "TIMEOUT-MS", Type: "Integer", Default: "30000", Text: "How long the member may be silent, in milliseconds."},
				{Flags: []string{"--verbose"}, Switch: true, Text: "Print every record."},
				{Flags: []string{"--enable-autocommit"}, Switch: true, Text: "Commit from time to time, not after every poll."},
				{Flags: []string{"--reset-policy"}, Metavar: "RESET-POLICY", Default: "earliest", Text: "Where to begin without an offset: earliest, latest or none."},
				{Flags: []string{"--assignment-strategy"}, Metavar: "ASSIGNMENT-STRATEGY", Default: "org.apache.kafka.clients.consumer.RangeAssignor", Text: "Assignor, with the protocol classic."},
				{Flags: []string{"--consumer.config"}, Metavar: "CONFIG-FILE", Text: "(DEPRECATED) File of properties of the consumer; --command-config has taken its place."},
				{Flags: []string{"--command-config"}, Metavar: "CONFIG-FILE", Text: "File of properties of the consumer."},
			},
			Groups: []tool.Group{{Required: true}},
		},
		Run: verifiableConsumer,
	}
}

// partitionsEvent says which partitions come or go.
type partitionsEvent struct {
	event
	Partitions []topicPartition `json:"partitions"`
}

// consumedEvent says what a poll brought.
type consumedEvent struct {
	event
	Count      int       `json:"count"`
	Partitions []summary `json:"partitions"`
}

// summary is what a poll brought of a partition.
type summary struct {
	topicPartition
	Count int   `json:"count"`
	Min   int64 `json:"minOffset"`
	Max   int64 `json:"maxOffset"`
}

// committedEvent says what was committed.
type committedEvent struct {
	event
	Offsets []committedOffset `json:"offsets"`
	Error   *string           `json:"error,omitempty"`
	Success bool              `json:"success"`
}

type committedOffset struct {
	topicPartition
	Offset int64 `json:"offset"`
}

// classOf is the class of an error, and its message.
func classOf(err error) (class, message string) {
	var e *tool.Exception
	if errors.As(tool.AsRefused(err), &e) {
		return e.Class, e.Message
	}
	return "org.apache.kafka.common.KafkaException", err.Error()
}

// watching is one run of a verifiable consumer.
type watching struct {
	*tool.Call
	printer
	most, consumed int64
}

func verifiableConsumer(ctx context.Context, c *tool.Call) error {
	set, err := verifiableConfig(c, "consumer.config")
	if err != nil {
		return err
	}
	maps.Copy(set, properties{"group.protocol": c.Value("group-protocol"), "group.remote.assignor": c.Value("group-remote-assignor"), "group.id": c.Value("group-id"),
		"partition.assignment.strategy": c.Value("assignment-strategy"), "auto.offset.reset": c.Value("reset-policy"), "session.timeout.ms": c.Value("session-timeout")})
	if c.Has("group-instance-id") {
		set["group.instance.id"] = c.Value("group-instance-id")
	}
	opts, err := set.consumer()
	if err != nil {
		return err
	}
	member, err := set.member()
	if err != nil {
		return err
	}
	v := &watching{Call: c, printer: printer{out: c.Out}, most: c.Int("max-messages", 32)}
	opts = append(append(opts, member...), kgo.ConsumeTopics(c.Value("topic")), kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(v.moved("partitions_assigned")), kgo.OnPartitionsRevoked(v.moved("partitions_revoked")), kgo.OnPartitionsLost(v.moved("partitions_revoked")))
	if !c.Has("enable-autocommit") {
		opts = append(opts, kgo.DisableAutoCommit())
	}
	cl, err := tool.Reach(c.Value("bootstrap-server"), set, opts...)
	if err != nil {
		return err
	}
	ctx, stop := stopped(ctx)
	defer stop()
	v.print(named("startup_complete"))
	if err := v.read(ctx, cl.Client); err != nil {
		logError(c.Err, verifiableConsumerClass, "Error during processing, terminating consumer process: ", err)
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	cl.AllowRebalance()
	if set["group.instance.id"] == "" {
		_ = cl.LeaveGroupContext(leaving) // else its session runs out
	}
	cl.CloseAllowingRebalance()
	v.print(named("shutdown_complete"))
	v.print(named("shutdown_requested"))
	return nil
}

// moved prints which partitions come or go.
func (v *watching) moved(name string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
		all := []topicPartition{}
		for topic, numbers := range parts {
			for _, n := range numbers {
				all = append(all, topicPartition{topic, n})
			}
		}
		slices.SortFunc(all, func(a, b topicPartition) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
		})
		v.print(partitionsEvent{named(name), all})
	}
}

// read reads and commits until there is enough.
func (v *watching) read(ctx context.Context, cl *kgo.Client) error {
	for (v.most < 0 || v.consumed < v.most) && ctx.Err() == nil {
		fetches := cl.PollRecords(ctx, 500)
		if err := pollFailure(ctx, fetches); err != nil {
			return err
		}
		if fetches.NumRecords() > 0 {
			seen, offsets := v.received(fetches)
			if !v.Has("enable-autocommit") {
				v.commit(ctx, cl, seen, offsets)
			}
		}
		cl.AllowRebalance()
	}
	return nil
}

// received prints what a poll brought, up to the last record that is wanted; the count is that of all.
func (v *watching) received(fetches kgo.Fetches) (seen []*kgo.Record, offsets []committedOffset) {
	all := []summary{}
	offsets = []committedOffset{}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		records := p.Records
		if v.most >= 0 {
			records = records[:min(int64(len(records)), v.most-v.consumed)]
		}
		if len(records) == 0 {
			return
		}
		last, at := records[len(records)-1].Offset, topicPartition{p.Topic, p.Partition}
		all = append(all, summary{at, len(records), records[0].Offset, last})
		offsets = append(offsets, committedOffset{at, last + 1})
		seen = append(seen, records...)
		v.consumed += int64(len(records))
		if v.Has("verbose") {
			for _, r := range records {
				v.print(recordData{named("record_data"), text(r.Key), text(r.Value), r.Topic, r.Partition, r.Offset})
			}
		}
	})
	v.print(consumedEvent{named("records_consumed"), fetches.NumRecords(), all})
	return seen, offsets
}

func (v *watching) commit(ctx context.Context, cl *kgo.Client, records []*kgo.Record, offsets []committedOffset) {
	timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	done := committedEvent{Offsets: offsets, Success: true}
	if err := cl.CommitRecords(bare(timed), records...); err != nil {
		_, message := classOf(err)
		done.Error, done.Success = &message, false
	}
	done.event = named("offsets_committed")
	v.print(done)
}
