package kerberos

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"leat/internal/security/sasl"
)

// stage is what is expected of the client next.
type stage uint8

const (
	ticket stage = iota // its ticket
	nod                 // nothing, after it has seen the proof of this side
	choice              // which protection it wants
	over
)

// server is one exchange.
type server struct {
	acceptor *Acceptor
	stage    stage
	key      types.EncryptionKey
	sequence int64 // of this side's next token
	name     string
}

// noProtection is the only protection that is offered, with which no size is told: bytes after the exchange go as they are.
var noProtection = []byte{1, 0, 0, 0}

// Step implements sasl.Server. The library reads bytes of the network, so whatever it does to them ends here.
func (s *server) Step(_ context.Context, response []byte) (challenge []byte, who *sasl.Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.stage = over
			challenge, who, err = nil, nil, refuse("the message cannot be read: %v", p)
		}
	}()
	switch s.stage {
	case ticket:
		return s.first(response)
	case nod:
		if len(response) != 0 {
			return nil, nil, refuse("the client sends %d bytes where nothing is expected", len(response))
		}
		return s.offer()
	case choice:
		return s.last(response)
	}
	return nil, nil, refuse("the exchange is over")
}

func refuse(why string, args ...any) error { return &sasl.Refusal{Why: fmt.Sprintf(why, args...)} }

// first takes the client's ticket.
func (s *server) first(token []byte) ([]byte, *sasl.Identity, error) {
	s.stage = over
	rq, err := parseRequest(token)
	if err != nil {
		return nil, nil, refuse("%v", err)
	}
	if err := s.acceptor.check(rq); err != nil {
		return nil, nil, err
	}
	if s.name, err = s.acceptor.rules.Name(rq.Authenticator.CName.NameString, rq.Authenticator.CRealm); err != nil {
		return nil, nil, refuse("%v", err)
	}
	s.key = rq.Ticket.DecryptedEncPart.Key
	if len(rq.Authenticator.SubKey.KeyValue) > 0 {
		s.key = rq.Authenticator.SubKey
	}
	if weak(s.key.KeyType) {
		return nil, nil, refuse("principal %s: the session's key is of type %d: only AES is taken: let the KDC give keys of aes256-cts-hmac-sha1-96 or later", s.name, s.key.KeyType)
	}
	if !mutual(&rq.Authenticator) {
		s.sequence = rq.Authenticator.SeqNumber
		return s.offer()
	}
	var random [4]byte
	_, _ = rand.Read(random[:])
	s.sequence = int64(binary.BigEndian.Uint32(random[:]) >> 2) // Java reads it as a number with a sign
	proof, err := reply(rq, s.sequence)
	if err != nil {
		return nil, nil, err
	}
	s.stage = nod
	return proof, nil, nil
}

// weak reports whether a key is of a kind that should not be used any more, and of which the library cannot make tokens.
func weak(kind int32) bool {
	switch kind {
	case etypeID.AES128_CTS_HMAC_SHA1_96, etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA256_128, etypeID.AES256_CTS_HMAC_SHA384_192:
		return false
	}
	return true
}

// offer says which protection there is.
func (s *server) offer() ([]byte, *sasl.Identity, error) {
	s.stage = over
	token, err := wrap(noProtection, s.key, s.sequence, ofAcceptor)
	if err != nil {
		return nil, nil, err
	}
	s.stage = choice
	return token, nil, nil
}

// last takes the client's choice. Behind it may stand the name under which it wants to get in, which counts as little as with Kafka: rules say it.
func (s *server) last(token []byte) ([]byte, *sasl.Identity, error) {
	s.stage = over
	message, err := unwrap(token, s.key, ofInitiator)
	switch {
	case err != nil:
		return nil, nil, refuse("principal %s: the last message: %v", s.name, err)
	case len(message) < 4:
		return nil, nil, refuse("principal %s: the last message has %d bytes", s.name, len(message))
	case message[0] != noProtection[0]:
		return nil, nil, refuse("principal %s: the client wants protection %d, but only qop auth is offered: use TLS to keep bytes secret", s.name, message[0])
	}
	return nil, &sasl.Identity{Name: s.name}, nil
}

// check looks whether a ticket is one for this service, good, and not seen before.
func (a *Acceptor) check(rq *messages.APReq) error {
	wanted := strings.Join(rq.Ticket.SName.NameString, "/") + "@" + rq.Ticket.Realm
	if a.principal != "*" && wanted != a.principal {
		return refuse("the client has a ticket for %.200q, but this listener is %s: check sasl.kerberos.service.name and the host name by which the client connects", wanted, a.principal)
	}
	keys, err := a.load()
	if err != nil {
		return refuse("%v", err)
	}
	if ok, err := rq.Verify(keys, maxSkew, types.HostAddress{}, nil); err != nil || !ok {
		return refuse("ticket for %.200q: %s", wanted, explain(err, a.keytab))
	}
	if early(&rq.Ticket.DecryptedEncPart, time.Now()) {
		return refuse("ticket for %.200q: %s", wanted, notYet)
	}
	auth := &rq.Authenticator
	if auth.CRealm != rq.Ticket.DecryptedEncPart.CRealm {
		return refuse("ticket for %.200q: it is of another realm than its user says", wanted)
	}
	if !logins.use(sha256.Sum256(rq.EncryptedAuthenticator.Cipher), time.Now(), 2*maxSkew) {
		return refuse("ticket for %.200q of %s@%s: this login was made before: somebody sends again what he read on the network", wanted, strings.Join(auth.CName.NameString, "/"), auth.CRealm)
	}
	return nil
}

// notYet is what to say of a ticket from the future.
var notYet = "it is not valid yet: the clocks of this node and the KDC differ by more than " + maxSkew.String()

// early reports whether a ticket without a time from which it is good is from the future. The time of its user's login stands for that then (RFC 4120, 5.3), which the library
// does not look at.
func early(t *messages.EncTicketPart, now time.Time) bool {
	return t.StartTime.IsZero() && t.AuthTime.Sub(now) > maxSkew
}

// explain says what is wrong with a ticket.
func explain(err error, keytab string) string {
	var k messages.KRBError
	if errors.As(err, &k) {
		switch k.ErrorCode {
		case errorcode.KRB_AP_ERR_TKT_EXPIRED:
			return "it has expired: the client must get another, by kinit or from its keytab; or this node's clock is ahead"
		case errorcode.KRB_AP_ERR_TKT_NYV:
			return notYet
		case errorcode.KRB_AP_ERR_SKEW:
			return "the clocks of this node and the client differ by more than " + maxSkew.String()
		case errorcode.KRB_AP_ERR_BADADDR:
			return "it is good for other addresses only: let clients get tickets without addresses"
		case errorcode.KRB_AP_ERR_BAD_INTEGRITY:
			return "its user cannot prove that it is his"
		}
	}
	if err != nil && strings.Contains(err.Error(), "matching key not found") {
		return "keytab " + keytab + " has no key of its version and type: the key was renewed at the KDC: export the keytab again"
	}
	return "keytab " + keytab + " has another key than the KDC: export the keytab again"
}
