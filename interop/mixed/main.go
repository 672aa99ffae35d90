// Command mixed checks that leat and Apache Kafka work together in one cluster: a leat broker joins a cluster whose controller is Kafka's, and Kafka's
// brokers join one whose controller is leat.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	records := flag.Int("records", 1000, "how many records are written to leat's partition")
	keep := flag.Bool("keep", false, "keep the directories")
	only := flag.String("only", "", "one part only: kafka-controls or leat-controls")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-mixed-")
	if err == nil {
		if *only == "" || *only == "kafka-controls" {
			m := &mixed{ctx: ctx, dir: dir, binary: *binary, records: *records}
			err = m.run()
		}
		if err == nil && (*only == "" || *only == "leat-controls") {
			err = leatControls(ctx, dir, *binary)
		}
		if *keep {
			fmt.Println("mixed  kept:", dir)
		} else {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mixed:", err)
		os.Exit(1)
	}
}

// mixed is one cluster: node 1 is Kafka, broker and controller; node 2 is leat, a broker.
type mixed struct {
	ctx     context.Context
	dir     string
	binary  string
	records int
	kafka   *target.Node
	address string // of leat
	leat    *exec.Cmd
	client  *kgo.Client
}

func check(name string, step func() error) error {
	began := time.Now()
	err := step()
	verdict := "ok"
	if err != nil {
		verdict = "FAILED: " + err.Error()
	}
	fmt.Printf("mixed  %-70s  %5.1fs  %s\n", name, time.Since(began).Seconds(), verdict)
	return err
}

func (m *mixed) run() error {
	defer func() {
		if m.leat != nil {
			_ = m.leat.Process.Kill() // gone already is as good
			_ = m.leat.Wait()
		}
		if m.kafka != nil {
			m.kafka.Kill()
		}
		if m.client != nil {
			m.client.Close()
		}
	}()
	for _, s := range []struct {
		name string
		step func() error
	}{
		{"Kafka starts, broker and controller", m.startKafka},
		{"a leat broker joins, and its clients are served", m.startLeat},
		{"both are members, and neither is fenced", m.members},
		{"a topic with its only replica on leat is created through leat", func() error { return m.create("on-leat", 2) }},
		{"a topic with its only replica on Kafka is created through leat", func() error { return m.create("on-kafka", 1) }},
		{"leat's partition is written and read by an idempotent producer", func() error { return m.writeAndRead("on-leat") }},
		{"Kafka's partition is written and read by clients that know leat only", func() error { return m.writeAndRead("on-kafka") }},
		{"a dynamic config set through Kafka reaches leat", m.configure},
		{"leat stops in order", m.stopLeat},
		{"leat comes back and has what it had", m.again},
		{"Kafka's controller restarts; leat goes on", m.restartKafka},
		{"leat stops in order again", m.stopLeat},
	} {
		if err := check(s.name, s.step); err != nil {
			return errors.Join(err, m.tails())
		}
	}
	return nil
}

func (m *mixed) tails() error {
	out, _ := os.ReadFile(filepath.Join(m.dir, "leat.log")) // without it the message is only shorter
	return fmt.Errorf("leat said:\n%s", out[max(0, len(out)-4000):])
}

func (m *mixed) startKafka() (err error) {
	m.kafka, err = target.New(target.Config{Kind: target.Kafka, Dir: filepath.Join(m.dir, "kafka")})
	if err == nil {
		_, err = m.kafka.Start(m.ctx)
	}
	return err
}

func (m *mixed) startLeat() error {
	if m.address == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		m.address = l.Addr().String()
		l.Close()
	}
	log, err := os.OpenFile(filepath.Join(m.dir, "leat.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	before, err := log.Stat()
	if err != nil {
		return err
	}
	args := []string{"server"}
	for _, set := range []string{
		"process.roles=broker", "node.id=2", "listeners=PLAINTEXT://" + m.address, "controller.listener.names=CONTROLLER",
		"controller.quorum.bootstrap.servers=" + m.kafka.Controller(), "log.dirs=" + filepath.Join(m.dir, "leat"), "leat.http.listener=",
		"group.initial.rebalance.delay.ms=0",
	} {
		args = append(args, "--set", set)
	}
	binary, err := filepath.Abs(m.binary)
	if err != nil {
		return err
	}
	m.leat = exec.Command(binary, args...)
	m.leat.Stdout, m.leat.Stderr = log, log
	m.leat.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.leat.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		data, err := os.ReadFile(log.Name())
		if err != nil {
			return err
		}
		if bytes.Contains(data[before.Size():], []byte("leat ready")) {
			return m.connect()
		}
	}
	return errors.New("leat is not ready after a minute")
}

