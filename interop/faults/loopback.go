package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// loopback is three processes on 127.0.0.1. They reach each other and are reached through proxies, which can hold back what goes from
// one to another: the bytes wait, as those of a lost packet wait for being sent again.
type loopback struct {
	disks
	mu      sync.Mutex
	pids    map[int]int // by node
	held    map[[2]int]bool
	proxies map[int][2]*proxy // by node: of its two listeners
}

func newLoopback(dir string) (*loopback, error) {
	l := &loopback{disks: disks{dir: dir, kind: "directories"}, pids: map[int]int{}, held: map[[2]int]bool{}, proxies: map[int][2]*proxy{}}
	for id := 1; id <= nodes; id++ {
		if err := os.MkdirAll(l.disk(id), 0o755); err != nil {
			return nil, err
		}
		var both [2]*proxy
		for i := range both {
			var err error
			if both[i], err = newProxy(l, id); err != nil {
				return nil, err
			}
		}
		l.proxies[id] = both
	}
	return l, nil
}

func (l *loopback) says() string { return "processes on loopback, links are proxies" }

func (l *loopback) listens(node int) (data, control string) {
	return l.proxies[node][0].behind, l.proxies[node][1].behind
}

func (l *loopback) advertises(node int) (data, control string) {
	return l.proxies[node][0].front.Addr().String(), l.proxies[node][1].front.Addr().String()
}

func (l *loopback) reach(node int) string {
	data, _ := l.advertises(node)
	return data
}

func (l *loopback) command(_ int, argv ...string) *exec.Cmd {
	return exec.Command(argv[0], argv[1:]...)
}

func (l *loopback) cut(from, to int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[[2]int{from, to}] = true
	return nil
}

func (l *loopback) mend(from, to int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, [2]int{from, to})
	return nil
}

func (l *loopback) isHeld(from, to int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[[2]int{from, to}]
}

func (l *loopback) slow(int) error          { return errCannot }
func (l *loopback) fast(int) error          { return nil }
func (l *loopback) throttle(int, int) error { return errCannot }

func (l *loopback) leave(bool) error {
	for _, both := range l.proxies {
		for _, p := range both {
			p.front.Close()
		}
	}
	return nil
}

// runs tells which process a node is, so that a connection can be told by who made it.
func (l *loopback) runs(node, pid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pids[node] = pid
}

// whose is the node that has the other end of a connection; whoever is no node is a client.
func (l *loopback) whose(addr net.Addr) int {
	inode := socketOf(addr.(*net.TCPAddr).Port)
	l.mu.Lock()
	defer l.mu.Unlock()
	for node, pid := range l.pids {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if target, err := os.Readlink(fd); err == nil && target == "socket:["+inode+"]" {
				return node
			}
		}
	}
	return client
}

// socketOf finds the socket of a local port.
func socketOf(port int) string {
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			fields := strings.Fields(lines.Text())
			if len(fields) > 9 && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				return fields[9]
			}
		}
	}
	return ""
}

// proxy stands before one listener of a node.
type proxy struct {
	ground *loopback
	node   int
	front  net.Listener
	behind string
}

func newProxy(g *loopback, node int) (*proxy, error) {
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{ground: g, node: node, front: front, behind: "127.0.0.1:" + strconv.Itoa(free.Addr().(*net.TCPAddr).Port)}
	free.Close()
	go p.serve()
	return p, nil
}

func (p *proxy) serve() {
	for {
		in, err := p.front.Accept()
		if err != nil {
			return
		}
		go p.forward(in)
	}
}

func (p *proxy) forward(in net.Conn) {
	defer in.Close()
	from := p.ground.whose(in.RemoteAddr())
	p.wait(from, p.node)
	out, err := net.DialTimeout("tcp", p.behind, time.Second)
	if err != nil {
		reset(in)
		return
	}
	defer out.Close()
	defer reset(in) // a node that was killed leaves no orderly end
	done := make(chan struct{}, 2)
	go p.pump(out, in, from, p.node, done)
	go p.pump(in, out, p.node, from, done)
	<-done
}

// reset has the other end see that nobody is there, and not that somebody hung up.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may be closed
	}
}

func (p *proxy) pump(to io.Writer, from io.Reader, sender, receiver int, done chan<- struct{}) {
	defer func() { done <- struct{}{} }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.wait(sender, receiver)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait returns once the link is whole.
func (p *proxy) wait(sender, receiver int) {
	for p.ground.isHeld(sender, receiver) {
		time.Sleep(20 * time.Millisecond)
	}
}
