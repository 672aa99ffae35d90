package listener

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// FuzzFirstBytes sends any bytes to listeners of each kind and leaves: the connection ends, nothing panics, and nobody has got in.
func FuzzFirstBytes(f *testing.F) {
	handshake, token := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
	handshake.Version, handshake.Mechanism, token.SASLAuthBytes = 1, "PLAIN", []byte("\x00alice\x00guess")
	knock := wire.AppendRequest(wire.AppendRequest(nil, 1, "fuzz", handshake), 2, "fuzz", token)
	for kind := range byte(4) {
		f.Add(kind, knock)
		f.Add(kind, heartbeat(1))
		f.Add(kind, []byte("GET / HTTP/1.1\r\n\r\n"))
		f.Add(kind, []byte("\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03"))
	}
	kinds := [...]string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		name := kinds[int(kind)%len(kinds)]
		reached := false
		l := newSecureListeners(t, func(r *Request) {
			reached = reached || r.Header.Key != keyApiVersions // which everybody may ask for
			r.NoReply()
		})
		s, book := l.start(t, name)
		nc, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Skip(err) // too many in a short time
		}
		_ = nc.SetDeadline(time.Now().Add(time.Minute))
		_, _ = nc.Write(data) // it may be refused before all of it is sent
		_ = nc.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, nc)
		nc.Close()
		book.awaitClosed(t, 1)
		s.Close()
		if reached && name != "PLAINTEXT" {
			t.Errorf("a request reached the handler of a listener %s from who is not known", name)
		}
	})
}
