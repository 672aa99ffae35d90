package stream

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// VerifiableShareConsumer is kafka-verifiable-share-consumer.
func VerifiableShareConsumer() *tool.Tool {
	return &tool.Tool{
		Name: "kafka-verifiable-share-consumer",
		Parser: &tool.Parser{
			Program: "verifiable-share-consumer",
			Text:    "This tool reads a topic as a member of a share group, and prints as JSON what happens to it.",
			Args: []tool.Arg{
				tool.HelpArg(),
				servers(),
				{Flags: []string{"--topic"}, Metavar: "TOPIC", Required: true, Text: "Name of a topic."},
				{Flags: []string{"--group-id"}, Metavar: "GROUP-ID", Required: true, Text: "Share group to be a member of."},
				{Flags: []string{"--max-messages"}, Metavar: "MAX-MESSAGES", Type: "Integer", Default: "-1", Text: "How many records to acknowledge; -1: until it is stopped."},
				{Flags: []string{"--verbose"}, Switch: true, Text: "Print every record."},
				{Flags: []string{"--acknowledgement-mode"}, Metavar: "ACKNOWLEDGEMENT-MODE", Default: "auto", Text: "auto, sync or async."},
				{Flags: []string{"--offset-reset-strategy"}, Metavar: "OFFSET-RESET-STRATEGY", Text: "Where the group begins: earliest, latest or by_duration:..."},
				{Flags: []string{"--consumer.config"}, Metavar: "CONFIG-FILE", Text: "(DEPRECATED) File of properties of the consumer; --command-config has taken its place."},
				{Flags: []string{"--command-config"}, Metavar: "CONFIG-FILE", Text: "File of properties of the consumer."},
			},
			Groups: []tool.Group{{Required: true}},
		},
		Run: verifiableShareConsumer,
	}
}

// strategyEvent says where the group begins.
type strategyEvent struct {
	event
	Strategy string `json:"offsetResetStrategy"`
}

// sharedEvent says what a poll brought.
type sharedEvent struct {
	event
	Count      int             `json:"count"`
	Partitions []sharedSummary `json:"partitions"`
}

type sharedSummary struct {
	topicPartition
	Count   int     `json:"count"`
	Offsets []int64 `json:"offsets"`
}

// acknowledgedEvent says what was acknowledged.
type acknowledgedEvent struct {
	event
	Count      int             `json:"count"`
	Partitions []sharedSummary `json:"partitions"`
	Error      *string         `json:"error,omitempty"`
	Success    bool            `json:"success"`
}

func verifiableShareConsumer(ctx context.Context, c *tool.Call) error {
	set, err := verifiableConfig(c, "consumer.config")
	if err != nil {
		return err
	}
	if mode := c.Value("acknowledgement-mode"); mode != "auto" && mode != "sync" && mode != "async" {
		return tool.Illegal("Unknown acknowledgement mode: %s", mode)
	}
	opts, err := set.consumer()
	if err != nil {
		return err
	}
	var failed error // of acknowledgements; read after FlushAcks, which waits for the callback
	opts = append(opts, kgo.ShareGroup(c.Value("group-id")), kgo.ConsumeTopics(c.Value("topic")), kgo.ShareAckCallback(func(_ *kgo.Client, results kgo.ShareAckResults) {
		failed = results.Error()
	}))
	cl, err := tool.Reach(c.Value("bootstrap-server"), set, opts...)
	if err != nil {
		return err
	}
	ctx, stop := stopped(ctx)
	defer stop()
	v := &watching{Call: c, printer: printer{out: c.Out}, most: c.Int("max-messages", 32)}
	v.print(named("startup_complete"))
	if err := v.beginGroup(ctx, cl.Client); err == nil {
		err = v.share(ctx, cl.Client, &failed)
		if err != nil {
			logError(c.Err, "org.apache.kafka.tools.VerifiableShareConsumer", "Error during processing, terminating share consumer process: ", err)
		}
	} else {
		logError(c.Err, "org.apache.kafka.tools.VerifiableShareConsumer", "Error during processing, terminating share consumer process: ", err)
	}
	cl.Close()
	v.print(named("shutdown_complete"))
	return nil
}

// beginGroup sets where the group begins, if it was told.
func (v *watching) beginGroup(ctx context.Context, cl *kgo.Client) error {
	strategy := strings.ToLower(v.Value("offset-reset-strategy"))
	if strategy == "" {
		return nil
	}
	timed, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, v.Value("group-id")
	entry := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	entry.Name, entry.Value, entry.Op = "share.auto.offset.reset", kmsg.StringPtr(strategy), kmsg.IncrementalAlterConfigOp(kadm.SetConfig)
	resource.Configs = append(resource.Configs, entry)
	rq.Resources = append(rq.Resources, resource)
	resp, err := rq.RequestWith(timed, cl)
	if err != nil {
		return err
	}
	for _, r := range resp.Resources {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			return tool.Executed(err)
		}
	}
	v.print(strategyEvent{named("offset_reset_strategy_set"), strategy})
	return nil
}

// share reads and acknowledges until there is enough.
func (v *watching) share(ctx context.Context, cl *kgo.Client, failed *error) error {
	for (v.most < 0 || v.consumed < v.most) && ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, 5*time.Second)
		fetches := cl.PollRecords(poll, 500)
		cancel()
		if err := pollFailure(ctx, fetches); err != nil {
			return err
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		count, all := v.shared(fetches)
		v.print(sharedEvent{named("records_consumed"), count, all})
		cl.MarkAcks(kgo.AckAccept)
		flushing, end := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := cl.FlushAcks(flushing)
		end()
		if err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
		done := acknowledgedEvent{named("offsets_acknowledged"), count, all, nil, true}
		if *failed != nil {
			_, message := classOf(*failed)
			done.Error, done.Success = &message, false
		} else {
			v.consumed += int64(count)
		}
		v.print(done)
	}
	return nil
}

func (v *watching) shared(fetches kgo.Fetches) (int, []sharedSummary) {
	all, count := []sharedSummary{}, 0
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		var offsets []int64
		for _, r := range p.Records {
			offsets = append(offsets, r.Offset)
			if v.Has("verbose") {
				v.print(recordData{named("record_data"), text(r.Key), text(r.Value), r.Topic, r.Partition, r.Offset})
			}
		}
		slices.Sort(offsets)
		all = append(all, sharedSummary{topicPartition{p.Topic, p.Partition}, len(offsets), offsets})
		count += len(offsets)
	})
	return count, all
}
