package config

// leatShareKeys are what leat has beyond Kafka for share groups, set per group.
var leatShareKeys = []Key{
	{Name: "leat.share.order", Type: String, Default: "none", Valid: oneOf("none", "key"), Mode: PerGroup, Built: true,
		Doc: "Order in which this share group gets the records of a partition: none, or key, so that no record is delivered while an earlier one with the same key is not done."},
	{Name: "leat.share.retry.backoff.factor", Type: Double, Default: "2.0", Valid: atLeast(1), Mode: PerGroup, Built: true,
		Doc: "By how much leat.share.retry.backoff.ms grows with each further delivery of a record."},
	{Name: "leat.share.retry.backoff.max.ms", Type: Long, Default: "60000", Valid: atLeast(0), Mode: PerGroup, Built: true,
		Doc: "Longest wait between two deliveries of a record."},
	{Name: "leat.share.retry.backoff.ms", Type: Long, Default: "0", Valid: atLeast(0), Mode: PerGroup, Built: true,
		Doc: "How long a record that was released, or whose lock timed out, waits after its first delivery until it is delivered again; 0: not at all."},
}
