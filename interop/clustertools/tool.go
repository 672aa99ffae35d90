package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"leat/interop/target"
)

// toolTime is how long a tool may take; then it is stuck. patience is how long a cluster may take for what is waited for.
const (
	toolTime = 3 * time.Minute
	patience = 2 * time.Minute
)

// tool runs one of Kafka's tools with a broker to ask, and returns what it said on both outputs.
func (r *run) tool(name string, args ...string) (string, error) {
	return r.raw(name, append([]string{"--bootstrap-server", strings.Join(r.running(), ",")}, args...)...)
}

// raw runs a tool with nothing but its arguments. An exit status other than 0 is an error, which has what the tool said.
func (r *run) raw(name string, args ...string) (string, error) {
	cmd, err := target.Tool(name, args...)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(r.ctx, toolTime)
	defer cancel()
	bounded := exec.CommandContext(ctx, cmd.Args[0], cmd.Args[1:]...)
	var out bytes.Buffer
	bounded.Stdout, bounded.Stderr = &out, &out
	err = bounded.Run()
	if r.verbose {
		fmt.Printf("$ %s %s\n%s\n", name, strings.Join(args, " "), out.String())
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out.String())
	}
	return out.String(), nil
}

// running are the addresses of brokers that run.
func (r *run) running() []string {
	var out []string
	for _, n := range r.fleet.Brokers() {
		if n.Running() {
			out = append(out, n.Address())
		}
	}
	return out
}

// matches checks that each pattern is somewhere in the text; ^ and $ are the ends of lines.
func matches(text string, patterns ...string) error {
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(text) {
			return fmt.Errorf("does not say %q: %s", p, text)
		}
	}
	return nil
}

// says runs a tool and checks that it says what the patterns are.
func (r *run) says(name string, args string, patterns ...string) error {
	out, err := r.tool(name, strings.Fields(args)...)
	if err != nil {
		return err
	}
	return matches(out, patterns...)
}

// refuses runs a tool that must fail and say why.
func (r *run) refuses(name string, args string, patterns ...string) error {
	out, err := r.tool(name, strings.Fields(args)...)
	if err == nil && !strings.Contains(out, "rror") && !strings.Contains(out, "xception") && !strings.Contains(out, "ould not") {
		return fmt.Errorf("%s %s is not refused: %s", name, args, out)
	}
	return matches(out, patterns...)
}

// shows waits until a tool that only looks says what the patterns are: the broker that is asked hears of what was decided a moment later.
func (r *run) shows(name string, args string, patterns ...string) error {
	return r.until(func() error { return r.says(name, args, patterns...) })
}

// until runs a check again until it is satisfied, for what a cluster needs a moment for.
func (r *run) until(check func() error) error {
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = check(); err == nil {
			return nil
		}
	}
	return err
}

// first is the first group of a pattern in a text, "" without one.
func first(text, pattern string) string {
	found := regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(text)
	if len(found) < 2 {
		return ""
	}
	return found[1]
}
