package controller

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
)

// quotaWorld is a controller with one broker and a topic.
func quotaWorld(t *testing.T) *Machine {
	t.Helper()
	d := metadata.NewDelta(metadata.Empty)
	for _, r := range append(Bootstrap(nil, "1"), &metadata.RegisterBrokerRecord{BrokerID: 1, LogDirs: []record.UUID{{1}}}) {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	return New(Config{NodeID: 1, Broker: values(t, nil), Image: d.Image(1, 1, 1), Now: time.Unix(1, 0), Rand: rand.New(rand.NewSource(1))})
}

func (m *Machine) asked(now time.Time, principal security.Principal, clientID string, rq kmsg.Request) kmsg.Response {
	res := m.Handle(now, Event{Ticket: 1, Request: rq, Principal: principal, ClientID: clientID})
	for _, r := range res.Records {
		m.Apply(machine.Entry[Record]{Offset: m.nextOffset, Record: r})
	}
	return res.Effects[len(res.Effects)-1].(machine.Reply).Response.(kmsg.Response)
}

func quotaRequest(key string, value float64, parts ...string) *kmsg.AlterClientQuotasRequest {
	entry := kmsg.AlterClientQuotasRequestEntry{Ops: []kmsg.AlterClientQuotasRequestEntryOp{{Key: key, Value: value, Remove: value == 0}}}
	for i := 0; i < len(parts); i += 2 {
		p := kmsg.AlterClientQuotasRequestEntryEntity{Type: parts[i]}
		if parts[i+1] != "" {
			p.Name = &parts[i+1]
		}
		entry.Entity = append(entry.Entity, p)
	}
	return &kmsg.AlterClientQuotasRequest{Entries: []kmsg.AlterClientQuotasRequestEntry{entry}}
}

func manyTopics(version int16, partitions int32, names ...string) *kmsg.CreateTopicsRequest {
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Version = version
	for _, name := range names {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
		rq.Topics = append(rq.Topics, topic)
	}
	return rq
}

// The numbers follow from KIP-599: with two tokens a second eleven seconds' worth is saved.
func TestMutationsAreHeldToTheQuota(t *testing.T) {
	m := quotaWorld(t)
	ann, now := security.Principal{Type: "User", Name: "ann"}, time.Unix(1_700_000_000, 0)
	m.asked(now, ann, "", quotaRequest("controller_mutation_rate", 2, "user", "ann"))
	tell := func(now time.Time, p security.Principal, rq kmsg.Request) string {
		switch resp := m.asked(now, p, "tool", rq).(type) {
		case *kmsg.CreateTopicsResponse:
			text := fmt.Sprint(resp.ThrottleMillis)
			for _, topic := range resp.Topics {
				text += fmt.Sprintf(" %s:%d", topic.Topic, topic.ErrorCode)
			}
			return text
		case *kmsg.DeleteTopicsResponse:
			return fmt.Sprint(resp.ThrottleMillis, resp.Topics[0].ErrorCode)
		case *kmsg.CreatePartitionsResponse:
			return fmt.Sprint(resp.ThrottleMillis, resp.Topics[0].ErrorCode)
		}
		return ""
	}
	name := "a"
	deleted := &kmsg.DeleteTopicsRequest{Version: 6, Topics: []kmsg.DeleteTopicsRequestTopic{{Topic: &name}}}
	grown := &kmsg.CreatePartitionsRequest{Version: 3, Topics: []kmsg.CreatePartitionsRequestTopic{{Topic: name, Count: 30}}}
	for i, c := range []struct {
		at   time.Duration
		by   security.Principal
		rq   kmsg.Request
		want string
	}{
		{0, ann, manyTopics(7, 20, "a", "b", "c"), "9000 a:0 b:0 c:89"}, // 22 tokens: 20 taken, 20 taken, 18 of debt
		{0, security.Principal{Type: "User", Name: "bob"}, manyTopics(7, 20, "d"), "0 d:0"},
		{time.Second, ann, deleted, "8000 89"},
		{time.Second, ann, grown, "8000 89"},
		{time.Second, ann, manyTopics(5, 4, "e"), "10000 e:0"}, // an old client gets it, and waits
		{11 * time.Second, ann, manyTopics(7, 1, "f"), "0 f:0"},
		{11 * time.Second, ann, deleted, "500 89"},
		{12 * time.Second, ann, deleted, "0 0"},
	} {
		if got := tell(now.Add(c.at), c.by, c.rq); got != c.want {
			t.Errorf("step %d: %s, want %s", i, got, c.want)
		}
	}
}

func TestBucketsOfManyClientsAreBounded(t *testing.T) {
	m := quotaWorld(t)
	now := time.Unix(1_700_000_000, 0)
	m.asked(now, security.Principal{Type: "User", Name: "ann"}, "", quotaRequest("controller_mutation_rate", 100, "client-id", ""))
	for i := range 20 * fewestBuckets {
		now = now.Add(10 * time.Millisecond)
		e := Event{Request: manyTopics(7, 1, "t"), Principal: security.Principal{Type: "User", Name: "ann"}, ClientID: fmt.Sprint(i)}
		p := m.permitFor(now, &e)
		if problem := p.take(1); problem != nil {
			t.Fatal(problem)
		}
	}
	if n := len(m.mutations.buckets); n > 2*fewestBuckets {
		t.Errorf("%d buckets, though nearly all are full", n)
	}
}

func TestQuotasAreCheckedAndSet(t *testing.T) {
	m := quotaWorld(t)
	for _, c := range []struct {
		rq   *kmsg.AlterClientQuotasRequest
		want string
	}{
		{quotaRequest("producer_byte_rate", 5, "user", "ann", "client-id", ""), ""},
		{quotaRequest("producer_byte_rate", 1.5, "user", "ann"), "producer_byte_rate cannot be a fractional value."},
		{quotaRequest("producer_byte_rate", -1, "user", "ann"), "Quota producer_byte_rate must be greater than 0"},
		{quotaRequest("producer_byte_rate", 1e19, "user", "ann"), "Proposed value for producer_byte_rate is too large for a LONG."},
		{quotaRequest("connection_creation_rate", 5, "user", "ann"), "Invalid configuration key connection_creation_rate"},
		{quotaRequest("connection_creation_rate", 5, "ip", "10.0.0.1"), ""},
		{quotaRequest("connection_creation_rate", 5, "ip", "nowhere"), "nowhere is not a valid IP or resolvable host."},
		{quotaRequest("producer_byte_rate", 5), "Invalid empty client quota entity"},
		{quotaRequest("producer_byte_rate", 0, "user", "nobody"), ""},
	} {
		resp := m.asked(m.now, security.Principal{Type: "User", Name: "admin"}, "", c.rq).(*kmsg.AlterClientQuotasResponse)
		got := ""
		if resp.Entries[0].ErrorMessage != nil {
			got = *resp.Entries[0].ErrorMessage
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.rq.Entries[0], got, c.want)
		}
	}
	var set []string
	m.image().Quotas(func(e []metadata.QuotaEntityPart, values map[string]float64) bool {
		set = append(set, fmt.Sprint(len(e), values))
		return true
	})
	if want := "[1 map[connection_creation_rate:5] 2 map[producer_byte_rate:5]]"; fmt.Sprint(set) != want {
		t.Errorf("set: %v, want %s", set, want)
	}
}
