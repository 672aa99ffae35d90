package listener

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"leat/internal/security"
)

// secure makes a connection of a listener with TLS ready for requests, and settles whose it is if that is by certificate.
func (c *conn) secure() error {
	t, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	if err := t.HandshakeContext(c.gone); err != nil {
		why := c.explainHandshake(err)
		if why == nil {
			return io.EOF
		}
		c.failedAuthentication(false, why)
		return why
	}
	state := t.ConnectionState()
	c.info.ServerName = state.ServerName
	if c.auth.sasl != nil {
		return nil
	}
	if name := c.server.cfg.CertificatePrincipal; name != nil {
		who, err := name(&state)
		if err != nil {
			c.failedAuthentication(false, err)
			return err
		}
		c.info.Principal = who
		if who != security.Anonymous {
			c.info.Mechanism = "SSL"
		}
	}
	c.authenticated(false)
	return nil
}

// explainHandshake says in words why a handshake failed, naming what both sides expected; nil if there is nothing to tell, as when a probe opens a
// connection and closes it.
func (c *conn) explainHandshake(err error) error {
	var other tls.RecordHeaderError
	if errors.As(err, &other) {
		return Mismatch{c.notTLS(other)}
	}
	closed := c.gone.Err() != nil || errors.Is(err, net.ErrClosed)
	name := c.server.cfg.Name
	switch text := err.Error(); {
	case closed:
		return nil
	case errors.Is(err, io.EOF) || clientLeft(err):
		if !c.auth.socket.answered.Load() {
			return nil
		}
		return fmt.Errorf("the client went away during the TLS handshake: it may not trust the certificate of listener %s, or not find its host name in it", name)
	case strings.Contains(text, "remote error"), strings.Contains(text, "bad record MAC"): // with TLS 1.3 a client may refuse in the clear
		return fmt.Errorf("TLS handshake: the client refuses this listener: %w: it must trust who signed the certificate of listener %s, "+
			"and find the name it connected to in it", err, name)
	case strings.Contains(text, "didn't provide a certificate"):
		return fmt.Errorf("TLS handshake: the client shows no certificate, but listener %s requires one (ssl.client.auth=required): give the client a key store", name)
	default:
		return fmt.Errorf("TLS handshake: %w", err)
	}
}

// notTLS is for a client that begins with something else than a TLS handshake.
func (c *conn) notTLS(e tls.RecordHeaderError) error {
	head := e.RecordHeader
	switch protocol := protocolName(c.info.Protocol); {
	case isHTTP(string(head[:4])):
		if e.Conn != nil {
			answerHTTP(e.Conn)
		}
		return fmt.Errorf("the first bytes are an HTTP request, but this is a Kafka listener with TLS (%s): HTTP is on the address of leat.http.listener", protocol)
	case head[0] == 0:
		return fmt.Errorf("the first bytes are a Kafka request in the clear, but this listener speaks TLS: set security.protocol=%s in the client", protocol)
	default:
		return fmt.Errorf("the first bytes %x are no TLS handshake, but this listener speaks TLS (%s): use another client or listener", head, protocol)
	}
}

func protocolName(p security.Protocol) string {
	switch p {
	case security.SSL:
		return "SSL"
	case security.SASLPlaintext:
		return "SASL_PLAINTEXT"
	case security.SASLSSL:
		return "SASL_SSL"
	}
	return "PLAINTEXT"
}

// wrap puts TLS over an accepted connection. The configuration is that of this moment: certificates may change while the listener is open.
// It is used as it is and not copied, because the keys of session tickets belong to it: a client that comes again resumes its session, which spares
// both ends the signature, and tickets end with the certificates under which they were given.
func (s *Server) wrap(c *conn, nc net.Conn) net.Conn {
	if s.cfg.TLS == nil {
		return nc
	}
	c.auth.socket = &tlsSocket{Conn: nc}
	return tls.Server(c.auth.socket, s.cfg.TLS())
}

// closeNow closes the connection. With TLS that tells the other end first, which may take up to five seconds when it reads nothing; nobody may wait
// for that with c.mu held.
func (c *conn) closeNow() {
	if _, ok := c.nc.(*tls.Conn); !ok {
		c.nc.Close()
		return
	}
	c.server.wg.Go(func() { c.nc.Close() })
}

// answerTimeout bounds the answer to a client that speaks HTTP.
const answerTimeout = time.Second
