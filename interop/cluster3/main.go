// Command cluster3 runs a cluster of three leat nodes on this machine, to try things out: each is broker and controller, ports and data
// stay the same over starts, and an interrupt stops all three in order.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

const nodes = 3

// options are what the command line says.
type options struct {
	binary string
	dir    string
	port   int
	sets   []string
}

func main() {
	o := options{}
	flag.StringVar(&o.binary, "binary", "./leat", "leat's program")
	flag.StringVar(&o.dir, "dir", "leat-data-cluster3", "where the three nodes keep their data")
	flag.IntVar(&o.port, "port", 19092, "port of node 1 for clients; node 2 has it plus 10000, node 3 plus 20000, controllers the one after it")
	flag.Func("set", "KEY=VALUE for all three nodes; may be given more than once", func(s string) error {
		o.sets = append(o.sets, s)
		return nil
	})
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "cluster3:", err)
		os.Exit(1)
	}
}

// clients and controller are the addresses of a node.
func (o options) clients(id int) string { return fmt.Sprintf("127.0.0.1:%d", o.port+(id-1)*10000) }

func (o options) controller(id int) string {
	return fmt.Sprintf("127.0.0.1:%d", o.port+(id-1)*10000+1)
}

// argv is how a node is started. The nodes name each other, which is all that a new cluster needs.
func (o options) argv(id int) []string {
	var voters []string
	for n := 1; n <= nodes; n++ {
		voters = append(voters, fmt.Sprintf("%d@%s", n, o.controller(n)))
	}
	sets := []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", id),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		"controller.listener.names=CONTROLLER",
		"listeners=PLAINTEXT://" + o.clients(id) + ",CONTROLLER://" + o.controller(id),
		"log.dirs=" + filepath.Join(o.dir, fmt.Sprint(id)),
		"leat.http.listener=",
		"default.replication.factor=3", "min.insync.replicas=2",
		"offsets.topic.replication.factor=3", "transaction.state.log.replication.factor=3", "transaction.state.log.min.isr=2",
	}
	argv := []string{o.binary, "server"}
	for _, set := range append(sets, o.sets...) {
		argv = append(argv, "--set", set)
	}
	return argv
}

// screen shows lines of three nodes, each whole and with its number.
type screen struct {
	mu    sync.Mutex
	ready int
	o     options
}

func (s *screen) show(id int, from io.Reader) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			s.line(id, strings.TrimRight(line, "\n"))
		}
		if err != nil {
			return
		}
	}
}

func (s *screen) line(id int, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf("%d | %s\n", id, line)
	if !strings.HasPrefix(line, "leat ready") {
		return
	}
	if s.ready++; s.ready == nodes {
		var all []string
		for n := 1; n <= nodes; n++ {
			all = append(all, s.o.clients(n))
		}
		fmt.Printf("cluster ready bootstrap=%s data=%s stop=ctrl-c\n", strings.Join(all, ","), s.o.dir)
	}
}

func (s *screen) allReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready == nodes
}

func (s *screen) tell(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf(format+"\n", args...)
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &screen{o: o}
	ends := make(chan error, nodes)
	var started []*exec.Cmd
	var err error
	for id := 1; id <= nodes && err == nil; id++ {
		var cmd *exec.Cmd
		if cmd, err = o.start(id, s, ends); err == nil {
			started = append(started, cmd)
		}
	}
	left := len(started)
	for err == nil && left > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case err = <-ends:
			if left--; s.allReady() { // one that somebody killed, to see what the others do
				s.tell("%v; the others go on, ctrl-c stops them", err)
				err = nil
			}
		}
	}
	for _, cmd := range started {
		_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended needs none
	}
	for range left {
		err = errors.Join(err, <-ends)
	}
	return err
}

func (o options) start(id int, s *screen, ends chan<- error) (*exec.Cmd, error) {
	argv := o.argv(id)
	cmd := exec.Command(argv[0], argv[1:]...)
	// A group of its own: the interrupt of a terminal comes here, and from here to the nodes, once. A node does not outlive this program.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go s.show(id, out)
	go func() {
		err := cmd.Wait()
		in.Close()
		if err != nil {
			err = fmt.Errorf("node %d: %w", id, err)
		}
		ends <- err
	}()
	return cmd, nil
}
