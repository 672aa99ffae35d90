package peer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/telemetry"
	"leat/internal/wire"
)

// Config is what the peers of a node have in common.
type Config struct {
	ClientID string
	// Dial connects; it has the shape of net.Dialer.DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Wrap, if not nil, secures a new connection: TLS, SASL. It closes conn if it fails.
	Wrap func(ctx context.Context, conn net.Conn, address string) (net.Conn, error)

	MaxResponseBytes int           // of one answer; 0: 100 MiB
	ConnectTimeout   time.Duration // for everything before the first request; 0: 10 s (socket.connection.setup.timeout.ms)
	RequestTimeout   time.Duration // of a request whose context has no deadline; 0: 30 s (request.timeout.ms)
	Backoff          time.Duration // before connecting again, doubled from failure to failure; 0: 50 ms (reconnect.backoff.ms)
	BackoffMax       time.Duration // 0: 1 s (reconnect.backoff.max.ms)
	// HungUp, if not nil, hears that the other end closed a connection, or that it broke, without a request that was out of time. It must not wait.
	HungUp func(nodeID int32)
	// Traffic, if not nil, counts what goes over the connections.
	Traffic *telemetry.Channel
	// Undivided: one goroutine uses the line. It reads answers itself while it waits for one, which spares a goroutine, and the waking of one for each
	// answer. That the other end has closed the connection is noticed when the line is next used.
	Undivided bool
}

func (c *Config) fill() {
	for _, d := range []struct {
		set *time.Duration
		to  time.Duration
	}{{&c.ConnectTimeout, 10 * time.Second}, {&c.RequestTimeout, 30 * time.Second}, {&c.Backoff, 50 * time.Millisecond}, {&c.BackoffMax, time.Second}} {
		if *d.set <= 0 {
			*d.set = d.to
		}
	}
	if c.MaxResponseBytes <= 0 {
		c.MaxResponseBytes = 100 << 20
	}
}

// Peer is the line to one node.
type Peer struct {
	cfg     Config
	nodeID  int32
	address func() (string, error)
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	dialing turn
	readers sync.WaitGroup

	mu       sync.Mutex // guards what follows
	conn     *conn      // the newest; it may have ended
	failures int        // since a connection last answered
	retryAt  time.Time
	closed   bool
}

// New returns the line to a node. The address is asked for at each connect, so that a node that moved is found again.
func New(cfg Config, nodeID int32, address func() (string, error)) *Peer {
	cfg.fill()
	p := &Peer{cfg: cfg, nodeID: nodeID, address: address, dialing: newTurn()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// NodeID is the node at the other end.
func (p *Peer) NodeID() int32 { return p.nodeID }

// Close ends the connection and all requests on it, and waits until nothing of it is left.
func (p *Peer) Close() {
	p.mu.Lock()
	p.closed = true
	c := p.conn
	p.mu.Unlock()
	p.cancel()
	if c != nil {
		c.end(ErrClosed)
	}
	p.readers.Wait()
}

// Response is the body of an answer.
type Response struct {
	Body   []byte
	buffer *wire.Buffer
}

// Release gives the memory of Body back, after which nothing may point into it. Who does not call it leaves it to the garbage collector.
func (r *Response) Release() {
	r.buffer.Free()
	r.Body, r.buffer = nil, nil
}

// SelfDecoding is a response whose ReadFrom takes any bytes without panicking or allocating more than a small multiple of them. Those of package kmsg do
// not, and are checked before.
type SelfDecoding interface{ TakesForeignBytes() }

// Do sends a request in the newest version that both sides know, which it sets, and decodes the answer. Error codes in it are the caller's.
func (p *Peer) Do(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	r, err := p.Exchange(ctx, req)
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if _, ok := resp.(SelfDecoding); ok {
		err = resp.ReadFrom(r.Body)
	} else {
		err = wire.DecodeResponse(resp, r.Body)
	}
	if err != nil {
		return nil, p.failed("", "read the answer of "+name(req), true, fmt.Errorf("%w: %w", ErrGarbage, err))
	}
	return resp, nil
}

// Exchange is Do for who decodes the answer himself.
func (p *Peer) Exchange(ctx context.Context, req kmsg.Request) (Response, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.cfg.RequestTimeout)
		defer cancel()
	}
	c, err := p.connection(ctx)
	if err != nil {
		return Response{}, err
	}
	return c.exchange(ctx, req)
}

