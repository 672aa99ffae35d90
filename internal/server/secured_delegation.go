package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"leat/internal/security/sasl"
	"leat/internal/security/tokens"
)

// tokenLogins finds what proves that a client has a delegation token. What is made of a token's password costs milliseconds and stays the same, so it is
// kept.
type tokenLogins struct {
	secret string

	mu   sync.Mutex
	kept map[string]sasl.Credential // by mechanism and id; guarded by mu
}

const (
	// maxTokenLogins bounds what is kept, and tokenIterations is what Kafka takes for tokens: their passwords are random.
	maxTokenLogins  = 10_000
	tokenIterations = 4096
)

// credential is that of a token for a mechanism.
func (l *tokenLogins) credential(mechanism, id string) (sasl.Credential, error) {
	key := mechanism + " " + id
	l.mu.Lock()
	c, ok := l.kept[key]
	l.mu.Unlock()
	if ok {
		return c, nil
	}
	salt := hmac.New(sha256.New, []byte(l.secret))
	salt.Write([]byte("salt " + key))
	c, err := sasl.CredentialOf(mechanism, tokens.Password(tokens.HMAC(l.secret, id)), salt.Sum(nil), tokenIterations)
	if err != nil {
		return c, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil || len(l.kept) >= maxTokenLogins {
		l.kept = map[string]sasl.Credential{}
	}
	l.kept[key] = c
	return c, nil
}

// delegationTokens finds the tokens by which clients log in with a mechanism; nil if there are none on this node.
func (n *node) delegationTokens(mechanism string) sasl.Tokens {
	secret := n.Values.String("delegation.token.secret.key")
	if secret == "" {
		return nil
	}
	logins := &tokenLogins{secret: secret}
	return func(id string) (sasl.Token, error) {
		r, ok := n.images.image().Token(id)
		switch {
		case !ok:
			return sasl.Token{}, errors.New("there is none with this id: it has expired, was revoked, or never was")
		case r.Expired(time.Now()):
			return sasl.Token{}, fmt.Errorf("it expired at %s: who owns it can make another", time.UnixMilli(r.ExpirationTimestamp).UTC().Format(time.RFC3339))
		}
		owner, isUser := strings.CutPrefix(r.Owner, "User:")
		if !isUser {
			return sasl.Token{}, fmt.Errorf("its owner %s is not a user", r.Owner)
		}
		c, err := logins.credential(mechanism, id)
		return sasl.Token{Owner: owner, Expires: time.UnixMilli(min(r.ExpirationTimestamp, r.MaxTimestamp)), Credential: c}, err
	}
}
