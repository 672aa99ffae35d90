package stream

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// EndToEndLatency is kafka-e2e-latency.
func EndToEndLatency() *tool.Tool {
	return &tool.Tool{
		Name:    "kafka-e2e-latency",
		Purpose: "This tool measures end-to-end latency in Kafka by sending messages and timing their reception.",
		Options: []tool.Option{
			maybe("bootstrap-server", "String", "bootstrap-server", "REQUIRED: Brokers to ask first, as HOST:PORT,..."),
			maybe("topic", "String", "topic-name", "REQUIRED: Name of a topic."),
			maybe("num-records", "Integer", "count", "REQUIRED: How many records to send."),
			maybe("producer-acks", "String", "producer-acks", "REQUIRED: Who must have a record: 1 or all."),
			maybe("record-size", "Integer", "bytes", "REQUIRED: Bytes of each value."),
			optionally("record-key-size", "Integer", "bytes", "0", "Bytes of each key."),
			optionally("record-header-key-size", "Integer", "bytes", "0", "Bytes of the name of each header."),
			optionally("record-header-size", "Integer", "bytes", "0", "Bytes of the value of each header; -1 for none."),
			optionally("num-headers", "Integer", "count", "0", "Headers of each record."),
			maybe("command-config", "String", "config-file", "File of properties of the clients."),
		},
		Older: positional,
		Run:   endToEndLatency,
		Fails: twice,
	}
}

// positional turns the old way to call the tool, by the places of its arguments, into options.
func positional(args []string, s run.Streams) ([]string, error) {
	places := []string{"--bootstrap-server", "--topic", "--num-records", "--producer-acks", "--record-size", "--command-config"}
	needed := places[:len(places)-1]
	if len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool { return slices.Contains(needed, arg) }) {
		return args, nil
	}
	if len(args) < len(needed) || len(args) > len(places) {
		return nil, fmt.Errorf("Invalid number of arguments. Expected 5 or 6 positional arguments, but got %d. "+ //nolint:staticcheck // the tool's words
			"Usage: bootstrap-server topic num-records producer-acks record-size [optional] command-config", len(args))
	}
	var options []string
	for i, arg := range args {
		options = append(options, places[i], arg)
	}
	fmt.Fprintln(s.Out, "WARNING: Positional argument usage is deprecated and will be removed in Apache Kafka 5.0. Please use named arguments instead: "+strings.Join(places, ", "))
	return options, nil
}

func endToEndLatency(ctx context.Context, c *tool.Call) error {
	if err := c.Require("bootstrap-server", "topic", "num-records", "producer-acks", "record-size"); err != nil {
		return err
	}
	if acks := c.Value("producer-acks"); acks != "1" && acks != "all" {
		return tool.Usage("Invalid value for --producer-acks. Latency testing requires synchronous acknowledgement. Please use '1' or 'all'.")
	}
	if c.Int32("num-records") <= 0 && c.Wrong() == nil {
		return tool.Usage("Value for --num-records must be a positive integer.")
	}
	for _, name := range []string{"record-size", "record-key-size", "record-header-key-size", "num-headers"} {
		if c.Int32(name) < 0 {
			return tool.Usage("Value for --" + name + " must be a non-negative integer.")
		}
	}
	if c.Int32("record-header-size") < -1 {
		return tool.Usage("Value for --record-header-size must be a non-negative integer or -1 for null header value.")
	}
	set, err := tool.Properties(c.Value("command-config"))
	if err != nil {
		return err
	}
	if err := c.Wrong(); err != nil {
		return err
	}
	ctx, stop := stopped(ctx)
	defer stop()
	return measureLatency(ctx, c, set)
}

// patience is how long a record may take.
const patience = time.Minute

