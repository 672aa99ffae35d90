package config

import (
	"testing"
	"time"
)

func parse(t *testing.T, texts map[string]string) *Values {
	t.Helper()
	v, warnings, err := ParseBroker(texts)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Fatalf("warnings: %q", warnings)
	}
	return v
}

func TestNothingGivenIsOneNodeOnLoopback(t *testing.T) {
	v := parse(t, nil)
	ls, err := v.Listeners()
	if err != nil {
		t.Fatal(err)
	}
	want := []Listener{{Name: "PLAINTEXT", Host: "127.0.0.1", Port: 9092, Protocol: "PLAINTEXT"},
		{Name: "CONTROLLER", Host: "127.0.0.1", Port: 9093, Protocol: "PLAINTEXT", Control: true}}
	if len(ls.Bind) != 2 || ls.Bind[0] != want[0] || ls.Bind[1] != want[1] {
		t.Errorf("listeners are %v, not %v", ls.Bind, want)
	}
	if ls.InterBroker != "PLAINTEXT" {
		t.Errorf("inter-broker listener is %q", ls.InterBroker)
	}
	if v.Int("node.id") != 1 || !v.HasRole("broker") || !v.HasRole("controller") {
		t.Errorf("node %d with roles %v", v.Int("node.id"), v.List("process.roles"))
	}
	if dirs := v.LogDirs(); len(dirs) != 1 || dirs[0] != "./leat-data" {
		t.Errorf("directories are %q", dirs)
	}
	if v.Int("offsets.topic.replication.factor") != 1 {
		t.Errorf("a node that is alone wants %d replicas", v.Int("offsets.topic.replication.factor"))
	}
	if _, set, ok := v.Lookup("node.id"); set || !ok {
		t.Errorf("node.id is told to be set by the user (set %v, ok %v)", set, ok)
	}
	if got := v.ForTopic(nil).Millis("retention.ms"); got != 7*24*time.Hour {
		t.Errorf("retention is %v", got)
	}
}
