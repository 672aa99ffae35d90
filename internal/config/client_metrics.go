package config

// clientMetricsKeys are what a subscription to clients' metrics says.
var clientMetricsKeys = []Key{
	{Name: "interval.ms", Type: Int, Default: "300000", Mode: PerSubscription, Importance: "MEDIUM",
		Doc: ""},
	{Name: "match", Type: List, Mode: PerSubscription, Importance: "MEDIUM",
		Doc: ""},
	{Name: "metrics", Type: List, Mode: PerSubscription, Importance: "MEDIUM",
		Doc: ""},
}
