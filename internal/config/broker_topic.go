package config

// brokerTopicKeys are about creating and deleting topics.
var brokerTopicKeys = []Key{
	{Name: "alter.config.policy.class.name", Type: Class, NoDefault: true, Importance: "LOW",
		Doc: ""},
	{Name: "auto.create.topics.enable", Type: Boolean, Default: "true", Importance: "HIGH",
		Doc: ""},
	{Name: "create.topic.policy.class.name", Type: Class, NoDefault: true, Importance: "LOW",
		Doc: ""},
	{Name: "default.replication.factor", Type: Int, Default: "1", Importance: "MEDIUM",
		Doc: ""},
	{Name: "delete.topic.enable", Type: Boolean, Default: "true", Importance: "HIGH",
		Doc: ""},
	{Name: "num.partitions", Type: Int, Default: "1", Valid: atLeast(1), Importance: "MEDIUM",
		Doc: ""},
}
