package kerberos

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"leat/internal/security/sasl"
)

// Initiator logs in at services, by tickets that it gets from the KDC with the key in its keytab.
type Initiator struct {
	service string // the first component of those that it logs in at
	name    string // of its own principal, without realm
	realm   string
	keytab  string // path
	conf    string // path of krb5.conf

	tickets tickets
}

// NewInitiator reads the login line of who logs in. The KDC is not asked before the first login.
func NewInitiator(l sasl.Login, service string) (*Initiator, error) {
	i := &Initiator{keytab: strings.TrimPrefix(l.Options["keyTab"], "file:"), conf: cmp.Or(os.Getenv("KRB5_CONFIG"), "/etc/krb5.conf")}
	i.name, i.realm, _ = strings.Cut(l.Options["principal"], "@")
	of, _, _ := strings.Cut(i.name, "/")
	i.service = cmp.Or(service, l.Options["serviceName"], of)
	switch {
	case !strings.HasSuffix(l.Module, "Krb5LoginModule"):
		return nil, fmt.Errorf("login module %s: for GSSAPI it is %s", l.Module, LoginModule)
	case !strings.EqualFold(l.Options["useKeyTab"], "true") || i.keytab == "":
		return nil, errors.New(`the login has no keytab, by which it gets tickets: write useKeyTab=true storeKey=true keyTab="/path" principal="name@REALM"`)
	case i.name == "" || i.name == "*" || i.realm == "":
		return nil, fmt.Errorf(`principal %q: who logs in needs a name and a realm: write principal="name@REALM"`, l.Options["principal"])
	}
	i.tickets.init()
	return i, nil
}

// Begin begins an exchange with the service on a host, which must be called as in the name of its principal.
func (i *Initiator) Begin(host string) sasl.Client { return &client{initiator: i, host: host} }

// client is one exchange.
type client struct {
	initiator *Initiator
	host      string
	steps     int

	session  types.EncryptionKey // of the ticket
	key      types.EncryptionKey // of what follows
	sent     types.Authenticator
	sequence int64
}

// Mechanism implements sasl.Client.
func (*client) Mechanism() string { return Mechanism }

// Step implements sasl.Client: a ticket for a proof, nothing for the offer of protections, the choice of none for the end.
func (c *client) Step(ctx context.Context, challenge []byte) (response []byte, done bool, err error) {
	defer func() { // the library reads bytes of the network
		if p := recover(); p != nil {
			response, done, err = nil, false, fmt.Errorf("the message of the other node cannot be read: %v", p)
		}
	}()
	c.steps++
	switch c.steps {
	case 1:
		response, err = c.first(ctx)
	case 2:
		err = c.proved(challenge)
		response = []byte{}
	case 3:
		response, err = c.choose(challenge)
	case 4:
		return nil, true, nil
	default:
		err = errors.New("the exchange is over")
	}
	return response, false, err
}

// first makes the token with the ticket, which asks for a proof of the service.
func (c *client) first(ctx context.Context) ([]byte, error) {
	t, err := c.initiator.ticket(ctx, c.host)
	if err != nil {
		return nil, err
	}
	if weak(t.key.KeyType) {
		return nil, fmt.Errorf("ticket for %s/%s: the session's key is of type %d: only AES is taken: let the KDC give keys of aes256-cts-hmac-sha1-96 or later", c.initiator.service, c.host, t.key.KeyType)
	}
	c.session, c.key = t.key, t.key
	c.sent, err = types.NewAuthenticator(c.initiator.realm, types.NewPrincipalName(1, c.initiator.name))
	if err != nil {
		return nil, err
	}
	sum := make([]byte, 24) // RFC 4121, 4.1.1: no channel, and what is asked for
	binary.LittleEndian.PutUint32(sum, 16)
	binary.LittleEndian.PutUint32(sum[20:], flagMutual|flagIntegrity)
	c.sent.Cksum = types.Checksum{CksumType: checksumGSS, Checksum: sum}
	c.sequence = c.sent.SeqNumber
	rq, err := messages.NewAPReq(t.ticket, t.key, c.sent)
	if err != nil {
		return nil, err
	}
	types.SetFlag(&rq.APOptions, apMutual)
	body, err := rq.Marshal()
	if err != nil {
		return nil, err
	}
	mechanism, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, err
	}
	return asn1tools.AddASNAppTag(append(binary.BigEndian.AppendUint16(mechanism, tokenRequest), body...), 0), nil
}

// proved checks that the service could read the request, and so has the key of its principal.
func (c *client) proved(token []byte) error {
	var mechanism asn1.ObjectIdentifier
	rest, err := asn1.UnmarshalWithParams(token, &mechanism, "application,explicit,tag:0")
	if err != nil || !mechanism.Equal(gssapi.OIDKRB5.OID()) || len(rest) < 2 || binary.BigEndian.Uint16(rest) != tokenReply {
		return errors.New("the other node does not prove itself: its message is no KRB_AP_REP")
	}
	var rep messages.APRep
	if err := rep.Unmarshal(rest[2:]); err != nil {
		return fmt.Errorf("KRB_AP_REP: %w", err)
	}
	plain, err := crypto.DecryptEncPart(rep.EncPart, c.session, keyusage.AP_REP_ENCPART)
	if err != nil {
		return errors.New("the other node does not prove itself: its answer is not under the key of the session")
	}
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil {
		return fmt.Errorf("KRB_AP_REP: %w", err)
	}
	if part.CTime.Unix() != c.sent.CTime.Unix() || part.Cusec != c.sent.Cusec {
		return errors.New("the other node does not prove itself: its answer is to another request")
	}
	if len(part.Subkey.KeyValue) > 0 {
		if weak(part.Subkey.KeyType) {
			return fmt.Errorf("the other node's key is of type %d: only AES is taken", part.Subkey.KeyType)
		}
		c.key = part.Subkey
	}
	return nil
}

// choose takes the offer of protections, and chooses none.
func (c *client) choose(token []byte) ([]byte, error) {
	offer, err := unwrap(token, c.key, ofAcceptor)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the other node's offer: %w", err)
	case len(offer) != 4:
		return nil, fmt.Errorf("the other node's offer has %d bytes", len(offer))
	case subtle.ConstantTimeByteEq(offer[0]&noProtection[0], 0) == 1:
		return nil, fmt.Errorf("the other node wants protection %d, but only qop auth is there: use TLS to keep bytes secret", offer[0])
	}
	from := ofInitiator
	if c.key.KeyValue != nil && &c.key.KeyValue[0] != &c.session.KeyValue[0] {
		from.flags |= acceptorSubkey
	}
	return wrap(noProtection, c.key, c.sequence, from)
}
