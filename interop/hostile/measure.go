package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"leat/bench/load"
)

// rate and size of what the well-behaved client offers.
const (
	rate       = 1000
	recordSize = 200
)

// serve lets the well-behaved client work for a while.
func (b *broker) serve(ctx context.Context, window time.Duration) (ack, worst time.Duration, err error) {
	b.topics++
	topic := "orders-" + strconv.Itoa(b.topics)
	if err := load.Create(b.node.Bootstrap(), topic, 2, nil); err != nil {
		return 0, 0, err
	}
	l, err := load.MeasureLatency(ctx, load.LatencySpec{Address: b.node.Bootstrap(), Topic: topic, Partitions: 2, Acks: -1, RecordSize: recordSize, Rate: rate,
		Duration: window, PID: b.node.PID()})
	if err != nil {
		return 0, 0, err
	}
	quantile := func(all []time.Duration) time.Duration { return all[len(all)*99/100] }
	return max(quantile(l.Ack), quantile(l.EndToEnd)), l.EndToEnd[len(l.EndToEnd)-1], nil
}

// under measures one attack. What is wrong is told in words; an error ends the whole run.
func (b *broker) under(ctx context.Context, a attack) (wrong string, err error) {
	quiet, _, err := b.serve(ctx, b.options.window)
	if err != nil {
		return "", err
	}
	gang, err := b.call(ctx, a)
	if err != nil {
		return "", err
	}
	watch := b.watch()
	attacked, worst, err := b.serve(ctx, b.options.window)
	memory, files := watch.end()
	happened, gangErr := gang.dismiss()
	if err := errors.Join(err, gangErr); err != nil {
		return "", err
	}
	fmt.Printf("%-12s %9s %9s %6.1f %9s %4.0f MB %6d  %s\n", a.name, quiet.Round(10*time.Microsecond), attacked.Round(10*time.Microsecond),
		float64(attacked)/float64(quiet), worst.Round(10*time.Microsecond), memory, files, happened)
	if attacked > 2*quiet+b.options.slack {
		wrong = fmt.Sprintf("p99 was %s, without the attack %s", attacked, quiet)
	}
	if bound := memoryBound(files); memory > bound {
		wrong += fmt.Sprintf(" %.0f MB were resident, the limits allow %.0f", memory, bound)
	}
	if a.check != nil {
		wrong += a.check(happened)
	}
	return wrong, nil
}

// watcher notes what a process holds at most.
type watcher struct {
	over, done chan struct{}
	memory     float64
	files      int
}

func (b *broker) watch() *watcher {
	w := &watcher{over: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			if m, err := load.MemoryOf(b.node.PID()); err == nil {
				w.memory = max(w.memory, m.Resident)
			}
			if n, err := openFiles(b.node.PID()); err == nil {
				w.files = max(w.files, n)
			}
			select {
			case <-w.over:
				return
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	return w
}

func (w *watcher) end() (memory float64, files int) {
	close(w.over)
	<-w.done
	return w.memory, w.files
}

// gang is the process of the attackers.
type gang struct {
	cmd   *exec.Cmd
	in    io.Closer
	lines *bufio.Scanner
}

// call starts the attackers and waits until they are in place.
func (b *broker) call(ctx context.Context, a attack) (*gang, error) {
	p := plan{Attack: a.name, Short: b.options.short, Seed: b.options.seed, Addresses: map[string]string{"PLAINTEXT": b.node.Bootstrap()}}
	for _, name := range []string{"SSL", "SASLCLEAR", "SASLSSL"} {
		p.Addresses[name] = b.node.Address(name)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := &gang{cmd: exec.CommandContext(ctx, "nice", "-n", "19", own, "-attack", string(text))}
	g.cmd.Stderr = os.Stderr
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err1 := g.cmd.StdinPipe()
	out, err2 := g.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, g.cmd.Start()); err != nil {
		return nil, err
	}
	g.in, g.lines = in, bufio.NewScanner(out)
	if !g.lines.Scan() || g.lines.Text() != inPlace {
		_, err := g.dismiss()
		return nil, fmt.Errorf("the attackers said %q: %w", g.lines.Text(), errors.Join(err, errors.New("they are not in place")))
	}
	return g, nil
}

// dismiss ends the attack and returns what the attackers saw.
func (g *gang) dismiss() (string, error) {
	_ = g.in.Close() // they have gone already, perhaps
	var said []string
	for g.lines.Scan() {
		said = append(said, g.lines.Text())
	}
	if err := g.cmd.Wait(); err != nil {
		return "", fmt.Errorf("attackers: %w", err)
	}
	return strings.Join(said, "; "), nil
}
