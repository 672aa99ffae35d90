// Command replicas measures what replication costs: three leat processes on this machine, a topic whose partitions all have three replicas,
// acks=all. It prints throughput, the processor time of each process per GB, latencies of an open loop at 1,000 records a second, what the
// processes use while nothing happens, and their memory.
//
//	replicas -binary ./leat -dir DIR -partitions 12 -batch 16K -leaders 1
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/bench/load"
	"leat/bench/pages"
)

type options struct {
	binary, dir, profiles   string
	partitions, batch       string
	leaders                 string
	connections, depth      int
	warm, duration, latency time.Duration
	idle                    time.Duration
	rate                    int
	most                    int64
	set, ballast            string
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.dir, "dir", "", "where the nodes live; a temporary directory if empty")
	flag.StringVar(&o.profiles, "profiles", "", "directory for processor and allocation profiles of each node under load")
	flag.StringVar(&o.partitions, "partitions", "1,12,100", "numbers of partitions to measure with")
	flag.StringVar(&o.batch, "batch", "16384", "bytes of a batch")
	flag.StringVar(&o.leaders, "leaders", "1", "nodes that lead, a topic for each")
	flag.IntVar(&o.connections, "connections", 4, "connections to each leader")
	flag.IntVar(&o.depth, "depth", 5, "produce requests under way on each connection")
	flag.DurationVar(&o.warm, "warm", time.Second, "how long the load runs before it is measured")
	flag.DurationVar(&o.duration, "duration", 4*time.Second, "how long the load is measured")
	flag.DurationVar(&o.latency, "latency", 6*time.Second, "how long latencies are measured, 0: not at all")
	flag.DurationVar(&o.idle, "idle", 0, "how long nothing happens while the processes are watched, 0: not at all")
	flag.Int64Var(&o.most, "most", 1e9, "end a load when this much was sent, three times which is written")
	flag.IntVar(&o.rate, "rate", 1000, "records a second while latencies are measured")
	flag.StringVar(&o.set, "set", "", "key=value,... for all nodes")
	flag.StringVar(&o.ballast, "ballast", "", "file of holes that keeps free memory warm (see package pages): give the same one each time; removing it frees the memory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "leat-replicas-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	c, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer c.kill()
	for text := range strings.SplitSeq(o.partitions, ",") {
		partitions, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		if err := c.measure(ctx, o, partitions); err != nil {
			return err
		}
	}
	return nil
}

// measure goes through what is measured with a number of partitions.
func (c *cluster) measure(ctx context.Context, o options, partitions int) error {
	leaders := strings.Split(o.leaders, ",")
	var topics []string
	for _, text := range leaders {
		leader, err := strconv.Atoi(text)
		if err != nil || leader < 1 || leader > nodes {
			return fmt.Errorf("-leaders=%s: numbers from 1 to %d", o.leaders, nodes)
		}
		topic := fmt.Sprintf("replicated-%d-%d", partitions, leader)
		if err := c.create(topic, partitions, leader); err != nil {
			return err
		}
		topics = append(topics, topic)
	}
	if o.duration > 0 {
		if err := c.throughput(ctx, o, topics, partitions); err != nil {
			return err
		}
	}
	if o.latency > 0 {
		topic := fmt.Sprintf("latency-%d", partitions)
		leader, _ := strconv.Atoi(leaders[0])
		if err := c.create(topic, partitions, leader); err != nil {
			return err
		}
		if err := c.latencies(ctx, o, topic, partitions, leader); err != nil {
			return err
		}
		topics = append(topics, topic)
	}
	if o.idle > 0 {
		if err := c.rest(ctx, o); err != nil {
			return err
		}
	}
	for _, topic := range topics {
		if err := errors.Join(load.Delete(c.nodes[0].address, topic), c.gone(o, topic)); err != nil {
			return err
		}
	}
	return nil
}

// warm fills free memory. What a load before has deleted is free again by then, and would be cold.
func warm(o options) error {
	if o.ballast == "" {
		return nil
	}
	b, err := pages.Open(o.ballast)
	if err != nil {
		return err
	}
	return errors.Join(b.Fill(), b.Close())
}

