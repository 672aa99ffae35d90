package admin

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// ReplicaVerification is kafka-replica-verification.
func ReplicaVerification() *tool.Tool {
	return &tool.Tool{Name: "kafka-replica-verification", Purpose: "Validate that all replicas for a set of topics have the same data.",
		Options: replicaVerificationOptions(), Run: replicaVerification}
}

func replicaVerificationOptions() []tool.Option {
	return []tool.Option{
		{Name: "broker-list", Type: "String", Argument: "hostname:port,...,hostname:port", Text: "REQUIRED: Brokers to ask first, as HOST:PORT,..."},
		{Name: "fetch-size", Type: "Integer", Argument: "bytes", Default: []string{"1048576"}, Text: "How much to fetch of a partition at once."},
		{Name: "max-wait-ms", Type: "Integer", Argument: "ms", Default: []string{"1000"}, Text: "How long a fetch may wait for records."},
		{Name: "topics-include", Type: "String", Argument: "Java regex (String)", Default: []string{".*"}, Text: "Topics whose replicas are compared."},
		{Name: "time", Type: "Long", Argument: "timestamp/-1(latest)/-2(earliest)", Default: []string{"-1"}, Text: "Where to begin: at which time."},
		{Name: "report-interval-ms", Type: "Long", Argument: "ms", Default: []string{"30000"}, Text: "How often to report."},
	}
}

