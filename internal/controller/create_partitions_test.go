package controller

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// TestManyTopicsAreAnsweredInTheirOrderAndAtOnce names so many topics that looking for each among those that are answered would keep the
// controller busy for a minute.
func TestManyTopicsAreAnsweredInTheirOrderAndAtOnce(t *testing.T) {
	const many = 200_000
	m := New(Config{NodeID: 1, Broker: values(t, nil), Image: metadata.Empty, Now: time.Unix(1, 0), Rand: rand.New(rand.NewSource(1))})
	rq := kmsg.NewPtrCreatePartitionsRequest()
	for i := range many {
		name := fmt.Sprintf("topic-%06d", i)
		rq.Topics = append(rq.Topics, kmsg.CreatePartitionsRequestTopic{Topic: name, Count: 2})
		if i%1000 == 0 {
			rq.Topics = append(rq.Topics, kmsg.CreatePartitionsRequestTopic{Topic: name, Count: 2})
		}
	}
	began := time.Now()
	resp := m.createPartitions(rq).response.(*kmsg.CreatePartitionsResponse)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	if len(resp.Topics) != many {
		t.Fatalf("%d answers, want %d", len(resp.Topics), many)
	}
	for i, answer := range resp.Topics {
		want := kerr.UnknownTopicOrPartition.Code
		if i%1000 == 0 {
			want = kerr.InvalidRequest.Code
		}
		if name := fmt.Sprintf("topic-%06d", i); answer.Topic != name || answer.ErrorCode != want {
			t.Fatalf("answer %d is %s with code %d, want %s with %d", i, answer.Topic, answer.ErrorCode, name, want)
		}
	}
}
