package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// retryTimes releases records again and again: each further delivery comes after the time that the group says, and not before.
func retryTimes(b *bench) error {
	err := b.prepare("retries", "patient", 5, 1, map[string]string{"share.auto.offset.reset": "earliest", "leat.share.retry.backoff.ms": "500",
		"leat.share.retry.backoff.factor": "2", "leat.share.retry.backoff.max.ms": "1500"})
	if err != nil {
		return err
	}
	w, err := b.start(task{topic: "retries", group: "patient", workers: 2, handler: 5 * time.Millisecond, perPoll: 10, idle: 6, release: "k1:3,k2:2"})
	if err != nil {
		return err
	}
	all, err := w.wait()
	if err != nil {
		return err
	}
	waits := []time.Duration{0, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond}
	last := map[int64]delivery{}
	times := 0
	for _, d := range all {
		if before, again := last[d.offset]; again {
			if waited := d.begin - before.end; waited < waits[before.count] {
				return fmt.Errorf("offset %d was delivered again %v after its release %d, not before %v was asked for", d.offset, waited, before.count, waits[before.count])
			}
			times++
		}
		last[d.offset] = d
	}
	if len(last) != 5 || times != 5 {
		return fmt.Errorf("%d records with %d further deliveries, want 5 with 5: %+v", len(last), times, all)
	}
	return nil
}

// deadLetters releases one record until it is given up: a copy of it is in the dead-letter topic then, and says where it comes from.
func deadLetters(b *bench) error {
	const letters = "dlq.spoilt"
	err := b.prepare("mixed", "careful", 3, 1, map[string]string{"share.auto.offset.reset": "earliest", "share.delivery.count.limit": "2",
		"errors.deadletterqueue.topic.name": letters, "errors.deadletterqueue.copy.record.enable": "true"})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.bootstrap, ",")...), kgo.ConsumeTopics(letters))
	if err != nil {
		return err
	}
	defer cl.Close()
	enable := "true"
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, map[string]*string{"errors.deadletterqueue.group.enable": &enable}, letters); err != nil {
		return err
	}
	w, err := b.start(task{topic: "mixed", group: "careful", workers: 1, handler: time.Millisecond, perPoll: 10, idle: 3, release: "k1:9"})
	if err != nil {
		return err
	}
	all, err := w.wait()
	if err != nil {
		return err
	}
	if len(all) != 4 {
		return fmt.Errorf("%d deliveries, want 4: %+v", len(all), all)
	}
	fetches := cl.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		return err
	}
	got := ""
	for _, r := range fetches.Records() {
		got += fmt.Sprintf("%s=%s", r.Key, r.Value)
		for _, h := range r.Headers {
			got += fmt.Sprintf(" %s:%s", h.Key, h.Value)
		}
	}
	if want := "k1=0 __dlq.errors.topic:mixed __dlq.errors.partition:0 __dlq.errors.offset:1 __dlq.errors.group:careful __dlq.errors.delivery.count:2 " +
		"__dlq.errors.message:Offset delivery count exceeded the threshold."; got != want {
		return fmt.Errorf("the dead-letter topic has %q, want %q", got, want)
	}
	return nil
}

// orderUnderFailures has workers release records, hang with a key, and die with what they hold. Each key stays in order, and the key that hangs delays no other.
func orderUnderFailures(b *bench) error {
	const keys, perKey = 100, 20
	err := b.prepare("ordered", "orderly", keys, perKey, map[string]string{"share.auto.offset.reset": "earliest", "leat.share.order": "key",
		"share.record.lock.duration.ms": "4000", "share.delivery.count.limit": "10"})
	if err != nil {
		return err
	}
	doomed, err := b.start(task{topic: "ordered", group: "orderly", workers: 4, handler: 40 * time.Millisecond, perPoll: 10, idle: 60, stuck: "k7"})
	if err != nil {
		return err
	}
	select {
	case <-doomed.hung:
	case <-time.After(30 * time.Second):
		return fmt.Errorf("no worker hangs: %+v", doomed.kill())
	}
	others, err := b.start(task{topic: "ordered", group: "orderly", workers: 8, handler: 5 * time.Millisecond, perPoll: 10, idle: 6, release: "k3:1,k50:2"})
	if err != nil {
		return errors.Join(err, doomed.cmd.Process.Kill())
	}
	time.Sleep(6 * time.Second)
	killed := doomed.kill()
	all, err := others.wait()
	if err != nil {
		return err
	}
	if err := undelayed(killed, all); err != nil {
		return err
	}
	all = append(all, killed...)
	if err := inOrder(all); err != nil {
		return err
	}
	return eachDone(all, keys*perKey)
}

