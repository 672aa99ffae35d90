// Package listener is connections in: accepting, limits per node and address, framing, the order of replies, memory bounds,
// idle connections. It calls a handler and knows no broker.
//
// A connection has one goroutine while it is idle (the reader); a writer exists only while replies are outstanding. Requests of one connection reach the
// handler in arrival order and replies leave in the same order, whenever they are made.
package listener

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"leat/internal/security"
	"leat/internal/wire"
)

// Conn is what is known of a connection. Principal and software are set by the listener before the handler sees a request that comes after them.
type Conn struct {
	ID        string // Kafka's form: "127.0.0.1:9092-127.0.0.1:51234-7"
	Listener  string // "PLAINTEXT", "CONTROLLER", ...
	Control   bool   // a controller listener
	Protocol  security.Protocol
	Principal security.Principal
	Remote    netip.AddrPort
	Local     netip.AddrPort
	// SoftwareName and SoftwareVersion come from ApiVersions v3+ (SetSoftware).
	SoftwareName, SoftwareVersion string
}

// Request is one request to be answered exactly once: Reply, NoReply or Hangup. Body is valid until then.
type Request struct {
	Conn     *Conn
	Header   wire.RequestHeader
	Body     []byte
	Received time.Time
	// Gone is closed when the connection is; long waits should end then.
	Gone    context.Context
	unbuilt int
}

// Reply queues the frame; it is written when all earlier requests of the connection are answered.
func (r *Request) Reply(f *wire.Frame) { panic("unbuilt") }

// NoReply ends a request that has no response (acks=0).
func (r *Request) NoReply() { panic("unbuilt") }

// Hangup closes the connection; reason goes to the one log line about it.
func (r *Request) Hangup(reason string) { panic("unbuilt") }

// Handler takes requests. It is called by the connection's reader and must not wait for anything: what waits goes to a
// goroutine or a callback. It has checked nothing: key, version and body are as they came.
type Handler func(*Request)

// Limits may change at run time.
type Limits struct {
	MaxRequestBytes        int            // socket.request.max.bytes
	QueuedMaxBytes         int64          // queued.max.request.bytes; <= 0: no bound
	MaxConnections         int            // max.connections
	MaxConnectionsPerIP    int            // max.connections.per.ip
	PerIPOverrides         map[string]int // max.connections.per.ip.overrides
	MaxIdle                time.Duration  // connections.max.idle.ms
	MaxInFlight            int            // requests of one connection under way at once
	SendBuffer, RecvBuffer int            // socket.*.buffer.bytes; -1: the system's
}

// Config is what Serve needs.
type Config struct {
	Name     string
	Control  bool
	Protocol security.Protocol
	Listener net.Listener // TCP, or in memory in tests
	Limits   func() Limits
	Shared   *Shared // bounds over all listeners of the node
	Handler  Handler
	Logger   *slog.Logger
}

// Shared counts connections and request bytes over all listeners of a node.
type Shared struct{ unbuilt int }

// NewShared returns empty counts.
func NewShared() *Shared { panic("unbuilt") }

// Server serves one listener.
type Server struct{ unbuilt Config }

// Serve starts accepting.
func Serve(cfg Config) *Server { panic("unbuilt") }

// Close stops accepting, closes all connections and waits for their goroutines.
func (s *Server) Close() { panic("unbuilt") }
