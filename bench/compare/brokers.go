package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"leat/bench/load"
	"leat/interop/target"
)

// The names of what is measured.
const (
	leat   = "leat"
	kafka  = "kafka"
	ground = "floor"
)

// broker is a process that is measured.
type broker interface {
	Start(ctx context.Context) (time.Duration, error)
	Stop() error
	Kill()
	PID() int
	Bootstrap() string
}

// newBroker prepares a broker with its data in a directory. Operations is the address of leat's operations listener, or empty.
func newBroker(o options, kind, dir, operations string) (broker, error) {
	if kind == ground {
		return &floorProcess{binary: o.floor, dir: dir}, nil
	}
	return target.New(target.Config{Kind: target.Kind(kind), Binary: o.binary, Dir: dir, Operations: operations, Patience: 5 * time.Minute,
		Settings: map[string]string{"log.segment.delete.delay.ms": "100"}}) // the data of one load must not be there in the next
}

// create makes a topic. The floor needs none.
func (s *session) create(topic string, partitions int, configs map[string]string) error {
	if s.kind == ground {
		return nil
	}
	return load.Create(s.broker.Bootstrap(), topic, partitions, configs)
}

// remove deletes a topic and waits until its files have gone, so that the next load does not share the disk with that.
func (s *session) remove(ctx context.Context, topic string) error {
	if s.kind == ground { // it keeps its files open for ever
		s.broker.Kill()
		if err := os.RemoveAll(filepath.Join(s.dir, "data")); err != nil {
			return err
		}
		_, err := s.broker.Start(ctx)
		return err
	}
	if err := load.Delete(s.broker.Bootstrap(), topic); err != nil {
		return err
	}
	for until := time.Now().Add(time.Minute); ; {
		left, err := filepath.Glob(filepath.Join(s.dir, "data", topic+"-*"))
		if err != nil || len(left) == 0 {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s: its files are still there a minute after it was deleted", topic)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended holds the log end offsets of a topic against the records that were acknowledged.
func (s *session) ended(topic string, partitions int, acknowledged int64) error {
	if s.kind == ground {
		return nil
	}
	ends, err := load.Ends(s.broker.Bootstrap(), topic, partitions)
	if err != nil {
		return err
	}
	there := int64(0)
	for _, end := range ends {
		there += end
	}
	if there != acknowledged {
		return fmt.Errorf("%s: %d records were acknowledged, %d are there", topic, acknowledged, there)
	}
	return nil
}

// floorProcess is bench/cmd/floor.
type floorProcess struct {
	binary, dir string
	cmd         *exec.Cmd
	address     string
}

// Start starts the program and waits for its address.
func (f *floorProcess) Start(context.Context) (time.Duration, error) {
	began := time.Now()
	data := filepath.Join(f.dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return 0, err
	}
	f.cmd = exec.Command(f.binary, "-dir", data)
	f.cmd.Stderr = os.Stderr
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := f.cmd.Start(); err != nil {
		return 0, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		_, err = fmt.Sscanf(line, "floor ready: %s", &f.address)
	}
	if err != nil {
		f.Kill()
		return 0, fmt.Errorf("floor: %w", err)
	}
	return time.Since(began), nil
}

// Stop ends the program, which has nothing to tidy up.
func (f *floorProcess) Stop() error {
	f.Kill()
	return nil
}

// Kill ends the program.
func (f *floorProcess) Kill() {
	if f.cmd == nil {
		return
	}
	_ = f.cmd.Process.Kill() // gone already is as good
	_ = f.cmd.Wait()         // it was killed
	f.cmd = nil
}

// PID is its process.
func (f *floorProcess) PID() int { return f.cmd.Process.Pid }

// Bootstrap is its address.
func (f *floorProcess) Bootstrap() string { return f.address }

// freeAddress is an address of the loopback interface that nobody listens on just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), errors.Join(l.Close())
}
