package target

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
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/ports"
)

// Kind names a broker implementation.
type Kind string

// The implementations that can be started.
const (
	Leat  Kind = "leat"
	Kafka Kind = "kafka"
)

// Config says what to start and where.
type Config struct {
	Kind Kind
	// Dir holds the properties file, the log of the process and, in data/, the broker's data. It is kept.
	Dir string
	// Binary is leat's program; Kafka is found in the cache.
	Binary string
	// Settings are added to the common server.properties.
	Settings map[string]string
	// Wrap goes before the command, for instance a processor limit.
	Wrap []string
	// Listeners are there beside PLAINTEXT and CONTROLLER, by name, with their protocol; each has a free port.
	Listeners map[string]string
	// Environment is added to that of the process.
	Environment []string
	// StaticVoters names the one controller by controller.quorum.voters, as a directory that leat made demands of Kafka: its
	// kraft.version is 0, with which the voters do not stand in the metadata log.
	StaticVoters bool
	// Operations is the address of leat's operations listener; empty: none. Kafka has no such thing.
	Operations string
	// Client are options for the client that asks whether the node serves, for instance a login.
	Client []kgo.Opt
	// Patience is how long a start or a stop may take; zero: three minutes, which only a failure takes.
	Patience time.Duration
}

// Node is one broker, started or stopped. Its ports stay the same over restarts.
type Node struct {
	cfg        Config
	port       string
	controller string
	more       map[string]string // ports of further listeners
	cmd        *exec.Cmd
	exited     chan struct{}
	err        error
}

// New writes the properties file and, for Kafka, formats the data directory if that was not done before.
func New(cfg Config) (*Node, error) {
	names := slices.Sorted(maps.Keys(cfg.Listeners))
	free, err := ports.Free(2 + len(names))
	if err != nil {
		return nil, err
	}
	more := map[string]string{}
	for i, name := range names {
		more[name] = free[2+i]
	}
	return newAt(cfg, free[0], free[1], more)
}

func newAt(cfg Config, port, controller string, more map[string]string) (*Node, error) {
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, port: port, controller: controller, more: more}
	if err := os.WriteFile(n.PropertiesFile(), []byte(n.properties()), 0o644); err != nil {
		return nil, err
	}
	if cfg.Kind == Kafka {
		return n, n.format()
	}
	return n, nil
}

// As is the other implementation on the same data directory, properties file and address. Stop the first one before
// starting the second.
func (n *Node) As(kind Kind) *Node {
	other := &Node{cfg: n.cfg, port: n.port, controller: n.controller, more: n.more}
	other.cfg.Kind = kind
	return other
}

// Kind tells which implementation this node is.
func (n *Node) Kind() Kind { return n.cfg.Kind }

// Bootstrap is the address for clients.
func (n *Node) Bootstrap() string { return net.JoinHostPort("127.0.0.1", n.port) }

// Address is that of a further listener.
func (n *Node) Address(listener string) string {
	return net.JoinHostPort("127.0.0.1", n.more[listener])
}

// Controller is the address for nodes that have their controller here.
func (n *Node) Controller() string { return net.JoinHostPort("127.0.0.1", n.controller) }

// Operations is the address of leat's operations listener; empty: none.
func (n *Node) Operations() string { return n.cfg.Operations }

// DataDir is the broker's log.dirs.
func (n *Node) DataDir() string { return filepath.Join(n.cfg.Dir, "data") }

// PropertiesFile is the server.properties that the node was started with.
func (n *Node) PropertiesFile() string { return filepath.Join(n.cfg.Dir, "server.properties") }

// LogFile holds what the process printed, over all its starts.
func (n *Node) LogFile() string { return filepath.Join(n.cfg.Dir, string(n.cfg.Kind)+".log") }

// PID is the process of a started node.
func (n *Node) PID() int { return n.cmd.Process.Pid }

func (n *Node) patience() time.Duration { return cmp.Or(n.cfg.Patience, 3*time.Minute) }

