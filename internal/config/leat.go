package config

import "fmt"

// leatKeys are what leat has beyond Kafka. All begin with "leat.".
var leatKeys = []Key{
	{Name: "leat.http.listener", Type: String, Default: "127.0.0.1:9644", Valid: httpListener, Importance: "MEDIUM", Built: true,
		Doc: "Address (host:port) of the HTTP listener for health, metrics and profiles; empty turns it off."},
	{Name: "leat.metrics.topics.max", Type: Int, Default: "10000", Valid: atLeast(0), Importance: "LOW", Built: true,
		Doc: "How many topics get series of their own in /metrics; what the others do counts in the totals only."},
}

// brokerThrottleKeys are set by kafka-reassign-partitions on brokers, and only while partitions move.
var brokerThrottleKeys = []Key{
	{Name: "leader.replication.throttled.rate", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Mode: PerBroker, Importance: "MEDIUM",
		Unlisted: true, Doc: "Bytes per second that this broker sends for throttled replicas it leads."},
	{Name: "follower.replication.throttled.rate", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Mode: PerBroker, Importance: "MEDIUM",
		Unlisted: true, Doc: "Bytes per second that this broker fetches for throttled replicas it follows."},
	{Name: "replica.alter.log.dirs.io.max.bytes.per.second", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Mode: PerBroker,
		Importance: "MEDIUM", Unlisted: true, Doc: "Bytes per second that moving replicas between directories of this broker may take."},
}

var httpListener Rule = described{"host:port, or empty", func(value any) error {
	if value.(string) == "" {
		return nil
	}
	if _, _, err := splitHostPort(value.(string)); err != nil {
		return fmt.Errorf("%w, or nothing to turn it off", err)
	}
	return nil
}}
