package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// conn is one connection.
type conn struct {
	peer     *Peer
	nc       net.Conn
	address  string
	versions map[int16]versionRange // by API key, as the node told
	writing  turn                   // held over writing a request, so that requests and calls have the same order
	in       intake                 // of the reader, or with Config.Undivided of whoever waits

	mu     sync.Mutex // guards what follows
	calls  []*call    // sent and not answered, oldest first
	nextID int32
	err    error // why the connection has ended
}

type versionRange struct{ low, high int16 }

// call is a request that waits for its answer.
type call struct {
	id       int32
	flexible bool         // the answer's header has tagged fields
	outcome  chan outcome // buffered: who tells never waits
}

type outcome struct {
	response Response
	err      error
}

func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// retired reports whether the connection is not to be used any more because its session will be over, and ends it once nobody waits on it.
func (c *conn) retired() bool {
	if !old(c.nc) {
		return false
	}
	c.mu.Lock()
	waiting := len(c.calls) > 0
	c.mu.Unlock()
	if waiting {
		return false
	}
	c.end(errOld)
	return true
}

// errOld is why a connection ends that will be replaced.
var errOld = errors.New("its session ends soon")

// end closes the connection and tells all who wait why.
func (c *conn) end(reason error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = reason
	calls := c.calls
	c.calls = nil
	c.mu.Unlock()
	_ = c.nc.Close()
	for _, call := range calls {
		call.outcome <- outcome{err: reason}
	}
}

// exchange sends a request and waits for its answer.
func (c *conn) exchange(ctx context.Context, req kmsg.Request) (Response, error) {
	w, err := c.begin(ctx, req)
	if err != nil {
		return Response{}, err
	}
	r, _, err := w.Wait(ctx, nil)
	return r, err
}

// clamp sets the newest version of a request that both sides know.
func (c *conn) clamp(req kmsg.Request) error {
	low, high := int16(0), req.MaxVersion()
	if own, ok := req.(interface{ MinVersion() int16 }); ok {
		low = own.MinVersion()
	}
	if api, ok := wire.Lookup(req.Key()); ok {
		low, high = max(low, api.Min), min(high, api.Max)
	}
	theirs, ok := c.versions[req.Key()]
	if !ok {
		return fmt.Errorf("it does not answer this API: %w", ErrUnsupported)
	}
	if low > theirs.high || high < theirs.low {
		return fmt.Errorf("versions %d to %d, but it answers %d to %d: %w", low, high, theirs.low, theirs.high, ErrUnsupported)
	}
	req.SetVersion(min(high, theirs.high))
	return nil
}

// send writes a request; sent tells whether a part of it may have arrived when there is an error.
func (c *conn) send(ctx context.Context, req kmsg.Request) (waiting *call, sent bool, err error) {
	if err := c.writing.take(ctx); err != nil {
		return nil, false, err
	}
	defer c.writing.give()
	waiting = &call{flexible: flexibleAnswer(req), outcome: make(chan outcome, 1)}
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return nil, false, c.err
	}
	c.nextID++
	waiting.id = c.nextID
	c.calls = append(c.calls, waiting)
	c.mu.Unlock()
	buffer := wire.NewBuffer(1 << 10)
	defer buffer.Free()
	frame := wire.AppendRequest(buffer.B[:0], waiting.id, c.peer.cfg.ClientID, req)
	deadline, _ := ctx.Deadline()
	_ = c.nc.SetWriteDeadline(deadline)
	if n, err := c.nc.Write(frame); err != nil {
		c.end(fmt.Errorf("write: %w", err)) // half a request cannot be taken back
		return nil, n > 0, err
	}
	if t := c.peer.cfg.Traffic; t != nil {
		t.Sent(len(frame))
	}
	return waiting, true, nil
}

// flexibleAnswer reports whether the header of a request's answer has tagged fields. That of ApiVersions never has (KIP-511).
func flexibleAnswer(req kmsg.Request) bool { return req.Key() != keyApiVersions && req.IsFlexible() }

