package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/present"
	"leat/internal/cli/reach"
	"leat/internal/cli/run"
)

// perfFlags are what a measurement is asked for.
type perfFlags struct {
	reach.Flags
	run.Streams
	topic       string
	temporary   bool // the topic is made for the measurement
	records     int64
	duration    time.Duration
	warmUp      time.Duration
	rate        float64
	size        int
	clients     int
	acks        string
	compression string
	linger      time.Duration
	batch       int32
	partitions  int32
	replication int16
	from        string
	shown       *present.Output
}

const perfLong = `Measure how fast a cluster takes and gives records.

With --rate, records become due at that rate whether the cluster keeps up or not, and latency counts from the moment at which a record was due: a cluster
that stalls for a second shows up in every record that was due in that second, not only in the few that were under way (this is known as coordinated
omission). Without it records are sent as fast as possible, and latency mostly says how long the queues are.`

func perfCommand(s run.Streams) *cobra.Command {
	cmd := &cobra.Command{Use: "perf", Short: "Measure throughput and latency", Long: perfLong, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	produce := perfOf(s, "produce [TOPIC]", "Measure how fast records are written", (*perfFlags).produce)
	produce.Example = "leat perf produce --rate 20000 --duration 30s --clients 4\nleat perf produce orders --size 200 --acks 1 -o json"
	consume := perfOf(s, "consume TOPIC", "Measure how fast records are read", (*perfFlags).consume)
	consume.Args = cobra.ExactArgs(1)
	both := perfOf(s, "end-to-end [TOPIC]", "Measure how long a record takes from a producer to a consumer", (*perfFlags).endToEnd)
	both.Flags().Lookup("rate").DefValue = "1000"
	both.Flags().Lookup("linger").DefValue = "0s"
	both.Example = "leat perf end-to-end --rate 5000 --duration 20s"
	cmd.AddCommand(produce, consume, both)
	return cmd
}

// perfOf is one of the measurements.
func perfOf(s run.Streams, use, text string, measure func(*perfFlags, context.Context) error) *cobra.Command {
	f := &perfFlags{Streams: s, shown: present.To(s)}
	cmd := &cobra.Command{Use: use, Short: text, Args: cobra.MaximumNArgs(1), Long: text + ".\n\nWithout TOPIC one is made for the measurement and deleted afterwards."}
	f.Add(cmd)
	fs := cmd.Flags()
	fs.Int64Var(&f.records, "records", 0, "stop after so many records")
	fs.DurationVar(&f.duration, "duration", 10*time.Second, "stop after this time, if not after --records; without the warm-up")
	fs.DurationVar(&f.warmUp, "warm-up", time.Second, "what is not counted at the beginning")
	fs.IntVar(&f.clients, "clients", 1, "how many clients share the work, each with connections of its own")
	f.shown.Add(cmd)
	if use != "consume TOPIC" {
		fs.Float64Var(&f.rate, "rate", 0, "records a second that become due, of all clients together; 0: as fast as possible")
		fs.IntVar(&f.size, "size", 1024, "bytes of a value")
		fs.StringVar(&f.acks, "acks", "all", "all, 1 or 0")
		fs.StringVar(&f.compression, "compression", "none", "none, gzip, snappy, lz4 or zstd; values are random letters")
		fs.DurationVar(&f.linger, "linger", 5*time.Millisecond, "how long a batch waits for more records")
		fs.Int32Var(&f.batch, "batch-bytes", 1000012, "the largest batch")
		fs.Int32Var(&f.partitions, "partitions", 6, "partitions of a topic that is made")
		fs.Int16Var(&f.replication, "replication", -1, "replicas of a topic that is made; -1: the default of the cluster")
	} else {
		cmd.Long = text + ", from --from to the end at the time of the call, or until --records or --duration."
		fs.StringVar(&f.from, "from", "start", "the `PLACE` to begin at: "+wheres)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.rate == 0 && cmd.Name() == "end-to-end" && !fs.Changed("rate") {
			f.rate = 1000
		}
		if cmd.Name() == "end-to-end" && !fs.Changed("linger") {
			f.linger = 0
		}
		if cmd.Name() == "consume" && !fs.Changed("warm-up") {
			f.warmUp = 0
		}
		if len(args) > 0 {
			f.topic = args[0]
		}
		if err := f.check(cmd.Name() == "consume"); err != nil {
			return err
		}
		ctx, stop := untilStopped(cmd.Context())
		defer stop()
		return quietly(measure(f, ctx))
	}
	return cmd
}

func (f *perfFlags) check(consumes bool) error {
	if err := f.shown.Check(); err != nil {
		return err
	}
	switch {
	case f.clients < 1 || f.clients > 1000:
		return fmt.Errorf("--clients=%d: from 1 to 1000", f.clients)
	case f.duration <= 0 || f.warmUp < 0 || f.records < 0:
		return errors.New("--duration, --warm-up, --records: they are not negative, and a measurement takes some time")
	case !consumes && (f.size < stamp || f.size > 100<<20):
		return fmt.Errorf("--size=%d: from %d bytes, which tell whose a record is and when it was due, to 100 MiB", f.size, stamp)
	case f.rate < 0 || f.rate > 1e8:
		return fmt.Errorf("--rate=%v: not negative, and not above 100 million", f.rate)
	}
	return f.Resolve()
}

// stamp is what stands at the beginning of a value: which measurement it is of, and when it was due, in nanoseconds of that measurement.
const stamp = 16

// payload is random letters, which compress about as badly as a text does.
func payload(size int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ.,0123456789"
	b := make([]byte, size)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return b
}

// stamped is a value of its own with the stamp on it.
func stamped(body []byte, id uint64, due time.Duration) []byte {
	v := make([]byte, len(body))
	copy(v, body)
	binary.BigEndian.PutUint64(v, id)
	binary.BigEndian.PutUint64(v[8:], uint64(due))
	return v
}

// readStamp is what a value says, if it is of the measurement.
func readStamp(v []byte, id uint64) (time.Duration, bool) {
	if len(v) < stamp || binary.BigEndian.Uint64(v) != id {
		return 0, false
	}
	return time.Duration(binary.BigEndian.Uint64(v[8:])), true
}

// producerOptions are those of a client that writes.
func (f *perfFlags) producerOptions() ([]kgo.Opt, error) {
	p := produceFlags{Flags: f.Flags, acks: f.acks, compression: f.compression, linger: f.linger, batch: f.batch, noCreate: true}
	return p.options()
}

// prepare makes the topic if none is named. gone deletes it again.
func (f *perfFlags) prepare(ctx context.Context) (gone func(), err error) {
	cl, err := f.Connect(ctx)
	if err != nil {
		return nil, err
	}
	adm := kadm.NewClient(cl)
	timed, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	if f.topic != "" {
		defer cl.Close()
		details, err := adm.ListTopicsWithInternal(timed, f.topic)
		if err == nil && details[f.topic].Err != nil {
			err = unknown(f.topic, details[f.topic].Err)
		}
		return func() {}, err
	}
	f.topic, f.temporary = fmt.Sprintf("leat-perf-%08x", rand.Uint32()), true
	if _, err := adm.CreateTopic(timed, f.partitions, f.replication, nil, f.topic); err != nil {
		cl.Close()
		return nil, fmt.Errorf("topic %s: %w", f.topic, err)
	}
	return func() {
		timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.Timeout)
		defer cancel()
		if _, err := adm.DeleteTopic(timed, f.topic); err != nil {
			fmt.Fprintf(f.Err, "leat perf: topic %s: it stays, because it could not be deleted: %v\n", f.topic, err)
		}
		cl.Close()
	}, nil
}
