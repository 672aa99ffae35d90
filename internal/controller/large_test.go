package controller

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// large is a controller of three brokers with partitions on all of them, a hundred in each topic; broker 4 has ten partitions more.
func large(t testing.TB, partitions int) *Machine {
	d := metadata.NewDelta(metadata.Empty)
	records := Bootstrap(nil, "1")
	for id := range int32(4) {
		records = append(records, &metadata.RegisterBrokerRecord{BrokerID: id + 1, BrokerEpoch: 100, LogDirs: []record.UUID{{byte(id + 1), 9}}})
	}
	for i := range partitions/100 + 1 {
		id := record.UUID{1, byte(i >> 8), byte(i)}
		records = append(records, &metadata.TopicRecord{Name: fmt.Sprintf("topic-%04d", i), TopicID: id})
		for p := range int32(100) {
			replicas := []int32{p%3 + 1, (p+1)%3 + 1, (p+2)%3 + 1}
			if i == partitions/100 {
				if replicas = []int32{4}; p == 10 {
					break
				}
			}
			dirs := make([]record.UUID, len(replicas))
			for j, b := range replicas {
				dirs[j] = record.UUID{byte(b), 9}
			}
			records = append(records, &metadata.PartitionRecord{TopicID: id, PartitionID: p, Replicas: replicas, ISR: replicas, Leader: replicas[0], Directories: dirs})
		}
	}
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	return New(Config{NodeID: 1, Broker: values(t, nil), Image: d.Image(1, 1, 1), NextOffset: int64(len(records)), Now: time.Unix(1, 0), Rand: rand.New(rand.NewSource(1))})
}

// drain does what is under way, and returns the sizes of the decisions in records, and the largest in bytes as written.
func drain(t testing.TB, m *Machine, first machine.Result[Record]) (sizes []int, largest int, replies []any) {
	for res := first; ; res = m.Tick(m.now) {
		bytes := 0
		for _, r := range res.Records {
			bytes += len(metadata.AppendRecord(nil, r)) + recordOverhead
			m.Apply(machine.Entry[Record]{Offset: m.nextOffset, Record: r})
		}
		sizes, largest = append(sizes, len(res.Records)), max(largest, bytes)
		for _, e := range res.Effects {
			if reply, ok := e.(machine.Reply); ok {
				replies = append(replies, reply.Response)
			}
		}
		if len(m.tasks) == 0 {
			return sizes, largest, replies
		}
		if len(res.Records) == 0 {
			t.Error("a decision without records while more is under way: the next comes after a pause")
		}
		if len(sizes) > 1000 {
			t.Fatal("does not end")
		}
	}
}

func beatOf(id int32, fence bool) kmsg.Request {
	r := kmsg.NewPtrBrokerHeartbeatRequest()
	r.BrokerID, r.BrokerEpoch, r.CurrentMetadataOffset, r.WantFence = id, 100, 1<<40, fence
	return r
}

func TestNoDecisionIsLargerThanABatch(t *testing.T) {
	m := large(t, 100_000)
	handle := func(r kmsg.Request) ([]int, int, []any) {
		return drain(t, m, m.Handle(m.now, Event{Ticket: 1, Request: r}))
	}
	check := func(what string, sizes []int, largest, records int) {
		t.Helper()
		sum := 0
		for _, n := range sizes {
			sum += n
		}
		if sum < records || len(sizes) != (records+9_999)/10_000 || largest > 8<<20 {
			t.Errorf("%s: %d records in decisions of %d, the largest has %d bytes", what, sum, sizes, largest)
		}
	}
	sizes, largest, replies := handle(beatOf(1, true))
	check("fence", sizes, largest, 100_001)
	if resp := replies[0].(*kmsg.BrokerHeartbeatResponse); len(replies) != 1 || !resp.IsFenced {
		t.Errorf("%+v", replies)
	}
	if m.leads(1) || len(m.index.inSync[1]) > 0 {
		t.Error("broker 1 still leads or is in sync")
	}
	handle(beatOf(1, false))
	elect := kmsg.NewPtrElectLeadersRequest()
	elect.Topics = nil
	if _, _, replies = handle(elect); len(replies) != 1 {
		t.Fatal(replies)
	}
	// Nobody was put back into sync, so no election helps; but every partition that broker 1 should lead is in the answer.
	failed := 0
	for _, topic := range replies[0].(*kmsg.ElectLeadersResponse).Topics {
		failed += len(topic.Partitions)
	}
	if failed != 34_000 {
		t.Errorf("%d partitions answered, want 34000", failed)
	}
}

