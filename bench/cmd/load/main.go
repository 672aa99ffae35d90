// Command load offers produce or fetch requests to a broker that is running already, and prints what went through and what it
// cost the broker.
//
//	load produce -bootstrap 127.0.0.1:9092 -pid 4711 -batch 16K -record 1000 -acks all
//	load consume -bootstrap 127.0.0.1:9092 -pid 4711 -fill 1G -connections 4
//
// Every run uses a topic of its own and deletes it; with -floor, the broker is bench/cmd/floor, which knows no topics beforehand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/bench/load"
	"leat/bench/pages"
)

type options struct {
	bootstrap   string
	topic       string
	pid         int
	partitions  int
	connections int
	depth       int
	acks        string
	batch       string
	record      int
	codec       string
	duration    time.Duration
	warm        time.Duration
	most        string
	fill        string
	configs     string
	floor       bool
	keep        bool
	ballast     string
}

func main() {
	var o options
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&o.bootstrap, "bootstrap", "127.0.0.1:9092", "address of the broker")
	flags.StringVar(&o.topic, "topic", "", "name of the topic to create; a new one if empty")
	flags.IntVar(&o.pid, "pid", 0, "process of the broker, for its processor time")
	flags.IntVar(&o.partitions, "partitions", 6, "partitions of the topic")
	flags.IntVar(&o.connections, "connections", 4, "connections")
	flags.IntVar(&o.depth, "depth", 4, "produce requests under way on each connection")
	flags.StringVar(&o.acks, "acks", "all", "1 or all")
	flags.StringVar(&o.batch, "batch", "64K", "bytes of a batch before compression, with K or M for 2^10 and 2^20")
	flags.IntVar(&o.record, "record", 1000, "bytes of the value of each record")
	flags.StringVar(&o.codec, "codec", "none", "none, gzip, snappy, lz4 or zstd")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "how long the load is measured")
	flags.DurationVar(&o.warm, "warm", 2*time.Second, "how long the same load runs before, without being measured")
	flags.StringVar(&o.most, "most", "3G", "end earlier when this much was sent, before and while it is measured")
	flags.StringVar(&o.fill, "fill", "1G", "consume: bytes of batches to produce first")
	flags.StringVar(&o.configs, "configs", "", "configuration of the topic: key=value,key=value")
	flags.BoolVar(&o.floor, "floor", false, "the broker is bench/cmd/floor")
	flags.BoolVar(&o.keep, "keep", false, "leave the topic")
	flags.StringVar(&o.ballast, "ballast", "", "file of holes that keeps free memory warm (see package pages): give the same one each time; removing it frees the memory")
	if len(os.Args) < 2 || !slices.Contains([]string{"produce", "consume"}, os.Args[1]) {
		fmt.Fprintln(os.Stderr, "load: produce or consume, then flags:")
		flags.PrintDefaults()
		os.Exit(2)
	}
	_ = flags.Parse(os.Args[2:]) // it ends the program itself
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], o); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, what string, o options) (err error) {
	size, err := bytesOf(o.batch)
	if err != nil {
		return err
	}
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: o.record, BatchSize: int(size), Codec: o.codec})
	if err != nil {
		return err
	}
	acks, ok := map[string]int16{"1": 1, "all": -1, "-1": -1}[o.acks]
	if !ok {
		return fmt.Errorf("-acks=%s: 1 or all", o.acks)
	}
	most, err := bytesOf(o.most)
	if err != nil {
		return err
	}
	if o.ballast != "" {
		ballast, err := pages.Open(o.ballast)
		if err != nil {
			return err
		}
		if err := errors.Join(ballast.Fill(), ballast.Close()); err != nil {
			return err
		}
	}
	if o.topic == "" {
		o.topic = fmt.Sprintf("load-%d", time.Now().UnixMilli())
	}
	if !o.floor {
		configs := map[string]string{"file.delete.delay.ms": "1000"}
		for pair := range strings.SplitSeq(o.configs, ",") {
			if key, value, ok := strings.Cut(pair, "="); ok {
				configs[key] = value
			}
		}
		if err := load.Create(o.bootstrap, o.topic, o.partitions, configs); err != nil {
			return err
		}
		if !o.keep {
			defer func() {
				if failed := load.Delete(o.bootstrap, o.topic); err == nil {
					err = failed
				}
			}()
		}
	}
	fmt.Printf("%s: batches of %d records of %d B, %d B as they are sent\n", o.topic, batch.Records, o.record, len(batch.Bytes))
	spec := load.ProduceSpec{Address: o.bootstrap, Topic: o.topic, Partitions: o.partitions, Connections: o.connections, Depth: o.depth,
		Acks: acks, Batch: batch, RecordSize: o.record, Duration: o.warm, MaxBytes: most, PID: o.pid}
	if what == "consume" {
		return consume(ctx, o, spec)
	}
	return produce(ctx, o, spec)
}

func produce(ctx context.Context, o options, spec load.ProduceSpec) error {
	warm, err := load.Produce(ctx, spec)
	if err != nil {
		return err
	}
	spec.Duration = o.duration
	total, err := load.Produce(ctx, spec)
	if err != nil {
		return err
	}
	if !o.floor {
		if err := verify(o, warm.Records+total.Records); err != nil {
			return err
		}
	}
	tell("produce", total)
	return nil
}

// verify holds the log end offsets against what was acknowledged.
func verify(o options, want int64) error {
	ends, err := load.Ends(o.bootstrap, o.topic, o.partitions)
	if err != nil {
		return err
	}
	got := int64(0)
	for _, end := range ends {
		got += end
	}
	if got != want {
		return fmt.Errorf("%s: %d records were acknowledged, %d are there", o.topic, want, got)
	}
	return nil
}

func consume(ctx context.Context, o options, spec load.ProduceSpec) error {
	fill, err := bytesOf(o.fill)
	if err != nil {
		return err
	}
	spec.Duration, spec.MaxBytes = time.Minute, fill
	filled, err := load.Produce(ctx, spec)
	if err != nil {
		return err
	}
	for _, window := range []time.Duration{o.warm, o.duration} {
		total, err := load.Consume(ctx, load.ConsumeSpec{Address: o.bootstrap, Topic: o.topic, Ends: filled.Ends, Connections: o.connections,
			BatchBytes: len(spec.Batch.Bytes), Batch: spec.Batch, RecordSize: o.record, Limits: load.DefaultLimits, Duration: window, PID: o.pid})
		if err != nil {
			return err
		}
		if window == o.duration {
			tell("consume", total)
		}
	}
	return nil
}

func tell(what string, t load.Totals) {
	slices.Sort(t.Latencies)
	fmt.Printf("%s: %.0f MB/s, %.0f requests/s, %.0f records/s, broker CPU %.3f s per GB (%.2f s in %.2f s), request p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
		what, t.MBPerSecond(), float64(t.Requests)/t.Seconds, float64(t.Records)/t.Seconds, t.CPUPerGB(), t.CPU, t.Seconds,
		load.Quantile(t.Latencies, 0.5), load.Quantile(t.Latencies, 0.99), load.Quantile(t.Latencies, 1))
}

func bytesOf(text string) (int64, error) {
	number, shift := text, 0
	for i, unit := range []string{"K", "M", "G"} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			number, shift = rest, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q: a number of bytes, with K, M or G", text)
	}
	return n << shift, nil
}
