package config

// leatDelayTopicKeys let a topic's records be delayed.
var leatDelayTopicKeys = []Key{
	{Name: "leat.delay.enable", Type: Boolean, Default: "false", Mode: PerTopic, Built: true,
		Doc: "Whether records with a header leat-deliver-at (ms since 1970) or leat-deliver-after (ms) become visible at that time only."},
	{Name: "leat.delay.max.ms", Type: Long, Default: "604800000", Valid: atLeast(0), Mode: PerTopic, Built: true,
		Doc: "Longest delay of a record; one that asks for more is refused."},
	{Name: "leat.delay.max.pending.bytes", Type: Long, Default: "1073741824", Valid: atLeast(-1), Mode: PerTopic, Built: true,
		Doc: "Bytes of delayed records that may wait for one partition; 0 or -1: any. A producer of more is told to wait and tries again."},
}

// leatDelayKeys are those of the topic in which delayed records wait.
var leatDelayKeys = []Key{
	{Name: "leat.delay.topic.min.isr", Type: Int, Default: "2", Valid: atLeast(1), Importance: "MEDIUM", Built: true,
		Doc: "In-sync replicas that the topic of delayed records needs, when it is made."},
	{Name: "leat.delay.topic.num.partitions", Type: Int, Default: "16", Valid: atLeast(1), Importance: "MEDIUM", Built: true,
		Doc: "Partitions of the topic of delayed records, when it is made; do not change it later."},
	{Name: "leat.delay.topic.replication.factor", Type: Short, Default: "3", Valid: atLeast(1), Importance: "MEDIUM", Built: true,
		Doc: "Replicas of the topic of delayed records, when it is made."},
}
