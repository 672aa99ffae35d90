package clients

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"leat/interop/record"
	"leat/interop/target"
)

// consoleTools drives kafka-topics, kafka-console-producer and kafka-console-consumer.
type consoleTools struct{}

func runTool(ctx context.Context, input, name string, args ...string) ([]string, error) {
	cmd, err := target.Tool(name, args...)
	if err != nil {
		return nil, err
	}
	return run(ctx, "", input, cmd.Args...)
}

func (consoleTools) Version(ctx context.Context) (string, error) {
	lines, err := runTool(ctx, "", "kafka-topics", "--version")
	return strings.Join(lines, " "), err
}

func (consoleTools) Create(ctx context.Context, bootstrap, topic string, partitions int) error {
	_, err := runTool(ctx, "", "kafka-topics", "--bootstrap-server", bootstrap, "--create", "--topic", topic,
		"--partitions", strconv.Itoa(partitions), "--replication-factor", "1")
	return err
}

func (consoleTools) Produce(ctx context.Context, bootstrap, topic string, records []record.Record) ([]record.Ack, error) {
	for _, batch := range byCodec(records) {
		var input strings.Builder
		for _, r := range batch {
			pairs := make([]string, len(r.Headers))
			for i, h := range r.Headers {
				pairs[i] = h.Name + ":" + string(h.Value)
			}
			fmt.Fprintf(&input, "%s\t%s\t%s\n", orNull(strings.Join(pairs, ","), len(pairs) == 0), orNull(string(r.Key), r.Key == nil),
				orNull(string(r.Value), r.Value == nil))
		}
		if _, err := runTool(ctx, input.String(), "kafka-console-producer", "--bootstrap-server", bootstrap, "--topic", topic,
			"--compression-codec", batch[0].Codec, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
			"--reader-property", "null.marker=NULL"); err != nil {
			return nil, err
		}
	}
	return unplaced(len(records)), nil
}

func orNull(text string, null bool) string {
	if null {
		return "NULL"
	}
	return text
}

func (consoleTools) Consume(ctx context.Context, bootstrap, topic, group string, count int) ([]record.Placed, error) {
	args := []string{"--bootstrap-server", bootstrap, "--topic", topic, "--group", group, "--from-beginning",
		"--max-messages", strconv.Itoa(count), "--timeout-ms", "120000"}
	for _, show := range []string{"print.partition", "print.offset", "print.timestamp", "print.key", "print.headers"} {
		args = append(args, "--formatter-property", show+"=true")
	}
	lines, err := runTool(ctx, "", "kafka-console-consumer", append(args, "--formatter-property", "null.literal=NULL")...)
	if err != nil {
		return nil, err
	}
	got := make([]record.Placed, 0, len(lines))
	for _, line := range lines {
		p, err := parseConsole(line)
		if err != nil {
			return nil, err
		}
		got = append(got, p)
	}
	return got, nil
}

// parseConsole reads "CreateTime:1700000000000 <tab> Partition:0 <tab> Offset:5 <tab> headers <tab> key <tab> value".
func parseConsole(line string) (record.Placed, error) {
	var p record.Placed
	f := strings.Split(line, "\t")
	if len(f) != 6 {
		return p, fmt.Errorf("console consumer: %q: %d fields, not 6", line, len(f))
	}
	if _, err := fmt.Sscanf(strings.Join(f[:3], " "), "CreateTime:%d Partition:%d Offset:%d", &p.Timestamp, &p.Partition, &p.Offset); err != nil {
		return p, fmt.Errorf("console consumer: %q: %w", line, err)
	}
	for _, pair := range strings.Split(f[3], ",") {
		if name, value, ok := strings.Cut(pair, ":"); ok {
			p.Headers = append(p.Headers, record.Header{Name: name, Value: []byte(value)})
		}
	}
	if f[4] != "NULL" {
		p.Key = []byte(f[4])
	}
	if f[5] != "NULL" {
		p.Value = []byte(f[5])
	}
	return p, nil
}
