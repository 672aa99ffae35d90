package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

var sourceNames = map[Source]string{
	FromTopic: "DYNAMIC_TOPIC_CONFIG", FromDynamicBroker: "DYNAMIC_BROKER_CONFIG", FromDynamicDefaultBroker: "DYNAMIC_DEFAULT_BROKER_CONFIG",
	FromStaticBroker: "STATIC_BROKER_CONFIG", FromDefault: "DEFAULT_CONFIG", FromClientMetrics: "DYNAMIC_CLIENT_METRICS_CONFIG",
	FromGroup: "DYNAMIC_GROUP_CONFIG",
}

func row(resource string, e Entry) string {
	flag := func(set bool, name string) string {
		if set {
			return name
		}
		return "-"
	}
	text := func(s *string) string {
		if s == nil {
			return "null"
		}
		return *s
	}
	var chain strings.Builder
	for _, s := range e.Synonyms {
		fmt.Fprintf(&chain, "%s:%s=%s;", sourceNames[s.Source], s.Name, text(s.Value))
	}
	return strings.Join([]string{resource, e.Name, text(e.Value), sourceNames[e.Source], flag(e.Sensitive, "sensitive"),
		flag(e.ReadOnly, "read-only"), strings.ToUpper(e.Type.String()), chain.String()}, "\t")
}

// describeDiffers are the rows in which leat differs from the recorded broker, and why.
var describeDiffers = map[string]string{
	"BROKER/1\tlog.retention.hours": "Kafka forgets the static hours once log.retention.ms is set at run time; leat shows them",
}

// TestDescribeIsKafkas compares with what a real Kafka 4.4 broker answered to DescribeConfigs with the same static and dynamic values.
func TestDescribeIsKafkas(t *testing.T) {
	static, _, err := ParseBroker(map[string]string{
		"process.roles": "broker,controller", "node.id": "1", "controller.listener.names": "CONTROLLER", "log.dirs": "/var/lib/kafka",
		"listeners":            "PLAINTEXT://127.0.0.1:39092,CONTROLLER://127.0.0.1:39093",
		"advertised.listeners": "PLAINTEXT://127.0.0.1:39092", "controller.quorum.voters": "1@127.0.0.1:39093",
		"offsets.topic.replication.factor": "1", "log.retention.hours": "24", "log.segment.bytes": "0536870912",
		"num.network.threads": " 4", "ssl.keystore.password": "geheim", "my.own.key": "x",
	})
	if err != nil {
		t.Fatal(err)
	}
	v := static.With(
		map[string]string{"log.retention.ms": "99999", "min.insync.replicas": "1"},
		map[string]string{"log.cleaner.threads": "2", "nonsense": "2"},
	)
	ours := map[string]string{}
	add := func(resource string, entries []Entry) {
		for _, e := range entries {
			if !strings.HasPrefix(e.Name, "leat.") {
				ours[resource+"\t"+e.Name] = row(resource, e)
			}
		}
	}
	add("BROKER/1", v.Describe())
	add("BROKER/", v.DescribeDefaults())
	add("TOPIC/t", v.ForTopic(map[string]string{"retention.ms": "1000", "cleanup.policy": "compact,delete"}).Describe())
	add("GROUP/g", v.ForGroup(map[string]string{"consumer.session.timeout.ms": "50000"}).Describe())
	add("GROUP/g2", v.ForGroup(nil).Describe())
	add("CLIENT_METRICS/m", v.ForClientMetrics(map[string]string{"interval.ms": "50000"}).Describe())
	add("CLIENT_METRICS/m2", v.ForClientMetrics(nil).Describe())

	data, err := os.ReadFile("testdata/describe_configs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		fields := strings.SplitN(want, "\t", 3)
		name := fields[0] + "\t" + fields[1]
		if got := ours[name]; got != want && describeDiffers[name] == "" {
			t.Errorf("ours   %s\nkafkas %s", got, want)
		}
		delete(ours, name)
	}
	for _, row := range ours {
		t.Errorf("Kafka does not tell %s", row)
	}
}
