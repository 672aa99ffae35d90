package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

// perfConsumerOptions are those that both performance tests of consumers have.
func perfConsumerOptions(group string) []tool.Option {
	return []tool.Option{
		maybe("bootstrap-server", "String", "server to connect to", "REQUIRED: Brokers to ask first, as HOST:PORT,..."),
		optionally("group", "String", "gid", group, "Group to be a member of."),
		optionally("fetch-size", "Integer", "size", "1048576", "Bytes of a partition to fetch at once."),
		maybe("command-property", "String", "prop1=val1", "Property of the consumer as KEY=VALUE."),
		optionally("socket-buffer-size", "Integer", "size", "2097152", "Bytes of the socket's buffer."),
		maybe("consumer.config", "String", "config file", "(DEPRECATED) File of properties of the consumer; --command-config has taken its place."),
		maybe("command-config", "String", "config file", "File of properties of the consumer."),
		{Name: "print-metrics", Text: "Print the metrics of a Java consumer, of which there are none here."},
		{Name: "show-detailed-stats", Text: "Print numbers in every interval."},
		{Name: "timeout", Type: "Long", MayLack: true, Argument: "milliseconds", Default: []string{"10000"}, Text: "How long nothing may come, in milliseconds."},
		maybe("num-records", "Long", "count", "REQUIRED: How many records to read."),
		maybe("messages", "Long", "count", "(DEPRECATED) How many records to read; --num-records has taken its place."),
		optionally("reporting-interval", "Long", "interval_ms", "5000", "How often to print, in milliseconds."),
		optionally("date-format", "String", "date format", "yyyy-MM-dd HH:mm:ss:SSS", "How times are printed, as Java's SimpleDateFormat has it."),
		{Name: "hide-header", Text: "Leave the header out."},
	}
}

// ConsumerPerf is kafka-consumer-perf-test.
func ConsumerPerf() *tool.Tool {
	return &tool.Tool{
		Name:    "kafka-consumer-perf-test",
		Purpose: "This tool is used to verify the consumer performance.",
		Options: append(perfConsumerOptions("perf-consumer-"+strconv.Itoa(rand.IntN(100_000))),
			maybe("topic", "String", "topic", "Name of a topic."),
			maybe("include", "String", "Java regex (String)", "Expression for names of topics."),
			tool.Option{Name: "from-latest", Text: "Begin with the next record where the group has no offset yet, not with the first."},
		),
		Run:   consumerPerf,
		Fails: twice,
	}
}

// twice prints an exception's message, and then all of it, as these tools do.
func twice(c *tool.Call, err error) {
	err = tool.AsRefused(err)
	c.Warnln(err)
	thrown(c, err)
}

// reading is one run of a performance test of consumers.
type reading struct {
	*tool.Call
	set       properties
	records   int64
	patience  time.Duration
	interval  time.Duration
	format    string
	detailed  bool
	startedAt time.Time
}

// newReading reads the options that both tests have.
func newReading(c *tool.Call) (*reading, error) {
	if err := c.OneOf("messages", "num-records"); err != nil {
		return nil, err
	}
	if err := c.Require("bootstrap-server"); err != nil {
		return nil, err
	}
	count, err := renamed(c, asConsumers, renaming{"num-records", "messages"})
	if err != nil {
		return nil, err
	}
	file, err := renamed(c, asConsumers, renaming{"command-config", "consumer.config"})
	if err != nil {
		return nil, err
	}
	set, err := tool.Properties(c.Value(file))
	if err != nil {
		return nil, err
	}
	for k, v := range pairs(c.Values("command-property")) {
		set[k] = v
	}
	r := &reading{Call: c, set: set, records: c.Int(count, 64), patience: millis(c.Int("timeout", 64)), interval: millis(c.Int("reporting-interval", 64)),
		format: c.Value("date-format"), detailed: c.Has("show-detailed-stats")}
	if r.interval <= 0 {
		return nil, tool.Illegal("Reporting interval must be greater than 0.")
	}
	r.set["group.id"] = c.Value("group")
	r.set["max.partition.fetch.bytes"] = c.Value("fetch-size")
	r.set.otherwise("client.id", "perf-consumer-client")
	return r, c.Wrong()
}

const perfHeader = "%s, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n"

// joins counts how long a member waited for its partitions.
type joins struct {
	mu           sync.Mutex
	began        time.Time
	held         int
	total, round time.Duration
}

func (j *joins) assigned(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held == 0 {
		d := time.Since(j.began)
		j.total += d
		j.round += d
	}
	j.held += size(parts)
}

func (j *joins) revoked(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.held -= size(parts); j.held <= 0 {
		j.held, j.began = 0, time.Now()
	}
}