// read takes answers until the connection ends.
func (c *conn) read() {
	for {
		if err := c.readOne(); err != nil {
			c.lost(err)
			return
		}
	}
}

// lost ends the connection after a failure to read.
func (c *conn) lost(err error) {
	c.mu.Lock()
	idle := len(c.calls) == 0
	c.mu.Unlock()
	if !idle {
		c.peer.later()
	}
	alive := !c.ended() // or this end closed it
	c.end(err)
	if alive && c.peer.cfg.HungUp != nil {
		c.peer.cfg.HungUp(c.peer.nodeID)
	}
}

// readOne reads one answer and gives it to whom it belongs.
func (c *conn) readOne() error {
	id, buffer, err := c.in.next(c.nc, c.peer.cfg.MaxResponseBytes)
	if err != nil {
		return err
	}
	if t := c.peer.cfg.Traffic; t != nil {
		t.Received(len(buffer.B))
	}
	c.mu.Lock()
	if len(c.calls) == 0 || c.calls[0].id != id {
		defer c.mu.Unlock()
		buffer.Free()
		return fmt.Errorf("answer with correlation id %d, which is not the next of %d: %w", id, len(c.calls), ErrGarbage)
	}
	oldest := c.calls[0]
	last := copy(c.calls, c.calls[1:]) // there are few, and so the list stays where it is
	c.calls[last] = nil
	c.calls = c.calls[:last]
	c.mu.Unlock()
	body := buffer.B
	if oldest.flexible {
		if body, err = wire.AfterTags(body); err != nil {
			err = fmt.Errorf("%w: %w", ErrGarbage, err)
			oldest.outcome <- outcome{err: err}
			return err
		}
	}
	c.peer.answered()
	oldest.outcome <- outcome{response: Response{Body: body, buffer: buffer}}
	return nil
}

// keyApiVersions is the API that tells which versions a node answers.
const keyApiVersions = 18

// unsupportedVersion is the error code of a node that does not know the version of ApiVersions; its answer has version 0.
const unsupportedVersion = 35

// agree asks for the versions that the node answers: in the newest version first, in the oldest if it does not know that one.
func (c *conn) agree() error {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "leat", "dev"
	api, _ := wire.Lookup(keyApiVersions)
	for _, version := range []int16{min(api.Max, req.MaxVersion()), 0} {
		req.Version = version
		resp, err := c.askVersions(req)
		if err != nil {
			return err
		}
		if resp.ErrorCode == unsupportedVersion && version > 0 {
			continue
		}
		if resp.ErrorCode != 0 {
			return fmt.Errorf("error code %d: %w", resp.ErrorCode, ErrUnsupported)
		}
		c.versions = make(map[int16]versionRange, len(resp.ApiKeys))
		for _, k := range resp.ApiKeys {
			c.versions[k.ApiKey] = versionRange{k.MinVersion, k.MaxVersion}
		}
		return nil
	}
	return fmt.Errorf("it knows no version of ApiVersions: %w", ErrUnsupported)
}

// askVersions runs before the connection has a reader.
func (c *conn) askVersions(req *kmsg.ApiVersionsRequest) (*kmsg.ApiVersionsResponse, error) {
	c.nextID++
	if _, err := c.nc.Write(wire.AppendRequest(nil, c.nextID, c.peer.cfg.ClientID, req)); err != nil {
		return nil, err
	}
	id, body, err := c.in.next(c.nc, min(c.peer.cfg.MaxResponseBytes, 1<<20))
	if err != nil {
		return nil, err
	}
	defer body.Free()
	if id != c.nextID {
		return nil, fmt.Errorf("answer with correlation id %d to %d: %w", id, c.nextID, ErrGarbage)
	}
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.Version = req.Version
	if len(body.B) >= 2 && int16(binary.BigEndian.Uint16(body.B)) == unsupportedVersion {
		resp.ErrorCode = unsupportedVersion
		return resp, nil
	}
	if err := wire.DecodeResponse(resp, body.B); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGarbage, err)
	}
	return resp, nil
}
