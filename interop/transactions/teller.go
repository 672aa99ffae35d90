package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A producer goes on with one thing for clientPatience; it may think longer, because some do several at a time.
const (
	clientPatience = 60 * time.Second
	patience       = 4 * clientPatience
)

// teller is a process with producers that does what it is told.
type teller struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err string // file
}

// start starts a process of the client.
func (s *scenario) start(args ...string) (*teller, error) {
	argv := s.clients[s.client]
	s.made++
	t := &teller{cmd: exec.Command(argv[0], append(argv[1:len(argv):len(argv)], args...)...), err: filepath.Join(s.dir, fmt.Sprintf("%s-%d.err", s.id, s.made))}
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	errs, err := os.Create(t.err)
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	t.cmd.Stderr = errs
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReader(out)
	return t, t.cmd.Start()
}

// kill ends the process at once.
func (t *teller) kill() {
	_ = t.cmd.Process.Kill()
	_ = t.cmd.Wait() // it was killed
}

// tell has the process do a line and returns its answer.
func (t *teller) tell(line string) (string, error) {
	timer := time.AfterFunc(patience, func() { _ = t.cmd.Process.Kill() })
	defer timer.Stop()
	if _, err := fmt.Fprintln(t.in, line); err != nil {
		return "", err
	}
	answer, err := t.out.ReadString('\n')
	if err != nil {
		said, _ := os.ReadFile(t.err)
		return "", fmt.Errorf("%s: no answer within %s: %w: %s", line, patience, err, said)
	}
	return strings.TrimSpace(answer), nil
}

// fenced is what clients call it when another producer has taken their place, or the coordinator ended their transaction.
var fenced = regexp.MustCompile(`(?i)fenced|invalid_?producer_?epoch|_STATE|PURGE`)

// all has the process do lines, all of which must succeed.
func (t *teller) all(lines ...string) error {
	for _, line := range lines {
		answer, err := t.tell(line)
		if err != nil {
			return err
		}
		if answer != "ok" {
			return fmt.Errorf("%s: %s", line, answer)
		}
	}
	return nil
}

// refused has the process do lines until one is refused, which must be since the producer was fenced.
func (t *teller) refused(lines ...string) error {
	for _, line := range lines {
		answer, err := t.tell(line)
		if err != nil {
			return err
		}
		if answer == "ok" {
			continue
		}
		if !fenced.MatchString(answer) {
			return fmt.Errorf("%s: refused, but not as of a fenced producer: %s", line, answer)
		}
		return nil
	}
	return fmt.Errorf("a fenced producer could do all of %q", lines)
}

// said is what the process complained of.
func (t *teller) said() string {
	text, err := os.ReadFile(t.err)
	if err != nil {
		return err.Error()
	}
	return string(text[:min(len(text), 15000)])
}
