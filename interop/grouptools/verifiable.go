package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/kafkatools"
	"leat/interop/target"
)

// count is how many records the programs of Kafka's system tests get.
const count = 300

// program is a check with one of the programs of Kafka's system tests.
type program struct {
	name string
	do   func() (int, error)
}

func (r *run) verifiable() []program {
	return []program{
		{"VerifiableProducer", r.verifiableProducer},
		{"VerifiableConsumer", r.verifiableConsumer},
		{"VerifiableShareConsumer", r.verifiableShareConsumer},
		{"TransactionalMessageCopier", r.copier},
	}
}

// event is a line that such a program prints.
type event struct {
	Name    string `json:"name"`
	Count   int    `json:"count"`
	Success *bool  `json:"success"`
	Error   string `json:"error"`
	Stage   string `json:"stage"`

	Remaining int `json:"remaining"`
}

// events runs a program and returns what it prints; nothing may have failed.
func (r *run) events(name string, args ...string) ([]event, error) {
	said, err := r.box.Run(name, args...)
	if err != nil {
		return nil, err
	}
	if r.verbose {
		fmt.Println(said.Text())
	}
	all, err := parse(said.Text())
	if err == nil && (said.Status != 0 || len(all) == 0) {
		err = fmt.Errorf("status %d: %s", said.Status, said.Text())
	}
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", name, args, err)
	}
	return all, nil
}

// parse reads events, none of which may tell of a failure.
func parse(said string) (all []event, err error) {
	for line := range strings.Lines(said) {
		var e event
		if json.Unmarshal([]byte(line), &e) != nil {
			continue // remarks
		}
		if e.Success != nil && !*e.Success || e.Error != "" {
			return nil, errors.New(line)
		}
		all = append(all, e)
	}
	return all, nil
}

// sum adds up the counts of one kind of event.
func sum(all []event, name string) (n int) {
	for _, e := range all {
		if e.Name == name {
			n += e.Count
		}
	}
	return n
}

func (r *run) verifiableProducer() (int, error) {
	ctx, cancel := context.WithTimeout(r.ctx, 5*time.Minute)
	defer cancel()
	if err := r.world.topic(ctx, "verified", 3); err != nil {
		return 0, err
	}
	// It says the most when its process ends: it gets one of its own.
	cmd, err := target.Tool("verifiable-producer", "--bootstrap-server", r.node.Bootstrap(), "--topic", "verified", "--max-messages", strconv.Itoa(count), "--repeating-keys", "7")
	if err != nil {
		return 0, err
	}
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	all, err := parse(string(out))
	if err != nil {
		return 0, err
	}
	sent := 0
	for _, e := range all {
		if e.Name == "producer_send_success" {
			sent++
		}
	}
	if ends, err := r.ends(ctx, "verified"); err != nil || sent != count || ends != count {
		return 1, fmt.Errorf("%d sends, %d records in the log, want %d: %w", sent, ends, count, err)
	}
	return 1, nil
}

// ends is how many records a topic has, in sum.
func (r *run) ends(ctx context.Context, topic string) (n int64, err error) {
	ends, err := r.world.adm.ListEndOffsets(ctx, topic)
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n, err
}

func (r *run) verifiableConsumer() (int, error) {
	checks := 0
	for _, more := range [][]string{
		{"--group-protocol", "classic", "--session-timeout", "10000"},
		{"--group-protocol", "classic", "--assignment-strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor", "--enable-autocommit"},
		{"--group-protocol", "consumer"},
		{"--group-protocol", "consumer", "--group-remote-assignor", "range", "--group-instance-id", "one"},
	} {
		group := fmt.Sprintf("verified-%d", checks)
		all, err := r.events("verifiable-consumer", append([]string{"--bootstrap-server", r.node.Bootstrap(), "--topic", "verified", "--group-id", group, "--reset-policy", "earliest",
			"--max-messages", strconv.Itoa(count), "--verbose"}, more...)...)
		if err != nil {
			return checks, err
		}
		if got := sum(all, "records_consumed"); got != count {
			return checks, fmt.Errorf("%q: %d records consumed, want %d", more, got, count)
		}
		offsets, err := r.world.adm.FetchOffsets(r.ctx, group)
		committed := int64(0)
		offsets.Each(func(o kadm.OffsetResponse) { committed += o.At })
		if err != nil || committed != count {
			return checks, fmt.Errorf("%q: %d records committed, want %d: %w", more, committed, count, err)
		}
		checks++
	}
	return checks, nil
}

func (r *run) verifiableShareConsumer() (int, error) {
	checks := 0
	for _, mode := range []string{"auto", "sync", "async"} {
		all, err := r.events("verifiable-share-consumer", "--bootstrap-server", r.node.Bootstrap(), "--topic", "verified", "--group-id", "verified-share-"+mode,
			"--offset-reset-strategy", "earliest", "--acknowledgement-mode", mode, "--max-messages", strconv.Itoa(count), "--verbose")
		if err != nil {
			return checks, err
		}
		if consumed, acknowledged := sum(all, "records_consumed"), sum(all, "offsets_acknowledged"); consumed != count || acknowledged != count {
			return checks, fmt.Errorf("%s: %d records consumed, %d acknowledged, want %d", mode, consumed, acknowledged, count)
		}
		checks++
	}
	return checks, nil
}

// copier copies a partition by transactions, some of which it aborts. The copy has every record once.
func (r *run) copier() (int, error) {
	ctx, cancel := context.WithTimeout(r.ctx, 10*time.Minute)
	defer cancel()
	if err := r.world.topic(ctx, "to-copy", 1); err != nil {
		return 0, err
	}
	if err := kafkatools.Produce(ctx, r.world.cl, "to-copy", count); err != nil {
		return 0, err
	}
	checks := 0
	for _, more := range [][]string{{}, {"--use-group-metadata"}, {"--group-mode", "--use-group-metadata"}} {
		into := fmt.Sprintf("copy-%d", checks)
		if err := r.world.topic(ctx, into, 1); err != nil {
			return checks, err
		}
		_, err := r.events("transactional-message-copier", append([]string{"--broker-list", r.node.Bootstrap(), "--input-topic", "to-copy", "--input-partition", "0", "--output-topic", into,
			"--transactional-id", into, "--consumer-group", into, "--transaction-size", "20", "--enable-random-aborts"}, more...)...)
		if err != nil {
			return checks, err
		}
		if err := r.copied(ctx, into); err != nil {
			return checks, fmt.Errorf("%q: %w", more, err)
		}
		checks++
	}
	return checks, nil
}

// copied checks that committed records of the topic are those of to-copy.
func (r *run) copied(ctx context.Context, topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.node.Bootstrap()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer cl.Close()
	var got, want []string
	for i := range count {
		want = append(want, strconv.Itoa(i))
	}
	for len(got) < count {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%d of %d records are in the copy: %w", len(got), count, err)
		}
		fetches.EachRecord(func(rec *kgo.Record) { got = append(got, string(rec.Value)) })
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the copy has %q", got)
	}
	return nil
}
