package listener

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"leat/internal/security"
)

// Limits may change at run time.
type Limits struct {
	MaxRequestBytes        int            // socket.request.max.bytes; <= 0: 100 MiB
	QueuedMaxBytes         int64          // queued.max.request.bytes; <= 0: no bound
	MaxConnections         int            // max.connections, of clients and of nodes apart; <= 0: no bound
	MaxListener            int            // the same of this listener alone; <= 0: no bound
	MaxConnectionsPerIP    int            // max.connections.per.ip; 0 without overrides, or < 0: no bound
	PerIPOverrides         map[string]int // max.connections.per.ip.overrides, by address
	MaxIdle                time.Duration  // connections.max.idle.ms; <= 0: no bound
	MinRequestRate         int64          // bytes a second of a request that has begun, leat.request.min.bytes.per.second; <= 0: however slow
	MaxInFlight            int            // requests of one connection under way at once; <= 0: 100
	SendBuffer, RecvBuffer int            // socket.*.buffer.bytes; -1 or 0: the system's

	requestBytesKey string // the setting that MaxRequestBytes is of; "": socket.request.max.bytes

	// Of listeners with TLS or SASL.
	AuthenticationTimeout time.Duration // leat.authentication.timeout.ms; <= 0: no bound
	PendingMax            int           // leat.authentication.pending.max; <= 0: no bound
}

const (
	defaultMaxRequestBytes = 100 << 20
	defaultMaxInFlight     = 100
)

func (l *Limits) maxRequestBytes() int {
	if l.MaxRequestBytes <= 0 {
		return defaultMaxRequestBytes
	}
	return l.MaxRequestBytes
}

func (l *Limits) maxInFlight() int {
	if l.MaxInFlight <= 0 {
		return defaultMaxInFlight
	}
	return l.MaxInFlight
}

// connections is the lower of the bounds on connections.
func (l *Limits) connections() int {
	if l.MaxListener > 0 && (l.MaxConnections <= 0 || l.MaxListener < l.MaxConnections) {
		return l.MaxListener
	}
	return l.MaxConnections
}

// perIP returns how many connections an address may have, and whether that is bounded at all.
func (l *Limits) perIP(addr netip.Addr) (int, bool) {
	if n, ok := l.PerIPOverrides[addr.String()]; ok {
		return n, true
	}
	if l.MaxConnectionsPerIP < 0 || l.MaxConnectionsPerIP == 0 && len(l.PerIPOverrides) == 0 {
		return 0, false
	}
	return l.MaxConnectionsPerIP, true
}

// Config is what Serve needs.
type Config struct {
	Name     string
	Control  bool
	OfNodes  bool // nodes use it among themselves, and clients have another one
	Protocol security.Protocol
	Listener net.Listener // TCP, or in memory in tests
	Limits   func() Limits
	Rates    func() ConnectionRates // nil: connections may begin as fast as they like
	Shared   *Shared                // bounds over all listeners of the node
	Handler  Handler
	Logger   *slog.Logger
	Observe  Observe

	TLS  func() *tls.Config // for connections that begin now; nil: the listener is without TLS
	SASL func() *SASL       // likewise; nil: without SASL
	// CertificatePrincipal says who shows a certificate, or none. It may be nil.
	CertificatePrincipal func(*tls.ConnectionState) (security.Principal, error)
}

// Observe is called when something happened that is worth counting. Every function may be nil; they are called from many goroutines and must
// not wait.
type Observe struct {
	Opened  func(*Conn)
	Closed  func(*Conn)
	Refused func(addr netip.Addr) // over the limit of its address
	Request func(Done)
	// Delayed: so long no connection is accepted; TurnedAway: so long one is kept before it is closed.
	Delayed, TurnedAway func(time.Duration)
	Panic               func()

	// Of listeners with TLS or SASL; again: it was known before.
	Authenticated        func(c *Conn, again bool)
	AuthenticationFailed func(c *Conn, again bool, why error)
	Expired              func(*Conn) // its session
	// Foreign hears of a client that speaks another protocol than the listener does.
	Foreign func(c *Conn, clientID string, why error)
	// Waiting: a connection waits for another one to end, because there are as many as max.connections.
	Waiting func(limit int)
}

// Done is what is known of a request that is answered. Its durations count from Received.
type Done struct {
	Conn                      *Conn
	Key, Version              int16
	ClientID                  string
	Principal                 security.Principal
	Received                  time.Time
	Begun                     time.Duration // until the handler was called
	Handled                   time.Duration // until the handler returned; 0: the reply was faster
	Answered                  time.Duration // until Reply or NoReply
	Turn                      time.Duration // until everything before it on the connection was written
	Sent                      time.Duration // until the last byte was taken by the socket
	Throttled                 time.Duration // for which it keeps the next request of the connection waiting
	RequestBytes, ResponseLen int           // without their length prefixes
	Mark                      any           // that of the request
}
