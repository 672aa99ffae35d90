package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"leat/interop/target"
)

// comparison is a command line for both sides. AT stands for the node, SIDE for a letter of the side.
type comparison struct {
	name   string
	tool   string
	args   []string
	input  string
	wrote  string // the topic to compare afterwards, without the letter of its side
	speeds bool   // numbers are those of speeds: masked
	long   bool   // not for the short form
	usage  bool   // below the first line stands the usage, whose words are leat's own
}

// said is what a tool said, and how it ended.
type said struct {
	status   int
	out, err string
}

// classNames are the names of Kafka's system tests for what the table of tools calls otherwise.
var classNames = map[string]string{"kafka-verifiable-producer": "verifiable-producer", "kafka-verifiable-consumer": "verifiable-consumer",
	"kafka-verifiable-share-consumer": "verifiable-share-consumer"}

// patience is how long a tool may take; then it is stuck.
const patience = 4 * time.Minute

// call runs one side's tool.
func (r *run) call(side string, c comparison) (said, error) {
	args := make([]string, len(c.args))
	for i, arg := range c.args {
		args[i] = strings.NewReplacer("AT", r.node.Bootstrap(), "SIDE", side).Replace(arg)
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	argv := append([]string{r.tools, c.tool}, args...)
	if side == "k" {
		name := c.tool
		if other, ok := classNames[name]; ok {
			name = other
		}
		cmd, err := target.Tool(name, args...)
		if err != nil {
			return said{}, err
		}
		argv = cmd.Args
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(c.input), &out, &problems
	err := cmd.Run()
	if ctx.Err() != nil {
		return said{}, fmt.Errorf("no end within %v: %s%s", patience, out.String(), problems.String())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return said{}, err
	}
	return said{cmd.ProcessState.ExitCode(), c.masked(side, out.String()), c.masked(side, problems.String())}, nil
}

// masks make equal what must differ.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	// Places in Java's code, and what hangs on an exception there.
	{regexp.MustCompile(`(?m)^(\tat |\t\.\.\. |Caused by: ).*\n`), ""},
	// Java's client tells of the new protocol of groups.
	{regexp.MustCompile(`(?m)^The consumer rebalance protocol .*\n`), ""},
	// The line of a log has a time, and here the suite's settings print the class in another place.
	{regexp.MustCompile(`(?m)^\[[^]]+\] ERROR (.*?) *\(org\.apache[\w.]+\)$`), "ERROR $1"},
	{regexp.MustCompile(`(?m)^[\d-]+ [\d:,]+ ERROR \w+: (.*?) *$`), "ERROR $1"},
	// What Java's client warns of while it looks for a topic that is being made.
	{regexp.MustCompile(`(?m)^[\d-]+ [\d:,]+ WARN .*\n`), ""},
	{regexp.MustCompile(`"timestamp":\d+`), `"timestamp":T`},
	{regexp.MustCompile(`Time:\d{13}`), "Time:T"},
	{regexp.MustCompile(`"avg_throughput":([\d.E-]+|"Infinity")`), `"avg_throughput":N`},
	// Offsets of an acknowledgement come from a set without order; these tests have two.
	{regexp.MustCompile(`\[1,0\]`), "[0,1]"},
}

// number is what differs between two measurements. A speed is Infinity where what was measured took less than a millisecond, and NaN where nothing was.
var number = regexp.MustCompile(`-?\d+(\.\d+)?|\b(Infinity|NaN)\b`)

// meanwhile is what a tool that measures says every five seconds until it is done: on a machine that is busy some take that long.
var meanwhile = regexp.MustCompile(`(?m)^\d+ records sent, .* ms max latency\.\n`)

func (c *comparison) masked(side, text string) string {
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.with)
	}
	text = regexp.MustCompile(`\b`+side+"-").ReplaceAllString(text, "SIDE-")
	if c.speeds {
		text = meanwhile.ReplaceAllString(text, "")
		text = number.ReplaceAllString(text, "N")
	}
	if c.usage {
		text, _, _ = strings.Cut(text, "\nOption ")
	}
	return strings.TrimRight(text, "\n")
}