func size(parts map[string][]int32) int {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// times are the waits until now; the second begins anew.
func (j *joins) times() (total, round time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	total, round = j.total, j.round
	return total, round
}

func (j *joins) newRound() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.round = 0
}

func consumerPerf(ctx context.Context, c *tool.Call) error {
	if err := c.OneOf("topic", "include"); err != nil {
		return err
	}
	r, err := newReading(c)
	if err != nil {
		return err
	}
	r.set.otherwise("auto.offset.reset", map[bool]string{true: "latest", false: "earliest"}[c.Has("from-latest")])
	opts, err := r.set.consumer()
	if err != nil {
		return err
	}
	member, err := r.set.member()
	if err != nil {
		return err
	}
	j := &joins{began: time.Now()}
	opts = append(append(opts, member...), kgo.OnPartitionsAssigned(j.assigned), kgo.OnPartitionsRevoked(j.revoked), kgo.OnPartitionsLost(j.revoked))
	if c.Has("include") {
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics("^(?:"+c.Value("include")+")$"))
	} else {
		opts = append(opts, kgo.ConsumeTopics(c.Value("topic")))
	}
	if !c.Has("hide-header") {
		c.Printf(perfHeader, map[bool]string{true: "time, threadId", false: "start.time, end.time"}[r.detailed])
	}
	r.startedAt = time.Now()
	cl, err := tool.Reach(c.Value("bootstrap-server"), r.set, opts...)
	if err != nil {
		return err
	}
	ctx, stop := stopped(ctx)
	defer stop()
	records, bytes, err := r.consume(ctx, cl.Client, j)
	ended := time.Now()
	joined, _ := j.times()
	cl.Close()
	if err != nil {
		return err
	}
	if !r.detailed {
		r.total(records, bytes, ended, joined)
	}
	if c.Has("print-metrics") {
		c.Warnln(noMetrics)
	}
	return nil
}

const mebibyte = 1024 * 1024

func (r *reading) total(records, bytes int64, ended time.Time, joined time.Duration) {
	elapsed, megabytes := float64(ended.Sub(r.startedAt).Milliseconds())/1000, float64(bytes)/mebibyte
	fetching := ended.Sub(r.startedAt).Milliseconds() - joined.Milliseconds()
	r.Printf("%s, %s, %s, %s, %d, %s, %d, %d, %s, %s\n", date(r.format, r.startedAt), date(r.format, ended), decimal(megabytes, 4), decimal(megabytes/elapsed, 4), records,
		decimal(float64(records)/elapsed, 4), joined.Milliseconds(), fetching, decimal(megabytes/(float64(fetching)/1000), 4), decimal(float64(records)/(float64(fetching)/1000), 4))
}

// consume reads until there are enough records, or none came for too long.
func (r *reading) consume(ctx context.Context, cl *kgo.Client, j *joins) (records, bytes int64, err error) {
	now := time.Now()
	reported, consumed := now, now
	var lastRecords, lastBytes int64
	for records < r.records && now.Sub(consumed) <= r.patience && ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		fetches := cl.PollRecords(poll, 500)
		cancel()
		if err := pollFailure(ctx, fetches); err != nil {
			return records, bytes, err
		}
		if now = time.Now(); fetches.NumRecords() > 0 {
			consumed = now
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			records++
			bytes += int64(len(rec.Key) + len(rec.Value))
			if now.Sub(reported) < r.interval {
				return
			}
			if r.detailed {
				r.progress(records, lastRecords, bytes, lastBytes, reported, now, j)
			}
			j.newRound()
			reported, lastRecords, lastBytes = now, records, bytes
		})
	}
	if records < r.records {
		r.Printf("WARNING: Exiting before consuming the expected number of records: timeout (%d ms) exceeded. You can use the --timeout option to increase the timeout.\n",
			r.patience.Milliseconds())
	}
	return records, bytes, nil
}

func (r *reading) progress(records, lastRecords, bytes, lastBytes int64, from, to time.Time, j *joins) {
	elapsed := float64(to.Sub(from).Milliseconds())
	_, joined := j.times()
	fetching := to.Sub(from).Milliseconds() - joined.Milliseconds()
	megabytes, read := float64(bytes-lastBytes)/mebibyte, float64(records-lastRecords)
	perFetch := func(n float64) float64 {
		if fetching <= 0 {
			return 0
		}
		return 1000 * n / float64(fetching)
	}
	fmt.Fprintf(r.Out, "%s, %d, %s, %s, %d, %s, %d, %d, %s, %s\n", date(r.format, to), 0, decimal(float64(bytes)/mebibyte, 4), decimal(1000*megabytes/elapsed, 4), records,
		decimal(read/elapsed*1000, 4), joined.Milliseconds(), fetching, decimal(perFetch(megabytes), 4), decimal(perFetch(read), 4))
}
