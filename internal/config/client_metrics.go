package config

// clientMetricsKeys are what a subscription to clients' metrics says.
var clientMetricsKeys = []Key{
	{Name: "interval.ms", Type: Int, Default: "300000", Mode: PerSubscription, Importance: "MEDIUM", Built: true,
		Doc: "Time between two reports of a client."},
	{Name: "match", Type: List, Valid: clientMatch, Mode: PerSubscription, Importance: "MEDIUM", Built: true,
		Doc: "Which clients report, as name=pattern pairs that must all match."},
	{Name: "metrics", Type: List, Mode: PerSubscription, Importance: "MEDIUM", Built: true,
		Doc: "Prefixes of the names of the metrics to report; empty reports none, * all."},
}
