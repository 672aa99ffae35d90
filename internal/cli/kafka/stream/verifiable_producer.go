package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

// servers is the group of arguments that verifiable clients reach a cluster by.
func servers() tool.Arg {
	return tool.Arg{Flags: []string{"--bootstrap-server"}, Metavar: "HOST1:PORT1[,HOST2:PORT2[...]]", Group: 1, Text: "REQUIRED: Brokers to ask first, as HOST:PORT,..."}
}

// VerifiableProducer is kafka-verifiable-producer.
func VerifiableProducer() *tool.Tool {
	return &tool.Tool{
		Name: "kafka-verifiable-producer",
		Parser: &tool.Parser{
			Program: "verifiable-producer",
			Text:    "This tool writes increasing numbers, and prints as JSON what became of each.",
			Args: []tool.Arg{
				tool.HelpArg(),
				{Flags: []string{"--topic"}, Metavar: "TOPIC", Required: true, Text: "Name of a topic."},
				servers(),
				{Flags: []string{"--max-messages"}, Metavar: "MAX-MESSAGES", Type: "Integer", Default: "-1", Text: "How many records to write; -1: until it is stopped."},
				{Flags: []string{"--throughput"}, Metavar: "THROUGHPUT", Type: "Integer", Default: "-1", Text: "Records a second at most."},
				{Flags: []string{"--acks"}, Metavar: "ACKS", Type: "Integer", Choices: []string{"0", "1", "-1"}, Default: "-1", Text: "Who must have a record."},
				{Flags: []string{"--producer.config"}, Metavar: "CONFIG-FILE", Text: "(DEPRECATED) File of properties of the producer; --command-config has taken its place."},
				{Flags: []string{"--message-create-time"}, Metavar: "CREATE-TIME", Type: "Long", Default: "-1", Text: "Time of the first record, in milliseconds since 1970."},
				{Flags: []string{"--value-prefix"}, Metavar: "VALUE-PREFIX", Type: "Integer", Text: "A number before each value, with a dot between."},
				{Flags: []string{"--repeating-keys"}, Metavar: "REPEATING-KEYS", Type: "Integer", Text: "Keys go from 0 to below this number, again and again."},
				{Flags: []string{"--command-config"}, Metavar: "CONFIG-FILE", Text: "File of properties of the producer."},
			},
			Groups: []tool.Group{{Required: true}},
		},
		Run: verifiableProducer,
	}
}

// sent is what a verifiable producer says of a record that was written.
type sent struct {
	event
	Key       *string `json:"key"`
	Value     string  `json:"value"`
	Offset    int64   `json:"offset"`
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
}

// unsent is what it says of one that was not.
type unsent struct {
	event
	Key       *string `json:"key"`
	Value     string  `json:"value"`
	Topic     string  `json:"topic"`
	Exception string  `json:"exception"`
	Message   string  `json:"message"`
}

// toolData is its last line.
type toolData struct {
	event
	Sent   int64           `json:"sent"`
	Acked  int64           `json:"acked"`
	Target int64           `json:"target_throughput"`
	Mean   json.RawMessage `json:"avg_throughput"`
}

// verifiableConfig reads the file of properties of a verifiable client under its new name or its old one.
func verifiableConfig(c *tool.Call, old string) (properties, error) {
	if c.Has(old) && c.Has("command-config") {
		return nil, c.Misused("Options --" + old + " and --command-config are mutually exclusive.")
	}
	if c.Has(old) {
		c.Println("Option --" + old + " has been deprecated and will be removed in a future version. Use --command-config instead.")
	}
	set, err := tool.Properties(c.Value("command-config") + c.Value(old))
	if err != nil {
		return nil, c.Misused(err.Error())
	}
	return set, nil
}

func verifiableProducer(ctx context.Context, c *tool.Call) error {
	file, err := verifiableConfig(c, "producer.config")
	if err != nil {
		return err
	}
	set := properties{"acks": c.Value("acks"), "retries": "0"}
	maps.Copy(set, file)
	opts, err := set.producer()
	if err != nil {
		return err
	}
	cl, err := tool.Reach(c.Value("bootstrap-server"), set, opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, stop := stopped(ctx)
	defer stop()
	v := &verifying{Call: c, printer: printer{out: c.Out}, started: time.Now()}
	v.print(named("startup_complete"))
	v.send(ctx, cl.Client)
	flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_ = cl.Flush(flushing) // what is left is told of one by one
	v.print(named("shutdown_complete"))
	mean := 1000 * float64(v.acked) / float64(max(time.Since(v.started).Milliseconds(), 1))
	v.print(toolData{named("tool_data"), v.sent, v.acked, c.Int("throughput", 32), json.RawMessage(tool.Double(mean))})
	return nil
}

// verifying is one run of a verifiable producer.
type verifying struct {
	*tool.Call
	printer
	started time.Time
	sent    int64
	acked   int64 // written by the client's callbacks, which come one after the other
}

func (v *verifying) send(ctx context.Context, cl *kgo.Client) {
	most, topic, keys := v.Int("max-messages", 32), v.Value("topic"), v.Int("repeating-keys", 32)
	created := v.Int("message-create-time", 64)
	pace := newThrottle(float64(v.Int("throughput", 32)))
	for i := int64(0); (most < 0 || i < most) && ctx.Err() == nil; i++ {
		now := time.Now()
		r := &kgo.Record{Topic: topic, Value: strconv.AppendInt(nil, i, 10)}
		if v.Has("value-prefix") {
			r.Value = fmt.Appendf(nil, "%d.%d", v.Int("value-prefix", 32), i)
		}
		if v.Has("repeating-keys") && keys > 0 {
			r.Key = strconv.AppendInt(nil, i%keys, 10)
		}
		if created != -1 {
			r.Timestamp = time.UnixMilli(created)
			created += now.Sub(v.started).Milliseconds()
		}
		v.sent++
		cl.Produce(context.WithoutCancel(ctx), r, v.answered)
		pace.wait(ctx, i, now)
	}
}

func (v *verifying) answered(r *kgo.Record, err error) {
	if err == nil {
		v.acked++
		v.print(sent{named("producer_send_success"), text(r.Key), string(r.Value), r.Offset, r.Topic, r.Partition})
		return
	}
	class, message := classOf(err)
	v.print(unsent{named("producer_send_error"), text(r.Key), string(r.Value), r.Topic, "class " + class, message})
}
