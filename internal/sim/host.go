package sim

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// firstPort is the first port that a host gives to who asks for any; listeners that name theirs are below by custom.
const firstPort = 40000

// backlog is how many connections wait for an Accept.
const backlog = 128

// Host is one machine in a network. The network's mutex guards it.
type Host struct {
	net  *Network
	name string
	ip   net.IP

	nextPort  int
	listeners map[int]*listener
	conns     map[*conn]bool
}

// Name is the name that the host was made with; it can be dialled.
func (h *Host) Name() string { return h.name }

// IP is the host's address.
func (h *Host) IP() net.IP { return h.ip }

// port picks a free one. Callers hold mu.
func (h *Host) port() int {
	for {
		h.nextPort++
		if h.listeners[h.nextPort] == nil {
			return h.nextPort
		}
	}
}

// Listen has the shape of net.Listen. Whatever address of its own a host listens on, it is reached under all of them. Port 0
// picks one.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := &net.TCPAddr{IP: h.ip}
	fail := func(err error) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: addr, Err: err}
	}
	name, port, err := splitAddress(network, address)
	if err != nil {
		return fail(err)
	}
	if at, err := n.resolve(h, name); err != nil || at != h {
		return fail(os.NewSyscallError("bind", syscall.EADDRNOTAVAIL))
	}
	if port == 0 {
		port = h.port()
	}
	addr.Port = port
	if h.listeners[port] != nil {
		return fail(os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	l := &listener{host: h, addr: addr}
	l.arrived = sync.NewCond(&n.mu)
	h.listeners[port] = l
	return l, nil
}

func splitAddress(network, address string) (name string, port int, err error) {
	switch network {
	case "tcp", "tcp4":
	default:
		return "", 0, net.UnknownNetworkError(network)
	}
	name, service, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(service)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, &net.AddrError{Err: "invalid port", Addr: address}
	}
	return name, port, nil
}

// DialContext has the shape of net.Dialer.DialContext. A connection to a host that does not listen is refused; one over a link that
// is cut waits for ctx.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	d := dialing{outcome: make(chan error, 1)}
	if err := d.start(h, network, address); err != nil {
		return fail(err)
	}
	select {
	case err := <-d.outcome:
		if err != nil {
			return fail(err)
		}
		return d.local, nil
	case <-ctx.Done():
		d.giveUp()
		return fail(ctx.Err())
	}
}

// dialing is a connection in the making. The network's mutex guards it.
type dialing struct {
	local     *conn
	outcome   chan error // buffered, so that who tells never waits
	abandoned bool
}

func (d *dialing) start(h *Host, network, address string) error {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	name, port, err := splitAddress(network, address)
	if err != nil {
		return err
	}
	to, err := n.resolve(h, name)
	if err != nil {
		return err
	}
	there, back := n.link(h, to), n.link(to, h)
	d.local = newConn(h, &net.TCPAddr{IP: h.ip, Port: h.port()}, &net.TCPAddr{IP: to.ip, Port: port}, there)
	there.send(func() {
		l := to.listeners[port]
		if l == nil || len(l.queue) >= backlog {
			back.send(func() { d.outcome <- os.NewSyscallError("connect", syscall.ECONNREFUSED) })
			return
		}
		remote := newConn(to, d.local.remote, d.local.local, back)
		remote.peer, d.local.peer = d.local, remote
		to.conns[remote] = true
		l.queue = append(l.queue, remote)
		l.arrived.Signal()
		back.send(func() { d.connected(h) })
	})
	return nil
}

// connected is called when the answer has come back.
func (d *dialing) connected(h *Host) {
	if d.abandoned {
		d.local.vanish()
		d.local.sendReset()
		return
	}
	h.conns[d.local] = true
	d.outcome <- nil
}

// giveUp makes sure that the other side does not keep a connection that nobody has.
func (d *dialing) giveUp() {
	n := d.local.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	d.abandoned = true
	if d.local.host.conns[d.local] { // it was made after all, just now
		d.local.close()
	}
}

// Stop ends the host's process: the system closes all its listeners and connections, and the others notice. The host can be used again.
func (h *Host) Stop() { h.drop((*conn).close) }

// Crash ends the host's machine: its connections are gone without a word. Who sends on one gets a reset, as from a machine that
// has restarted; to let it be down for a while, Isolate it first. The host can be used again.
func (h *Host) Crash() { h.drop((*conn).vanish) }

func (h *Host) drop(end func(*conn)) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	for _, port := range slices.Sorted(maps.Keys(h.listeners)) {
		h.listeners[port].close()
	}
	for _, c := range h.sortedConns() {
		end(c)
	}
}
