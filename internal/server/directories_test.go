package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

func TestTheControllerIsToldWhereReplicasLie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, gone, topicID := record.UUID{1}, record.UUID{2}, record.UUID{9}
		var asked []*kmsg.AssignReplicasToDirsRequest
		fail := true
		p := newPlacements(placementsConfig{
			NodeID: 1, Epoch: func() int64 { return 7 }, Logger: slog.New(slog.DiscardHandler),
			Where: func(record.TopicPartition) (record.UUID, bool) { return here, true },
			Ask: func(_ context.Context, rq kmsg.Request) (kmsg.Response, error) {
				asked = append(asked, rq.(*kmsg.AssignReplicasToDirsRequest))
				if fail {
					fail = false
					return nil, errors.New("nobody leads")
				}
				return kmsg.NewPtrAssignReplicasToDirsResponse(), nil
			},
		})
		defer p.Close()
		delta := metadata.NewDelta(&metadata.Image{})
		for _, r := range []metadata.Record{
			&metadata.TopicRecord{Name: "orders", TopicID: topicID},
			&metadata.PartitionRecord{TopicID: topicID, PartitionID: 0, Replicas: []int32{2, 1}, ISR: []int32{2}, Directories: []record.UUID{{5}, gone}},
			&metadata.PartitionRecord{TopicID: topicID, PartitionID: 1, Replicas: []int32{1, 2}, ISR: []int32{1}, Directories: []record.UUID{here, {5}}},
			&metadata.PartitionRecord{TopicID: topicID, PartitionID: 2, Replicas: []int32{2}, ISR: []int32{2}, Directories: []record.UUID{gone}},
		} {
			if err := delta.Replay(r); err != nil {
				t.Fatal(err)
			}
		}
		p.publish(delta.Image(1, 1, 0), nil)
		time.Sleep(time.Minute)
		synctest.Wait() // what was asked can be looked at
		if len(asked) != 2 {
			t.Fatalf("asked %d times, want one failure and one success", len(asked))
		}
		rq := asked[1]
		if rq.BrokerID != 1 || rq.BrokerEpoch != 7 || len(rq.Directories) != 1 || rq.Directories[0].ID != [16]byte(here) {
			t.Fatalf("asked %+v", rq)
		}
		topics := rq.Directories[0].Topics
		if len(topics) != 1 || len(topics[0].Partitions) != 1 || topics[0].Partitions[0].Partition != 0 {
			t.Errorf("told about %+v, want partition 0 alone", topics)
		}
	})
}
