package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestOffsetsOfManyTopicsThatAreGone refuses so many topics that looking for each among those that are answered would keep the group's
// coordinator, on whose goroutine the answer is formed, from all its groups for a minute.
func TestOffsetsOfManyTopicsThatAreGone(t *testing.T) {
	const many = 200_000
	commit, del := make([]kmsg.OffsetCommitResponseTopic, many), make([]kmsg.OffsetDeleteResponseTopic, many)
	for i := range many {
		name := fmt.Sprintf("gone-%06d", i)
		commit[i] = kmsg.OffsetCommitResponseTopic{Topic: name, Partitions: make([]kmsg.OffsetCommitResponseTopicPartition, 1)}
		del[i] = kmsg.OffsetDeleteResponseTopic{Topic: name, Partitions: make([]kmsg.OffsetDeleteResponseTopicPartition, 1)}
	}
	commit, del = append(commit, commit[7]), append(del, del[7])
	began := time.Now()
	committed := addCommitTopics([]kmsg.OffsetCommitResponseTopic{{Topic: "orders"}, {Topic: "gone-000000"}}, commit)
	deleted := addDeleteTopics([]kmsg.OffsetDeleteResponseTopic{{Topic: "orders"}, {Topic: "gone-000000"}}, del)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	if len(committed) != many+1 || len(deleted) != many+1 {
		t.Fatalf("%d and %d topics, want %d", len(committed), len(deleted), many+1)
	}
	for at, partitions := range map[int]int{0: 0, 1: 1, 2: 1, 8: 2, many: 1} {
		if n, m := len(committed[at].Partitions), len(deleted[at].Partitions); n != partitions || m != partitions {
			t.Errorf("topic %d (%s) has %d and %d partitions, want %d", at, committed[at].Topic, n, m, partitions)
		}
	}
}
