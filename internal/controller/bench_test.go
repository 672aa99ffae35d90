package controller

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
)

// BenchmarkFence fences the only broker of a cluster with 100,000 partitions, in one decision.
func BenchmarkFence(b *testing.B) {
	d := metadata.NewDelta(metadata.Empty)
	records := []Record{&metadata.RegisterBrokerRecord{BrokerID: 1, LogDirs: []record.UUID{{1}}}}
	for t := range 1000 {
		id := record.UUID{1, byte(t >> 8), byte(t)}
		records = append(records, &metadata.TopicRecord{Name: fmt.Sprintf("topic-%d", t), TopicID: id})
		for p := range 100 {
			records = append(records, &metadata.PartitionRecord{TopicID: id, PartitionID: int32(p), Replicas: []int32{1}, ISR: []int32{1}, Leader: 1})
		}
	}
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			b.Fatal(err)
		}
	}
	m := New(Config{NodeID: 1, Broker: values(b, nil), Image: d.Image(1, 1, 1), Now: time.Unix(1, 0), Rand: rand.New(rand.NewSource(1))})
	m.limits.records = 1 << 30
	for b.Loop() {
		if n := len(m.run(m.now, m.fencing(1)).records); n != 100_001 {
			b.Fatal(n)
		}
	}
}
