package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestOffsetsOfManyTopicsThatAreGone names so many topics that looking for each among those that are answered would keep the group's
// coordinator, on whose goroutine the answer is formed, from all its groups for a minute.
func TestOffsetsOfManyTopicsThatAreGone(t *testing.T) {
	const many = 150_000
	began := time.Now()
	inBubble(t, func(t *testing.T, n *groupNode, c *client) {
		n.makeTopic("orders", 1)
		n.coordinate(c)
		commit, del := kmsg.NewPtrOffsetCommitRequest(), kmsg.NewPtrOffsetDeleteRequest()
		commit.Group, commit.Generation, del.Group = "g", -1, "g"
		add := func(topic string) {
			commit.Topics = append(commit.Topics, kmsg.OffsetCommitRequestTopic{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}})
			del.Topics = append(del.Topics, kmsg.OffsetDeleteRequestTopic{Topic: topic, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{}}})
		}
		add("orders")
		for i := range many {
			add(fmt.Sprintf("gone-%06d", i))
		}
		add("gone-000000")
		committed := ask[*kmsg.OffsetCommitResponse](c, commit, 7).Topics
		deleted := ask[*kmsg.OffsetDeleteResponse](c, del, 0).Topics
		if len(committed) != many+1 || len(deleted) != many+1 {
			t.Fatalf("%d and %d topics, want %d", len(committed), len(deleted), many+1)
		}
		unknown := kerr.UnknownTopicOrPartition.Code
		if a, b := committed[0], deleted[0]; a.Topic != "orders" || a.Partitions[0].ErrorCode != 0 || b.Topic != "orders" || b.Partitions[0].ErrorCode != 0 {
			t.Errorf("%+v, %+v", a, b)
		}
		if a, b := committed[1].Partitions, deleted[1].Partitions; len(a) != 2 || a[1].ErrorCode != unknown || len(b) != 2 || b[1].ErrorCode != unknown {
			t.Errorf("%+v, %+v", a, b)
		}
	})
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("took %v", took)
	}
}
