package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/cli/run"
	"leat/internal/record"
)

func kafkaStorageTool(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(append([]string{"/opt/bin/kafka-storage.sh"}, args...), run.Streams{Out: &out, Err: &errs})
	return status, out.String(), errs.String()
}

// TestKafkaStorageFormatsOnce goes through a directory's life with the arguments that Kafka's users know.
func TestKafkaStorageFormatsOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "server.properties")
	text := "process.roles=broker,controller\nnode.id=4\ncontroller.listener.names=CONTROLLER\ncontroller.quorum.bootstrap.servers=localhost:9093\n" +
		"listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\nlog.dirs=" + filepath.Join(dir, "data") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	for _, c := range []struct {
		args        string
		status      int
		out, stderr string // what is in it
	}{
		{"info -c " + file, 1, "Found problem:\n  " + data + " does not exist\n", ""},
		{"format -c " + file, 1, "", "argument --cluster-id/-t is required"},
		{"format -t abc", 1, "", "argument --config/-c is required"},
		{"format -t abc -c " + file + " -s -N", 1, "", "standalone"},
		{"format -t abc -c " + file + " --standalone", 0, "Formatting dynamic metadata voter directory " + data + " with metadata.version 4.4-IV2.\n", ""},
		{"format -t abc -c " + file + " --standalone", 1, "", "Log directory " + data + " is already formatted."},
		{"format -t abc -c " + file + " --standalone -g", 0, "All of the log directories are already formatted.\n", ""},
		{"info --config " + file, 0, "Found log directory:\n  " + data + "\n\nFound metadata: {cluster.id=abc, directory.id=", ""},
		{"version-mapping -r 4.0-IV0", 0, "metadata.version=22 (4.0-IV0)\nkraft.version=1\n", ""},
		{"feature-dependencies -f foo", 1, "", "Invalid feature format: foo. Expected format: 'feature=version' (e.g. 'group.version=1')\n"},
		{"feature-dependencies -f share.version=x", 1, "", "Invalid version format: x for feature share.version\n"},
		{"format -t abc -s -f x -c " + file, 1, "", "Can't parse feature=level string x: equals sign not found.\n"},
		{"--nonsense", 1, "", "nonsense"},
		{"", 1, "", "too few arguments"},
	} {
		status, out, errs := kafkaStorageTool(t, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.stderr) {
			t.Errorf("%s: status %d\n%s%s\nnot %d\n%s%s", c.args, status, out, errs, c.status, c.out, c.stderr)
		}
	}
}

func TestStorageDrawsIDs(t *testing.T) {
	_, a, _ := kafkaStorageTool(t, "random-uuid")
	_, b, _ := kafkaStorageTool(t, "random-uuid")
	if _, err := record.ParseUUID(strings.TrimSpace(a)); err != nil || a == b {
		t.Errorf("%q, then %q: %v", a, b, err)
	}
}
