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

// leat's own storage commands have the forms of all of leat's commands; Kafka's have no flag for them.
func TestStorageCommandsHaveAllForms(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	node := "--set=node.id=4 --set=log.dirs=" + data
	for _, c := range []struct {
		args   string
		status int
		out    string // what is in it
		stderr string
	}{
		{"info -o json " + node, 1, "{\n  \"directories\": [],\n  \"problems\": [\n    \"" + data + " does not exist\"\n  ]\n}\n", "leat storage info: not all log directories are formatted as one node's\n"},
		{"format -o json -s -t abc " + node, 0, "{\n  \"cluster_id\": \"abc\",\n  \"node_id\": 4,\n  \"release\": \"4.4-IV2\",\n  \"directories\": [\n    {\n      \"path\": \"" + data + "\",\n", ""},
		{"info -o yaml " + node, 0, "cluster_id: abc\nnode_id: 4\n", ""},
		{"info -o template={{.cluster_id}}/{{.node_id}} " + node, 0, "abc/4\n", ""},
		{"format -o yaml -s -g -t abc " + node, 0, "directories: []\n", ""},
		{"version-mapping -r 3.9", 0, "FEATURE                           LEVEL  RELEASE\nmetadata.version                  21     3.9\n", ""},
		{"version-mapping -o json -r 3.9", 0, "[\n  {\n    \"feature\": \"metadata.version\",\n    \"level\": 21,\n    \"release\": \"3.9\"\n  },\n", ""},
		{"version-mapping -o template={{.feature}}={{.level}} -r 3.9", 0, "metadata.version=21\nkraft.version=1\n", ""},
		{"feature-dependencies -o yaml -f eligible.leader.replicas.version=1", 0, "- feature: eligible.leader.replicas.version\n  level: 1\n  requires:\n    - feature: metadata.version\n      level: 23\n      release: \"4.0-IV1\"\n", ""},
		{"feature-dependencies -f share.version=1", 0, "share.version  1      -\n", ""},
		{"feature-dependencies", 2, "", "leat storage feature-dependencies: --feature: name at least one FEATURE=LEVEL"},
		{"random-uuid -o json", 0, "{\n  \"id\": \"", ""},
		{"random-uuid -o xml", 2, "", "leat storage random-uuid: --output=xml: neither table, json, yaml nor template=TEXT"},
	} {
		status, out, errs := leatWith(t, append([]string{"storage"}, strings.Fields(c.args)...)...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.stderr) || c.stderr == "" && errs != "" {
			t.Errorf("%s: status %d\n%s%s\nnot %d\n%s%s", c.args, status, out, errs, c.status, c.out, c.stderr)
		}
	}
	if status, _, errs := kafkaStorageTool(t, "random-uuid", "-o", "json"); status != 1 || !strings.Contains(errs, "unknown shorthand flag") {
		t.Errorf("kafka-storage: status %d, %s", status, errs)
	}
}
