package telemetry

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestPartitionsAreAddedUpByTopicUnlessEachIsWanted(t *testing.T) {
	s := testSource(NewBroker(2))
	walks := 0
	s.Partitions = func(yield func(*Partition) bool) {
		walks++
		for _, p := range []Partition{
			{Topic: "orders", Partition: 0, Size: 10, LogStart: 5, LogEnd: 25, Readable: 24, Leads: true, Replicas: 3, InSync: 2, MinISR: 2},
			{Topic: "paid", Partition: 0, Size: 7},
			{Topic: "orders", Partition: 1, Size: 20, LogStart: 1, LogEnd: 2, Readable: 2},
			{Topic: "hidden", Partition: 0, Size: 1 << 40},
		} {
			if !yield(&p) {
				return
			}
		}
	}
	s.Cluster = func() *ClusterStats {
		return &ClusterStats{Brokers: []ClusterBroker{{3, "c:9092"}}, Partitions: func(yield func(*ClusterPartition) bool) {
			_ = yield(&ClusterPartition{Topic: "orders", Leader: 1, Preferred: 1, Replicas: 3, InSync: 2}) &&
				yield(&ClusterPartition{Topic: "orders", Partition: 1, Leader: 3, Preferred: 2, Replicas: 3, InSync: 3})
		}}
	}
	text := scrapeOf(t, s, false)
	want(t, text,
		`kafka_log_log_size{topic="orders"} 30`, `kafka_log_log_size{topic="paid"} 7`,
		`kafka_cluster_partition_atminisr{topic="orders"} 1`, `kafka_cluster_partition_atminisr{topic="paid"} 0`,
		`kafka_topic_partition_current_offset{topic="orders"} 24`, // of the partitions that are led here
		`kafka_topic_partitions{topic="orders"} 2`, `kafka_topic_partition_replicas{topic="orders"} 6`,
		`kafka_topic_partition_leader_is_preferred{topic="orders"} 0`, `kafka_topic_partition_under_replicated_partition{topic="orders"} 1`,
		`kafka_broker_info{id="3",address="c:9092"} 1`,
	)
	for _, not := range []string{"partition=", "hidden", `current_offset{topic="paid"}`} {
		if strings.Contains(text, not) {
			t.Errorf("%s is shown", not)
		}
	}
	want(t, scrapeOf(t, s, true),
		`kafka_log_log_size{topic="orders",partition="1"} 20`, `kafka_topic_partition_current_offset{topic="orders",partition="0"} 24`,
		`kafka_topic_partition_leader{topic="orders",partition="1"} 3`, `kafka_topic_partition_leader_is_preferred{topic="orders",partition="0"} 1`,
	)
	if walks != 2 {
		t.Errorf("two scrapes went over the partitions %d times: each takes the locks of all logs", walks)
	}
}

func scrapeOf(t *testing.T, s *Source, each bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := s.WriteTo(&out, time.Unix(1, 0), each); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRatesAreOfTheTimeSinceTheScrapeBefore(t *testing.T) {
	var p paces
	at := time.Unix(100, 0)
	for i, step := range []struct {
		after, sum, want float64
	}{{0, 50, 0}, {10, 150, 10}, {0.5, 1000, 10}, {1.5, 170, 10}, {4, 170, 0}} {
		at = at.Add(time.Duration(step.after * float64(time.Second)))
		if got := p.of("x", at, step.sum); got != step.want {
			t.Errorf("scrape %d: %v a second, want %v", i, got, step.want)
		}
	}
}

func TestKindsOfClientsAreBounded(t *testing.T) {
	b := NewBroker(1)
	for i := range mostSoftware + 5 {
		b.UseSoftware(Software{"PLAINTEXT", "client", strings.Repeat("1", i%longestSoftware) + string(rune('a'+i/longestSoftware))}, 1)
	}
	b.UseSoftware(Software{"PLAINTEXT", strings.Repeat("x", longestSoftware+1), "1"}, 1)
	want(t, scrape(t, testSource(b)), softwareConnections.Name+`{listener="PLAINTEXT",client_software_name="other",client_software_version="other"} 6`)
	for range 2 {
		b.UseSoftware(Software{"PLAINTEXT", "client", "a"}, -1) // the second time it is one of the others
	}
	want(t, scrape(t, testSource(b)), softwareConnections.Name+`{listener="PLAINTEXT",client_software_name="other",client_software_version="other"} 5`)
}