func replicaVerification(ctx context.Context, c *tool.Call) error {
	if err := c.Require("broker-list"); err != nil {
		return err
	}
	if err := checkAddresses(c.Value("broker-list")); err != nil {
		return tool.Usage(err.Error())
	}
	cluster, err := tool.Reach(c.Value("broker-list"), nil)
	if err != nil {
		return err
	}
	defer cluster.Close()
	v, err := newVerifier(ctx, c, cluster)
	if err != nil {
		return err
	}
	c.Println(verifierTime(time.Now()) + ": verification process is started")
	for {
		lines, same := v.verify(v.fetch(ctx), time.Now())
		for _, line := range lines {
			c.Println(line)
		}
		if !same {
			return run.Exit(1)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// verifier compares what the replicas of partitions give to those who read from them, batch by batch up to the high watermark.
type verifier struct {
	cluster   *tool.Cluster
	ids       map[string][16]byte // of the topics
	replicas  map[partition][]int32
	byBroker  map[int32][]partition
	order     []partition
	offsets   map[partition]int64 // up to where all replicas are the same
	size      int32
	wait      int32
	every     time.Duration
	reported  time.Time
	topicByID map[[16]byte]string
}

// newVerifier looks at the topics and finds out where to begin.
func newVerifier(ctx context.Context, c *tool.Call, cluster *tool.Cluster) (*verifier, error) {
	all, err := metadata(ctx, cluster)
	if err != nil {
		return nil, tool.Executed(err)
	}
	include := c.Value("topics-include")
	if _, err := regexp.Compile(include); err != nil {
		return nil, tool.Said(include + " is an invalid regex")
	}
	expression, err := included(include)
	if err != nil {
		return nil, err
	}
	v := &verifier{cluster: cluster, ids: make(map[string][16]byte), topicByID: make(map[[16]byte]string), replicas: make(map[partition][]int32),
		byBroker: make(map[int32][]partition), offsets: make(map[partition]int64), size: c.Int32("fetch-size"), wait: c.Int32("max-wait-ms"),
		every: time.Duration(c.Int("report-interval-ms", 64)) * time.Millisecond, reported: time.Now()}
	at := c.Int("time", 64)
	if err := c.Wrong(); err != nil {
		return nil, err
	}
	for _, t := range all.Topics {
		if t.Topic == nil || !expression.MatchString(*t.Topic) {
			continue
		}
		v.ids[*t.Topic], v.topicByID[t.TopicID] = t.TopicID, *t.Topic
		for _, p := range t.Partitions {
			which := partition{*t.Topic, p.Partition}
			v.order, v.replicas[which] = append(v.order, which), p.Replicas
			for _, broker := range p.Replicas {
				v.byBroker[broker] = append(v.byBroker[broker], which)
			}
		}
	}
	if len(v.order) == 0 {
		c.Warnln("No topics found. [topics-include] if specified, is either filtering out all topics or there is no topic.")
		return nil, run.Exit(1)
	}
	v.order = hashPartitions(v.order)
	return v, v.begin(ctx, at)
}

// begin sets the offsets to those at a time.
func (v *verifier) begin(ctx context.Context, at int64) error {
	offsets, err := listOffsets(ctx, v.cluster, v.order, at)
	if err != nil {
		return err
	}
	for _, p := range v.order {
		f := offsets[p]
		if f.err == nil && f.offset < 0 {
			f.err = tool.Saidf("%s has no record at or behind the time %d: --time -1 begins at its end", p, at)
		}
		if f.err != nil {
			return f.err
		}
		v.offsets[p] = f.offset
	}
	return nil
}

// fetched is what one replica of a partition gave.
type fetched struct {
	records       []byte
	highWatermark int64
}

// fetch reads from all brokers at the same time. One that does not answer gives nothing, and so holds its partitions up until it does.
func (v *verifier) fetch(ctx context.Context) map[partition]map[int32]fetched {
	all := make(map[partition]map[int32]fetched, len(v.order))
	for _, p := range v.order {
		all[p] = make(map[int32]fetched)
		for _, broker := range v.replicas[p] {
			all[p][broker] = fetched{highWatermark: -1}
		}
	}
	var mu sync.Mutex // all
	var work sync.WaitGroup
	for broker, partitions := range v.byBroker {
		work.Go(func() {
			answer, err := v.cluster.Broker(int(broker)).Request(ctx, v.request(partitions))
			if err != nil {
				pause(ctx, time.Second)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for _, t := range answer.(*kmsg.FetchResponse).Topics {
				name := t.Topic
				if name == "" {
					name = v.topicByID[t.TopicID]
				}
				for _, p := range t.Partitions {
					if replicas := all[partition{name, p.Partition}]; replicas != nil && p.ErrorCode == 0 {
						replicas[broker] = fetched{p.RecordBatches, p.HighWatermark}
					}
				}
			}
		})
	}
	work.Wait()
	return all
}

// debugger is the id of a replica by which somebody reads who looks for differences between replicas: any of them answers.
const debugger = -2

func (v *verifier) request(partitions []partition) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.ReplicaID, request.ReplicaState.ID = debugger, debugger
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes, request.SessionEpoch = v.wait, 1, 1<<31-1, -1
	for _, topic := range byTopic(partitions) {
		t := kmsg.NewFetchRequestTopic()
		t.Topic, t.TopicID = topic.name, v.ids[topic.name]
		for _, index := range topic.partitions {
			p := kmsg.NewFetchRequestTopicPartition()
			p.Partition, p.FetchOffset, p.PartitionMaxBytes = index, v.offsets[partition{topic.name, index}], v.size
			t.Partitions = append(t.Partitions, p)
		}
		request.Topics = append(request.Topics, t)
	}
	return request
}

// verify compares what was fetched and moves the offsets on. It returns what there is to say; not the same are replicas of which one has another batch than
// the others, and then there is no going on.
func (v *verifier) verify(all map[partition]map[int32]fetched, now time.Time) (lines []string, same bool) {
	lag, where := int64(-1), partition{}
	for _, p := range v.order {
		said, same := v.compare(p, all[p], now)
		if lines = append(lines, said...); !same {
			return lines, false
		}
		high := int64(-1)
		for _, f := range all[p] {
			high = max(high, f.highWatermark)
		}
		if high-v.offsets[p] > lag {
			lag, where = high-v.offsets[p], p
		}
	}
	if now.Sub(v.reported) > v.every {
		v.reported = now
		offset, name := v.offsets[where], where.String()
		if lag < 0 {
			offset, name = -1, "null"
		}
		lines = append(lines, fmt.Sprintf("%s: max lag is %d for partition %s at offset %d among %d partitions", verifierTime(now), lag, name, offset, len(v.order)))
	}
	return lines, true
}

// compare takes one batch of each replica at a time, as long as all have one below the high watermark.
func (v *verifier) compare(p partition, replicas map[int32]fetched, now time.Time) (lines []string, same bool) {
	rest := make(map[int32][]byte, len(replicas))
	for id, f := range replicas {
		rest[id] = f.records
	}
	for {
		var first *batch
		whole := true
		for _, id := range v.replicas[p] {
			b, more, ok := nextBatch(rest[id])
			if !ok || b.last >= replicas[id].highWatermark {
				whole = false
				continue
			}
			rest[id], b.replica = more, id
			switch {
			case first == nil:
				first = &b
			case first.last != b.last:
				return append(lines, fmt.Sprintf("%s: partition %s: replica %d's offset %d doesn't match replica %d's offset %d",
					verifierTime(now), p, first.replica, first.last, id, b.last)), false
			case first.checksum != b.checksum:
				lines = append(lines, fmt.Sprintf("%s: partition %s has unmatched checksum at offset %d; replica %d's checksum %d; replica %d's checksum %d",
					verifierTime(now), p, b.last, first.replica, first.checksum, id, b.checksum))
			}
		}
		if !whole || first == nil {
			return lines, true
		}
		v.offsets[p] = first.last + 1
	}
}

// verifierTime is a time as the tool writes it.
func verifierTime(t time.Time) string {
	return strings.Replace(t.Format("2006-01-02 15:04:05.000"), ".", ",", 1)
}

// pause waits, but not longer than it is wanted.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
