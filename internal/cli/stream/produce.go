package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/reach"
	"leat/internal/cli/run"
	"leat/internal/cli/stream/form"
)

// produceFlags are what leat produce is asked for.
type produceFlags struct {
	reach.Flags
	files                 []string
	key                   string
	headers               []string
	format, null          string
	tombstone             bool
	partition             int32
	acks, compression     string
	linger                time.Duration
	batch                 int32
	noIdempotence         bool
	transaction, noCreate bool
	transactionalID       string
	output                string
	keyGiven              bool
}

const produceLong = `Write records to a topic.

Each RECORD is one record; without any, records are read from --file, or from the standard input, one a line unless --format says otherwise. Without TOPIC, or with
- for it, each record names its own.

A format is text with fields between: ` + `%k\t%v\n` + ` is a key, a tab, a value and the end of a line, and ` + `%K{big32}%k%V{big32}%v` + ` has lengths of four bytes before both.
` + form.Fields + `

--format json reads JSON objects, one a line: value (a string, null for a tombstone, or any JSON) or value_base64, and if wanted key or key_base64, headers
({"a": "1"} or [{"key": "a", "value": "1"}]), partition, timestamp (milliseconds or RFC 3339) and topic. That is what leat consume -o json prints.

Input that cannot be read ends the command with the line it stands on; what was read before it has been sent, half a record never is. With --transaction all
records are seen, or none.`

const produceExample = `leat produce orders hello
echo hello | leat produce orders
leat produce orders -k customer-7 -H source=shop '{"amount": 12}'
leat produce orders -f '%k\t%v\n' --file orders.tsv --compression zstd
leat produce orders -k customer-7 --tombstone
leat consume orders -o json | leat produce copy -f json --transaction`

func produceCommand(s run.Streams) *cobra.Command {
	var f produceFlags
	cmd := &cobra.Command{Use: "produce [TOPIC [RECORD...]]", Short: "Write records to a topic", Long: produceLong, Example: produceExample}
	f.Add(cmd)
	fs := cmd.Flags()
	fs.StringArrayVar(&f.files, "file", nil, "read records from `FILE`, - for the standard input; may be repeated")
	fs.StringVarP(&f.key, "key", "k", "", "the `KEY` of records that have none of their own")
	fs.StringArrayVarP(&f.headers, "header", "H", nil, "a header `NAME=VALUE` of every record; may be repeated")
	fs.StringVarP(&f.format, "format", "f", `%v\n`, "how records stand in the input: a `FORMAT`, see above, or json")
	fs.StringVar(&f.null, "null", "", "`TEXT` that stands for a key or a value that is null")
	fs.BoolVar(&f.tombstone, "tombstone", false, "empty values are null; with --key and without RECORD: one tombstone for that key")
	fs.Int32VarP(&f.partition, "partition", "p", -1, "the partition of records that name none; else the key decides, as in Kafka's clients")
	fs.StringVar(&f.acks, "acks", "all", "who has a record before it counts as written: all (in-sync replicas), 1 (the leader) or 0 (nobody)")
	fs.StringVar(&f.compression, "compression", "none", "none, gzip, snappy, lz4 or zstd")
	fs.DurationVar(&f.linger, "linger", 5*time.Millisecond, "how long a batch waits for more records")
	fs.Int32Var(&f.batch, "batch-bytes", 1000012, "the largest batch, and record, in bytes")
	fs.BoolVar(&f.noIdempotence, "no-idempotence", false, "records may come twice if an answer is lost")
	fs.BoolVar(&f.transaction, "transaction", false, "all records in one transaction: all are seen, or none")
	fs.StringVar(&f.transactionalID, "transactional-id", "", "the `ID` of that transaction; else a new one")
	fs.BoolVar(&f.noCreate, "no-create", false, "do not let the cluster create a topic that is not there")
	fs.StringVarP(&f.output, "output", "o", "text", "text: a line for each RECORD of the command line; json: a JSON object for each record; none")
	choices(cmd, "acks", "all", "1", "0")
	choices(cmd, "compression", "none", "gzip", "snappy", "lz4", "zstd")
	choices(cmd, "output", "text", "json", "none")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.keyGiven = fs.Changed("key")
		p, err := f.producer(s, args)
		if err != nil {
			return err
		}
		ctx, stop := untilStopped(cmd.Context())
		defer stop()
		return quietly(p.run(ctx))
	}
	return cmd
}

// options are those of the client.
func (f *produceFlags) options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{kgo.RecordPartitioner(named{kgo.StickyKeyPartitioner(nil)}), kgo.ProducerLinger(f.linger), kgo.ProducerBatchMaxBytes(f.batch),
		kgo.MaxBufferedBytes(max(64<<20, 2*int(f.batch))), kgo.RecordDeliveryTimeout(f.Timeout)}
	acks, idempotent := map[string]kgo.Acks{"all": kgo.AllISRAcks(), "-1": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}, !f.noIdempotence
	a, ok := acks[f.acks]
	if !ok {
		return nil, fmt.Errorf("--acks=%s: none of all, 1 and 0", f.acks)
	}
	if a != kgo.AllISRAcks() {
		idempotent = false // as Kafka's producer does: a leader alone cannot keep the promise
	}
	if !idempotent {
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	opts = append(opts, kgo.RequiredAcks(a))
	codec, err := codecOf(f.compression)
	if err != nil {
		return nil, fmt.Errorf("--compression=%w", err)
	}
	opts = append(opts, kgo.ProducerBatchCompression(codec))
	if f.batch < 1024 {
		return nil, fmt.Errorf("--batch-bytes=%d: less than 1024 bytes hold no record", f.batch)
	}
	if f.transaction && !idempotent {
		return nil, errors.New("--transaction: it needs --acks all and idempotence")
	}
	if f.transaction {
		opts = append(opts, kgo.TransactionalID(f.transactionalID))
	}
	if !f.noCreate {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	return opts, nil
}

func codecOf(name string) (kgo.CompressionCodec, error) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
		"zstd": kgo.ZstdCompression()}
	codec, ok := codecs[name]
	if !ok {
		return codec, fmt.Errorf("%s: none of none, gzip, snappy, lz4 and zstd", name)
	}
	return codec, nil
}

// anyPartition is the partition of a record that says nothing of it.
const anyPartition = -1

// named partitions records as they say themselves, and those that say nothing as Kafka's clients do.
type named struct{ kgo.Partitioner }

func (n named) ForTopic(topic string) kgo.TopicPartitioner {
	return namedTopic{n.Partitioner.ForTopic(topic)}
}

type namedTopic struct{ kgo.TopicPartitioner }

// OnNewBatch lets records without a key go on to another partition with the next batch.
func (n namedTopic) OnNewBatch() {
	if b, ok := n.TopicPartitioner.(kgo.TopicPartitionerOnNewBatch); ok {
		b.OnNewBatch()
	}
}

func (n namedTopic) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || n.TopicPartitioner.RequiresConsistency(r)
}

func (n namedTopic) Partition(r *kgo.Record, partitions int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return n.TopicPartitioner.Partition(r, partitions)
}

// connect is the client, which has heard from the cluster.
func (p *producer) connect(ctx context.Context) (*kgo.Client, error) {
	return p.Connect(ctx, p.opts...)
}

// dashed is the topic of the command line; "": every record names its own.
func dashed(args []string) (topic string, records []string) {
	if len(args) == 0 {
		return "", nil
	}
	if args[0] == "-" {
		return "", args[1:]
	}
	return args[0], args[1:]
}
