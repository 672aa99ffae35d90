package listener

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/security/sasl"
	"leat/internal/wire"
)

// SASL is what a listener with SASL needs to know. It is asked for once per connection.
type SASL struct {
	Mechanisms   []string // that are enabled, in the order in which clients are told
	MaxReceive   int      // bytes of one message before the client is known (sasl.server.max.receive.size)
	FailureDelay time.Duration
	// Begin starts an exchange of an enabled mechanism.
	Begin func(mechanism string) (sasl.Server, error)
	// MaxSession is how long a session of a mechanism may last before the client must authenticate again; 0: as long as it likes.
	MaxSession func(mechanism string) time.Duration
}

// The keys of the requests that authenticate.
const (
	keySaslHandshake    int16 = 17
	keyApiVersions      int16 = 18
	keySaslAuthenticate int16 = 36
)

// minReauthentication is the least time between two authentications of a connection (as Kafka's).
const minReauthentication = time.Second

// stage is how far the authentication of a connection is.
type stage uint8

const (
	greeting   stage = iota // nothing has come but perhaps a refused ApiVersions
	handshake               // the versions are told: the handshake is next
	exchanging              // tokens go to and fro
	known                   // it is settled who the client is
)

// authentication is what a connection of a listener with TLS or SASL has beyond those of others. It is the reader's own, but for socket.
type authentication struct {
	sasl   *SASL      // nil: by certificate
	socket *tlsSocket // nil: without TLS
	leave  func()     // out of the list of those who are not known yet

	stage     stage
	framed    bool // tokens come in SaslAuthenticate requests, not bare
	mechanism string
	exchange  sasl.Server
	again     bool      // it was known before
	began     time.Time // the last authentication after the first
	expires   time.Time // of the session; zero: it does not
	err       error     // why the connection must end
}

// bare: what comes next is a token without a request around it, as clients of Kafka 0.10 send it.
func (a *authentication) bare() bool { return a != nil && a.stage == exchanging && !a.framed }

// limit makes the bound for a message that of who is not known yet.
func (a *authentication) limit(l *Limits) {
	if a.sasl != nil && a.stage != known && a.sasl.MaxReceive > 0 && a.sasl.MaxReceive < l.maxRequestBytes() {
		l.MaxRequestBytes, l.requestBytesKey = a.sasl.MaxReceive, "sasl.server.max.receive.size"
	}
}

// dispatch gives a request to whom it concerns: to the authentication, or to the handler.
func (c *conn) dispatch(r *Request) {
	a := c.auth
	switch {
	case a == nil || a.sasl == nil:
		if r.Header.Key == keySaslHandshake && !c.info.Control {
			err := errors.New("the client is set to SASL, but this listener is " + protocolName(c.info.Protocol) +
				": set security.protocol=" + protocolName(c.info.Protocol) + " in the client, or use a listener with SASL")
			c.server.tell(c.server.cfg.Logger.Warn, "client authenticates where nobody asks", "listener", c.server.cfg.Name, "client", c.info.Remote.String(),
				"client_id", brief(r.Header.ClientID), "err", err)
			c.foreign(r.Header.ClientID, err)
		}
		c.server.cfg.Handler(r)
	case a.stage == known:
		c.dispatchKnown(r)
	case a.bare():
		c.token(r, r.Body)
	case a.stage == exchanging:
		c.authenticateRequest(r)
	default:
		c.handshakeRequest(r)
	}
}

// dispatchKnown is for requests of a client that has authenticated.
func (c *conn) dispatchKnown(r *Request) {
	a, now := c.auth, time.Now()
	if r.Header.Key == keySaslHandshake && now.Sub(a.began) >= minReauthentication {
		a.again, a.began, a.stage = true, now, handshake
		c.handshakeRequest(r)
		return
	}
	if !a.expires.IsZero() && now.After(a.expires) {
		if c.server.cfg.Observe.Expired != nil {
			c.server.cfg.Observe.Expired(&c.info)
		}
		r.Hangup("the session has expired and the client did not authenticate again (connections.max.reauth.ms, or the lifetime of its token)")
		return
	}
	c.server.cfg.Handler(r)
}