// A broker with ten partitions in a cluster of a hundred thousand is fenced by looking at ten.
func TestFencingABrokerCostsItsPartitions(t *testing.T) {
	m := large(t, 100_000)
	if n := len(m.in(m.index.inSync[4])); n != 10 {
		t.Errorf("%d partitions of broker 4, want 10", n)
	}
	if sizes, _, _ := drain(t, m, m.Handle(m.now, Event{Ticket: 1, Request: beatOf(4, true)})); fmt.Sprint(sizes) != "[11]" {
		t.Error(sizes)
	}
}

// While everything is taken from one broker, others report and register. None of that waits for a pause, and a heartbeat that asks for nothing does not
// even wait for the broker before it.
func TestWhatComesWhileABrokerIsFencedIsDoneWithoutAPause(t *testing.T) {
	m := large(t, 30_000)
	apply := func(res machine.Result[Record]) {
		for _, r := range res.Records {
			m.Apply(machine.Entry[Record]{Offset: m.nextOffset, Record: r})
		}
	}
	apply(m.Handle(m.now, Event{Ticket: 1, Request: beatOf(1, true)}))
	under := len(m.tasks)
	if under == 0 {
		t.Fatal("fencing is done at once: too few partitions for this test")
	}
	if res := m.Handle(m.now, Event{Ticket: 2, Request: beatOf(2, false)}); len(res.Effects) != 1 || len(m.tasks) != under {
		t.Errorf("the heartbeat of another broker waits: %+v", res)
	}
	m.tasks = append(m.tasks, m.removal(1, false), m.electing()) // that have nothing to do when their turn comes
	apply(m.Handle(m.now, Event{Ticket: 3, Request: beatOf(3, true)}))
	_, _, replies := drain(t, m, m.Tick(m.now))
	if len(replies) != 2 || m.leads(3) {
		t.Errorf("%d replies, broker 3 leads: %t", len(replies), m.leads(3))
	}
}

func TestWhatMustBeOneDecisionAndDoesNotFitIsRefused(t *testing.T) {
	m := large(t, 100)
	m.limits.atomic = 2000
	r := kmsg.NewPtrCreateTopicsRequest()
	for i := range 50 {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = fmt.Sprint("new-", i), 1, 1
		r.Topics = append(r.Topics, topic)
	}
	res := m.Handle(m.now, Event{Ticket: 1, Request: r})
	problem, ok := res.Effects[0].(machine.Reply).Response.(*refusal)
	if !ok || problem.code != kerr.PolicyViolation || len(res.Records) > 0 {
		t.Errorf("%+v", res)
	}
}

// BenchmarkFence decides to fence one of three brokers with 100,000 partitions, in one decision.
func BenchmarkFence(b *testing.B) {
	m := large(b, 100_000)
	m.limits.records = 1 << 30
	m.limits.bytes = 1 << 30
	one, _ := m.image().Broker(1)
	for b.Loop() {
		if n := len(m.run(m.now, m.fencing(one, "no heartbeat")).records); n != 100_001 {
			b.Fatal(n)
		}
	}
}

// BenchmarkTakeOver makes the machine of a controller that takes over 100,000 partitions.
func BenchmarkTakeOver(b *testing.B) {
	m := large(b, 100_000)
	im := m.delta.Image(1, 1, 1)
	cfg := Config{NodeID: 1, Broker: values(b, nil), Image: im, NextOffset: 1, Now: time.Unix(1, 0), Rand: rand.New(rand.NewSource(1))}
	b.ReportAllocs()
	for b.Loop() {
		New(cfg)
	}
}
