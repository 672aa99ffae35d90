package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// broker is the process that is measured; a *target.Node is one.
type broker interface {
	Start(ctx context.Context) (time.Duration, error)
	Stop() error
	Kill()
	PID() int
	Bootstrap() string
}

// settings is a flag of key=value that may be given again.
type settings map[string]string

func (s settings) String() string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(s)) {
		list = append(list, key+"="+s[key])
	}
	return strings.Join(list, " ")
}

func (s settings) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q: expected key=value", text)
	}
	s[key] = value
	return nil
}

// runner goes through the steps and prints what each took.
type runner struct {
	options
	broker  broker
	out     io.Writer
	client  *kgo.Client
	running bool
}

// all is the whole measurement.
func (r *runner) all(ctx context.Context) error {
	fmt.Fprintf(r.out, "%s, %d partitions in topics of %d\n", r.kind, r.partitions, r.perTopic)
	fmt.Fprintf(r.out, "%-44s %10s %10s %8s %8s %8s\n", "step", "seconds", "CPU s", "RSS MB", "peak MB", "files")
	defer r.disconnect()
	steps := []step{
		{"start, empty", r.start},
		{"create, all led", r.create},
	}
	if r.write {
		steps = append(steps, step{"write one record to each", r.writeAll})
	}
	if r.idle > 0 {
		steps = append(steps, step{"idle", r.rest})
	}
	steps = append(steps,
		step{"clean stop", r.stop},
		step{"start after the clean stop, ready", r.start},
		step{"  all led", r.led},
	)
	if r.write {
		steps = append(steps, step{"write one record to each", r.writeAll})
	}
	steps = append(steps,
		step{"kill -9", r.kill},
		step{"start after kill -9, ready", r.start},
		step{"  all led", r.led},
		step{"clean stop, nothing written", r.stop},
		step{"start after the clean stop, ready", r.start},
		step{"  all led", r.led},
		step{"clean stop, nothing written", r.stop},
	)
	for _, s := range steps {
		if err := r.measure(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(s.name), err)
		}
	}
	return nil
}

// step is one thing that is measured. It returns the time it took, 0: that of the call.
type step struct {
	name string
	do   func(ctx context.Context) (time.Duration, error)
}

func (r *runner) measure(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	before := r.usage()
	began := time.Now()
	took, err := s.do(ctx)
	if err != nil {
		return err
	}
	if took == 0 {
		took = time.Since(began)
	}
	after := r.usage()
	if after.pid == 0 {
		fmt.Fprintf(r.out, "%-44s %10.2f\n", s.name, took.Seconds())
		return nil
	}
	if before.pid != after.pid {
		before.cpu = 0
	}
	fmt.Fprintf(r.out, "%-44s %10.2f %10.2f %8.0f %8.0f %8d\n", s.name, took.Seconds(), after.cpu-before.cpu, after.resident, after.highest, after.files)
	return nil
}