// handshakeRequest takes what may come before tokens: ApiVersions once, and the choice of a mechanism.
func (c *conn) handshakeRequest(r *Request) {
	a := c.auth
	api, _ := wire.Lookup(r.Header.Key)
	supported := r.Header.Version >= api.Min && r.Header.Version <= api.Max
	switch {
	case r.Header.Key == keyApiVersions && a.stage == greeting:
		if supported {
			a.stage = handshake
		}
		c.server.cfg.Handler(r)
		return
	case r.Header.Key != keySaslHandshake:
		c.refuse(r, nil, Mismatch{fmt.Errorf("the client asks for %s and has not authenticated, but this listener is %s: set security.protocol=%s, sasl.mechanism (one of %v) and credentials in the client",
			api.Name, protocolName(c.info.Protocol), protocolName(c.info.Protocol), a.sasl.Mechanisms)})
		return
	case !supported:
		c.refuse(r, nil, fmt.Errorf("SaslHandshake version %d is not supported", r.Header.Version))
		return
	}
	body, err := wire.Decode(r.Header, r.Body)
	rq, ok := body.(*kmsg.SASLHandshakeRequest)
	if err != nil || !ok {
		c.refuse(r, nil, fmt.Errorf("SaslHandshake: %w", err))
		return
	}
	c.choose(r, rq.Mechanism)
}

// choose begins the exchange of a mechanism.
func (c *conn) choose(r *Request, mechanism string) {
	a := c.auth
	resp := kmsg.NewPtrSASLHandshakeResponse()
	resp.SupportedMechanisms = a.sasl.Mechanisms
	if !slices.Contains(a.sasl.Mechanisms, mechanism) {
		resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		c.refuse(r, resp, Mismatch{fmt.Errorf("the client wants the SASL mechanism %q, but this listener has %v: set sasl.mechanism in the client, or sasl.enabled.mechanisms", mechanism, a.sasl.Mechanisms)})
		return
	}
	a.framed = r.Header.Version >= 1
	if a.again && mechanism != a.mechanism {
		c.refuse(r, nil, fmt.Errorf("the client wants to authenticate again by %s, but it is known by %s", mechanism, a.mechanism))
		return
	}
	var err error
	if a.exchange, err = a.sasl.Begin(mechanism); err != nil {
		c.refuse(r, nil, fmt.Errorf("%s: %w", mechanism, err))
		return
	}
	a.mechanism, a.stage = mechanism, exchanging
	if !a.again { // or requests under way are asking for it, and it has not changed
		c.info.Mechanism = mechanism
	}
	r.Reply(wire.EncodeResponse(r.Header, resp))
}

// failure is why an exchange has failed that the client has not ended. Some clients go away when they are told that their token is no good (franz-go), some
// ask for something as if they had got in (kafkajs).
func (a *authentication) failure() error {
	if a == nil || a.stage != exchanging {
		return nil
	}
	f, ok := a.exchange.(sasl.Failing)
	if !ok || f.Failure() == nil {
		return nil
	}
	return a.failed(f.Failure())
}

// leftInExchange is what there is to tell of a client that has left: nothing, unless its authentication had failed.
func (c *conn) leftInExchange() string {
	why := c.auth.failure()
	if why == nil {
		return ""
	}
	c.failedAuthentication(c.auth.again, why)
	return why.Error()
}

// failed is what the operator reads.
func (a *authentication) failed(err error) error {
	return fmt.Errorf("%s by SASL %s failed: %w", a.doing(), a.mechanism, err)
}

func (a *authentication) doing() string {
	if a.again {
		return "re-authentication"
	}
	return "authentication"
}

// authenticateRequest takes a token out of its request.
func (c *conn) authenticateRequest(r *Request) {
	api, _ := wire.Lookup(r.Header.Key)
	if supported := r.Header.Version >= api.Min && r.Header.Version <= api.Max; r.Header.Key != keySaslAuthenticate || !supported {
		var resp kmsg.Response
		switch {
		case r.Header.Key == keySaslHandshake && supported:
			illegal := kmsg.NewPtrSASLHandshakeResponse()
			illegal.ErrorCode = kerr.IllegalSaslState.Code
			resp = illegal
		case r.Header.Key == keyApiVersions && supported:
			illegal := kmsg.NewPtrApiVersionsResponse()
			illegal.ErrorCode = kerr.IllegalSaslState.Code
			resp = illegal
		}
		why := c.auth.failure()
		if why == nil {
			why = fmt.Errorf("%s version %d came in the middle of the SASL exchange", api.Name, r.Header.Version)
		}
		c.refuse(r, resp, why)
		return
	}
	body, err := wire.Decode(r.Header, r.Body)
	rq, ok := body.(*kmsg.SASLAuthenticateRequest)
	if err != nil || !ok {
		c.refuse(r, nil, fmt.Errorf("SaslAuthenticate: %w", err))
		return
	}
	c.token(r, rq.SASLAuthBytes)
}

