package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"leat/interop/target"
)

// application is the id of the application, and so of its group.
const application = "orders-app"

// instance is one process of the application.
type instance struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	log    string
	exited chan struct{}

	mu    sync.Mutex
	state string
}

// newInstance starts the application. Its state is in a directory of its own, which it finds again under the same name.
func newInstance(o options, bootstrap, name string) (*instance, error) {
	cache, err := target.Cache()
	if err != nil {
		return nil, err
	}
	jars := filepath.Join(cache, "streams")
	argv := []string{
		"-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(jars, "streams-application-1.jar") + ":" + filepath.Join(jars, "libs", "*"),
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "interop.Orders",
		"bootstrap.servers=" + bootstrap, "application.id=" + application, "client.id=" + name, "state.dir=" + filepath.Join(o.dir, "state-"+name),
		"group.protocol=" + o.protocol, "processing.guarantee=" + o.guarantee, "num.stream.threads=2", "commit.interval.ms=200",
		"num.standby.replicas=" + strconv.Itoa(o.standbys), "statestore.cache.max.bytes=0", "replication.factor=-1", "consumer.auto.offset.reset=earliest",
	}
	if o.protocol == "classic" {
		argv = append(argv, "consumer.session.timeout.ms=10000")
	}
	if o.static {
		argv = append(argv, "consumer.group.instance.id="+name)
	}
	i := &instance{cmd: exec.Command("java", argv...), log: filepath.Join(o.dir, "application-"+name+".log"), exited: make(chan struct{})}
	log, err := os.OpenFile(i.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	i.cmd.Stderr = log
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if i.stdin, err = i.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := i.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := i.cmd.Start(); err != nil {
		return nil, err
	}
	go i.watch(out, log)
	return i, nil
}

// watch reads what the application says of its state until it ends.
func (i *instance) watch(out io.Reader, log io.WriteCloser) {
	defer close(i.exited)
	defer log.Close()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(log, lines.Text())
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == "state" {
			i.mu.Lock()
			i.state = f[1]
			i.mu.Unlock()
		}
	}
	_ = i.cmd.Wait()
}

func (i *instance) awaitRunning(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		i.mu.Lock()
		state := i.state
		i.mu.Unlock()
		if state == "RUNNING" {
			return nil
		}
		select {
		case <-i.exited:
			return fmt.Errorf("application ended\n%s", i.tail())
		case <-ctx.Done():
			return fmt.Errorf("application is in state %q after %v\n%s", state, patience, i.tail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop has the application leave in order.
func (i *instance) stop() error {
	_ = i.stdin.Close()
	select {
	case <-i.exited:
		return nil
	case <-time.After(3 * time.Minute):
		i.kill()
		return errors.New("application did not stop within three minutes\n" + i.tail())
	}
}

func (i *instance) kill() {
	_ = i.cmd.Process.Kill()
	<-i.exited
}

// tail is the last lines of the log.
func (i *instance) tail() string {
	text, _ := os.ReadFile(i.log)
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
