package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"leat/internal/cli/run"
)

// TestServerStopFindsNodes stops, on a machine of the test's own, what it should and nothing else.
func TestServerStopFindsNodes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "server.properties"), []byte("node.id = 5\nprocess.roles = broker, controller\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	running := []process{
		{id: 10, argv: []string{"/usr/bin/leat", "server"}},
		{id: 11, argv: []string{"leat", "server", "--config", "server.properties", "--set", "node.id=7"}, dir: dir},
		{id: 12, argv: []string{"leat", "server", "server.properties", "--log-level", "debug"}, dir: dir},
		{id: 13, argv: []string{"/opt/kafka/bin/kafka-server-start.sh", "server.properties", "--override", "process.roles=controller"}, dir: dir},
		{id: 14, argv: []string{"leat", "server", "--env", "KAFKA_"}, environ: []string{"KAFKA_NODE_ID=8", "KAFKA_PROCESS_ROLES=broker"}},
		{id: 15, argv: []string{"leat", "topic", "list"}},
		{id: 16, argv: []string{"vi", "server"}},
		{id: 17, argv: []string{"leat", "server", "--config=gone.properties"}, dir: dir},
	}
	all := []int{10, 11, 12, 13, 14, 17}
	for _, c := range []struct {
		args     []string
		stops    []int
		out, err string
		status   int
	}{
		{nil, all, "", "", 0},
		{[]string{"--node-id=5"}, []int{12, 13}, "", "", 0},
		{[]string{"--node-id=7"}, []int{11}, "", "", 0},
		{[]string{"--node-id=1"}, []int{10}, "", "", 0},
		{[]string{"--process-role=controller"}, []int{13}, "", "", 0},
		{[]string{"--process-role=broker"}, []int{14}, "", "", 0},
		{[]string{"--process-role=broker,controller"}, []int{10, 11, 12}, "", "", 0},
		{[]string{"--process-role=broker", "--node-id=8"}, []int{14}, "When both node-id and process-role are provided, the value for node-id will take precedence\n", "", 0},
		{[]string{"--node-id=99"}, nil, "", "kafka-server-stop: none of the 6 nodes here has --node-id=99\n", 0},
	} {
		var out, problems bytes.Buffer
		var stopped []int
		m := machine{processes: func() ([]process, error) { return running, nil }, signal: func(id int, _ string) error { stopped = append(stopped, id); return nil }}
		status := serverStop(c.args, run.Streams{Out: &out, Err: &problems}, m)
		left := "kafka-server-stop: process 17: open " + filepath.Join(dir, "gone.properties") + ": no such file or directory: it is left alone\n"
		if c.args == nil {
			left = ""
		}
		if status != c.status || !slices.Equal(stopped, c.stops) || out.String() != c.out || problems.String() != left+c.err {
			t.Errorf("%v: %d, stopped %v\n%s%s", c.args, status, stopped, out.String(), problems.String())
		}
	}
}

func TestServerStopWithoutNodes(t *testing.T) {
	var out, problems bytes.Buffer
	m := machine{processes: func() ([]process, error) { return []process{{id: 1, argv: []string{"init"}}}, nil }}
	if status := serverStop(nil, run.Streams{Out: &out, Err: &problems}, m); status != 1 || out.String() != "No kafka server to stop\n" || problems.Len() > 0 {
		t.Errorf("%d %s%s", status, out.String(), problems.String())
	}
	m = machine{processes: func() ([]process, error) { return nil, errNoProcesses }}
	if status := serverStop(nil, run.Streams{Out: &out, Err: &problems}, m); status != 1 || problems.String() != fmt.Sprintf("kafka-server-stop: %v\n", errNoProcesses) {
		t.Errorf("%d %s", status, problems.String())
	}
	m = machine{processes: func() ([]process, error) { return []process{{id: 3, argv: []string{"leat", "server"}}}, nil }, signal: func(int, string) error { return errors.New("not permitted") }}
	problems.Reset()
	if status := serverStop(nil, run.Streams{Out: &out, Err: &problems}, m); status != 1 || problems.String() != "kafka-server-stop: process 3: not permitted\n" {
		t.Errorf("%d %s", status, problems.String())
	}
}
