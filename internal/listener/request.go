package listener

import (
	"context"
	"net/netip"
	"sync/atomic"
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
	// Mechanism is how Principal is known: a SASL mechanism, "SSL" by its certificate; "": nobody asked.
	Mechanism string
	// TokenAuthenticated: a delegation token proved who it is.
	TokenAuthenticated bool
	Remote             netip.AddrPort
	Local              netip.AddrPort
	ServerName         string // under which the client looked for this node, if it said so with TLS
	// SoftwareName and SoftwareVersion come from ApiVersions v3+ (SetSoftware).
	SoftwareName, SoftwareVersion string
	// State is what the handler keeps of the connection. Only the handler touches it, before it returns.
	State any
}

// SetSoftware notes what the client calls itself. Only the handler calls it, before it returns.
func (c *Conn) SetSoftware(name, version string) { c.SoftwareName, c.SoftwareVersion = name, version }

// Request is one request to be answered exactly once: Reply, NoReply or Hangup. Body is valid until then.
type Request struct {
	Conn     *Conn
	Header   wire.RequestHeader
	Body     []byte
	Received time.Time
	// Wrote is how long it took to write what the handler of the connection's last request had answered when it returned.
	Wrote time.Duration
	// Gone is closed when the connection is; long waits should end then.
	Gone context.Context
	// Prompt, which the handler may set before it returns: whoever answers also writes small ranges of files that are in memory. That suits answers of
	// which few come at once; where thousands wait for the same record, their writing is spread over the processors.
	Prompt bool
	// Mark is what the handler, before it returns, notes for whoever observes that the request is answered.
	Mark any

	onNext   func() // see OnNext
	conn     *conn
	next     *Request // in order of arrival; guarded by conn.mu
	state    state    // guarded by conn.mu
	frame    *wire.Frame
	reason   string // of a hangup
	answered atomic.Bool
	buffer   *wire.Buffer
	charged  atomic.Int64 // bytes of the budget that the body holds

	size      int
	principal security.Principal // when it came
	begunAt   time.Duration
	answerAt  time.Duration
	turnAt    time.Duration
	throttled time.Duration // see Mute
	handledAt atomic.Int64  // as a duration; the reply may leave before the handler has returned
}

// state is how far a request is.
type state uint8

const (
	waiting state = iota // for an answer
	ready                // to be written, or skipped if there is no frame
	hangup               // close the connection when this is next
)

// Handler takes requests. It is called by the connection's reader and must not wait for anything: what waits goes to a
// goroutine or a callback. It has checked nothing: key, version and body are as they came.
type Handler func(*Request)

// Reply queues the frame; it is written when all earlier requests of the connection are answered.
func (r *Request) Reply(f *wire.Frame) {
	if !r.answer() {
		f.Release()
		return
	}
	r.conn.complete(r, ready, f, "")
}

// NoReply ends a request that has no response (acks=0).
func (r *Request) NoReply() {
	if r.answer() {
		r.conn.complete(r, ready, nil, "")
	}
}

// Hangup closes the connection once earlier requests are answered; reason goes to the one log line about it. Nothing more is read.
func (r *Request) Hangup(reason string) {
	if r.answer() {
		r.conn.complete(r, hangup, nil, reason)
	}
}

// FreeBody gives the memory of Body back before the request is answered. What waits long calls it when it has read all it needs; Body, and
// what aliases it, must not be touched afterwards.
func (r *Request) FreeBody() {
	if n := r.charged.Swap(0); n > 0 {
		r.conn.server.cfg.Shared.release(n)
	}
	b := r.buffer
	r.buffer, r.Body = nil, nil
	b.Free()
}

// answer reports whether this is the first answer. A second one is a mistake of the handler, which must not reach the client as a reply to
// another request.
func (r *Request) answer() bool {
	if r.answered.Swap(true) {
		r.conn.server.cfg.Logger.Error("request answered twice", "api", r.Header.Key, "version", r.Header.Version, "listener", r.Conn.Listener)
		return false
	}
	if r.conn.server.cfg.Observe.Request != nil {
		r.answerAt = time.Since(r.Received)
	}
	r.FreeBody()
	return true
}
