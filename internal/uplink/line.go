package uplink

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/peer"
	"leat/internal/security"
	"leat/internal/wire"
)

// Line hands requests to the active controller over the network. It is a Controller.
//
// What this broker says for itself goes as it is. What a client asks goes in an Envelope, with the client's principal (KIP-590), on a connection of its
// own: a topic of many partitions must not keep heartbeats waiting.
//
// A request that was not sent is tried again until its time is over. One that may have been carried out although no answer came is tried again only if
// twice is as good as once. No answer is waited for from a controller that another has replaced.
type Line struct {
	controllers *Controllers
	own         trunk
	forward     trunk

	nodeID int32      // of this node, if it is a controller, too
	here   Controller // nil: it is none
}

// NewLine returns the line of a node. Nothing is connected before the first request.
func NewLine(c *Controllers) *Line {
	l := &Line{controllers: c}
	l.own.controllers, l.forward.controllers = c, c
	return l
}

// NewLineFrom returns the line of a node that is a controller, too: while it is the active one, requests go to here. Called before the first request.
func NewLineFrom(c *Controllers, nodeID int32, here Controller) *Line {
	l := NewLine(c)
	l.nodeID, l.here = nodeID, here
	return l
}

// Close ends the connections and what is under way.
func (l *Line) Close() {
	l.own.close()
	l.forward.close()
}

// trunk is a connection to whoever is the active controller.
type trunk struct {
	controllers *Controllers

	mu     sync.Mutex
	at     Address    // guarded by mu
	peer   *peer.Peer // guarded by mu
	closed bool       // guarded by mu
}

// to is the connection to an address. What is under way to another ends, which is not the leader any more.
func (t *trunk) to(at Address) (*peer.Peer, error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, peer.ErrClosed
	}
	var old *peer.Peer
	if t.peer == nil || t.at != at {
		old = t.peer
		t.at, t.peer = at, t.controllers.line(at)
	}
	p := t.peer
	t.mu.Unlock()
	if old != nil {
		old.Close()
	}
	return p, nil
}

func (t *trunk) close() {
	t.mu.Lock()
	p := t.peer
	t.peer, t.closed = nil, true
	t.mu.Unlock()
	if p != nil {
		p.Close()
	}
}

// callerKey is for WithCaller.
type callerKey struct{}

type caller struct {
	address  netip.Addr
	clientID string
	tenant   string
}

// WithCaller names the client whose request is handed on: the controller's rules may depend on its address.
func WithCaller(ctx context.Context, address netip.Addr, clientID string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{address: address.Unmap(), clientID: clientID})
}

// WithTenant says, behind WithCaller, that the client is a tenant's: this broker has decided what it may do, by rules that the controller would not know to be
// the tenant's, and it is the client all the same whom quotas count for.
func WithTenant(ctx context.Context, tenant string) context.Context {
	from, _ := ctx.Value(callerKey{}).(caller)
	from.tenant = tenant
	return context.WithValue(ctx, callerKey{}, from)
}

// keys of requests that a broker makes for itself.
const (
	keyDescribeQuorum       = 55
	keyListReassignments    = 46
	keyAlterPartition       = 56
	keyBrokerRegistration   = 62
	keyBrokerHeartbeat      = 63
	keyAllocateProducerIDs  = 67
	keyRegisterController   = 70
	keyAssignReplicasToDirs = 73
)

// ownRequest reports whether a request is not made for a client.
func ownRequest(key int16) bool {
	switch key {
	case keyAlterPartition, keyBrokerRegistration, keyBrokerHeartbeat, keyAllocateProducerIDs, keyRegisterController,
		keyAssignReplicasToDirs:
		return true
	}
	return false
}

// repeatable reports whether a request that may have been carried out can be made again.
func repeatable(key int16) bool {
	return ownRequest(key) || key == keyDescribeQuorum || key == keyListReassignments
}

