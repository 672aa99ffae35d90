package config

// brokerTopicKeys are about creating and deleting topics.
var brokerTopicKeys = []Key{
	{Name: "alter.config.policy.class.name", Type: Class, NoDefault: true, Importance: "LOW",
		Doc: "Class that may refuse changes of configs."},
	{Name: "auto.create.topics.enable", Type: Boolean, Default: "true", Importance: "HIGH", Built: true,
		Doc: "Whether asking for a topic that does not exist may create it."},
	{Name: "create.topic.policy.class.name", Type: Class, NoDefault: true, Importance: "LOW",
		Doc: "Class that may refuse new topics."},
	{Name: "default.replication.factor", Type: Int, Default: "1", Importance: "MEDIUM", Built: true,
		Doc: "Replicas of a topic that does not say how many it wants."},
	{Name: "delete.topic.enable", Type: Boolean, Default: "true", Importance: "HIGH", Built: true,
		Doc: "Whether topics may be deleted."},
	{Name: "num.partitions", Type: Int, Default: "1", Valid: atLeast(1), Importance: "MEDIUM", Built: true,
		Doc: "Partitions of a topic that does not say how many it wants."},
}
