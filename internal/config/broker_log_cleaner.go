package config

// brokerLogCleanerKeys are about compaction.
var brokerLogCleanerKeys = []Key{
	{Name: "log.cleaner.backoff.ms", Type: Long, Default: "15000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How long the cleaner rests when there is nothing to do."},
	{Name: "log.cleaner.dedupe.buffer.size", Type: Long, Default: "134217728", Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Bytes of memory for the keys that all cleaner threads remember; taken only while a log is compacted."},
	{Name: "log.cleaner.delete.retention.ms", Type: Long, Default: "86400000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How long a deletion stays visible in a compacted log."},
	{Name: "log.cleaner.enable", Type: Boolean, Default: "true", Importance: "MEDIUM", Built: true,
		Doc: "Whether compacted topics are compacted."},
	{Name: "log.cleaner.io.buffer.load.factor", Type: Double, Default: "0.9", Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How full the cleaner's table of keys may get."},
	{Name: "log.cleaner.io.buffer.size", Type: Int, Default: "524288", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Bytes of memory for the cleaner's reading and writing."},
	{Name: "log.cleaner.io.max.bytes.per.second", Type: Double, Default: "1.7976931348623157E308", Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Bytes that all cleaner threads may read and write per second."},
	{Name: "log.cleaner.max.compaction.lag.ms", Type: Long, Default: "9223372036854775807", Valid: atLeast(1), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How long a record may stay uncompacted at most."},
	{Name: "log.cleaner.min.cleanable.ratio", Type: Double, Default: "0.5", Valid: between(0, 1), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Share of a log that must be uncleaned before it is compacted."},
	{Name: "log.cleaner.min.compaction.lag.ms", Type: Long, Default: "0", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How long a record stays uncompacted at least."},
	{Name: "log.cleaner.threads", Type: Int, Default: "1", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Threads that compact logs."},
}
