package peer

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security/sasl"
	"leat/internal/wire"
)

// maxAuthentication bounds an answer while authenticating.
const maxAuthentication = 1 << 20

// maxSteps bounds the messages of an exchange. No mechanism has more than three.
const maxSteps = 10

// Authenticate carries out a SASL exchange on a new connection, for Config.Wrap. It closes the connection if that fails.
func Authenticate(ctx context.Context, nc net.Conn, clientID string, client sasl.Client) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) }) // long ago
	l := login{nc: nc, clientID: clientID}
	lifetime, err := l.run(ctx, client)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("SASL %s: %w", client.Mechanism(), err)
	}
	if lifetime <= 0 {
		return nc, nil
	}
	return &session{Conn: nc, renew: time.Now().Add(time.Duration(float64(lifetime) * renewAfter))}, nil
}

// renewAfter is the part of a session's life after which a new connection is made. The other end closes one whose session is over.
const renewAfter = 0.85

// session is a connection that must not be used for ever.
type session struct {
	net.Conn
	renew time.Time
}

// old reports whether a connection should be replaced before it is used again.
func old(nc net.Conn) bool {
	s, ok := nc.(*session)
	return ok && time.Now().After(s.renew)
}

// login is an exchange under way.
type login struct {
	nc       net.Conn
	clientID string
	in       intake
	lastID   int32
}

func (l *login) run(ctx context.Context, client sasl.Client) (lifetime time.Duration, err error) {
	hello := kmsg.NewPtrSASLHandshakeRequest()
	hello.Version, hello.Mechanism = 1, client.Mechanism()
	answer, err := l.ask(hello)
	if err != nil {
		return 0, err
	}
	if shake, ok := answer.(*kmsg.SASLHandshakeResponse); ok && shake.ErrorCode != 0 {
		return 0, fmt.Errorf("%w: the other node has the mechanisms %v", kerr.ErrorForCode(shake.ErrorCode), shake.SupportedMechanisms)
	}
	var challenge []byte
	for range maxSteps {
		response, done, err := client.Step(ctx, challenge)
		if err != nil {
			return 0, err
		}
		if done && challenge != nil { // it has checked the last answer
			return lifetime, nil
		}
		rq := kmsg.NewPtrSASLAuthenticateRequest()
		rq.Version, rq.SASLAuthBytes = 1, response
		answer, err := l.ask(rq)
		if err != nil {
			return 0, err
		}
		resp, ok := answer.(*kmsg.SASLAuthenticateResponse)
		if !ok {
			return 0, ErrGarbage
		}
		if resp.ErrorCode != 0 {
			return 0, fmt.Errorf("%w: %s", kerr.ErrorForCode(resp.ErrorCode), text(resp.ErrorMessage))
		}
		lifetime = time.Duration(min(resp.SessionLifetimeMillis, int64(24*365*time.Hour/time.Millisecond))) * time.Millisecond
		challenge = append([]byte{}, resp.SASLAuthBytes...)
	}
	return 0, fmt.Errorf("no end after %d messages: %w", maxSteps, ErrGarbage)
}

func text(s *string) string {
	if s == nil {
		return "no reason given"
	}
	return *s
}

// ask sends one request and reads its answer.
func (l *login) ask(req kmsg.Request) (kmsg.Response, error) {
	l.lastID++
	if _, err := l.nc.Write(wire.AppendRequest(nil, l.lastID, l.clientID, req)); err != nil {
		return nil, err
	}
	id, body, err := l.in.next(l.nc, maxAuthentication)
	if err != nil {
		return nil, err
	}
	defer body.Free()
	if id != l.lastID {
		return nil, fmt.Errorf("answer with correlation id %d to %d: %w", id, l.lastID, ErrGarbage)
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if err := wire.DecodeResponse(resp, append([]byte(nil), body.B...)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGarbage, err)
	}
	return resp, nil
}
