package config

import "fmt"

// Classes of Apache Kafka that pick the replica from which a consumer reads (KIP-392).
const (
	RackAwareSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector"
	leaderSelector    = "org.apache.kafka.common.replica.LeaderSelector"
)

// replicaSelector is one of the two that come with Kafka: others would be Java code.
var replicaSelector Rule = described{"", func(value any) error {
	if text := value.(string); text != "" && text != RackAwareSelector && text != leaderSelector {
		return fmt.Errorf("classes of one's own cannot be loaded: write %s, or leave the key out and consumers read from leaders", RackAwareSelector)
	}
	return nil
}}
