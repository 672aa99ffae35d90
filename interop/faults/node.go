package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// node is one leat process, over all its starts.
type node struct {
	id       int
	ground   ground
	binary   string
	dir      string // of the properties file and the log
	settings map[string]string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	asked  bool // to end
	ended  error
}

func (n *node) data() string { return filepath.Join(n.ground.disk(n.id), "data") }

func (n *node) logFile() string { return filepath.Join(n.dir, fmt.Sprintf("node-%d.log", n.id)) }

func (n *node) propertiesFile() string {
	return filepath.Join(n.dir, fmt.Sprintf("node-%d.properties", n.id))
}

// start starts the process and does not wait until it is ready.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		return fmt.Errorf("node %d: runs already", n.id)
	}
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(n.settings)) {
		fmt.Fprintf(&text, "%s=%s\n", key, n.settings[key])
	}
	if err := os.WriteFile(n.propertiesFile(), []byte(text.String()), 0o644); err != nil {
		return err
	}
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := n.ground.command(n.id, n.binary, "server", "--config", n.propertiesFile())
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, n.dir
	// A node must not outlive a run that was killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	if l, ok := n.ground.(*loopback); ok {
		l.runs(n.id, cmd.Process.Pid)
	}
	n.cmd, n.asked, n.ended = cmd, false, nil
	exited := make(chan struct{})
	n.exited = exited
	go func() {
		err := cmd.Wait()
		n.mu.Lock()
		if n.cmd == cmd {
			n.cmd = nil
		}
		if !n.asked {
			n.ended = fmt.Errorf("node %d: ended by itself: %v", n.id, err)
		}
		n.mu.Unlock()
		close(exited)
	}()
	return nil
}

// signal sends a signal to a running process; one that is gone gets none.
func (n *node) signal(s syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return nil
	}
	if s == syscall.SIGKILL || s == syscall.SIGTERM {
		n.asked = true
	}
	if err := n.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// kill is kill -9, and waits until the process is gone.
func (n *node) kill() error {
	if err := n.signal(syscall.SIGKILL); err != nil {
		return err
	}
	n.gone(time.Minute)
	return nil
}

// stop asks the process to end in order.
func (n *node) stop(patience time.Duration) error {
	if err := n.signal(syscall.SIGTERM); err != nil {
		return err
	}
	if !n.gone(patience) {
		return fmt.Errorf("node %d: still runs %s after SIGTERM", n.id, patience)
	}
	return nil
}

func (n *node) gone(patience time.Duration) bool {
	n.mu.Lock()
	exited := n.exited
	n.mu.Unlock()
	if exited == nil {
		return true
	}
	select {
	case <-exited:
		return true
	case <-time.After(patience):
		return false
	}
}

func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd != nil
}

func (n *node) pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

// fellOver is why the process ended, if nobody asked it to.
func (n *node) fellOver() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ended
}

// logged is what the process printed behind a position.
func (n *node) logged(behind int64) string {
	data, err := os.ReadFile(n.logFile())
	if err != nil || behind > int64(len(data)) {
		return ""
	}
	return string(data[behind:])
}

func tail(text string, lines int) string {
	all := strings.Split(string(bytes.TrimSpace([]byte(text))), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
