package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func init() {
	register(
		fault{"token-expired", "node 1", "token-expired", false, expiredToken},
		fault{"token-ends-soon", "", "token-ending", false, endingToken},
		fault{"session-overstayed", "node 1", "session-expired", false, overstay},
	)
}

// reauthenticate is connections.max.reauth.ms of the listener with a login.
const reauthenticate = time.Second

// token has a user make a delegation token.
func (s *suite) token(ctx context.Context, lifetime time.Duration) (*kmsg.CreateDelegationTokenResponse, error) {
	if err := s.user(ctx, "tina", "secret"); err != nil {
		return nil, err
	}
	rq := kmsg.NewPtrCreateDelegationTokenRequest()
	rq.MaxLifetimeMillis = lifetime.Milliseconds()
	resp, err := s.asTina(ctx, rq)
	if err != nil {
		return nil, err
	}
	r := resp.(*kmsg.CreateDelegationTokenResponse)
	return r, kerr.ErrorForCode(r.ErrorCode)
}

// asTina sends a request as the owner of tokens. Other nodes have no listener with a login: node 1 is asked, which hands it on.
func (s *suite) asTina(ctx context.Context, rq kmsg.Request) (kmsg.Response, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.login), kgo.ClientID("tina"), kgo.SASL(scramOf("tina", "secret")))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	return cl.SeedBrokers()[0].Request(ctx, rq)
}

func expiredToken(ctx context.Context, s *suite) (func(context.Context) error, error) {
	token, err := s.token(ctx, time.Second)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	return again(func(ctx context.Context, s *suite) {
		s.pinged(ctx, s.login, "late", kgo.SASL(scram.Auth{User: token.TokenID, Pass: base64.StdEncoding.EncodeToString(token.HMAC), IsToken: true}.AsSha256Mechanism()))
	})(ctx, s)
}

func endingToken(ctx context.Context, s *suite) (func(context.Context) error, error) {
	token, err := s.token(ctx, 10*time.Minute)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		rq := kmsg.NewPtrExpireDelegationTokenRequest()
		rq.HMAC, rq.ExpiryPeriodMillis = token.HMAC, -1
		resp, err := s.asTina(ctx, rq)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.(*kmsg.ExpireDelegationTokenResponse).ErrorCode)
	}, nil
}

// overstay has a client log in and go on when its session is over, as those do that do not know of sessions.
func overstay(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.user(ctx, "olga", "secret"); err != nil {
		return nil, err
	}
	return again(func(ctx context.Context, s *suite) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", s.login)
		if err != nil {
			return
		}
		defer c.Close()
		if err := logIn(ctx, c, "olga", "secret"); err != nil {
			return
		}
		if pause(ctx, reauthenticate+100*time.Millisecond) == nil {
			_, _ = exchange(c, kmsg.NewPtrMetadataRequest()) // it is to be cut off
		}
	})(ctx, s)
}

// logIn authenticates on a connection that nobody keeps alive afterwards.
func logIn(ctx context.Context, c net.Conn, user, password string) error {
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, "SCRAM-SHA-256"
	if _, err := exchange(c, handshake); err != nil {
		return err
	}
	session, say, err := scramOf(user, password).Authenticate(ctx, c.RemoteAddr().String())
	for done := false; err == nil && !done; {
		rq := kmsg.NewPtrSASLAuthenticateRequest()
		rq.Version, rq.SASLAuthBytes = 1, say
		var body []byte
		if body, err = exchange(c, rq); err != nil {
			return err
		}
		resp := kmsg.NewPtrSASLAuthenticateResponse()
		resp.Version = 1
		if err := resp.ReadFrom(body); err != nil {
			return err
		}
		if resp.ErrorCode != 0 {
			return errors.New("not let in")
		}
		done, say, err = session.Challenge(resp.SASLAuthBytes)
	}
	return err
}

// exchange sends a request of a version that is not flexible, and returns the body of the answer.
func exchange(c net.Conn, rq kmsg.Request) ([]byte, error) {
	if _, err := c.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("overstayer")).AppendRequest(nil, rq, 1)); err != nil {
		return nil, err
	}
	var head [8]byte // size, correlation id
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 4 || size > 1<<20 {
		return nil, fmt.Errorf("an answer of %d bytes", size)
	}
	body := make([]byte, size-4)
	_, err := io.ReadFull(c, body)
	return body, err
}
