package group

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// atOnce is a log that encodes what is appended and commits at once.
type atOnce struct{ end int64 }

func (l *atOnce) Append(_ time.Time, records []Record, _ *machine.Producer, _ any) (int64, int64, error) {
	for _, r := range records {
		r.Encode()
	}
	base := l.end
	l.end += int64(len(records))
	return base, l.end, nil
}

func (l *atOnce) WhenCommitted(_ int64, fn func(error)) { fn(nil) }

// benchGroup is a runner with a stable group of one member.
func benchGroup(b *testing.B) (ask func(kmsg.Request) kmsg.Response, memberID string) {
	set := DefaultSettings
	set.InitialRebalanceDelay = 0
	r := machine.NewRunner(machine.RunnerConfig[Event, Record]{
		Name: "bench", Log: &atOnce{},
		Machine:  New(Config{Settings: func() Settings { return set }, Rand: rand.New(rand.NewPCG(1, 2))}),
		Batching: &machine.Batching[Record]{Size: func(r Record) int { return r.Size() }, MaxBytes: func() int { return 1 << 20 }},
	})
	b.Cleanup(r.Close)
	answers := make(chan any)
	ask = func(rq kmsg.Request) kmsg.Response {
		r.Submit(func(t machine.Ticket) Event { return Event{Ticket: t, Request: rq, ClientID: "c"} }, func(resp any, err error) {
			if err != nil {
				panic(err)
			}
			answers <- resp
		})
		return (<-answers).(kmsg.Response)
	}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = "g", 600000, 600000, "consumer"
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	joined := ask(join).(*kmsg.JoinGroupResponse)
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.MemberID, sync.Generation = "g", joined.MemberID, joined.Generation
	ask(sync)
	return ask, joined.MemberID
}

func BenchmarkHeartbeat(b *testing.B) {
	ask, member := benchGroup(b)
	rq := kmsg.NewPtrHeartbeatRequest()
	rq.Group, rq.MemberID, rq.Generation = "g", member, 1
	b.ReportAllocs()
	for b.Loop() {
		if resp := ask(rq).(*kmsg.HeartbeatResponse); resp.ErrorCode != 0 {
			b.Fatal(resp.ErrorCode)
		}
	}
}

func BenchmarkOffsetCommit(b *testing.B) {
	ask, member := benchGroup(b)
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Group, rq.MemberID, rq.Generation = "g", member, 1
	rq.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 3, Offset: 42, LeaderEpoch: -1}}}}
	b.ReportAllocs()
	for b.Loop() {
		if resp := ask(rq).(*kmsg.OffsetCommitResponse); resp.Topics[0].Partitions[0].ErrorCode != 0 {
			b.Fatal(resp.Topics)
		}
	}
}
