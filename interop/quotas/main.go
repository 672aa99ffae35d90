// Command quotas has real clients exceed their quotas: a producer and a consumer are held to their rate, others are not, quotas change while clients run,
// Kafka's kafka-configs sets and shows them, and addresses that begin too many connections are turned away.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/target"
)

const (
	topic    = "quotas"
	recordOf = 20_000  // bytes
	slow     = 400_000 // bytes a second
	quick    = 1_200_000
	first    = 30_000_000       // bytes of a producer that is not held
	unheld   = 30 * time.Second // enough for them on a machine that is busy; at a quota they take over a minute
	patience = 3 * time.Minute  // how long anything that is waited for may take
)

type run struct {
	ctx   context.Context
	addr  string
	admin *kadm.Client
}

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	kind := flag.String("target", "leat", "leat or kafka")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := play(ctx, *binary, target.Kind(*kind)); err != nil {
		fmt.Fprintln(os.Stderr, "quotas:", err)
		os.Exit(1)
	}
}

func play(ctx context.Context, binary string, kind target.Kind) error {
	dir, err := os.MkdirTemp("", "leat-quotas-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	node, err := target.New(target.Config{Kind: kind, Binary: binary, Dir: dir, Settings: map[string]string{"quota.window.num": "3"}})
	if err != nil {
		return err
	}
	if _, err := node.Start(ctx); err != nil {
		return err
	}
	defer node.Kill()
	r := &run{ctx: ctx, addr: node.Bootstrap()}
	client, err := r.client("admin")
	if err != nil {
		return err
	}
	defer client.Close()
	r.admin = kadm.NewClient(client)
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"kafka-configs", r.tools}, {"rates", r.rates}, {"connections", r.connections},
	} {
		began := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("quotas  %-14s ok  %.1f s\n", step.name, time.Since(began).Seconds())
	}
	return nil
}

func (r *run) client(id string, more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(r.addr), kgo.ClientID(id), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DefaultProduceTopic(topic)}, more...)...)
}

// tools sets quotas of each kind of entity by Kafka's tool, and looks at them.
func (r *run) tools() error {
	for _, c := range []struct{ entity, change, want string }{
		{"--entity-type users --entity-name ann --entity-type clients --entity-default", "producer_byte_rate=1024,request_percentage=50", "producer_byte_rate=1024.0"},
		{"--entity-type clients --entity-name app", "consumer_byte_rate=2048", "consumer_byte_rate=2048.0"},
		{"--entity-type users --entity-default", "controller_mutation_rate=1000", "controller_mutation_rate=1000.0"},
		{"--entity-type ips --entity-name 10.0.0.9", "connection_creation_rate=7", "connection_creation_rate=7.0"},
	} {
		if out, err := r.configs("--alter --add-config " + c.change + " " + c.entity); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if err := r.described(c.entity, c.want, true); err != nil {
			return err
		}
	}
	if out, err := r.configs("--alter --delete-config consumer_byte_rate --entity-type clients --entity-name app"); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return r.described("--entity-type clients --entity-name app", "consumer_byte_rate", false)
}

// described waits until the tool says something of an entity, or does not: the node knows of a change a moment after it was answered.
func (r *run) described(entity, what string, want bool) error {
	for until := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := r.configs("--describe " + entity)
		if err == nil && strings.Contains(out, what) == want {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("--describe %s says %q; %s in it: want %t: %w", entity, out, what, want, err)
		}
	}
}

func (r *run) configs(args string) (string, error) {
	cmd, err := target.Tool("kafka-configs", append([]string{"--bootstrap-server", r.addr}, strings.Fields(args)...)...)
	if err != nil {
		return "", err
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r *run) set(clientID, key string, value float64) error {
	results, err := r.admin.AlterClientQuotas(r.ctx, []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "client-id", Name: &clientID}}, Ops: []kadm.AlterClientQuotaOp{{Key: key, Value: value}},
	}})
	if err != nil {
		return err
	}
	return results[0].Err
}

// rates has a producer and a consumer at their limits, beside others without one.
func (r *run) rates() error {
	if _, err := r.admin.CreateTopic(r.ctx, 1, 1, nil, topic); err != nil {
		return err
	}
	if err := errors.Join(r.set("producer", "producer_byte_rate", slow), r.set("consumer", "consumer_byte_rate", slow)); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(r.ctx)
	defer stop()
	free, err := r.client("free")
	if err != nil {
		return err
	}
	defer free.Close()
	began := time.Now()
	if err := produce(ctx, free, first); err != nil {
		return err
	}
	if took := time.Since(began); took > unheld {
		return fmt.Errorf("a producer without a quota took %v for %d bytes", took, first)
	}
	var produced, consumed flow
	producer, err := r.client("producer")
	if err != nil {
		return err
	}
	defer producer.Close()
	consumer, err := r.client("consumer", kgo.ConsumeTopics(topic), kgo.FetchMaxPartitionBytes(100_000))
	if err != nil {
		return err
	}
	defer consumer.Close()
	go produced.from(func() int {
		if produce(ctx, producer, recordOf) != nil {
			return 0
		}
		return recordOf
	}, ctx)
	go consumed.from(func() int {
		n := 0
		consumer.PollFetches(ctx).EachRecord(func(rec *kgo.Record) { n += len(rec.Value) })
		return n
	}, ctx)
	if err := together(&produced, &consumed, "", slow); err != nil {
		return err
	}
	began = time.Now()
	if err := produce(ctx, free, first); err != nil || time.Since(began) > unheld {
		return fmt.Errorf("beside others at their limits a producer without one took %v: %w", time.Since(began), err)
	}
	if err := errors.Join(r.set("producer", "producer_byte_rate", quick), r.set("consumer", "consumer_byte_rate", quick)); err != nil {
		return err
	}
	return together(&produced, &consumed, " at a new quota", quick)
}

func produce(ctx context.Context, c *kgo.Client, bytes int) error {
	var all []*kgo.Record
	for ; bytes > 0; bytes -= recordOf {
		all = append(all, &kgo.Record{Value: make([]byte, recordOf)})
	}
	return c.ProduceSync(ctx, all...).FirstErr()
}

// counts waits until the node knows of the quotas of an entity.
func (r *run) counts(kind, name string) error {
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		known, err := r.admin.DescribeClientQuotas(r.ctx, true, []kadm.DescribeClientQuotaComponent{{Type: kind, MatchName: &name}})
		if err == nil && len(known) == 1 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("the node does not know of the quotas of %s %s: %v, %w", kind, name, known, err)
		}
	}
}

// connections has an address begin more connections than it may.
func (r *run) connections() error {
	here := "127.0.0.1"
	_, err := r.admin.AlterClientQuotas(r.ctx, []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "ip", Name: &here}}, Ops: []kadm.AlterClientQuotaOp{{Key: "connection_creation_rate", Value: 10}},
	}})
	if err != nil {
		return err
	}
	if err := r.counts("ip", here); err != nil {
		return err
	}
	const tried = 120
	refused := make(chan bool, tried)
	for range tried {
		c, err := net.DialTimeout("tcp", r.addr, 30*time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		go func() {
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, err := c.Read(make([]byte, 1))
			var timeout net.Error
			refused <- !errors.As(err, &timeout) || !timeout.Timeout()
		}()
	}
	closed := 0
	for range tried {
		if <-refused {
			closed++
		}
	}
	fmt.Printf("quotas  %d of %d connections turned away\n", closed, tried)
	if closed < tried/4 || closed > tried-10 {
		return fmt.Errorf("%d of %d connections begun at once were turned away, at 10 a second", closed, tried)
	}
	return nil
}
