package config

import (
	"strings"
	"testing"
)

func TestLimitsAreOfWhatTopicsHave(t *testing.T) {
	given := map[string]string{"node.id": "1", "process.roles": "broker,controller", "controller.quorum.voters": "1@127.0.0.1:9093",
		"listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093", "controller.listener.names": "CONTROLLER"}
	for text, want := range map[string]string{
		"partitions<=3,replication.factor>=1,retention.ms<=5,cleanup.policy=delete": "",
		"partition<=1": `leat.topic.limits=partition<=1: "partition" is neither partitions nor replication.factor nor a topic config`,
	} {
		_, _, err := ParseBroker(given, map[string]string{"leat.topic.limits": text})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s says %v, not %s", text, err, want)
		}
	}
}

func TestLimitsAllowWhatKeepsThem(t *testing.T) {
	for _, c := range []struct {
		limit, value string
		allowed      bool
	}{{"partitions<=3", "3", true}, {"partitions<=3", "4", false}, {"replication.factor>=2", "1", false}, {"replication.factor>=2", "2", true},
		{"cleanup.policy=delete", "delete", true}, {"cleanup.policy=delete", "compact,delete", false}, {"retention.ms<=5", "many", false}} {
		limits, err := ParseLimits([]string{c.limit})
		if err != nil || limits[0].Allows(c.value) != c.allowed {
			t.Errorf("%s allows %s: %v, want %v (%v)", c.limit, c.value, !c.allowed, c.allowed, err)
		}
	}
}