// Start starts the process and returns once it serves: it answers a request for metadata, and leat has printed its ready line.
// The time that took is the start-up time.
func (n *Node) Start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(n.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	logged, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	argv, err := n.argv()
	if err != nil {
		return 0, err
	}
	argv = append(append([]string{}, n.cfg.Wrap...), argv...)
	n.cmd = exec.Command(argv[0], argv[1:]...)
	n.cmd.Dir = n.cfg.Dir
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if len(n.cfg.Environment) > 0 {
		n.cmd.Env = append(os.Environ(), n.cfg.Environment...)
	}
	// A broker must not outlive a suite that was killed.
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := n.cmd.Start(); err != nil {
		n.cmd = nil
		return 0, err
	}
	exited := make(chan struct{})
	n.exited = exited
	go func() {
		n.err = n.cmd.Wait()
		close(exited)
	}()
	if err := n.awaitReady(ctx, logged); err != nil {
		n.Kill()
		return 0, fmt.Errorf("%s: %w\n%s", n.cfg.Kind, err, n.LogTail(30))
	}
	return time.Since(began), nil
}

func (n *Node) argv() ([]string, error) {
	if n.cfg.Kind == Leat {
		binary, err := filepath.Abs(n.cfg.Binary)
		// The operations listener has one fixed default port; the file stays the same for both implementations.
		return []string{binary, "server", "--config", n.PropertiesFile(), "--set", "leat.http.listener=" + n.cfg.Operations}, err
	}
	// The options that kafka-server-start passes unless told otherwise.
	return kafkaArgv("-Xms1g", "-Xmx1g", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
		"-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true", "kafka.Kafka", n.PropertiesFile())
}

// awaitReady asks for metadata until it is answered; leat must have said that it is ready, too, behind that position of its log.
func (n *Node) awaitReady(ctx context.Context, logged int64) error {
	ctx, cancel := context.WithTimeout(ctx, n.patience())
	defer cancel()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(n.Bootstrap()),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond })}, n.cfg.Client...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		select {
		case <-n.exited:
			return fmt.Errorf("ended before it was ready: %v", n.err)
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", ctx.Err())
		default:
		}
		// A refused connection costs nothing; the client would wait longer between its own attempts.
		conn, err := net.DialTimeout("tcp", n.Bootstrap(), time.Second)
		if err != nil {
			time.Sleep(2 * time.Millisecond)
			continue
		}
		conn.Close()
		once, stop := context.WithTimeout(ctx, 10*time.Second)
		err = client.Ping(once)
		stop()
		if err == nil && (n.cfg.Kind == Kafka || n.saysReady(logged)) {
			return nil
		}
		time.Sleep(2 * time.Millisecond) // who asks without a pause takes the processor from who starts
	}
}

// saysReady looks for leat's ready line in what it printed behind a position of its log.
func (n *Node) saysReady(behind int64) bool {
	data, err := os.ReadFile(n.LogFile())
	return err == nil && bytes.Contains(data[behind:], []byte("leat ready"))
}

// Stop asks the process to end, waits for it, and fails if its status is not that of a clean end.
func (n *Node) Stop() error {
	if n.cmd == nil {
		return nil
	}
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-n.exited:
	case <-time.After(n.patience()):
		n.Kill()
		return fmt.Errorf("%s: still running %s after SIGTERM\n%s", n.cfg.Kind, n.patience(), n.LogTail(30))
	}
	n.cmd = nil
	// A JVM ends with 128 + 15 after a clean stop by SIGTERM.
	var exit *exec.ExitError
	if errors.As(n.err, &exit) && exit.ExitCode() == 143 && n.cfg.Kind == Kafka {
		return nil
	}
	if n.err != nil {
		return fmt.Errorf("%s: ended with %w\n%s", n.cfg.Kind, n.err, n.LogTail(30))
	}
	return nil
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (n *Node) Kill() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill() // gone already is as good
	<-n.exited
	n.cmd = nil
}

// LogTail is the end of what the process printed.
func (n *Node) LogTail(lines int) string {
	data, err := os.ReadFile(n.LogFile())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(bytes.TrimSpace(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
