package sasl

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"strings"

	"github.com/xdg-go/scram"
)

// Credential is what is kept of a password for SCRAM (RFC 5802).
type Credential struct {
	Salt, StoredKey, ServerKey []byte
	Iterations                 int
}

// scramServer wraps the conversation of a library, whose messages say too much for clients.
type scramServer struct {
	mechanism    string
	conversation *scram.ServerConversation
	nonce        string // that this side gave, behind the client's
	tokens       Tokens // nil: there are none
	tokenAsked   bool   // the client says that its name is the id of a token
	token        *Token // that the client named
}

func generator(mechanism string) (scram.HashGeneratorFcn, bool) {
	switch mechanism {
	case ScramSHA256:
		return sha256.New, true
	case ScramSHA512:
		return sha512.New, true
	}
	return nil, false
}

var errNoCredential = errors.New("no credential")

// NewScram begins an exchange; lookup finds what is kept of a user's password, and tokens, unless it is nil, delegation tokens.
func NewScram(mechanism string, lookup func(name string) (Credential, bool), tokens Tokens) (Server, error) {
	hash, ok := generator(mechanism)
	if !ok {
		return nil, fmt.Errorf("%s is no mechanism of SCRAM", mechanism)
	}
	s := &scramServer{mechanism: mechanism, tokens: tokens}
	server, err := hash.NewServer(func(name string) (scram.StoredCredentials, error) {
		c, err := s.credential(name, lookup)
		if err != nil {
			return scram.StoredCredentials{}, err
		}
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(c.Salt), Iters: c.Iterations}, StoredKey: c.StoredKey, ServerKey: c.ServerKey,
		}, nil
	})
	if err != nil {
		return nil, err
	}
	s.conversation = server.NewConversation()
	return s, nil
}

// credential finds what the client must know.
func (s *scramServer) credential(name string, lookup func(string) (Credential, bool)) (Credential, error) {
	if s.tokenAsked {
		return s.tokenCredential(name)
	}
	c, ok := lookup(name)
	if !ok {
		return Credential{}, errNoCredential
	}
	return c, nil
}

func (s *scramServer) Step(_ context.Context, response []byte) ([]byte, *Identity, error) {
	s.tokenAsked = s.nonce == "" && byToken(string(response))
	answer, err := s.conversation.Step(string(response))
	name := s.conversation.Username()
	switch refusal := (*Refusal)(nil); {
	case errors.As(err, &refusal):
		return nil, nil, refusal
	case errors.Is(err, errNoCredential):
		return nil, nil, refuse("user %q has no credential for %s", name, s.mechanism)
	case err != nil && s.doubled(string(response)):
		return nil, nil, refuse("user %q: the client sends its own nonce twice, as librdkafka before 2.6.1 does: Kafka from 4.0 refuses that, too (CVE-2024-56128): "+
			"give the client a newer librdkafka, or let it use PLAIN over TLS", name)
	case err != nil:
		return nil, nil, refuse("user %q: %v", name, err)
	}
	s.nonce = attribute(answer, "r=")
	if id := s.conversation.AuthzID(); id != "" && id != name {
		return nil, nil, tell("Authentication failed: Client requested an authorization id that is different from username")
	}
	if !s.conversation.Done() {
		return []byte(answer), nil, nil
	}
	if !s.conversation.Valid() {
		return nil, nil, refuse("user %q: the proof is wrong", name)
	}
	if s.token != nil {
		return []byte(answer), &Identity{Name: s.token.Owner, Expires: s.token.Expires, Token: true}, nil
	}
	return []byte(answer), &Identity{Name: name}, nil
}

// doubled reports whether the last message has the nonce that it should have with something before it.
func (s *scramServer) doubled(last string) bool {
	sent := attribute(last, "r=")
	return s.nonce != "" && len(sent) > len(s.nonce) && strings.HasSuffix(sent, s.nonce)
}

// attribute is the value of the first attribute of a message with a name, which has its = behind it; "": there is none.
func attribute(message, name string) string {
	for part := range strings.SplitSeq(message, ",") {
		if value, ok := strings.CutPrefix(part, name); ok {
			return value
		}
	}
	return ""
}
