package coordinator_test

import (
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/coordinator/group"
	"leat/internal/record"
)

// sink is a log that keeps nothing.
type sink struct {
	fakeLog
	next int64
}

func (s *sink) Append(batch []byte) (baseOffset, nextOffset int64, err error) {
	base := s.next
	s.next += int64(record.Batch(batch).Count())
	return base, s.next, nil
}

// through measures what requests cost from Submit to their answer, one after the other.
func through(b *testing.B, rq kmsg.Request) {
	g := coordinator.NewGroups(coordinator.GroupsConfig{
		Config: coordinator.Config{
			Open:   func(record.TopicPartition, int32) (coordinator.Leader, error) { return &sink{}, nil },
			Logger: slog.New(slog.DiscardHandler),
		},
		Settings: func() coordinator.Settings { return coordinator.DefaultSettings },
		Group:    func() group.Settings { return group.DefaultSettings },
	})
	defer g.Close()
	g.Publish(imageWith(b, 1), nil)
	g.Leading(partition0, 0, true)
	answers := make(chan kmsg.Response, 1)
	call := coordinator.Call{Group: "g", Request: rq, ClientID: "c", ClientHost: "/127.0.0.1"}
	ask := func() kmsg.Response {
		g.Submit(call, func(resp kmsg.Response) { answers <- resp })
		return <-answers
	}
	commit, isCommit := rq.(*kmsg.OffsetCommitRequest)
	for isCommit && ask().(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode != 0 { // until it is loaded
		commit.Topics[0].Partitions[0].Offset = 0
	}
	b.ReportAllocs()
	for b.Loop() {
		ask()
	}
}

func BenchmarkHeartbeatThroughTheShell(b *testing.B) {
	rq := kmsg.NewPtrHeartbeatRequest()
	rq.Group, rq.MemberID = "g", "m"
	through(b, rq)
}

func BenchmarkCommitThroughTheShell(b *testing.B) {
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Group, rq.Generation = "g", -1
	rq.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 1, LeaderEpoch: -1}}}}
	through(b, rq)
}