// token takes one message of the exchange and answers it.
func (c *conn) token(r *Request, message []byte) {
	a := c.auth
	challenge, who, err := a.exchange.Step(c.gone, message)
	if err == nil && who != nil && a.again && who.Name != c.info.Principal.Name {
		err = &sasl.Refusal{Told: fmt.Sprintf("Cannot change principals during re-authentication from %s.%s: %s.%s",
			c.info.Principal.Type, c.info.Principal.Name, c.info.Principal.Type, who.Name)}
	}
	if err != nil {
		c.refuseToken(r, err)
		return
	}
	var lifetime time.Duration
	if who != nil {
		lifetime = c.identified(who)
	}
	if !a.framed {
		r.Reply(wire.BareFrame(challenge))
		return
	}
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.SASLAuthBytes = append([]byte{}, challenge...) // never null
	resp.SessionLifetimeMillis = lifetime.Milliseconds()
	r.Reply(wire.EncodeResponse(r.Header, resp))
}

// identified settles who the client is, and returns for how long.
func (c *conn) identified(who *sasl.Identity) time.Duration {
	a := c.auth
	now := time.Now()
	lifetime := max(a.sasl.MaxSession(a.mechanism), 0)
	limited := lifetime > 0
	if !who.Expires.IsZero() {
		left := max(who.Expires.Sub(now), 0)
		if !limited || left < lifetime {
			lifetime = left
		}
		limited = true
	}
	a.expires = time.Time{}
	if limited {
		a.expires = now.Add(lifetime)
	}
	again := a.again
	groups, _ := security.JoinGroups(who.Groups)
	if again && groups != c.info.Principal.Groups { // requests under way are asking for it, so that it cannot change
		a.err = errors.New("the token names other groups than the one before: the connection ends, so that the client gets what they may do by connecting again")
	}
	if !again { // or requests under way are asking for it, and it has not changed
		c.info.Principal = security.Principal{Type: "User", Name: who.Name, Groups: groups}
		c.info.TokenAuthenticated = who.Token
	}
	a.exchange, a.again, a.stage = nil, false, known
	c.authenticated(again)
	return lifetime
}

// refuseToken answers a token that is no good in Kafka's words.
func (c *conn) refuseToken(r *Request, err error) {
	a := c.auth
	told := fmt.Sprintf("Authentication failed during %s due to invalid credentials with SASL mechanism %s", a.doing(), a.mechanism)
	var refusal *sasl.Refusal
	if errors.As(err, &refusal) && refusal.Told != "" {
		told = refusal.Told
	}
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.ErrorCode, resp.ErrorMessage, resp.SASLAuthBytes = kerr.SaslAuthenticationFailed.Code, &told, []byte{}
	err = a.failed(err)
	if !a.framed {
		c.refuse(r, nil, err)
		return
	}
	c.refuse(r, resp, err)
}

// refuse answers, if there is something to answer, and ends the connection. Both come after a pause, so that guessing takes time.
func (c *conn) refuse(r *Request, resp kmsg.Response, why error) {
	a := c.auth
	a.err = why
	c.failedAuthentication(a.again, why)
	if d := a.sasl.FailureDelay; d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.gone.Done():
		}
	}
	if resp == nil {
		r.NoReply()
		return
	}
	resp.SetVersion(r.Header.Version)
	r.Reply(wire.EncodeResponse(r.Header, resp))
}

func (c *conn) authenticated(again bool) {
	c.auth.leave()
	c.auth.stage = known
	if f := c.server.cfg.Observe.Authenticated; f != nil {
		f(&c.info, again)
	}
}

func (c *conn) failedAuthentication(again bool, why error) {
	if f := c.server.cfg.Observe.AuthenticationFailed; f != nil {
		f(&c.info, again, shorten(why))
	}
}
