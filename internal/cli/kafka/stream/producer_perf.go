package stream

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

// ProducerPerf is kafka-producer-perf-test.
func ProducerPerf() *tool.Tool {
	return &tool.Tool{
		Name: "kafka-producer-perf-test",
		Parser: &tool.Parser{
			Program: "kafka-producer-perf-test",
			Text:    "This tool measures how fast records are written.",
			Args: []tool.Arg{
				tool.HelpArg(),
				{Flags: []string{"--bootstrap-server"}, Metavar: "BOOTSTRAP-SERVER", Text: "Brokers to ask first, as HOST:PORT,..."},
				{Flags: []string{"--topic"}, Metavar: "TOPIC", Required: true, Text: "Name of a topic."},
				{Flags: []string{"--num-records"}, Metavar: "NUM-RECORDS", Type: "Long", Required: true, Text: "How many records to write."},
				{Flags: []string{"--payload-delimiter"}, Metavar: "PAYLOAD-DELIMITER", Default: `\n`, Text: "What stands between the values of --payload-file."},
				{Flags: []string{"--throughput"}, Metavar: "THROUGHPUT", Type: "Double", Required: true, Text: "Records a second at most; -1 for no limit."},
				{Flags: []string{"--producer-props"}, Metavar: "PROP-NAME=PROP-VALUE", Many: tool.AtLeastOne, Text: "(DEPRECATED) Properties of the producer; --command-property has taken its place."},
				{Flags: []string{"--command-property"}, Metavar: "PROP-NAME=PROP-VALUE", Many: tool.AtLeastOne, Text: "Properties of the producer."},
				{Flags: []string{"--producer.config"}, Metavar: "CONFIG-FILE", Text: "(DEPRECATED) File of properties of the producer; --command-config has taken its place."},
				{Flags: []string{"--command-config"}, Metavar: "CONFIG-FILE", Text: "File of properties of the producer."},
				{Flags: []string{"--print-metrics"}, Switch: true, Text: "Print the metrics of a Java producer, of which there are none here."},
				{Flags: []string{"--transactional-id"}, Metavar: "TRANSACTIONAL-ID", Text: "Write in transactions of this id."},
				{Flags: []string{"--transaction-duration-ms"}, Metavar: "TRANSACTION-DURATION", Type: "Long", Text: "How long each transaction takes; 3000 unless told."},
				{Flags: []string{"--warmup-records"}, Metavar: "WARMUP-RECORDS", Type: "Long", Default: "0", Text: "How many of the first records are not steady state."},
				{Flags: []string{"--reporting-interval"}, Metavar: "INTERVAL-MS", Type: "Long", Default: "5000", Text: "How often to print, in milliseconds."},
				{Flags: []string{"--record-size"}, Metavar: "RECORD-SIZE", Type: "Integer", Group: 1, Text: "Bytes of each value."},
				{Flags: []string{"--payload-file"}, Metavar: "PAYLOAD-FILE", Group: 1, Text: "File with values, of which one is drawn for each record."},
				{Flags: []string{"--payload-monotonic"}, Switch: true, Group: 1, Text: "The values are 0, 1, 2 and so on."},
			},
			Groups: []tool.Group{{Required: true}},
		},
		Run:   producerPerf,
		Fails: inMain,
	}
}

// inMain prints an exception that leaves a Java program's main.
func inMain(c *tool.Call, err error) {
	fmt.Fprint(c.Err, `Exception in thread "main" `)
	thrown(c, err)
}

// perfRun is one run of the performance test of the producer.
type perfRun struct {
	*tool.Call
	records, warmUp int64
	size            int64
	throughput      float64
	payloads        [][]byte
	set             properties
	transaction     time.Duration // 0: none
}

// newPerfRun reads the options.
func newPerfRun(c *tool.Call) (*perfRun, error) {
	p := &perfRun{Call: c, records: c.Int("num-records", 64), warmUp: max(0, c.Int("warmup-records", 64)), size: c.Int("record-size", 32)}
	var err error
	if p.throughput, err = strconv.ParseFloat(c.Value("throughput"), 64); err != nil {
		return nil, err
	}
	properties, config := len(c.Values("producer-props")) > 0, c.Has("producer.config")
	switch {
	case p.records <= 0:
		return nil, c.Misused("--num-records should be greater than zero.")
	case p.warmUp >= p.records:
		return nil, c.Misused("The value for --warmup-records must be strictly fewer than the number of records in the test, --num-records.")
	case c.Has("record-size") && p.size <= 0:
		return nil, c.Misused("--record-size should be greater than zero.")
	case c.Has("transaction-duration-ms") && c.Int("transaction-duration-ms", 64) <= 0:
		return nil, c.Misused("--transaction-duration-ms should be greater than zero.")
	case c.Int("reporting-interval", 64) <= 0:
		return nil, c.Misused("--reporting-interval should be greater than zero.")
	case properties && c.Has("command-property"):
		return nil, c.Misused("--command-property and --producer-props cannot be specified together.")
	case config && c.Has("command-config"):
		return nil, c.Misused("--command-config and --producer.config cannot be specified together.")
	case !properties && !config && !c.Has("command-property") && !c.Has("command-config") && !c.Has("bootstrap-server"):
		return nil, c.Misused("At least one of --bootstrap-server, --command-property, --producer-props, --producer.config or --command-config must be specified.")
	}
	if properties {
		c.Println("Option --producer-props has been deprecated and will be removed in a future version. Use --command-property instead.")
	}
	if config {
		c.Println("Option --producer.config has been deprecated and will be removed in a future version. Use --command-config instead.")
	}
	if err := p.readPayloads(); err != nil {
		return nil, err
	}
	return p, p.readProperties()
}

