package controller

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

func TestTopicsKeepTheLimitsOfTheCluster(t *testing.T) {
	v := values(t, map[string]string{"leat.topic.limits": "partitions<=3, replication.factor>=1,retention.ms<=604800000,cleanup.policy=delete"})
	d := metadata.NewDelta(metadata.Empty)
	for _, r := range append(Bootstrap(nil, "1"), &metadata.RegisterBrokerRecord{BrokerID: 1, LogDirs: []record.UUID{{1}}}) {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	m := New(Config{NodeID: 1, Broker: v, Image: d.Image(1, 1, 1), Now: time.Unix(1, 0), Rand: rand.New(rand.NewSource(1))})
	s := &story{t: t}
	for _, c := range []struct{ line, want string }{
		{"create a partitions=3", "a ok"},
		{"create b partitions=4", "b POLICY_VIOLATION: Topic 'b' would have partitions=4, but this cluster allows only partitions<=3 (leat.topic.limits)."},
		{"create b retention.ms=604800001", "b POLICY_VIOLATION: Topic 'b' would have retention.ms=604800001, but"},
		{"create b retention.ms=-1", "b ok"},
		{"create c cleanup.policy=compact", "c POLICY_VIOLATION: Topic 'c' would have cleanup.policy=compact, but this cluster allows only cleanup.policy=delete"},
		{"create __consumer_offsets partitions=50 cleanup.policy=compact", "__consumer_offsets ok"},
		{"grow a 4", "a POLICY_VIOLATION: Topic 'a' would have partitions=4"},
		{"grow b 3", "b ok"},
		{"change topic a set:retention.ms=700000000", `"a" POLICY_VIOLATION: Topic 'a' would have retention.ms=700000000`},
		{"change topic a set:retention.ms=1000 set:max.message.bytes=5", `"a" ok`},
		{"change topic a delete:retention.ms", `"a" ok`},
	} {
		res := m.Handle(m.now, Event{Ticket: 1, Request: s.request(strings.Fields(c.line))})
		for _, r := range res.Records {
			m.Apply(machine.Entry[Record]{Offset: m.nextOffset, Record: r})
		}
		resp := res.Effects[0].(machine.Reply).Response
		got := fmt.Sprint(s.reply(resp.(kmsg.Response))[0])
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s\nsays %s\nnot  %s", c.line, got, c.want)
		}
	}
}