// undelayed checks that other keys went on while a worker hung with one.
func undelayed(hung, others []delivery) error {
	i := slices.IndexFunc(hung, func(d delivery) bool { return d.outcome == "stuck" })
	if i < 0 {
		return errors.New("no worker hung")
	}
	meanwhile := 0
	for _, d := range slices.Concat(hung, others) {
		if since := d.begin - hung[i].begin; since > 0 && since < 4*time.Second && d.key != hung[i].key {
			meanwhile++
		}
	}
	if meanwhile < 300 {
		return fmt.Errorf("%d records of other keys were delivered while a worker hung with key %s", meanwhile, hung[i].key)
	}
	return nil
}

// inOrder checks that no record of a key began before all earlier ones of the key were done, nor two at once. A worker that was killed, or whose lock had ended, may have
// worked on a record that another got after it.
func inOrder(all []delivery) error {
	slices.SortFunc(all, func(a, b delivery) int { return int(a.begin - b.begin) })
	accepted := map[string]int{}
	busy := map[string]delivery{}
	for _, d := range all {
		n, err := strconv.Atoi(d.value)
		if err != nil {
			return err
		}
		if next := accepted[d.key]; n > next {
			return fmt.Errorf("key %s: record %d was delivered to worker %s while %d was not done", d.key, n, d.worker, next)
		}
		if before, ok := busy[d.key]; ok && before.end > d.begin && before.outcome != "stuck" {
			return fmt.Errorf("key %s: record %s was delivered while %s was worked on", d.key, d.value, before.value)
		}
		busy[d.key] = d
		if d.outcome == "accept" {
			accepted[d.key] = max(accepted[d.key], n+1)
		}
	}
	return nil
}

// eachDone checks that every record was done.
func eachDone(all []delivery, records int) error {
	done := map[int64]bool{}
	for _, d := range all {
		if d.outcome == "accept" {
			done[d.offset] = true
		}
	}
	if len(done) != records {
		return fmt.Errorf("%d of %d records are done", len(done), records)
	}
	return nil
}

// sixteenAgainstOne compares sixteen workers with one, on one partition in the order of a thousand keys.
func sixteenAgainstOne(b *bench) error {
	const handler = 10 * time.Millisecond
	rate := func(topic, group string, n, perKey int) (float64, error) {
		err := b.prepare(topic, group, 1000, perKey, map[string]string{"share.auto.offset.reset": "earliest", "leat.share.order": "key"})
		if err != nil {
			return 0, err
		}
		w, err := b.start(task{topic: topic, group: group, workers: n, handler: handler, perPoll: 500, idle: 4})
		if err != nil {
			return 0, err
		}
		all, err := w.wait()
		if err != nil {
			return 0, err
		}
		if err := errors.Join(inOrder(all), eachDone(all, 1000*perKey)); err != nil {
			return 0, err
		}
		slices.SortFunc(all, func(a, b delivery) int { return int(a.end - b.end) })
		some := all[len(all)/4 : len(all)*9/10] // without the beginning, when not all have joined, and the end
		return float64(len(some)) / (some[len(some)-1].end - some[0].end).Seconds(), nil
	}
	one, err := rate("alone", "one", 1, 1)
	if err != nil {
		return err
	}
	sixteen, err := rate("together", "sixteen", 16, 24)
	if err != nil {
		return err
	}
	fmt.Printf("speed: one worker %.0f records/s, sixteen %.0f: %.1f times\n", one, sixteen, sixteen/one)
	if sixteen < 12*one {
		return fmt.Errorf("sixteen workers reach %.1f times one, less than 12 times", sixteen/one)
	}
	return nil
}
