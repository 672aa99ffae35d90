package suite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"leat/interop/clients"
	"leat/interop/target"
)

// toolRun is one call of one of Kafka's tools and what its answer must contain, and must not.
type toolRun struct {
	name  string
	args  []string
	says  []string
	never []string
	later string // why leat cannot do this yet; it is not asked then, and the table says so
}

// Tools runs Kafka's administration and performance tools.
func (s *Suite) Tools(ctx context.Context) Outcome {
	st := &story{Suite: s, ctx: ctx, client: clients.Client{Name: "kafka tools"},
		outcome: Outcome{Client: "kafka tools", Language: "Java", Version: "4.3.1"}}
	deletion, elections, err := toolFiles("tools-" + s.Run)
	if err != nil {
		st.alone("files for the tools", func() error { return err })
		return st.outcome
	}
	defer os.Remove(deletion)
	defer os.Remove(elections)
	for i, run := range toolRuns("tools-"+s.Run, "tools-group-"+s.Run, deletion, elections) {
		run.args = append([]string{"--bootstrap-server", s.Bootstrap}, run.args...)
		if run.later != "" && s.Target == string(target.Leat) {
			name := strings.TrimPrefix(run.name, "kafka-")
			fmt.Fprintf(s.Out, "%s  kafka tools      %s is left out: %s\n", s.Target, name, run.later)
			st.outcome.LeftOut = append(st.outcome.LeftOut, name+" ("+run.later+")")
			continue
		}
		st.alone(fmt.Sprintf("%d %s %s", i+1, strings.TrimPrefix(run.name, "kafka-"), verb(run.args)), func() error { return st.tool(run) })
	}
	return st.outcome
}

func toolRuns(topic, group, deletion, elections string) []toolRun {
	return []toolRun{
		{name: "kafka-broker-api-versions", says: []string{"Produce(0): 0 to 13", "Fetch(1):", "JoinGroup(11):"}, never: []string{"ERROR"}},
		{name: "kafka-topics", args: words("--create --partitions 2 --replication-factor 1 --config segment.bytes=1048576 --topic " + topic),
			says: []string{"Created topic " + topic}},
		{name: "kafka-topics", args: words("--describe --topic " + topic), says: []string{"PartitionCount: 2", "segment.bytes=1048576", "Leader: 1"}},
		{name: "kafka-topics", args: words("--alter --partitions 3 --topic " + topic)},
		{name: "kafka-topics", args: words("--list"), says: []string{topic}},
		{name: "kafka-producer-perf-test", args: words("--num-records 20000 --record-size 100 --throughput -1 --command-property acks=all --topic " + topic),
			says: []string{"20000 records sent"}},
		{name: "kafka-consumer-perf-test", args: words("--num-records 20000 --timeout 60000 --group " + group + " --topic " + topic), says: []string{", 20000, "}},
		{name: "kafka-get-offsets", args: words("--time -1 --topic " + topic), says: []string{topic + ":0:", topic + ":2:"}},
		{name: "kafka-consumer-groups", args: words("--list"), says: []string{group}},
		{name: "kafka-consumer-groups", args: words("--describe --group " + group), says: []string{topic}},
		{name: "kafka-consumer-groups", args: words("--describe --state --group " + group), says: []string{"Empty"}},
		{name: "kafka-consumer-groups", args: words("--list --type classic --state empty"), says: []string{group}},
		{name: "kafka-consumer-groups", args: words("--reset-offsets --to-earliest --execute --topic " + topic + " --group " + group), says: []string{topic}},
		{name: "kafka-consumer-groups", args: words("--delete --group " + group), says: []string{"was successful"}},
		{name: "kafka-configs", args: words("--alter --entity-type topics --add-config retention.ms=3600000 --entity-name " + topic),
			says: []string{"Completed updating config"}},
		{name: "kafka-configs", args: words("--describe --entity-type topics --entity-name " + topic), says: []string{"retention.ms=3600000"}},
		{name: "kafka-configs", args: words("--describe --all --entity-type brokers --entity-name 1"), says: []string{"log.segment.bytes=1073741824"}},
		{name: "kafka-delete-records", args: words("--offset-json-file " + deletion), says: []string{"low_watermark: 10"}},
		{name: "kafka-get-offsets", args: words("--time -2 --topic " + topic), says: []string{topic + ":0:10"}},
		{name: "kafka-log-dirs", args: words("--describe --topic-list " + topic), says: []string{`"partition":"` + topic + "-2"}},
		{name: "kafka-leader-election", args: words("--election-type preferred --path-to-json-file " + elections),
			says: []string{topic}},
		{name: "kafka-leader-election", args: words("--election-type unclean --all-topic-partitions"), never: []string{"Error", "could not"}},
		{name: "kafka-metadata-quorum", args: words("describe --status"), says: []string{"LeaderId:               1", "MaxFollowerLag:         0"}},
		{name: "kafka-metadata-quorum", args: words("describe --replication"), says: []string{"Leader"}},
		{name: "kafka-topics", args: words("--delete --topic " + topic)},
	}
}

// toolTime is how long a tool may take; then it is stuck.
const toolTime = 5 * time.Minute

func words(text string) []string { return strings.Fields(text) }

// verb is the option that tells what a call does.
func verb(args []string) string {
	for _, a := range args {
		for _, v := range []string{"--create", "--describe", "--alter", "--list", "--delete", "--reset-offsets", "--time"} {
			if a == v {
				return strings.TrimPrefix(v, "--")
			}
		}
	}
	return ""
}

// tool runs a tool. What only looks may have to look again: a broker knows of what a controller has decided a moment after it has said so.
func (s *story) tool(run toolRun) error {
	err := s.once(run)
	for until := time.Now().Add(patience); err != nil && looks(run) && time.Now().Before(until); err = s.once(run) {
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// looks reports whether a call changes nothing.
func looks(run toolRun) bool {
	switch verb(run.args) {
	case "describe", "list", "time":
		return true
	}
	return run.name == "kafka-metadata-quorum"
}

func (s *story) once(run toolRun) error {
	cmd, err := target.Tool(run.name, run.args...)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	timer := time.AfterFunc(toolTime, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, out.String())
	}
	for _, want := range run.says {
		if !strings.Contains(out.String(), want) {
			return fmt.Errorf("does not say %q: %s", want, out.String())
		}
	}
	for _, bad := range run.never {
		if strings.Contains(out.String(), bad) {
			return fmt.Errorf("says %q: %s", bad, out.String())
		}
	}
	return nil
}

// toolFiles writes the two files that tools read their arguments from.
func toolFiles(topic string) (deletion, elections string, err error) {
	deletion, err = toolFile(fmt.Sprintf(`{"version":1,"partitions":[{"topic":%q,"partition":0,"offset":10}]}`, topic))
	if err != nil {
		return "", "", err
	}
	elections, err = toolFile(fmt.Sprintf(`{"partitions":[{"topic":%q,"partition":0}]}`, topic))
	return deletion, elections, err
}

func toolFile(text string) (string, error) {
	f, err := os.CreateTemp("", "leat-interop-*.json")
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return f.Name(), err
}
