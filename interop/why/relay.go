package main

import (
	"io"
	"net"
	"sync"
)

// relay stands between a node and those who connect to it, and may change what the node answers.
type relay struct {
	listener net.Listener
	target   string
	change   func([]byte) []byte // to as many bytes

	work sync.WaitGroup
	mu   sync.Mutex
	open []net.Conn // guarded by mu
}

func newRelay(target string, change func([]byte) []byte) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, target: target, change: change}
	r.work.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			r.work.Go(func() { r.pass(from) })
		}
	})
	return r, nil
}

// pass passes on what goes over one connection.
func (r *relay) pass(from net.Conn) {
	to, err := net.Dial("tcp", r.target)
	if err != nil {
		_ = from.Close()
		return
	}
	r.mu.Lock()
	r.open = append(r.open, from, to)
	r.mu.Unlock()
	r.work.Go(func() {
		_, _ = io.Copy(to, from) // either end may close
		_ = to.Close()
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := to.Read(buf)
		if n > 0 {
			if _, err := from.Write(r.change(buf[:n])); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = from.Close()
	_ = to.Close()
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) close() {
	_ = r.listener.Close()
	r.mu.Lock()
	for _, c := range r.open {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.work.Wait()
}
