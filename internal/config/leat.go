package config

import "fmt"

// leatKeys are what leat has beyond Kafka. All begin with "leat.".
var leatKeys = []Key{
	{Name: "leat.compressed.records.check", Type: String, Default: "sampled", Valid: oneOf("all", "sampled"), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Which compressed batches of producers are decompressed to check their records: all, or of each connection the first and then some (sampled)."},
	{Name: "leat.disk.hard.free.bytes", Type: Long, Default: "-1", Valid: atLeast(-1), Mode: ClusterWide, Importance: "HIGH", Built: true,
		Doc: "Free bytes of a log directory below which producers are refused with a retriable error; 0: never, -1: 1% of the disk, at most 1 GiB."},
	{Name: "leat.disk.soft.free.bytes", Type: Long, Default: "-1", Valid: atLeast(-1), Mode: ClusterWide, Importance: "HIGH", Built: true,
		Doc: "Free bytes of a log directory below which producers are slowed as the room gets less; 0: never, -1: 5% of the disk, at most 10 GiB."},
	{Name: "leat.encryption.data.key.rotation.ms", Type: Long, Default: "7776000000", Valid: atLeast(0), Importance: "LOW", Built: true,
		Doc: "Age at which a data key is used for no further segments; 0: only a new key-encryption key brings a new one."},
	{Name: "leat.encryption.default", Type: String, Default: "none", Valid: oneOf("none", "aes-gcm"), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Whether new segments are encrypted at rest, for topics that do not set leat.encryption: none or aes-gcm."},
	{Name: "leat.encryption.key.command", Type: String, Default: "", Importance: "MEDIUM", Built: true,
		Doc: "Program that wraps and unwraps data keys, as a bridge to a key management system; instead of leat.encryption.key.file."},
	{Name: "leat.encryption.key.command.timeout.ms", Type: Int, Default: "10000", Valid: atLeast(1), Importance: "LOW", Built: true,
		Doc: "How long one call of leat.encryption.key.command may take."},
	{Name: "leat.encryption.key.file", Type: String, Default: "", Importance: "MEDIUM", Built: true,
		Doc: "File with key-encryption keys, a line <id>:<base64 of 32 bytes> each, the first one current; read again on SIGHUP."},
	{Name: "leat.group.consumer.heartbeat.least.ms", Type: Int, Default: "1000", Valid: atLeast(0), Importance: "MEDIUM", Built: true,
		Doc: "Interval of heartbeats that members of consumer groups are told while there are few of them: it grows with their number, to group.consumer.heartbeat.interval.ms, so that a partition of __consumer_offsets gets at most 500 a second. 0: all are told the latter."},
	{Name: "leat.group.heartbeat.hold.ms", Type: Int, Default: "3000", Valid: atLeast(0), Importance: "MEDIUM", Built: true,
		Doc: "How long the answer to a heartbeat of a classic group waits for news, at most, so that members hear of a rebalance at once; never more than a fifth of the session timeout, nor longer than the client has nothing else to say. 0: it does not wait, and new groups without an initial delay do not look whether others come."},
	{Name: "leat.group.lag.interval.ms", Type: Long, Default: "15000", Valid: atLeast(1000), Importance: "LOW", Built: true,
		Doc: "How often the lag of all groups is determined, at most: with very many groups it is done less often, so that it takes half a percent of a processor."},
	{Name: "leat.http.listener", Type: String, Default: "127.0.0.1:9644", Valid: httpListener, Importance: "MEDIUM", Built: true,
		Doc: "Address (host:port) of the HTTP listener for health, metrics and profiles; empty turns it off."},
	{Name: "leat.http.why.clients", Type: String, Default: "local", Valid: oneOf("local", "all", "none"), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "Whom GET /why tells principals and addresses of clients, since nobody says there who they are: those who ask from the node's own machine (local), everybody who reaches leat.http.listener (all), or nobody (none, for a proxy on the same machine)."},
	{Name: "leat.leader.return.ms", Type: Long, Default: "1000", Valid: atLeast(-1), Importance: "LOW", Built: true,
		Doc: "How soon leadership goes back to a preferred replica that is in sync again, if auto.leader.rebalance.enable is on; -1: every leader.imbalance.check.interval.seconds only."},
	{Name: "leat.log.writeout.bytes", Type: Long, Default: "-1", Valid: atLeast(-1), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "Bytes of a log that are not synced above which it is synced in the background; 0 and -1: however many. It bounds what is read after a crash."},
	{Name: "leat.log.writeout.ms", Type: Long, Default: "60000", Valid: atLeast(-1), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "Age of unsynced records at which their log is synced in the background; 0 and -1: never. It bounds what is read after a crash."},
	{Name: "leat.metrics.group.partitions.max", Type: Int, Default: "10000", Valid: atLeast(0), Importance: "LOW", Built: true,
		Doc: "How many committed offsets have metrics of their lag on each node; the others are counted."},
	{Name: "leat.metrics.partitions", Type: Boolean, Default: "false", Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "Whether /metrics has lines for each partition where a scrape does not say (?partitions=true or false); otherwise the partitions of a topic are added up."},
	{Name: "leat.metrics.topics.max", Type: Int, Default: "10000", Valid: atLeast(0), Importance: "LOW", Built: true,
		Doc: "How many topics get series of their own in /metrics; what the others do counts in the totals only."},
	{Name: "leat.suspicion.connect.timeout.ms", Type: Int, Default: "1000", Valid: atLeast(1), Importance: "LOW", Built: true,
		Doc: "How long the controller waits for a suspected broker to take a connection. One that takes it, or does not answer, is slow and not dead."},
	{Name: "leat.suspicion.enable", Type: Boolean, Default: "true", Importance: "MEDIUM", Built: true,
		Doc: "Whether a broker whose connection to the controller closed, and whose listeners then refuse connections, is fenced at once and not when its session ends."},
	{Name: "leat.topic.limits", Type: List, Default: "", Valid: topicLimits, Importance: "MEDIUM", Built: true,
		Doc: "What topics may be like: partitions<=100, replication.factor>=3, or a topic config with <=, >= or =; whoever breaks one gets POLICY_VIOLATION."},
	{Name: "leat.why.window.ms", Type: Long, Default: "60000", Valid: atLeast(1000), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "For how long refusals, throttles, lost members and the like count when somebody asks why; also how long a group must stand still to be called stuck."},
}

// brokerThrottleKeys are set by kafka-reassign-partitions on brokers, and only while partitions move. Whoever wants one rate for all sets the default of the cluster.
var brokerThrottleKeys = []Key{
	{Name: "leader.replication.throttled.rate", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM",
		Unlisted: true, Built: true, Doc: "Bytes per second that this broker sends for throttled replicas it leads."},
	{Name: "follower.replication.throttled.rate", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM",
		Unlisted: true, Built: true, Doc: "Bytes per second that this broker fetches for throttled replicas it follows."},
	{Name: "replica.alter.log.dirs.io.max.bytes.per.second", Type: Long, Default: "9223372036854775807", Valid: atLeast(0), Mode: ClusterWide,
		Importance: "MEDIUM", Unlisted: true, Built: true, Doc: "Bytes per second that moving replicas between directories of this broker may take."},
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
