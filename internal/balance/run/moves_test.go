package run

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/metadata"
	"leat/internal/record"
)

// A partition that this runner moved, and an administrator sends elsewhere before that is done, is the administrator's from then on: it is neither called back
// nor does anything else begin beside it.
func TestAMoveThatSomebodyElseRedirectedIsTheirs(t *testing.T) {
	delta := metadata.NewDelta(metadata.Empty)
	id := record.UUID{15: 1}
	records := []metadata.Record{
		&metadata.TopicRecord{Name: "orders", TopicID: id},
		&metadata.PartitionRecord{TopicID: id, Replicas: []int32{1, 4, 2}, ISR: []int32{1, 2}, AddingReplicas: []int32{4}, RemovingReplicas: []int32{2}, Leader: 1,
			Directories: make([]record.UUID, 3)},
	}
	for b := int32(1); b <= 4; b++ {
		records = append(records, &metadata.RegisterBrokerRecord{BrokerID: b, BrokerEpoch: int64(b), IncarnationID: record.UUID{15: byte(b)}})
	}
	for _, r := range records {
		if err := delta.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	im := delta.Image(10, 1, 0)
	asked := 0
	r := New(Config{Logger: slog.New(slog.DiscardHandler), Controller: func(context.Context, kmsg.Request) (kmsg.Response, error) {
		asked++
		return kmsg.NewPtrAlterPartitionAssignmentsResponse(), nil
	}})
	tp := record.TopicPartition{Topic: "orders"}
	for _, c := range []struct {
		after  []int32
		others int
		asked  int
	}{{[]int32{1, 3}, 1, 0}, {[]int32{1, 4}, 0, 1}} {
		asked = 0
		r.begun[tp] = begun{balance.Move{Topic: "orders", Before: []int32{1, 2}, After: c.after}, time.Now()}
		if n := r.others(im); n != c.others {
			t.Errorf("to %v: %d reassignments of others, want %d", c.after, n, c.others)
		}
		r.callBack(im, &Settings{Drain: []int32{3, 4}}, time.Now())
		if asked != c.asked {
			t.Errorf("to %v: %d requests to call moves back, want %d", c.after, asked, c.asked)
		}
	}
}