// connect makes the client, which knows leat only.
func (m *mixed) connect() (err error) {
	if m.client == nil {
		m.client, err = kgo.NewClient(kgo.SeedBrokers(m.address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(100*time.Millisecond))
	}
	return err
}

func (m *mixed) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(m.ctx, 30*time.Second)
}

func (m *mixed) members() error {
	ctx, cancel := m.bounded()
	defer cancel()
	brokers, err := kadm.NewClient(m.client).ListBrokers(ctx)
	if err != nil {
		return err
	}
	if ids := brokers.NodeIDs(); len(ids) != 2 || ids[0] != 1 || ids[1] != 2 {
		return fmt.Errorf("brokers %v, want 1 and 2", ids)
	}
	return nil
}

func (m *mixed) create(topic string, on int32) error {
	ctx, cancel := m.bounded()
	defer cancel()
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.TimeoutMillis = 10_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	a.Replicas = []int32{on}
	t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	rq.Topics = append(rq.Topics, t)
	answer, err := m.client.Broker(2).RetriableRequest(ctx, rq) // its connection may be older than the broker
	if err != nil {
		return err
	}
	resp := answer.(*kmsg.CreateTopicsResponse)
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

func (m *mixed) writeAndRead(topic string) error {
	if err := m.write(topic, 0); err != nil {
		return err
	}
	return m.read(topic, m.records)
}

func (m *mixed) write(topic string, from int) error {
	ctx, cancel := m.bounded()
	defer cancel()
	var records []*kgo.Record
	for i := range m.records {
		records = append(records, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "%s %d", topic, from+i)})
	}
	return m.client.ProduceSync(ctx, records...).FirstErr()
}

// read checks that the topic holds the records from the first on, each once and in order.
func (m *mixed) read(topic string, count int) error {
	ctx, cancel := m.bounded()
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(m.address), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer cl.Close()
	for next := 0; next < count; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("after %d of %d records: %w", next, count, err)
		}
		for _, r := range fetches.Records() {
			if want := fmt.Sprintf("%s %d", topic, next); string(r.Value) != want {
				return fmt.Errorf("offset %d holds %q, want %q", r.Offset, r.Value, want)
			}
			next++
		}
	}
	return nil
}

// configure sets a topic's config at Kafka and waits until leat tells it.
func (m *mixed) configure() error {
	ctx, cancel := m.bounded()
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(m.kafka.Bootstrap()))
	if err != nil {
		return err
	}
	defer cl.Close()
	value := "7777777"
	answers, err := kadm.NewClient(cl).AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: &value}}, "on-leat")
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a.Err != nil {
			return a.Err
		}
	}
	for ; ; time.Sleep(50 * time.Millisecond) {
		configs, err := kadm.NewClient(m.client).DescribeTopicConfigs(ctx, "on-leat")
		if err != nil {
			return err
		}
		for _, c := range configs[0].Configs {
			if c.Key == "retention.ms" && c.Value != nil && *c.Value == value {
				return nil
			}
		}
	}
}

func (m *mixed) stopLeat() error {
	if err := m.leat.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := m.leat.Wait()
	m.leat = nil
	return err
}

func (m *mixed) again() error {
	if err := m.startLeat(); err != nil {
		return err
	}
	if err := m.read("on-leat", m.records); err != nil {
		return err
	}
	if err := m.write("on-leat", m.records); err != nil {
		return err
	}
	return m.read("on-leat", 2*m.records)
}

func (m *mixed) restartKafka() error {
	if err := m.kafka.Stop(); err != nil {
		return err
	}
	if err := m.write("on-leat", 2*m.records); err != nil {
		return fmt.Errorf("while the controller is away: %w", err)
	}
	if _, err := m.kafka.Start(m.ctx); err != nil {
		return err
	}
	if err := m.create("later", 2); err != nil {
		return err
	}
	if err := m.read("on-leat", 3*m.records); err != nil {
		return err
	}
	return m.writeAndRead("later")
}
