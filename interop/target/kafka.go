package target

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// clusterID is the one that every Kafka node of the suite is formatted with: any 16 bytes in Kafka's base64 form.
const clusterID = "bGVhdC1pbnRlcm9wLTAwMQ"

// toolClasses names Kafka's commands as its users know them.
var toolClasses = map[string]string{
	"kafka-acls":                      "org.apache.kafka.tools.AclCommand",
	"kafka-broker-api-versions":       "org.apache.kafka.tools.BrokerApiVersionsCommand",
	"kafka-client-metrics":            "org.apache.kafka.tools.ClientMetricsCommand",
	"kafka-cluster":                   "org.apache.kafka.tools.ClusterTool",
	"kafka-configs":                   "kafka.admin.ConfigCommand",
	"kafka-console-consumer":          "org.apache.kafka.tools.consumer.ConsoleConsumer",
	"kafka-console-producer":          "org.apache.kafka.tools.ConsoleProducer",
	"kafka-console-share-consumer":    "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
	"kafka-consumer-groups":           "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
	"kafka-consumer-perf-test":        "org.apache.kafka.tools.ConsumerPerformance",
	"kafka-delegation-tokens":         "org.apache.kafka.tools.DelegationTokenCommand",
	"kafka-delete-records":            "org.apache.kafka.tools.DeleteRecordsCommand",
	"kafka-dump-log":                  "org.apache.kafka.tools.DumpLogSegments",
	"kafka-e2e-latency":               "org.apache.kafka.tools.EndToEndLatency",
	"kafka-get-offsets":               "org.apache.kafka.tools.GetOffsetShell",
	"kafka-groups":                    "org.apache.kafka.tools.GroupsCommand",
	"kafka-features":                  "org.apache.kafka.tools.FeatureCommand",
	"kafka-leader-election":           "org.apache.kafka.tools.LeaderElectionCommand",
	"kafka-log-dirs":                  "org.apache.kafka.tools.LogDirsCommand",
	"kafka-metadata-quorum":           "org.apache.kafka.tools.MetadataQuorumCommand",
	"kafka-metadata-shell":            "org.apache.kafka.shell.MetadataShell",
	"kafka-producer-perf-test":        "org.apache.kafka.tools.ProducerPerformance",
	"kafka-reassign-partitions":       "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
	"kafka-replica-verification":      "org.apache.kafka.tools.ReplicaVerificationTool",
	"kafka-share-groups":              "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
	"kafka-storage":                   "kafka.tools.StorageTool",
	"kafka-streams-application-reset": "org.apache.kafka.tools.StreamsResetter",
	"kafka-streams-groups":            "org.apache.kafka.tools.streams.StreamsGroupCommand",
	"kafka-topics":                    "org.apache.kafka.tools.TopicCommand",
	"kafka-transactions":              "org.apache.kafka.tools.TransactionsCommand",
	// The programs of Kafka's system tests.
	"transactional-message-copier": "org.apache.kafka.tools.TransactionalMessageCopier",
	"verifiable-consumer":          "org.apache.kafka.tools.VerifiableConsumer",
	"verifiable-producer":          "org.apache.kafka.tools.VerifiableProducer",
	"verifiable-share-consumer":    "org.apache.kafka.tools.VerifiableShareConsumer",
}

// ToolClass is the class behind one of Kafka's commands.
func ToolClass(name string) (string, error) {
	class, ok := toolClasses[name]
	if !ok {
		return "", fmt.Errorf("%s: not a known Kafka tool", name)
	}
	return class, nil
}

// Tool is one of Kafka's own command-line tools, ready to run.
func Tool(name string, args ...string) (*exec.Cmd, error) {
	class, err := ToolClass(name)
	if err != nil {
		return nil, err
	}
	folders := []string{"kafka-tools"}
	switch name {
	case "kafka-storage":
		folders = []string{"kafka"}
	case "kafka-metadata-shell": // it reads metadata of 4.4
		folders = []string{"kafka", "kafka-tools"}
	}
	// The tools are short programs: the first compiler alone halves the time until they answer.
	argv, err := java(folders, append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1", class}, args...))
	if err != nil {
		return nil, err
	}
	return exec.Command(argv[0], argv[1:]...), nil
}

// KafkaServer is the command that runs Kafka's broker, controller or both; options of the JVM come before the class.
func KafkaServer(properties string, options ...string) ([]string, error) {
	return kafkaArgv(append(options, "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Djava.awt.headless=true", "kafka.Kafka", properties)...)
}

// kafkaArgv is a java command with the broker's jars; what follows are options of the JVM, the class, and its arguments.
func kafkaArgv(rest ...string) ([]string, error) {
	return java([]string{"kafka"}, rest)
}

// java is a java command with the jars of some folders of the cache, earlier ones first.
func java(folders, rest []string) ([]string, error) {
	cache, err := Cache()
	if err != nil {
		return nil, err
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	var path []string
	for _, folder := range folders {
		jars := filepath.Join(cache, folder)
		if _, err := os.Stat(jars); err != nil {
			return nil, fmt.Errorf("%s: no Apache Kafka there: run interop/setup.sh kafka", jars)
		}
		path = append(path, filepath.Join(jars, "*"))
	}
	argv := []string{"java", "-cp", strings.Join(path, ":"),
		"-Dlog4j2.configurationFile=" + filepath.Join(root, "interop", "kafka", "log4j2.properties")}
	return append(argv, rest...), nil
}

// format does what kafka-storage format does for a fresh directory.
func (n *Node) format() error {
	if _, err := os.Stat(filepath.Join(n.DataDir(), "meta.properties")); err == nil {
		return nil
	}
	args := []string{"format", "--cluster-id", clusterID, "--config", n.PropertiesFile()}
	if n.cfg.Settings["controller.quorum.voters"] == "" {
		args = append(args, "--standalone")
	}
	cmd, err := Tool("kafka-storage", args...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kafka-storage format: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