func (p *perfRun) readProperties() error {
	set, err := tool.Properties(p.Value("command-config") + p.Value("producer.config"))
	if err != nil {
		return err
	}
	for _, text := range append(p.Values("producer-props"), p.Values("command-property")...) {
		pieces := strings.Split(strings.TrimRight(text, "="), "=")
		if len(pieces) != 2 {
			return tool.Illegal("Invalid property: %s", text)
		}
		set[pieces[0]] = pieces[1]
	}
	p.set = maps.Clone(set)
	if p.Has("bootstrap-server") {
		p.set["bootstrap.servers"] = p.Value("bootstrap-server")
	}
	p.set.otherwise("client.id", "perf-producer-client")
	if id := p.Value("transactional-id"); p.Has("transactional-id") {
		p.set["transactional.id"] = id
	} else if p.Has("transaction-duration-ms") && p.set["transactional.id"] == "" {
		var random [16]byte
		_, _ = rand.Read(random[:]) // it does not fail
		p.set["transactional.id"] = "performance-producer-" + base64.RawURLEncoding.EncodeToString(random[:])
	}
	if p.set["transactional.id"] != "" {
		if p.transaction = 3 * time.Second; p.Has("transaction-duration-ms") {
			p.transaction = millis(p.Int("transaction-duration-ms", 64))
		}
	}
	return nil
}

// readPayloads reads the values that are drawn from.
func (p *perfRun) readPayloads() error {
	if !p.Has("payload-file") {
		return nil
	}
	path, err := filepath.Abs(p.Value("payload-file"))
	if err != nil {
		return err
	}
	p.Println("Reading payloads from: " + path)
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return tool.Illegal("File does not exist or empty file provided.")
	}
	delimiter := p.Value("payload-delimiter")
	if delimiter == `\n` {
		delimiter = "\n"
	}
	split, err := regexp.Compile(delimiter)
	if err != nil {
		split = regexp.MustCompile(regexp.QuoteMeta(delimiter))
	}
	if at := split.FindAllIndex(text, -1); len(at) > 0 && at[len(at)-1][1] == len(text) {
		text = text[:at[len(at)-1][0]]
	}
	for _, part := range split.Split(string(text), -1) {
		p.payloads = append(p.payloads, []byte(part))
	}
	p.Println("Number of records read: " + strconv.Itoa(len(p.payloads)))
	return nil
}

// payload is the value of a record.
func (p *perfRun) payload(random *mathrand.Rand, i int64) []byte {
	switch {
	case p.payloads != nil:
		return bytes.Clone(p.payloads[random.IntN(len(p.payloads))])
	case p.Has("record-size"):
		b := make([]byte, p.size)
		var bits uint64
		for j := range b {
			if j%8 == 0 {
				bits = random.Uint64()
			}
			b[j] = 'A' + byte(bits&255)%26
			bits >>= 8
		}
		return b
	}
	return strconv.AppendInt(nil, i, 10)
}

func producerPerf(ctx context.Context, c *tool.Call) error {
	p, err := newPerfRun(c)
	if err != nil {
		return err
	}
	if p.warmUp > 0 {
		c.Printf("Warmup first %d records. Steady state results will print after the complete test summary.\n", p.warmUp)
	}
	opts, err := p.set.producer()
	if err != nil {
		return err
	}
	cl, err := tool.Reach(p.set["bootstrap.servers"], p.set, opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, stop := stopped(ctx)
	defer stop()
	return p.send(ctx, cl.Client)
}

// send writes the records, and prints as Kafka's tool does.
func (p *perfRun) send(ctx context.Context, cl *kgo.Client) error {
	interval := millis(p.Int("reporting-interval", 64))
	stats := newPerfStats(p.Out, p.records, interval, false)
	var steady *perfStats
	pace := newThrottle(p.throughput)
	random := mathrand.New(mathrand.NewPCG(0, 0))
	var begun time.Time // of the transaction; zero: there is none
	for i := int64(0); i < p.records && ctx.Err() == nil; i++ {
		if p.transaction > 0 && begun.IsZero() {
			if err := cl.BeginTransaction(); err != nil {
				return tool.AsRefused(err)
			}
			begun = time.Now()
		}
		if p.warmUp > 0 && i == p.warmUp {
			steady = newPerfStats(p.Out, p.records-p.warmUp, interval, true)
			stats.silence()
		}
		value, sent, counted := p.payload(random, i), time.Now(), steady
		cl.Produce(ctx, &kgo.Record{Topic: p.Value("topic"), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				thrown(p.Call, err)
				return
			}
			now := time.Now()
			stats.record(now.Sub(sent), len(value), now)
			if counted != nil {
				counted.record(now.Sub(sent), len(value), now)
			}
		})
		if p.transaction > 0 && sent.Sub(begun) >= p.transaction {
			if err := commit(ctx, cl); err != nil {
				return err
			}
			begun = time.Time{}
		}
		pace.wait(ctx, i, sent)
	}
	if !begun.IsZero() {
		if err := commit(ctx, cl); err != nil {
			return err
		}
	}
	if err := cl.Flush(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	stats.printTotal()
	if steady != nil {
		steady.printTotal()
	}
	if p.Has("print-metrics") {
		p.Warnln(noMetrics)
	}
	return nil
}

// noMetrics is said where Kafka's tools print metrics.
const noMetrics = "--print-metrics: these are metrics of a Java client, of which there is none here: those of the broker are at /metrics"

func commit(ctx context.Context, cl *kgo.Client) error {
	err := cl.Flush(ctx)
	if err == nil {
		err = cl.EndTransaction(ctx, kgo.TryCommit)
	}
	return tool.AsRefused(err)
}
