// Package clients drives the Kafka clients that the interop suite tests: one driver per client, each with what that client
// can express. Most are small programs under interop/ that speak lines of text; kcat and Kafka's console tools are
// driven by their own command lines.
package clients

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"leat/interop/record"
)

// Driver makes one client do what the suite asks.
type Driver interface {
	// Version names the client's version, and that of the library below it.
	Version(ctx context.Context) (string, error)
	Create(ctx context.Context, bootstrap, topic string, partitions int) error
	Produce(ctx context.Context, bootstrap, topic string, records []record.Record) ([]record.Ack, error)
	// Consume joins a group, reads until it has count records and half a second longer, commits, and leaves.
	Consume(ctx context.Context, bootstrap, topic, group string, count int) ([]record.Placed, error)
}

// Client is one row of the table of clients.
type Client struct {
	Name, Language string
	Codecs         []string
	Able           record.Able
	Partition      record.Partitioner
	Creates        bool // false: its topics are made by auto-creation
	Driver         Driver
}

// program drives a client through a program that speaks lines, see interop/README.md.
type program struct {
	argv []string
	dir  string
}

func (p program) run(ctx context.Context, input string, args ...string) ([]string, error) {
	argv := append(append([]string{}, p.argv...), args...)
	return run(ctx, p.dir, input, argv...)
}

// patience is how long a command may take: longer than what the programs themselves go on for.
const patience = 5 * time.Minute

// run runs a command, which has to end some time, and returns the lines that it printed.
func run(ctx context.Context, dir, input string, argv ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv[max(0, len(argv)-5):], " "), err, tail(errs.String(), 1500))
	}
	text := strings.TrimRight(out.String(), "\n")
	if text == "" {
		return nil, nil
	}
	return strings.Split(text, "\n"), nil
}

func tail(text string, n int) string {
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-n):]
}

func (p program) Version(ctx context.Context) (string, error) {
	lines, err := p.run(ctx, "", "version")
	return strings.Join(lines, " "), err
}

func (p program) Create(ctx context.Context, bootstrap, topic string, partitions int) error {
	_, err := p.run(ctx, "", "create", bootstrap, topic, strconv.Itoa(partitions))
	return err
}

func (p program) Produce(ctx context.Context, bootstrap, topic string, records []record.Record) ([]record.Ack, error) {
	var input strings.Builder
	for _, r := range records {
		input.WriteString(r.InputLine() + "\n")
	}
	lines, err := p.run(ctx, input.String(), "produce", bootstrap, topic)
	if err != nil {
		return nil, err
	}
	acks := make([]record.Ack, len(records))
	acked := make([]bool, len(records))
	for _, line := range lines {
		var index int
		var ack record.Ack
		if _, err := fmt.Sscanf(line, "%d\t%d\t%d", &index, &ack.Partition, &ack.Offset); err != nil || index < 0 || index >= len(records) {
			return nil, fmt.Errorf("produce: %q is not an acknowledgement", line)
		}
		acks[index], acked[index] = ack, true
	}
	for i := range acked {
		if !acked[i] {
			return nil, fmt.Errorf("produce: record %d of %d was not acknowledged", i, len(records))
		}
	}
	return acks, nil
}

func (p program) Consume(ctx context.Context, bootstrap, topic, group string, count int) ([]record.Placed, error) {
	lines, err := p.run(ctx, "", "consume", bootstrap, topic, group, strconv.Itoa(count))
	if err != nil {
		return nil, err
	}
	got := make([]record.Placed, len(lines))
	for i, line := range lines {
		if got[i], err = record.ParsePlaced(line); err != nil {
			return nil, fmt.Errorf("consume: %w", err)
		}
	}
	return got, nil
}
