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
	"strings"
	"syscall"
	"time"
)

// gang is the process of the attackers.
type gang struct {
	cmd   *exec.Cmd
	in    io.Closer
	lines *bufio.Scanner
	began time.Time
}

// call starts the attackers and waits until they are in place.
func (b *broker) call(ctx context.Context, a attack) (*gang, error) {
	p := plan{Attack: a.name, Nice: b.options.nice, Short: b.options.short, Seed: b.options.seed, Addresses: map[string]string{"PLAINTEXT": b.node.Bootstrap()}}
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
	g := &gang{cmd: exec.CommandContext(ctx, own, "-attack", string(text)), began: time.Now()}
	g.cmd.Stderr = os.Stderr
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // a group of its own: see attacker
	in, err1 := g.cmd.StdinPipe()
	out, err2 := g.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, g.cmd.Start()); err != nil {
		return nil, err
	}
	g.in, g.lines = in, bufio.NewScanner(out)
	if !g.lines.Scan() || g.lines.Text() != inPlace {
		_, _, err := g.dismiss()
		return nil, fmt.Errorf("the attackers said %q: %w", g.lines.Text(), errors.Join(err, errors.New("they are not in place")))
	}
	return g, nil
}

// dismiss ends the attack and returns what the attackers saw, and the processors that they used.
func (g *gang) dismiss() (happened string, processors float64, err error) {
	_ = g.in.Close() // they have gone already, perhaps
	var said []string
	for g.lines.Scan() {
		said = append(said, g.lines.Text())
	}
	if err := g.cmd.Wait(); err != nil {
		return "", 0, fmt.Errorf("attackers: %w", err)
	}
	used := g.cmd.ProcessState.UserTime() + g.cmd.ProcessState.SystemTime()
	return strings.Join(said, "; "), used.Seconds() / time.Since(g.began).Seconds(), nil
}
