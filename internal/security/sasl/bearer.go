package sasl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Verify checks a token and says whose it is.
type Verify func(ctx context.Context, token string) (Identity, error)

// bearerServer takes a token (RFC 7628).
type bearerServer struct {
	verify Verify
	failed string // what the client was told of a token that is no good
	why    error
}

// NewBearer begins an exchange.
func NewBearer(verify Verify) Server { return &bearerServer{verify: verify} }

const controlA = "\x01"

func (s *bearerServer) Step(ctx context.Context, response []byte) ([]byte, *Identity, error) {
	if err := s.Failure(); err != nil { // the client has read why, and says so with one byte
		return nil, nil, err
	}
	m, err := parseBearer(response)
	if err != nil {
		return nil, nil, refuse("%v", err)
	}
	who, err := s.verify(ctx, m.token)
	if err != nil {
		s.failed, s.why = `{"status":"invalid_token"}`, err
		return []byte(s.failed), nil, nil //nolint:nilerr // the client is told, and its next message ends the exchange
	}
	if m.authorized != "" && m.authorized != who.Name {
		return nil, nil, tell(fmt.Sprintf("Authentication failed: Client requested an authorization id (%s) that is different from the token's principal name (%s)",
			m.authorized, who.Name))
	}
	return nil, &who, nil
}

// Failure implements Failing.
func (s *bearerServer) Failure() error {
	if s.failed == "" {
		return nil
	}
	return &Refusal{Told: s.failed, Why: s.why.Error()}
}

// bearer is the client's message.
type bearer struct{ authorized, token string }

// parseBearer reads n,a=name,^Aauth=Bearer token^A...^A^A. Extensions are passed over: nobody here asks for any.
func parseBearer(message []byte) (bearer, error) {
	var m bearer
	parts := strings.Split(string(message), controlA)
	if len(parts) < 4 || parts[len(parts)-1] != "" || parts[len(parts)-2] != "" {
		return m, errors.New("not an OAUTHBEARER message")
	}
	header := strings.Split(parts[0], ",")
	if len(header) != 3 || header[0] != "n" || header[2] != "" {
		return m, errors.New("OAUTHBEARER message with another header than n,a=name,")
	}
	if header[1] != "" {
		name, ok := strings.CutPrefix(header[1], "a=")
		if !ok {
			return m, errors.New("OAUTHBEARER message with another header than n,a=name,")
		}
		m.authorized = strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name)
	}
	for _, pair := range parts[1 : len(parts)-2] {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return m, errors.New("OAUTHBEARER message with a pair that has no =")
		}
		if key != "auth" {
			continue
		}
		scheme, token, _ := strings.Cut(value, " ")
		if !strings.EqualFold(scheme, "bearer") || strings.TrimSpace(token) == "" {
			return m, errors.New("OAUTHBEARER message without a bearer token")
		}
		m.token = strings.TrimSpace(token)
	}
	if m.token == "" {
		return m, errors.New("OAUTHBEARER message without a token")
	}
	return m, nil
}

// bearerClient sends a token.
type bearerClient struct {
	token func(context.Context) (string, error)
	sent  bool
}

// NewBearerClient logs in with a token.
func NewBearerClient(token func(context.Context) (string, error)) Client {
	return &bearerClient{token: token}
}

func (*bearerClient) Mechanism() string { return OAuthBearer }

func (c *bearerClient) Step(ctx context.Context, challenge []byte) ([]byte, bool, error) {
	if c.sent {
		if len(bytes.TrimSpace(challenge)) > 0 {
			return nil, false, fmt.Errorf("OAUTHBEARER: the server refuses the token: %.200q", challenge)
		}
		return nil, true, nil
	}
	token, err := c.token(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("OAUTHBEARER: %w", err)
	}
	c.sent = true
	return []byte("n,," + controlA + "auth=Bearer " + token + controlA + controlA), true, nil
}
