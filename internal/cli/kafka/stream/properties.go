package stream

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// properties are those of a client.
type properties map[string]string

// renaming is an option and the old one whose place it took. Tools complain of the old one in words of their own.
type renaming struct{ name, old string }

// complaint is how a tool speaks of old options.
type complaint struct {
	both    func(r renaming) string // of an option under both names
	warning string                  // of an old name, and the new one
}

// Two manners of complaining.
var (
	asConsumers = complaint{func(r renaming) string {
		return fmt.Sprintf("Options --%s and --%s cannot be specified together.", r.old, r.name)
	},
		"Option --%s is deprecated and will be removed in a future version. Use --%s instead.\n"}
	asProducers = complaint{func(r renaming) string {
		return fmt.Sprintf("Options --%s and --%s cannot be specified together.", r.name, r.old)
	},
		"Warning: --%s is deprecated and will be removed in a future version. Use --%s instead.\n"}
)

// renamed is the option that is there of an old one and its successor.
func renamed(c *tool.Call, how complaint, r renaming) (string, error) {
	if c.Has(r.name) && c.Has(r.old) {
		return "", tool.Usage(how.both(r))
	}
	if !c.Has(r.old) {
		return r.name, nil
	}
	c.Printf(how.warning, r.old, r.name)
	return r.old, nil
}

// given gathers the properties of a file and of the command line, under their new names or their old ones.
func given(c *tool.Call, how complaint, file, single renaming) (properties, error) {
	for _, r := range []renaming{single, file} { // before anything is complained of
		if c.Has(r.name) && c.Has(r.old) {
			return nil, tool.Usage(how.both(r))
		}
	}
	one, err := renamed(c, how, single)
	if err != nil {
		return nil, err
	}
	name, err := renamed(c, how, file)
	if err != nil {
		return nil, err
	}
	set, err := tool.Properties(c.Value(name))
	if err != nil {
		return nil, err
	}
	maps.Copy(set, pairs(c.Values(one)))
	return set, nil
}

// pairs reads KEY=VALUE; without a value it is empty.
func pairs(all []string) properties {
	set := properties{}
	for _, text := range all {
		key, value, _ := strings.Cut(text, "=")
		set[key] = value
	}
	return set
}

// merge sets a property to what an option says, or to the option's default where the property has no value.
func (p properties) merge(c *tool.Call, property, option string) {
	if _, has := p[property]; c.Has(option) || !has {
		p[property] = c.Value(option)
	}
}

// otherwise gives a property a value if it has none.
func (p properties) otherwise(property, value string) {
	if _, has := p[property]; !has {
		p[property] = value
	}
}

// number is a property that is a whole number; missing ones are ok == false.
func (p properties) number(property string) (n int64, ok bool, err error) {
	text, ok := p[property]
	if !ok {
		return 0, false, nil
	}
	n, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, false, invalid(property, text, "Not a number of type LONG")
	}
	return n, true, nil
}

func invalid(property, value, why string) error {
	return &tool.Exception{Class: "org.apache.kafka.common.config.ConfigException", Message: fmt.Sprintf("Invalid value %s for configuration %s: %s", value, property, why)}
}

func (p properties) boolean(property string, standard bool) bool {
	text, ok := p[property]
	if !ok {
		return standard
	}
	return strings.EqualFold(strings.TrimSpace(text), "true")
}

// setting is a number among the properties and the option of the client that it becomes.
type setting struct {
	name string
	opt  func(int64) kgo.Opt
}

func millis(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

func int32Of(n int64) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

// numbers turns numbers into options of the client.
func (p properties) numbers(all []setting) ([]kgo.Opt, error) {
	var opts []kgo.Opt
	for _, s := range all {
		n, ok, err := p.number(s.name)
		if err != nil {
			return nil, err
		}
		if ok {
			opts = append(opts, s.opt(n))
		}
	}
	return opts, nil
}

// producerNumbers are those of a producer. batch.size is not among them: the client underneath fills batches up to max.request.size, and fuller ones cost nothing.
func producerNumbers() []setting {
	return []setting{
		{"linger.ms", func(n int64) kgo.Opt { return kgo.ProducerLinger(millis(n)) }},
		{"buffer.memory", func(n int64) kgo.Opt { return kgo.MaxBufferedBytes(int(max(n, 2<<20))) }},
		{"delivery.timeout.ms", func(n int64) kgo.Opt { return kgo.RecordDeliveryTimeout(max(millis(n), time.Second)) }},
		{"request.timeout.ms", func(n int64) kgo.Opt { return kgo.ProduceRequestTimeout(max(millis(n), 100*time.Millisecond)) }},
		{"metadata.max.age.ms", func(n int64) kgo.Opt { return kgo.MetadataMaxAge(max(millis(n), 10*time.Second)) }},
		{"transaction.timeout.ms", func(n int64) kgo.Opt { return kgo.TransactionTimeout(millis(n)) }},
		{"max.request.size", func(n int64) kgo.Opt { return kgo.ProducerBatchMaxBytes(max(int32Of(n), 1024)) }},
	}
}

// producer is the options of a client that writes, as a Java producer with these properties does.
func (p properties) producer() ([]kgo.Opt, error) {
	p.otherwise("linger.ms", "5")
	p.otherwise("delivery.timeout.ms", "120000")
	p.otherwise("max.request.size", "1048576")
	opts, err := p.numbers(producerNumbers())
	if err != nil {
		return nil, err
	}
	opts = append(opts, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.AllowAutoTopicCreation(), kgo.MaxBufferedRecords(100_000))
	acks := strings.TrimSpace(p["acks"])
	switch acks {
	case "", "all", "-1":
		opts = append(opts, kgo.RequiredAcks(kgo.AllISRAcks()))
	case "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()))
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()))
	default:
		return nil, invalid("acks", acks, "String must be one of: all, -1, 0, 1")
	}
	if !p.boolean("enable.idempotence", true) || acks == "0" || acks == "1" {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
		if n, ok, err := p.number("retries"); err == nil && ok {
			opts = append(opts, kgo.RecordRetries(int(n)))
		}
	}
	codecs := map[string]kgo.CompressionCodec{"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	codec, ok := codecs[p["compression.type"]]
	if !ok {
		return nil, invalid("compression.type", p["compression.type"], "String must be one of: none, gzip, snappy, lz4, zstd")
	}
	if id := p["transactional.id"]; id != "" {
		opts = append(opts, kgo.TransactionalID(id))
	}
	return append(opts, kgo.ProducerBatchCompression(codec)), nil
}

