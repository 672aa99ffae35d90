package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"leat/interop/kafkatools"
	"leat/interop/target"
)

// endless is how an option of a story begins that says how long a tool runs that does not end by itself: (for=5s).
const endless = "(for="

// again says that what both tools look at may need a moment, and so they may look again: a token on another node, or the file of metadata, which Kafka's shell
// sometimes shows before it has read it.
const again = "(again)"

// alone says that Kafka's tool has a process of its own, because it ends it.
const alone = "(alone)"

// lasting is how long a tool runs, 0 for one that ends.
func lasting(opts string) (time.Duration, error) {
	text, ok := strings.CutPrefix(opts, endless)
	if !ok {
		return 0, nil
	}
	return time.ParseDuration(strings.TrimSuffix(text, ")"))
}

// kafkaTool runs Kafka's tool.
func (r *run) kafkaTool(opts, name string, args []string) (kafkatools.Said, error) {
	if d, err := lasting(opts); d > 0 || err != nil || opts == alone {
		cmd, wrong := target.Tool(name, args...)
		if err := errors.Join(err, wrong); err != nil {
			return kafkatools.Said{}, err
		}
		return tool(r.ctx, r.kafka.dir, d, cmd.Args...)
	}
	if name != "kafka-metadata-shell" {
		return r.box.Run(name, args...)
	}
	if r.shell == nil {
		dir := filepath.Join(r.dir, "shell")
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			r.shell, err = kafkatools.New(r.ctx, dir, "kafka", "kafka-tools")
		}
		if err != nil {
			return kafkatools.Said{}, err
		}
	}
	return r.shell.Run(name, args...)
}

// leatTool runs leat's.
func (r *run) leatTool(opts, name string, args []string) (kafkatools.Said, error) {
	d, err := lasting(opts)
	if err != nil {
		return kafkatools.Said{}, err
	}
	return tool(r.ctx, r.leat.dir, d, append([]string{r.commands, name}, args...)...)
}

// tool runs a program, which is stopped after a while if it does not end by itself.
func tool(ctx context.Context, dir string, lasting time.Duration, argv ...string) (kafkatools.Said, error) {
	patience := kafkatools.Patience
	if lasting > 0 {
		patience = lasting
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	if lasting > 0 && ctx.Err() != nil {
		return kafkatools.Said{Out: once(out.String()), Err: once(problems.String())}, nil
	}
	if ctx.Err() != nil {
		return kafkatools.Said{}, fmt.Errorf("%s: no end within %s", strings.Join(argv, " "), patience)
	}
	return kafkatools.Said{Status: cmd.ProcessState.ExitCode(), Out: out.String(), Err: problems.String()}, err
}

// once is a text without lines that say what the one before said, at another time.
func once(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if line = reported.ReplaceAllString(line, "TIME:"); len(kept) == 0 || kept[len(kept)-1] != line {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// metadata gives both sides a directory with the metadata log of the cluster that Kafka's tools look at.
func (r *run) metadata(name string) error {
	from := filepath.Join(r.kafka.nodes[0].DataDir(), "__cluster_metadata-0")
	for _, w := range []*world{r.kafka, r.leat} {
		to := filepath.Join(w.dir, name, "__cluster_metadata-0")
		if err := os.MkdirAll(to, 0o700); err != nil {
			return err
		}
		logs, err := filepath.Glob(filepath.Join(from, "*.log"))
		if err != nil {
			return err
		}
		for _, log := range logs {
			data, err := os.ReadFile(log)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, filepath.Base(log)), data, 0o600)
			}
			if err != nil {
				return err
			}
		}
		from = to // the same on the other side, while the log goes on
	}
	return nil
}
