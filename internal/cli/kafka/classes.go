package kafka

import "strings"

// classes are the tools behind the last part of a class's name, in whichever package of Kafka's it is or was.
var classes = map[string]string{
	"AclCommand":                "kafka-acls",
	"BrokerApiVersionsCommand":  "kafka-broker-api-versions",
	"ClientMetricsCommand":      "kafka-client-metrics",
	"ClusterTool":               "kafka-cluster",
	"ConfigCommand":             "kafka-configs",
	"ConnectDistributed":        "connect-distributed",
	"ConnectPluginPath":         "connect-plugin-path",
	"ConnectStandalone":         "connect-standalone",
	"ConsoleConsumer":           "kafka-console-consumer",
	"ConsoleProducer":           "kafka-console-producer",
	"ConsoleShareConsumer":      "kafka-console-share-consumer",
	"ConsumerGroupCommand":      "kafka-consumer-groups",
	"ConsumerPerformance":       "kafka-consumer-perf-test",
	"DelegationTokenCommand":    "kafka-delegation-tokens",
	"DeleteRecordsCommand":      "kafka-delete-records",
	"DumpLogSegments":           "kafka-dump-log",
	"EndToEndLatency":           "kafka-e2e-latency",
	"FeatureCommand":            "kafka-features",
	"GetOffsetShell":            "kafka-get-offsets",
	"GroupsCommand":             "kafka-groups",
	"JmxTool":                   "kafka-jmx",
	"Kafka":                     "kafka-server-start",
	"LeaderElectionCommand":     "kafka-leader-election",
	"LogDirsCommand":            "kafka-log-dirs",
	"MetadataQuorumCommand":     "kafka-metadata-quorum",
	"MetadataShell":             "kafka-metadata-shell",
	"MirrorMaker":               "connect-mirror-maker",
	"ProducerPerformance":       "kafka-producer-perf-test",
	"ReassignPartitionsCommand": "kafka-reassign-partitions",
	"ReplicaVerificationTool":   "kafka-replica-verification",
	"ShareConsumerPerformance":  "kafka-share-consumer-perf-test",
	"ShareGroupCommand":         "kafka-share-groups",
	"StorageTool":               "kafka-storage",
	"StreamsGroupCommand":       "kafka-streams-groups",
	"StreamsResetter":           "kafka-streams-application-reset",
	"TopicCommand":              "kafka-topics",
	"TransactionsCommand":       "kafka-transactions",
	"Trogdor":                   "trogdor",
	"VerifiableConsumer":        "kafka-verifiable-consumer",
	"VerifiableProducer":        "kafka-verifiable-producer",
	"VerifiableShareConsumer":   "kafka-verifiable-share-consumer",
}

// packages are those that Kafka's tools are or were in: kafka.tools.GetOffsetShell of Kafka 3 is org.apache.kafka.tools.GetOffsetShell of Kafka 4.
var packages = []string{"kafka.", "org.apache.kafka."}

// ToolOfClass is the tool that a class of Kafka's is.
func ToolOfClass(class string) (string, bool) {
	for _, p := range packages {
		if strings.HasPrefix(class, p) {
			name, ok := classes[class[strings.LastIndexByte(class, '.')+1:]]
			return name, ok
		}
	}
	return "", false
}
