package group

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"leat/internal/machine"
)

func TestASurveyListsAllOffsetsInOrder(t *testing.T) {
	m := New(Config{Settings: func() Settings { return DefaultSettings }, Rand: rand.New(rand.NewPCG(1, 2))})
	for i, r := range []OffsetRecord{
		{Group: "b", Topic: "t", Partition: 10}, {Group: "b", Topic: "t", Partition: 2}, {Group: "b", Topic: "s", Partition: 3}, {Group: "a", Topic: "t"},
	} {
		r.Offset = &Offset{Offset: int64(100 + i), ExpireTimestamp: -1}
		m.Apply(machine.Entry[Record]{Offset: int64(i), ProducerID: -1, ProducerEpoch: -1, Record: &r})
	}
	res := m.Handle(time.Unix(0, 0), Event{Ticket: 7, Survey: true})
	if len(res.Records) != 0 || len(res.Effects) != 1 {
		t.Fatalf("decided %+v", res)
	}
	reply := res.Effects[0].(machine.Reply)
	want := "[{a classic Empty 0 [{t 0 103 0}] []} {b classic Empty 0 [{s 3 102 0} {t 2 101 0} {t 10 100 0}] []}]"
	if got := fmt.Sprint(reply.Response); got != want || reply.To != 7 {
		t.Errorf("ticket %d: %s, want %s", reply.To, got, want)
	}
}