// throughput offers as much as is taken.
func (c *cluster) throughput(ctx context.Context, o options, topics []string, partitions int) error {
	size, err := strconv.Atoi(o.batch)
	if err != nil {
		return err
	}
	batch, err := load.NewBatch(load.BatchSpec{RecordSize: 1000, BatchSize: size, Codec: "none"})
	if err != nil {
		return err
	}
	if err := warm(o); err != nil {
		return err
	}
	for _, window := range []time.Duration{o.warm, o.duration} {
		saved := func() error { return nil }
		if window == o.duration {
			saved = c.profile(ctx, o, fmt.Sprintf("produce-%d", partitions))
		}
		before, err := c.cpu()
		if err != nil {
			return err
		}
		total, err := c.produce(ctx, load.ProduceSpec{Partitions: partitions, Connections: o.connections, Depth: o.depth, Acks: -1, Batch: batch,
			RecordSize: 1000, Duration: window, MaxBytes: o.most}, topics)
		if err != nil {
			return err
		}
		after, err := c.cpu()
		if err := errors.Join(err, saved()); err != nil {
			return err
		}
		if window != o.duration {
			continue
		}
		gigabytes := float64(total.Bytes) / 1e9
		fmt.Printf("produce, %3d partitions: %.0f MB/s, request p50 %.2f ms, p99 %.2f ms; CPU s per GB %s; memory MB, highest: %s\n", partitions,
			total.MBPerSecond(), load.Quantile(total.Latencies, 0.5), load.Quantile(total.Latencies, 0.99), each(before, after, gigabytes), c.memory())
	}
	return nil
}

// produce loads every leader at once.
func (c *cluster) produce(ctx context.Context, spec load.ProduceSpec, topics []string) (load.Totals, error) {
	type outcome struct {
		total load.Totals
		err   error
	}
	done := make(chan outcome, len(topics))
	for _, topic := range topics {
		spec := spec
		spec.Topic, spec.Address = topic, c.leaderOf(topic)
		go func() {
			total, err := load.Produce(ctx, spec)
			done <- outcome{total, err}
		}()
	}
	var sum load.Totals
	var failed error
	for range topics {
		got := <-done
		failed = errors.Join(failed, got.err)
		sum.Bytes += got.total.Bytes
		sum.Seconds = max(sum.Seconds, got.total.Seconds)
		sum.Latencies = append(sum.Latencies, got.total.Latencies...)
	}
	slices.Sort(sum.Latencies)
	return sum, failed
}

// latencies offers records at a fixed rate.
func (c *cluster) latencies(ctx context.Context, o options, topic string, partitions, leader int) error {
	saved := c.profile(ctx, o, fmt.Sprintf("latency-%d", partitions))
	before, err := c.cpu()
	if err != nil {
		return err
	}
	got, err := load.MeasureLatency(ctx, load.LatencySpec{Address: c.nodes[leader-1].address, Topic: topic, Partitions: partitions, Acks: -1,
		RecordSize: 1000, Rate: o.rate, Duration: o.latency})
	if err != nil {
		return err
	}
	after, err := c.cpu()
	if err := errors.Join(err, saved()); err != nil {
		return err
	}
	fmt.Printf("latency, %3d partitions, %d records/s: end to end p50 %.2f p99 %.2f p99.9 %.2f ms, ack p50 %.2f p99 %.2f ms; CPU us per record %s\n",
		partitions, o.rate, load.Quantile(got.EndToEnd, 0.5), load.Quantile(got.EndToEnd, 0.99), load.Quantile(got.EndToEnd, 0.999),
		load.Quantile(got.Ack, 0.5), load.Quantile(got.Ack, 0.99), each(before, after, float64(len(got.Ack))/1e6))
	return nil
}

// rest watches the processes while nothing happens.
func (c *cluster) rest(ctx context.Context, o options) error {
	select {
	case <-time.After(2 * time.Second): // what was begun ends
	case <-ctx.Done():
		return ctx.Err()
	}
	saved := c.profile(ctx, o, "idle")
	before, err := c.cpu()
	if err != nil {
		return err
	}
	select {
	case <-time.After(o.idle):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := c.cpu()
	if err != nil {
		return err
	}
	fmt.Printf("idle: CPU ms per second %s; memory MB, highest: %s\n", each(before, after, o.idle.Seconds()/1e3), c.memory())
	return saved()
}

// each is what each process used for a unit of work, and all together.
func each(before, after []float64, units float64) string {
	var text []string
	sum := 0.0
	for i := range before {
		used := (after[i] - before[i]) / units
		sum += used
		text = append(text, strconv.FormatFloat(used, 'f', 2, 64))
	}
	return fmt.Sprintf("%.2f (%s)", sum, strings.Join(text, " "))
}

// profile saves profiles of all nodes. What it returns waits for them.
func (c *cluster) profile(ctx context.Context, o options, name string) func() error {
	if o.profiles == "" {
		return func() error { return nil }
	}
	done := make(chan error, len(c.nodes))
	for i := range c.nodes {
		go func() {
			done <- load.SaveProfile(ctx, c.nodes[i].operations, "profile?seconds=3", filepath.Join(o.profiles, fmt.Sprintf("%s-%d.cpu", name, i+1)))
		}()
	}
	return func() error {
		var all []error
		for range c.nodes {
			all = append(all, <-done)
		}
		for i := range c.nodes {
			all = append(all, load.SaveProfile(ctx, c.nodes[i].operations, "allocs", filepath.Join(o.profiles, fmt.Sprintf("%s-%d.allocs", name, i+1))))
		}
		return errors.Join(all...)
	}
}
