package epochs

import (
	"fmt"
	"testing"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
)

func image(t *testing.T, records ...metadata.Record) *metadata.Image {
	d := metadata.NewDelta(metadata.Empty)
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	return d.Image(1, 1, 1)
}

// topicOf makes a topic whose id has the given halves.
func topicOf(name string, high, low byte, partitions int32, replicas ...int32) []metadata.Record {
	id := record.UUID{7: high, 15: low}
	all := []metadata.Record{&metadata.TopicRecord{Name: name, TopicID: id}}
	for p := range partitions {
		r := &metadata.PartitionRecord{TopicID: id, PartitionID: p, Replicas: []int32{9}, ISR: []int32{9}, Leader: 9}
		if int(p) < len(replicas) {
			r.Replicas, r.ISR, r.Leader = replicas[p:p+1], replicas[p:p+1], replicas[p]
		}
		all = append(all, r)
	}
	return all
}

func TestTopicHashIsKafkas(t *testing.T) {
	rack := "r-a1"
	broker := &metadata.RegisterBrokerRecord{BrokerID: 1, Rack: &rack, Fenced: true}
	im := image(t, append(append(topicOf("orders", 1, 2, 2, 1), broker), topicOf("orders-é", 1, 2+1, 1)...)...)
	var h Hasher
	orders, _ := im.Topic("orders")
	if got := int64(h.topic(im, orders)); got != -5418105687157518625 {
		t.Errorf("hash of a topic with a rack: %d, Kafka computes -5418105687157518625", got)
	}
	im = image(t, topicOf("orders-é", 1, 2, 100)...)
	long, _ := im.Topic("orders-é")
	if got := int64(h.topic(im, long)); got != -6550883794048358732 {
		t.Errorf("hash of a topic with 100 partitions: %d, Kafka computes -6550883794048358732", got)
	}
}

func TestMetadataHashFollowsItsTopics(t *testing.T) {
	im := image(t, append(topicOf("a", 0, 1, 1), topicOf("b", 0, 2, 1)...)...)
	var h Hasher
	if got := h.MetadataHash(im, []string{"missing"}); got != 0 {
		t.Errorf("hash of no topic: %d, want 0", got)
	}
	both := h.MetadataHash(im, []string{"a", "b"})
	if both == h.MetadataHash(im, []string{"a"}) || both != h.MetadataHash(im, []string{"a", "b", "missing"}) {
		t.Error("hash does not follow the topics that exist")
	}
	if got := fmt.Sprint(h.MetadataHash(image(t, append(topicOf("a", 0, 1, 2), topicOf("b", 0, 2, 1)...)...), []string{"a", "b"})); got == fmt.Sprint(both) {
		t.Error("hash is the same with one partition more")
	}
}

func TestAssignmentsKeepTheirInterval(t *testing.T) {
	now := time.UnixMilli(10_000)
	for _, c := range []struct {
		last     int64
		interval time.Duration
		want     bool
	}{{0, time.Second, true}, {9_500, time.Second, false}, {9_000, time.Second, true}, {9_999, 0, true}} {
		if got := MayAssign(c.last, c.interval, now); got != c.want {
			t.Errorf("last %d interval %v: %v, want %v", c.last, c.interval, got, c.want)
		}
	}
}