// Do implements Controller.
func (l *Line) Do(ctx context.Context, principal security.Principal, request kmsg.Request) (kmsg.Response, error) {
	t, message := &l.own, request
	if !ownRequest(request.Key()) {
		t = &l.forward
		if principal != security.Self {
			message = envelope(ctx, principal, request)
		}
	}
	for {
		at, err := l.controllers.active(ctx)
		if err != nil {
			return nil, err
		}
		var response kmsg.Response
		if l.here != nil && at.NodeID == l.nodeID {
			var final bool
			if response, final, err = l.askHere(ctx, principal, request); final {
				return response, err
			}
		} else if response, err = t.ask(ctx, at, message); err == nil {
			response, err = opened(request, response)
		}
		if err == nil && notController(response) {
			err = fmt.Errorf("%s: %w", at, kerr.NotController)
		}
		switch {
		case err == nil:
			return response, nil
		case errors.Is(err, peer.ErrClosed) && t.isClosed() || errors.Is(err, errAnswer):
			return nil, err
		case peer.MaybeSent(err) && !repeatable(request.Key()):
			return nil, fmt.Errorf("%w: it may have been done, look before asking again: %w", err, kerr.RequestTimedOut)
		}
		if waited := pause(ctx, softPause); waited != nil {
			return nil, fmt.Errorf("%w: %w", err, waited)
		}
	}
}

// askHere asks this node's own controller. That it does not lead any more is what any other could say, too; all else is the last word.
func (l *Line) askHere(ctx context.Context, principal security.Principal, request kmsg.Request) (response kmsg.Response, final bool, err error) {
	response, err = l.here.Do(ctx, principal, request)
	if errors.Is(err, kerr.NotController) {
		return nil, false, err
	}
	if errors.Is(err, machine.ErrUnloaded) { // it may have been done
		return nil, false, &peer.Error{NodeID: l.nodeID, Doing: "decide", Sent: true, Err: err}
	}
	return response, err != nil || !notController(response), err
}

func (t *trunk) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

func (t *trunk) ask(ctx context.Context, at Address, message kmsg.Request) (kmsg.Response, error) {
	p, err := t.to(at)
	if err != nil {
		return nil, err
	}
	bounded, end := t.controllers.whileLeads(ctx, at.NodeID)
	defer end()
	response, err := p.Do(bounded, message)
	if err != nil && ctx.Err() == nil && context.Cause(bounded) != nil {
		err = fmt.Errorf("%w: %w", context.Cause(bounded), err)
	}
	return response, err
}

// notController reports whether a controller answered that it is not the active one.
func notController(response kmsg.Response) bool {
	code := int16(0)
	switch r := response.(type) {
	case *kmsg.AlterPartitionResponse:
		code = r.ErrorCode
	case *kmsg.BrokerRegistrationResponse:
		code = r.ErrorCode
	case *kmsg.BrokerHeartbeatResponse:
		code = r.ErrorCode
	case *kmsg.AllocateProducerIDsResponse:
		code = r.ErrorCode
	case *kmsg.AssignReplicasToDirsResponse:
		code = r.ErrorCode
	case *kmsg.ControllerRegistrationResponse:
		code = r.ErrorCode
	}
	return code == kerr.NotController.Code
}

// errAnswer is an answer that another try would only bring again.
var errAnswer = errors.New("answer of the controller")

// envelope wraps a request that is handed on.
func envelope(ctx context.Context, principal security.Principal, request kmsg.Request) kmsg.Request {
	from, _ := ctx.Value(callerKey{}).(caller)
	if !from.address.IsValid() {
		from.address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	e := kmsg.NewPtrEnvelopeRequest()
	const lengthPrefix = 4
	e.RequestData = wire.AppendRequest(nil, 0, from.clientID, request)[lengthPrefix:]
	e.RequestPrincipal = security.AppendTenantPrincipal(nil, principal, from.tenant)
	e.ClientHostAddress = from.address.AsSlice()
	return e
}

// opened is the answer inside an envelope; others are as they came.
func opened(request kmsg.Request, response kmsg.Response) (kmsg.Response, error) {
	e, ok := response.(*kmsg.EnvelopeResponse)
	if !ok {
		return response, nil
	}
	if err := kerr.ErrorForCode(e.ErrorCode); errors.Is(err, kerr.NotController) {
		return nil, err
	} else if err != nil {
		// What the client is told is not about the client: this broker may not forward, or the controller is older than what was asked.
		return nil, fmt.Errorf("%w: the controller refused the envelope: %s: %w", errAnswer, err.Error(), kerr.UnknownServerError)
	}
	const correlationID = 4
	if len(e.ResponseData) < correlationID {
		return nil, fmt.Errorf("%w: envelope of %d bytes: %w", errAnswer, len(e.ResponseData), kerr.UnknownServerError)
	}
	body := e.ResponseData[correlationID:]
	var err error
	if request.IsFlexible() {
		if body, err = wire.AfterTags(body); err != nil {
			return nil, fmt.Errorf("%w: %w", errAnswer, err)
		}
	}
	inner := request.ResponseKind()
	inner.SetVersion(request.GetVersion())
	if err := wire.DecodeResponse(inner, body); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return inner, nil
}
