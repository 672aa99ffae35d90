// Package fleet runs a cluster of several processes, each of which is leat or Apache Kafka and can be made the other: same node id, addresses,
// properties file and data directories.
package fleet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"leat/interop/target"
)

// Node is one process, started or stopped.
type Node struct {
	ID       int32
	Kind     target.Kind
	Roles    string // as process.roles
	Dirs     int    // how many log directories; 0 is one
	Settings map[string]string
	Binary   string // another build of leat than the fleet's; empty: that one

	Operations string // address of leat's operations listener; empty: it has none

	fleet  *Fleet
	port   string // of clients and brokers
	voter  string // of the controller listener
	cmd    *exec.Cmd
	exited chan struct{}
	err    error
}

// Has reports whether the node has a role.
func (n *Node) Has(role string) bool { return slices.Contains(strings.Split(n.Roles, ","), role) }

// Address is where clients reach the node.
func (n *Node) Address() string { return net.JoinHostPort("127.0.0.1", n.port) }

// Controller is where other nodes reach the node's controller.
func (n *Node) Controller() string { return net.JoinHostPort("127.0.0.1", n.voter) }

func (n *Node) binary() string { return cmp.Or(n.Binary, n.fleet.Binary) }

func (n *Node) dir() string { return filepath.Join(n.fleet.Dir, "node"+strconv.Itoa(int(n.ID))) }

// Properties is the file that the node is started with, of either kind.
func (n *Node) Properties() string { return filepath.Join(n.dir(), "server.properties") }

// LogDirs are the node's data directories.
func (n *Node) LogDirs() []string {
	var dirs []string
	for i := range max(n.Dirs, 1) {
		dirs = append(dirs, filepath.Join(n.dir(), "data"+strconv.Itoa(i)))
	}
	return dirs
}

// LogFile holds what the node's processes of the present kind printed.
func (n *Node) LogFile() string { return filepath.Join(n.dir(), string(n.Kind)+".log") }

// Write writes the properties file.
func (n *Node) Write() error {
	if err := os.MkdirAll(n.dir(), 0o755); err != nil {
		return err
	}
	var listeners []string
	if n.Has("broker") {
		listeners = append(listeners, "PLAINTEXT://"+n.Address())
	}
	if n.Has("controller") {
		listeners = append(listeners, "CONTROLLER://"+n.Controller())
	}
	settings := map[string]string{
		"process.roles": n.Roles, "node.id": strconv.Itoa(int(n.ID)), "listeners": strings.Join(listeners, ","),
		"controller.listener.names": "CONTROLLER", "log.dirs": strings.Join(n.LogDirs(), ","),
		"listener.security.protocol.map":   "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "4",
	}
	maps.Copy(settings, n.fleet.quorum())
	maps.Copy(settings, n.fleet.Settings)
	maps.Copy(settings, n.Settings)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s=%s\n", key, settings[key])
	}
	return os.WriteFile(n.Properties(), []byte(text.String()), 0o644)
}

// Format makes the directories those of the node. Kafka demands it before the first start; leat needs it only to begin a cluster with this id.
func (n *Node) Format(ctx context.Context, more ...string) error {
	args := append([]string{"format", "--ignore-formatted", "--cluster-id", ClusterID, "--config", n.Properties()}, more...)
	cmd := exec.Command(n.binary(), append([]string{"storage"}, args...)...)
	if n.Kind == target.Kafka && !n.fleet.Quick {
		var err error
		if cmd, err = target.Tool("kafka-storage", args...); err != nil {
			return err
		}
	}
	if out, err := exec.CommandContext(ctx, cmd.Args[0], cmd.Args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("storage format, node %d (%s): %w\n%s", n.ID, n.Kind, err, bytes.TrimSpace(out))
	}
	return nil
}

// Leat runs one of leat's commands and returns what it printed.
func (n *Node) Leat(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, n.binary(), args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("leat %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// Empty removes the node's data.
func (n *Node) Empty() error {
	var errs []error
	for _, dir := range n.LogDirs() {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}

// Start starts the process and waits until it says that it serves.
func (n *Node) Start(ctx context.Context) error {
	before, err := n.Launch()
	if err != nil {
		return err
	}
	return n.Await(ctx, before)
}

// Launch starts the process. It returns how long its log was before.
func (n *Node) Launch() (int64, error) {
	log, err := os.OpenFile(n.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	argv, err := n.argv()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.dir(), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it must not outlive a suite that was killed
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	exited := make(chan struct{})
	n.cmd, n.exited, n.err = cmd, exited, nil
	go func() {
		n.err = cmd.Wait()
		close(exited)
	}()
	return before, nil
}

func (n *Node) argv() ([]string, error) {
	if n.Kind == target.Leat {
		binary, err := filepath.Abs(n.binary())
		return []string{binary, "server", "--config", n.Properties(), "--set", "leat.http.listener=" + n.Operations}, err
	}
	return target.KafkaServer(n.Properties(), "-Xms256m", "-Xmx"+n.fleet.Heap,
		"-Dlog4j2.configurationFile="+filepath.Join(n.fleet.Dir, "log4j2.properties"))
}

// Await waits until the log, behind a position, says that the node serves.
func (n *Node) Await(ctx context.Context, behind int64) error {
	ready := "Kafka Server started"
	if n.Kind == target.Leat {
		ready = "leat ready"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		if data, err := os.ReadFile(n.LogFile()); err == nil && bytes.Contains(data[behind:], []byte(ready)) {
			return nil
		}
		select {
		case <-n.exited:
			return fmt.Errorf("node %d (%s) ended before it was ready: %v\n%s", n.ID, n.Kind, n.err, n.Tail(30))
		case <-ctx.Done():
			return fmt.Errorf("node %d (%s) is not ready after three minutes\n%s", n.ID, n.Kind, n.Tail(30))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Running reports whether the process lives.
func (n *Node) Running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// Stop asks the process to end and waits for it; only a clean end is no error.
func (n *Node) Stop() error {
	if n.cmd == nil {
		return nil
	}
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-n.exited:
	case <-time.After(3 * time.Minute):
		n.Kill()
		return fmt.Errorf("node %d (%s) still runs three minutes after SIGTERM\n%s", n.ID, n.Kind, n.Tail(30))
	}
	n.cmd = nil
	var exit *exec.ExitError
	if errors.As(n.err, &exit) && exit.ExitCode() == 143 && n.Kind == target.Kafka { // a JVM that SIGTERM ended cleanly
		return nil
	}
	if n.err != nil {
		return fmt.Errorf("node %d (%s) ended with %w\n%s", n.ID, n.Kind, n.err, n.Tail(30))
	}
	return nil
}

// Kill ends the process with SIGKILL.
func (n *Node) Kill() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill() // gone already is as good
	<-n.exited
	n.cmd = nil
}

// Tail is the end of what the process printed.
func (n *Node) Tail(lines int) string {
	data, err := os.ReadFile(n.LogFile())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(bytes.TrimSpace(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Signal sends the process a signal, such as the one that stops it for a while.
func (n *Node) Signal(s os.Signal) error {
	if n.cmd == nil {
		return fmt.Errorf("node %d does not run", n.ID)
	}
	return n.cmd.Process.Signal(s)
}
