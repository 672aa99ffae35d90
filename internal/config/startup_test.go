package config

import (
	"os"
	"strings"
	"testing"
)

// startupBase is a whole configuration; each recorded case changes it.
var startupBase = map[string]string{
	"process.roles": "broker,controller", "node.id": "1", "controller.listener.names": "CONTROLLER", "log.dirs": "/data",
	"listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093", "controller.quorum.voters": "1@localhost:9093",
}

// stricter are the cases that Kafka accepts and leat refuses, and why. None may be the other way round but those in laxer.
var stricter = map[string]string{
	"listeners=PLAINTEXT://localhost:99999,CONTROLLER://:9093": "Kafka fails later, when it binds",
	"advertised.listeners=PLAINTEXT://h:-1":                    "no client could connect",
	"group.min.session.timeout.ms=2000000":                     "no session timeout would be allowed",
	"controller.quorum.voters=1@h:1,1@i:1":                     "one of the addresses would be ignored",
}

var laxer = map[string]string{
	"controller.quorum.voters=": "a controller that is told of no other is alone",
	"principal.builder.class=":  "there are no Java classes here",
}

// TestStartupAgreesWithKafka replays what Kafka 4.4's own KafkaConfig said about variations of a configuration.
func TestStartupAgreesWithKafka(t *testing.T) {
	data, err := os.ReadFile("testdata/startup.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		verdict, changes, _ := strings.Cut(line, "\t")
		texts := map[string]string{}
		for name, value := range startupBase {
			texts[name] = value
		}
		for _, change := range strings.Split(changes, "\t") {
			name, value, _ := strings.Cut(change, "=")
			texts[name] = value
		}
		_, _, err := ParseBroker(texts)
		want := verdict == "accepted"
		if stricter[changes] != "" {
			want = false
		}
		if laxer[changes] != "" {
			want = true
		}
		if (err == nil) != want {
			t.Errorf("%s: Kafka %s it, leat says %v", changes, verdict, err)
		}
	}
}
