package config

// brokerLogCleanerKeys are about compaction.
var brokerLogCleanerKeys = []Key{
	{Name: "log.cleaner.backoff.ms", Type: Long, Default: "15000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.dedupe.buffer.size", Type: Long, Default: "134217728", Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.delete.retention.ms", Type: Long, Default: "86400000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.enable", Type: Boolean, Default: "true", Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.io.buffer.load.factor", Type: Double, Default: "0.9", Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.io.buffer.size", Type: Int, Default: "524288", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.io.max.bytes.per.second", Type: Double, Default: "1.7976931348623157E308", Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.max.compaction.lag.ms", Type: Long, Default: "9223372036854775807", Valid: atLeast(1), Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.min.cleanable.ratio", Type: Double, Default: "0.5", Valid: between(0, 1), Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.min.compaction.lag.ms", Type: Long, Default: "0", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
	{Name: "log.cleaner.threads", Type: Int, Default: "1", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM",
		Doc: ""},
}