// name is what an API is called in errors.
func name(req kmsg.Request) string {
	if api, ok := wire.Lookup(req.Key()); ok {
		return api.Name
	}
	return fmt.Sprintf("API key %d", req.Key())
}

func (p *Peer) failed(address, doing string, sent bool, err error) error {
	return &Error{NodeID: p.nodeID, Address: address, Doing: doing, Sent: sent, Err: err}
}

// live is the connection if there is one that works.
func (p *Peer) live() (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, p.failed("", "connect", false, ErrClosed)
	}
	if p.conn != nil && !p.conn.ended() && !p.conn.retired() {
		return p.conn, nil
	}
	return nil, nil
}

// connection returns one that works. The first who needs it connects, after the pause that failures before have earned; the others wait
// for the outcome, and try themselves if it is bad.
func (p *Peer) connection(ctx context.Context) (*conn, error) {
	if c, err := p.live(); c != nil || err != nil {
		return c, err
	}
	if err := p.dialing.take(ctx); err != nil {
		return nil, p.failed("", "connect", false, timedOut(err))
	}
	defer p.dialing.give()
	if c, err := p.live(); c != nil || err != nil {
		return c, err
	}
	if err := p.pause(ctx); err != nil {
		return nil, err
	}
	return p.connect(ctx)
}

// pause waits until the next try is due.
func (p *Peer) pause(ctx context.Context) error {
	p.mu.Lock()
	wait := time.Until(p.retryAt)
	p.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return p.failed("", "connect", false, timedOut(ctx.Err()))
	case <-p.ctx.Done():
		return p.failed("", "connect", false, ErrClosed)
	}
}

// connect makes a connection and begins to read from it. Called by who has the turn.
func (p *Peer) connect(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.ConnectTimeout)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	address, err := p.address()
	if err != nil {
		p.later()
		return nil, p.failed("", "find its address", false, err)
	}
	c, doing, err := p.dial(ctx, address)
	if err != nil {
		p.later()
		if p.ctx.Err() != nil {
			err = ErrClosed
		}
		return nil, p.failed(address, doing, false, timedOut(err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.nc.Close()
		return nil, p.failed(address, "connect", false, ErrClosed)
	}
	p.conn = c
	if !p.cfg.Undivided {
		p.readers.Go(c.read)
	}
	return c, nil
}

// dial connects, secures the connection and asks which versions the node knows.
func (p *Peer) dial(ctx context.Context, address string) (c *conn, doing string, err error) {
	nc, err := p.cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, "connect", err
	}
	if p.cfg.Wrap != nil {
		if nc, err = p.cfg.Wrap(ctx, nc, address); err != nil {
			return nil, "secure the connection", err
		}
	}
	c = &conn{peer: p, nc: nc, address: address, writing: newTurn()}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) }) // long ago
	err = c.agree()
	if !stop() && err == nil { // too late, or it will spoil the first request
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, "agree on versions", err
	}
	return c, "", nil
}

// later notes a failure: the next try waits, with some chance in it so that nodes do not keep step.
func (p *Peer) later() {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := min(p.cfg.Backoff<<min(p.failures, 20), p.cfg.BackoffMax)
	p.failures++
	p.retryAt = time.Now().Add(time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))) //nolint:gosec // nothing secret
}

// answered notes that the node works.
func (p *Peer) answered() {
	p.mu.Lock()
	p.failures, p.retryAt = 0, time.Time{}
	p.mu.Unlock()
}

// timedOut gives the end of a context the name that this package has for it.
func timedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return err
}

// turn is a mutex that can be waited for no longer than a context lasts.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() { <-t }
