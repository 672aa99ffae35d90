package sasl

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"fmt"
	"hash"
	"strings"
	"time"
)

// Token is a delegation token by which somebody may log in (KIP-48): its id is the name, its HMAC the password.
type Token struct {
	Owner      string // who that is then
	Expires    time.Time
	Credential Credential
}

// Tokens finds a token by its id. The error says, to the operator, why there is none.
type Tokens func(id string) (Token, error)

// tokenExtension is how a client says in its first message that it logs in by a token.
const tokenExtension = "tokenauth="

// byToken reports whether a client's first message says that its name is the id of a token.
func byToken(first string) bool { return strings.EqualFold(attribute(first, tokenExtension), "true") }

// tokenCredential looks up what proves that somebody has a token.
func (s *scramServer) tokenCredential(id string) (Credential, error) {
	if s.tokens == nil {
		return Credential{}, refuse("the client logs in by the delegation token %q, but there are none: set delegation.token.secret.key on every node", id)
	}
	token, err := s.tokens(id)
	if err != nil {
		return Credential{}, refuse("delegation token %q: %v", id, err)
	}
	s.token = &token
	return token.Credential, nil
}

// CredentialOf is what is kept of a password.
func CredentialOf(mechanism, password string, salt []byte, iterations int) (Credential, error) {
	newHash, ok := generator(mechanism)
	if !ok {
		return Credential{}, fmt.Errorf("%s is no mechanism of SCRAM", mechanism)
	}
	fresh := func() hash.Hash { return newHash() }
	salted, err := pbkdf2.Key(fresh, password, salt, iterations, fresh().Size())
	if err != nil {
		return Credential{}, err
	}
	sign := func(text string) []byte {
		h := hmac.New(fresh, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := fresh()
	stored.Write(sign("Client Key"))
	return Credential{Salt: salt, StoredKey: stored.Sum(nil), ServerKey: sign("Server Key"), Iterations: iterations}, nil
}
