package listener

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// httpAnswer is what a browser or probe gets that speaks HTTP to a Kafka port.
const httpAnswer = "This port speaks the Kafka protocol, not HTTP. Health, metrics and profiles are on the address of leat.http.listener.\n"

// sniff looks whether the first bytes of a connection are those of another protocol, which would otherwise be an absurd length.
func (c *conn) sniff(prefix [prefix]byte) error {
	switch first := string(prefix[:]); {
	case first[0] == 0x16 && first[1] == 0x03 && first[2] <= 0x04:
		return fmt.Errorf("the first bytes are a TLS handshake, but this listener is plain: set security.protocol=%s in the client, or use a listener with TLS",
			protocolName(c.info.Protocol))
	case isHTTP(first):
		answerHTTP(c.nc)
		return errors.New("the first bytes are an HTTP request, but this is a Kafka listener: HTTP is on the address of leat.http.listener")
	}
	return nil
}

// Mismatch is why a client did not get in that speaks another protocol, or another mechanism, than the listener does.
type Mismatch struct{ error }

// Unwrap is what is said.
func (m Mismatch) Unwrap() error { return m.error }

// foreign tells of a client that speaks another protocol.
func (c *conn) foreign(clientID string, why error) {
	if tell := c.server.cfg.Observe.Foreign; tell != nil {
		tell(&c.info, clientID, shorten(why))
	}
}

// isHTTP reports whether four bytes begin a request of HTTP.
func isHTTP(first string) bool {
	switch first {
	case "GET ", "HEAD", "POST", "PUT ", "DELE", "OPTI", "PATC", "PRI ":
		return true
	}
	return false
}

// answerHTTP tells an HTTP client in words, and reads what it still sends, because closing with unread bytes would reset the connection
// before the answer is read.
func answerHTTP(nc net.Conn) {
	_ = nc.SetDeadline(time.Now().Add(answerTimeout))
	if half, ok := nc.(interface{ CloseWrite() error }); ok { // a socket, or TLS over one
		fmt.Fprintf(nc, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(httpAnswer), httpAnswer)
		_ = half.CloseWrite()
		_, _ = io.CopyN(io.Discard, nc, 64<<10)
	}
}
