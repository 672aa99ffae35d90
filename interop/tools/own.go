package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"leat/interop/kafkatools"
	"leat/interop/target"
)

// endless is how an option of a story begins that says how long a tool runs at least that does not end by itself: (for=5s). It runs on until it has reported the same
// several times.
const endless = "(for="

// again says that what both tools look at may need a moment, and so they may look again: a token on another node, or the file of metadata, which Kafka's shell
// sometimes shows before it has read it.
const again = "(again)"

// lookingAgain is for how long they may.
const lookingAgain = 30 * time.Second

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
		if d > 0 {
			return reporting(r.ctx, r.kafka.dir, d, cmd.Args...)
		}
		return tool(r.ctx, r.kafka.dir, cmd.Args...)
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
	argv := append([]string{r.commands, name}, args...)
	if d > 0 {
		return reporting(r.ctx, r.leat.dir, d, argv...)
	}
	return tool(r.ctx, r.leat.dir, argv...)
}

// tool runs a program that ends by itself.
func tool(ctx context.Context, dir string, argv ...string) (kafkatools.Said, error) {
	ctx, cancel := context.WithTimeout(ctx, kafkatools.Patience)
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
	if ctx.Err() != nil {
		return kafkatools.Said{}, fmt.Errorf("%s: no end within %s", strings.Join(argv, " "), kafkatools.Patience)
	}
	return kafkatools.Said{Status: cmd.ProcessState.ExitCode(), Out: out.String(), Err: problems.String()}, err
}

// reporting runs a program that does not end by itself, for so long at least and until it has said the same three times. What it said first and last counts: how
// often it reports on its way is a matter of speed.
func reporting(ctx context.Context, dir string, lasting time.Duration, argv ...string) (kafkatools.Said, error) {
	ctx, cancel := context.WithTimeout(ctx, kafkatools.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	var out, problems printed
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Start(); err != nil {
		return kafkatools.Said{}, err
	}
	var ended error
	over := make(chan struct{})
	go func() {
		defer close(over)
		ended = cmd.Wait()
	}()
	for began := time.Now(); ; {
		select {
		case <-over:
			return kafkatools.Said{}, fmt.Errorf("%s: ended, or did not come to rest within %s: %w\n%s%s", strings.Join(argv, " "), kafkatools.Patience, ended, &out, &problems)
		case <-time.After(50 * time.Millisecond):
		}
		const same = 3
		lines := out.reports()
		if n := len(lines); time.Since(began) > lasting && n >= same && lines[n-1] == lines[n-2] && lines[n-2] == lines[n-3] {
			cancel()
			<-over
			return kafkatools.Said{Out: lines[0] + lines[n-1], Err: problems.String()}, nil
		}
	}
}

// printed is what a program has printed so far.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// reports are the whole lines, without the time at which each was said.
func (p *printed) reports() []string {
	var all []string
	for line := range strings.Lines(p.String()) {
		if strings.HasSuffix(line, "\n") {
			all = append(all, reported.ReplaceAllString(line, "TIME:"))
		}
	}
	return all
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
				err = os.WriteFile(filepath.Join(to, filepath.Base(log)), whole(data), 0o600)
			}
			if err != nil {
				return err
			}
		}
		from = to // the same on the other side, while the log goes on
	}
	return nil
}

// whole are the whole batches that a file begins with: the last one may just be on its way into it.
func whole(log []byte) []byte {
	const lengthAt, prefix = 8, 12
	end := 0
	for end+prefix <= len(log) {
		size := prefix + int(binary.BigEndian.Uint32(log[end+lengthAt:]))
		if end+size > len(log) {
			break
		}
		end += size
	}
	return log[:end]
}
