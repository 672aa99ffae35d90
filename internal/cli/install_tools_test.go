package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestToolsAreLinks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	for range 2 { // the second time over the links of the first
		if err := linkTools("/opt/leat", dir, toolNames()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"kafka-topics", "kafka-topics.sh", "kafka-dump-log.sh", "trogdor"} {
		if to, err := os.Readlink(filepath.Join(dir, name)); err != nil || to != "/opt/leat" {
			t.Errorf("%s: %s, %v", name, to, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "kafka-acls")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kafka-acls"), []byte("Kafka's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := linkTools("/opt/leat", dir, toolNames()); err == nil || !strings.Contains(err.Error(), "it is a file already") {
		t.Errorf("somebody's file was replaced: %v", err)
	}
}