// measureLatency sends record after record, each after the one before has come back.
func measureLatency(ctx context.Context, c *tool.Call, set properties) error {
	set["acks"], set["linger.ms"] = c.Value("producer-acks"), "0"
	writing, err := set.producer()
	if err != nil {
		return err
	}
	producer, err := tool.Reach(c.Value("bootstrap-server"), set, writing...)
	if err != nil {
		return err
	}
	defer producer.Close()
	consumer, err := tool.Reach(c.Value("bootstrap-server"), set, kgo.FetchMaxWait(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer consumer.Close()
	if err := readFromEnd(ctx, c, consumer.Client); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(0, 0))
	count := int(c.Int32("num-records"))
	latencies, total := make([]int64, count), time.Duration(0)
	for i := range count {
		r := latencyRecord(c, random)
		begin := time.Now()
		if err := producer.ProduceSync(ctx, r).FirstErr(); err != nil {
			return tool.Executed(tool.AsRefused(err))
		}
		poll, cancel := context.WithTimeout(ctx, patience)
		fetches := consumer.PollFetches(poll)
		cancel()
		elapsed := time.Since(begin)
		if err := arrived(ctx, r, fetches); err != nil {
			return err
		}
		if i%1000 == 0 {
			c.Printf("%d\t%s\n", i, tool.Double(float64(elapsed.Nanoseconds())/1000/1000))
		}
		total += elapsed
		latencies[i] = elapsed.Milliseconds()
	}
	slices.Sort(latencies)
	at := func(share float64) int64 { return latencies[int(share*float64(count))] }
	c.Printf("Avg latency: %s ms\nPercentiles: 50th = %d, 99th = %d, 99.9th = %d\n", decimal(float64(total.Nanoseconds())/float64(count)/1000/1000, 4), at(0.5), at(0.99), at(0.999))
	return nil
}

// readFromEnd makes the topic if it is not there, and begins behind what is in it.
func readFromEnd(ctx context.Context, c *tool.Call, cl *kgo.Client) error {
	adm, topic := kadm.NewClient(cl), c.Value("topic")
	timed, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	details, err := adm.ListTopicsWithInternal(timed, topic)
	if err != nil {
		return tool.AsRefused(err)
	}
	if details[topic].Err != nil {
		c.Printf("Topic \"%s\" does not exist. Will create topic with %d partition(s) and replication factor = %d\n", topic, 1, 1)
		if _, err := adm.CreateTopic(timed, 1, 1, nil, topic); err != nil {
			c.Printf("Creation of topic %s failed\n", topic)
			return tool.Executed(tool.AsRefused(err))
		}
	}
	for {
		ends, err := adm.ListEndOffsets(timed, topic)
		if err == nil {
			err = ends.Error()
		}
		if err != nil && timed.Err() != nil {
			return tool.AsRefused(err)
		}
		if err != nil { // a new topic has no leader yet
			time.Sleep(50 * time.Millisecond)
			continue
		}
		parts := map[string]map[int32]kgo.Offset{topic: {}}
		ends.Each(func(o kadm.ListedOffset) { parts[topic][o.Partition] = kgo.NewOffset().At(o.Offset) })
		cl.AddConsumePartitions(parts)
		return nil
	}
}

func latencyRecord(c *tool.Call, random *rand.Rand) *kgo.Record {
	letters := func(n int32) []byte { return bytes.Repeat([]byte{'A' + byte(random.IntN(26))}, int(max(n, 0))) }
	r := &kgo.Record{Topic: c.Value("topic"), Value: letters(c.Int32("record-size"))}
	if n := c.Int32("record-key-size"); n > 0 {
		r.Key = letters(n)
	}
	for range c.Int32("num-headers") {
		h := kgo.RecordHeader{Key: string(letters(c.Int32("record-header-key-size")))}
		if n := c.Int32("record-header-size"); n >= 0 {
			h.Value = letters(n)
		}
		r.Headers = append(r.Headers, h)
	}
	return r
}

// arrived compares what came with what was sent.
func arrived(ctx context.Context, sent *kgo.Record, fetches kgo.Fetches) error {
	if err := pollFailure(ctx, fetches); err != nil {
		return tool.AsRefused(err)
	}
	broken := func(format string, args ...any) error {
		return &tool.Exception{Class: "java.lang.RuntimeException", Message: fmt.Sprintf(format, args...)}
	}
	all := fetches.Records()
	if len(all) == 0 {
		return broken("poll() timed out before finding a result (timeout:[%dms])", patience.Milliseconds())
	}
	read := all[0]
	for _, pair := range []struct {
		what       string
		sent, read []byte
	}{{"key", sent.Key, read.Key}, {"value", sent.Value, read.Value}} {
		if !bytes.Equal(pair.sent, pair.read) {
			return broken("The message %s read [%s] did not match the message %s sent [%s]", pair.what, pair.read, pair.what, pair.sent)
		}
	}
	same := slices.EqualFunc(sent.Headers, read.Headers, func(a, b kgo.RecordHeader) bool {
		return strings.Compare(a.Key, b.Key) == 0 && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil)
	})
	switch {
	case !same:
		return broken("Header count mismatch between sent and received messages")
	case len(all) != 1:
		return broken("Only one result was expected during this test. We found [%d]", len(all))
	}
	return nil
}