// consumer is the options of a client that reads, as a Java consumer with these properties does, without its group.
func (p properties) consumer() ([]kgo.Opt, error) {
	opts, err := p.numbers([]setting{
		{"fetch.min.bytes", func(n int64) kgo.Opt { return kgo.FetchMinBytes(int32Of(n)) }},
		{"fetch.max.bytes", func(n int64) kgo.Opt { return kgo.FetchMaxBytes(max(int32Of(n), 1)) }},
		{"max.partition.fetch.bytes", func(n int64) kgo.Opt { return kgo.FetchMaxPartitionBytes(max(int32Of(n), 1)) }},
		{"fetch.max.wait.ms", func(n int64) kgo.Opt { return kgo.FetchMaxWait(max(millis(n), 10*time.Millisecond)) }},
		{"metadata.max.age.ms", func(n int64) kgo.Opt { return kgo.MetadataMaxAge(max(millis(n), 10*time.Second)) }},
	})
	if err != nil {
		return nil, err
	}
	switch level := p["isolation.level"]; level {
	case "", "read_uncommitted":
	case "read_committed":
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	default:
		return nil, invalid("isolation.level", level, "String must be one of: read_committed, read_uncommitted")
	}
	switch reset := p["auto.offset.reset"]; strings.ToLower(reset) {
	case "", "latest":
		opts = append(opts, kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))
	case "earliest":
		opts = append(opts, kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	case "none":
		opts = append(opts, kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	default:
		return nil, invalid("auto.offset.reset", reset, "Invalid value `"+reset+"` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.")
	}
	if rack := p["client.rack"]; rack != "" {
		opts = append(opts, kgo.Rack(rack))
	}
	if p.boolean("allow.auto.create.topics", true) {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	return opts, nil
}

// bare is a context in which commits have no metadata, as those of Kafka's consumers: the client underneath would write down who it is.
func bare(ctx context.Context) context.Context {
	return kgo.PreCommitFnContext(ctx, func(rq *kmsg.OffsetCommitRequest) error {
		for i := range rq.Topics {
			for j := range rq.Topics[i].Partitions {
				rq.Topics[i].Partitions[j].Metadata = kmsg.StringPtr("")
			}
		}
		return nil
	})
}

// member is what a consumer is in its group.
func (p properties) member() ([]kgo.Opt, error) {
	opts, err := p.numbers([]setting{
		{"session.timeout.ms", func(n int64) kgo.Opt { return kgo.SessionTimeout(max(millis(n), 100*time.Millisecond)) }},
		{"heartbeat.interval.ms", func(n int64) kgo.Opt { return kgo.HeartbeatInterval(max(millis(n), 100*time.Millisecond)) }},
		{"max.poll.interval.ms", func(n int64) kgo.Opt { return kgo.RebalanceTimeout(max(millis(n), 100*time.Millisecond)) }},
	})
	if err != nil {
		return nil, err
	}
	if id := p["group.instance.id"]; id != "" {
		opts = append(opts, kgo.InstanceID(id))
	}
	opts = append(opts, kgo.ConsumerGroup(p["group.id"]))
	if strings.EqualFold(p["group.protocol"], "consumer") {
		balancer := kgo.StickyBalancer()
		if p["group.remote.assignor"] == "range" {
			balancer = kgo.RangeBalancer()
		}
		return append(opts, kgo.ServerSideBalancer(), kgo.Balancers(balancer)), nil
	}
	var balancers []kgo.GroupBalancer
	for name := range strings.SplitSeq(p["partition.assignment.strategy"], ",") {
		switch name = strings.TrimSpace(name); name[strings.LastIndexByte(name, '.')+1:] {
		case "RangeAssignor":
			balancers = append(balancers, kgo.RangeBalancer())
		case "RoundRobinAssignor":
			balancers = append(balancers, kgo.RoundRobinBalancer())
		case "StickyAssignor":
			balancers = append(balancers, kgo.StickyBalancer())
		case "CooperativeStickyAssignor":
			balancers = append(balancers, kgo.CooperativeStickyBalancer())
		case "":
		default:
			return nil, kafkaException("%s ClassNotFoundException exception occurred", name)
		}
	}
	if len(balancers) == 0 {
		balancers = []kgo.GroupBalancer{kgo.RangeBalancer()}
	}
	return append(opts, kgo.Balancers(balancers...)), nil
}
