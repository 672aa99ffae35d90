package kafka

import (
	"leat/internal/cli/kafka/admin"
	"leat/internal/cli/kafka/shell"
	"leat/internal/cli/kafka/stream"
)

// entries are Kafka's tools.
var entries = [...]entry{
	{name: "connect-distributed", instead: noWorkers},
	{name: "connect-mirror-maker", instead: noWorkers},
	{name: "connect-plugin-path", instead: noWorkers},
	{name: "connect-standalone", instead: noWorkers},
	{name: "kafka-jmx", instead: noJMX},
	{name: "kafka-acls", build: admin.Acls},
	{name: "kafka-broker-api-versions", build: admin.APIVersions},
	{name: "kafka-client-metrics", build: admin.ClientMetrics},
	{name: "kafka-configs", build: admin.Configs},
	{name: "kafka-consumer-groups", build: admin.ConsumerGroups},
	{name: "kafka-delegation-tokens", build: admin.DelegationTokens},
	{name: "kafka-delete-records", build: admin.DeleteRecords},
	{name: "kafka-features", build: admin.Features},
	{name: "kafka-get-offsets", build: admin.GetOffsets},
	{name: "kafka-groups", build: admin.Groups},
	{name: "kafka-leader-election", build: admin.LeaderElection},
	{name: "kafka-log-dirs", build: admin.LogDirs},
	{name: "kafka-reassign-partitions", build: admin.ReassignPartitions},
	{name: "kafka-share-groups", build: admin.ShareGroups},
	{name: "kafka-streams-application-reset", build: admin.StreamsReset},
	{name: "kafka-streams-groups", build: admin.StreamsGroups},
	{name: "kafka-topics", build: admin.Topics},
	{name: "kafka-transactions", build: admin.Transactions},
	{name: "kafka-console-consumer", build: stream.ConsoleConsumer},
	{name: "kafka-console-producer", build: stream.ConsoleProducer},
	{name: "kafka-console-share-consumer", build: stream.ConsoleShareConsumer},
	{name: "kafka-consumer-perf-test", build: stream.ConsumerPerf},
	{name: "kafka-e2e-latency", build: stream.EndToEndLatency},
	{name: "kafka-producer-perf-test", build: stream.ProducerPerf},
	{name: "kafka-share-consumer-perf-test", build: stream.ShareConsumerPerf},
	{name: "kafka-verifiable-consumer", build: stream.VerifiableConsumer},
	{name: "kafka-verifiable-producer", build: stream.VerifiableProducer},
	{name: "kafka-verifiable-share-consumer", build: stream.VerifiableShareConsumer},
	{name: "kafka-metadata-shell", build: shell.MetadataShell},
	{name: "kafka-replica-verification", build: admin.ReplicaVerification},
	{name: "trogdor", instead: noTrogdor},
}
