package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/target"
)

// reported is how many records the Java client writes, and so what its counter must come to.
const reported = 300

// writes is a client of librdkafka that writes for some seconds, and lives until its input ends.
const writes = `
import sys
from confluent_kafka import Producer
p = Producer({"bootstrap.servers": sys.argv[1], "client.id": "reports-librdkafka"})
for i in range(40):
    p.produce(sys.argv[2], b"%d" % i)
    p.poll(0.1)
sys.stdin.read()
sys.exit(p.flush(60))
`

// reporters starts clients that tell of themselves (KIP-714) while other things are looked at. They live until all that they tell was seen: a client that ends does
// not always send its last report.
func (r *run) reporters() error {
	if err := r.subscribe(); err != nil {
		return err
	}
	cache, err := target.Cache()
	if err != nil {
		return err
	}
	config := filepath.Join(r.dir, "reports.properties")
	if err := os.WriteFile(config, []byte("client.id=reports-java\n"), 0o600); err != nil {
		return err
	}
	seeds := strings.Join(r.load.seeds, ",")
	tool, err := target.Tool("kafka-console-producer", "--bootstrap-server", seeds, "--topic", aside, "--command-config", config)
	if err != nil {
		return err
	}
	java := exec.CommandContext(r.load.ctx, tool.Args[0], tool.Args[1:]...)
	python := exec.CommandContext(r.load.ctx, filepath.Join(cache, "python", "bin", "python"), "-c", writes, seeds, aside)
	r.reporting, r.told = make(chan error, 3), make(chan struct{})
	for command, lines := range map[*exec.Cmd]int{java: reported, python: 0} {
		go func() { r.reporting <- r.report(command, lines) }()
	}
	go func() { r.reporting <- r.reportHere() }()
	return nil
}

// report runs a client and gives it lines to write, its input ends when all was seen.
func (r *run) report(command *exec.Cmd, lines int) error {
	in, err := command.StdinPipe()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		return err
	}
	for i := 0; i < lines && err == nil; i++ {
		_, err = fmt.Fprintln(in, i)
		pause(r.load.ctx, 13*time.Millisecond)
	}
	select {
	case <-r.told:
	case <-r.load.ctx.Done():
	}
	_ = in.Close() // it may be gone, which Wait tells
	if err := errors.Join(err, command.Wait()); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(command.Path), err, out.Bytes())
	}
	return nil
}

// subscribe wants the metrics of some clients each second, by a prefix: franz-go does not know the star that Kafka's broker sends for all.
func (r *run) subscribe() error {
	c, err := r.load.client()
	if err != nil {
		return err
	}
	defer c.Close()
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	one := kmsg.NewIncrementalAlterConfigsRequestResource()
	one.ResourceType, one.ResourceName = kmsg.ConfigResourceTypeClientMetrics, "all"
	for _, kv := range [][2]string{{"metrics", "org.apache.kafka."}, {"interval.ms", "1000"}, {"match", "client_id=reports-.*"}} {
		set := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		set.Name, set.Value = kv[0], &kv[1]
		one.Configs = append(one.Configs, set)
	}
	rq.Resources = append(rq.Resources, one)
	resp, err := rq.RequestWith(r.ctx, c)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(resp.Resources[0].ErrorCode); err != nil {
		return err
	}
	return r.eventually("every broker wants reports", func() error {
		for _, n := range r.nodes {
			if err := wantsReports(r.ctx, n.Bootstrap()); err != nil {
				return err
			}
		}
		return nil
	})
}

// wantsReports looks whether a broker asks clients for their metrics: one that has not heard of it yet asks for nothing, and the client comes again in five minutes.
func wantsReports(ctx context.Context, address string) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ClientID("reports-probe"), kgo.DisableClientMetrics())
	if err != nil {
		return err
	}
	defer c.Close()
	answer, err := c.SeedBrokers()[0].Request(ctx, kmsg.NewPtrGetTelemetrySubscriptionsRequest())
	if err != nil {
		return err
	}
	if resp := answer.(*kmsg.GetTelemetrySubscriptionsResponse); resp.ErrorCode != 0 || len(resp.RequestedMetrics) == 0 {
		return fmt.Errorf("%s asks for %q: %w", address, resp.RequestedMetrics, kerr.ErrorForCode(resp.ErrorCode))
	}
	return nil
}

// reportHere writes with franz-go, which leaves out of its reports what has not changed.
func (r *run) reportHere() error {
	c, err := kgo.NewClient(kgo.SeedBrokers(r.load.seeds...), kgo.ClientID("reports-franz"), kgo.DefaultProduceTopic(aside))
	if err != nil {
		return err
	}
	defer c.Close()
	for range 40 {
		if err := c.ProduceSync(r.load.ctx, &kgo.Record{Value: []byte("r")}).FirstErr(); err != nil {
			return err
		}
		pause(r.load.ctx, 100*time.Millisecond)
	}
	select {
	case <-r.told:
	case <-r.load.ctx.Done():
	}
	return nil
}

// reports wants what the clients told: additions, since that is what clients are asked for, made into counters that rise to the whole.
func (r *run) reports() error {
	of := func(metric, client string) string {
		return fmt.Sprintf(`sum(max_over_time(kafka_client_producer_%s{client_id="reports-%s"}[10m]))`, metric, client)
	}
	const created = "connection_creation_total"
	err := r.ask([]string{
		fmt.Sprintf("%s == %d", of("record_send_total", "java"), reported),
		of(created, "java") + " >= 1", of(created, "librdkafka") + " >= 1", of(created, "franz") + " >= 1",
	}, "clients that report")
	close(r.told)
	if err != nil {
		r.load.stop() // so that they end
	}
	all := []error{err}
	for range cap(r.reporting) {
		all = append(all, <-r.reporting)
	}
	return errors.Join(all...)
}
