package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/target"
)

// reported is how many records the Java client writes, and so what its counter must come to.
const reported = 300

// writes is a client of librdkafka that writes for some seconds.
const writes = `
import sys, time
from confluent_kafka import Producer
p = Producer({"bootstrap.servers": sys.argv[1], "client.id": "reports-librdkafka"})
for i in range(40):
    p.produce(sys.argv[2], b"%d" % i)
    p.poll(0.1)
sys.exit(p.flush(10))
`

// reporters starts clients that tell of themselves (KIP-714) while other things are looked at.
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
	java, err := target.Tool("verifiable-producer", "--bootstrap-server", seeds, "--topic", aside, "--max-messages", strconv.Itoa(reported), "--throughput", "75",
		"--command-config", config)
	if err != nil {
		return err
	}
	python := exec.Command(filepath.Join(cache, "python", "bin", "python"), "-c", writes, seeds, aside)
	r.reporting = make(chan error, 3)
	for _, command := range []*exec.Cmd{java, python} {
		go func() {
			var out bytes.Buffer
			command.Stdout, command.Stderr = &out, &out
			err := command.Run()
			if err != nil {
				err = fmt.Errorf("%s: %w\n%s", filepath.Base(command.Path), err, out.Bytes())
			}
			r.reporting <- err
		}()
	}
	go func() { r.reporting <- r.reportHere() }()
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
	return kerr.ErrorForCode(resp.Resources[0].ErrorCode)
}

// reportHere writes with franz-go, which leaves out of its reports what has not changed.
func (r *run) reportHere() error {
	c, err := kgo.NewClient(kgo.SeedBrokers(r.load.seeds...), kgo.ClientID("reports-franz"), kgo.DefaultProduceTopic(aside))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, end := context.WithTimeout(r.ctx, patience)
	defer end()
	for range 40 {
		if err := c.ProduceSync(ctx, &kgo.Record{Value: []byte("r")}).FirstErr(); err != nil {
			return err
		}
		pause(ctx, 100*time.Millisecond)
	}
	return nil
}

// reports wants what the clients told: additions, since that is what clients are asked for, made into counters that rise to the whole. The Java producer does not
// always send its last report, so some of its last second may be missing; more would be.
func (r *run) reports() error {
	var all []error
	for range cap(r.reporting) {
		all = append(all, <-r.reporting)
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	of := func(metric, client string) string {
		return fmt.Sprintf(`sum(max_over_time(kafka_client_producer_%s{client_id="reports-%s"}[2m]))`, metric, client)
	}
	const created = "connection_creation_total"
	return r.ask([]string{
		fmt.Sprintf("%s <= %d > %d", of("record_send_total", "java"), reported, reported*7/10),
		of(created, "java") + " >= 1", of(created, "librdkafka") + " >= 1", of(created, "franz") + " >= 1",
	}, "clients that report")
}
