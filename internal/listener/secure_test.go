package listener

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/security/sasl"
	"leat/internal/wire"
)

// newCertificate signs itself.
func newCertificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// secureListeners are a node's listeners, one of each kind, and what clients need for them.
type secureListeners struct {
	node, client tls.Certificate
	trust        *x509.CertPool
	handler      Handler
	config       atomic.Pointer[tls.Config] // of the listener that was started last
}

func newSecureListeners(t *testing.T, h Handler) *secureListeners {
	l := &secureListeners{handler: h}
	l.node, l.trust = newCertificate(t, "node")
	l.client, _ = newCertificate(t, "client")
	return l
}

// start opens a listener of a kind: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, or SSL required.
func (l *secureListeners) start(t *testing.T, kind string) (*Server, *logBook) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	book := &logBook{closed: make(chan struct{}, 1000)}
	protocol, required, _ := strings.Cut(kind, " ")
	cfg := Config{
		Name: "CLIENTS", Listener: ln, Limits: func() Limits { return Limits{} }, Shared: NewShared(), Handler: l.handler, Logger: slog.New(slog.NewTextHandler(book, nil)),
		Observe: Observe{Closed: func(*Conn) { book.closed <- struct{}{} }},
	}
	cfg.Protocol = map[string]security.Protocol{
		"PLAINTEXT": security.Plaintext, "SSL": security.SSL, "SASL_PLAINTEXT": security.SASLPlaintext, "SASL_SSL": security.SASLSSL,
	}[protocol]
	if strings.HasSuffix(protocol, "SSL") {
		config := &tls.Config{Certificates: []tls.Certificate{l.node}, MinVersion: tls.VersionTLS12, ClientCAs: l.trust}
		if required != "" {
			config.ClientAuth = tls.RequireAndVerifyClientCert
		}
		l.config.Store(config)
		cfg.TLS = l.config.Load
	}
	if strings.HasPrefix(protocol, "SASL") {
		settings := &SASL{
			Mechanisms: []string{sasl.Plain}, MaxSession: func(string) time.Duration { return 0 },
			Begin: func(string) (sasl.Server, error) { return sasl.NewPlain(sasl.Passwords{"alice": "secret"}), nil },
		}
		cfg.SASL = func() *SASL { return settings }
	}
	s := Serve(cfg)
	t.Cleanup(s.Close)
	return s, book
}

// TestFileRangesOverTLS: there is no socket to send a file to, so what is read from it is encrypted.
func TestFileRangesOverTLS(t *testing.T) {
	f, content := segment(t, 3<<20+17)
	var released atomic.Int32
	l := newSecureListeners(t, func(r *Request) {
		r.Reply(fetchOf(r.Header, &fileRange{f: f, size: len(content), released: &released}, &fileRange{f: f, size: 5, released: &released}))
	})
	s, book := l.start(t, "SSL")
	c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{RootCAs: l.trust})
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(time.Minute))
	for i := range 3 {
		c.Write(fetchFrame(int32(i)))
	}
	for i := range 3 {
		id, body := readReply(t, c)
		if got := records(t, body); id != int32(i) || len(got) != 2 || !bytes.Equal(got[0], content) || !bytes.Equal(got[1], content[:5]) {
			t.Fatalf("answer %d does not hold what the file has", id)
		}
	}
	c.Close()
	book.awaitClosed(t, 1)
	if n := released.Load(); n != 6 || len(book.all()) > 0 {
		t.Errorf("%d ranges released, logged %q", n, book.all())
	}
}

// knock is a kind of client: what it does first, and whether over TLS.
type knock struct {
	tls  *tls.Config
	sent [][]byte // one after the other, each but the last is answered
}

func knocks(l *secureListeners) map[string]knock {
	frame := func(rq kmsg.Request) []byte { return wire.AppendRequest(nil, 1, "test", rq) }
	handshake := func(mechanism string) []byte {
		rq := kmsg.NewPtrSASLHandshakeRequest()
		rq.Version, rq.Mechanism = 1, mechanism
		return frame(rq)
	}
	authenticate := kmsg.NewPtrSASLAuthenticateRequest()
	authenticate.SASLAuthBytes = []byte("\x00alice\x00guess")
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 9
	trusting, stranger := &tls.Config{RootCAs: l.trust}, &tls.Config{RootCAs: l.trust, Certificates: []tls.Certificate{l.client}}
	stranger.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &l.client, nil }
	ask, wrong, http := [][]byte{frame(metadata)}, [][]byte{handshake("PLAIN"), frame(authenticate)}, [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}
	return map[string]knock{
		"Kafka":                   {sent: ask},
		"HTTP":                    {sent: http},
		"SSH":                     {sent: [][]byte{[]byte("SSH-2.0-OpenSSH_9.2\r\n")}},
		"SASL":                    {sent: wrong},
		"SASL GSSAPI":             {sent: [][]byte{handshake("GSSAPI")}},
		"TLS":                     {tls: trusting, sent: ask},
		"TLS, does not trust":     {tls: &tls.Config{RootCAs: x509.NewCertPool()}},
		"TLS, other name":         {tls: &tls.Config{RootCAs: l.trust, ServerName: "elsewhere.example"}},
		"TLS 1.1":                 {tls: &tls.Config{RootCAs: l.trust, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
		"TLS, unknown signer":     {tls: stranger, sent: ask},
		"HTTPS":                   {tls: trusting, sent: http},
		"SASL over TLS":           {tls: trusting, sent: wrong},
		"SASL GSSAPI over TLS":    {tls: trusting, sent: [][]byte{handshake("GSSAPI")}},
		"SASL nobody asked about": {tls: trusting, sent: [][]byte{handshake("PLAIN")}},
	}
}

// knockAt lets a client do its part and leave.
func knockAt(address string, k knock) error {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	if k.tls != nil {
		config := k.tls.Clone()
		if config.ServerName == "" {
			config.ServerName = "127.0.0.1"
		}
		t := tls.Client(nc, config)
		if t.Handshake() != nil {
			_, _ = io.Copy(io.Discard, nc)
			return nil
		}
		nc = t
	}
	for _, b := range k.sent {
		_, _ = nc.Write(b)
		if _, err := nc.Read(make([]byte, 1000)); err != nil {
			return nil
		}
	}
	return nil
}

// TestMismatchesAreExplained: a client that is set to another protocol, mechanism, certificate or password than its listener has leaves one line that
// names the cause.
func TestMismatchesAreExplained(t *testing.T) {
	l := newSecureListeners(t, answerHeartbeat)
	clients := knocks(l)
	for _, c := range []struct{ listener, client, words string }{
		{"PLAINTEXT", "TLS", "TLS handshake, but this listener is plain: set security.protocol=PLAINTEXT"},
		{"PLAINTEXT", "HTTP", "an HTTP request, but this is a Kafka listener"},
		{"PLAINTEXT", "SSH", "request of 1397966893 bytes"},
		{"PLAINTEXT", "SASL GSSAPI", "the client is set to SASL, but this listener is PLAINTEXT"},
		{"PLAINTEXT", "SASL over TLS", "TLS handshake, but this listener is plain"},
		{"SSL", "Kafka", "a Kafka request in the clear, but this listener speaks TLS: set security.protocol=SSL"},
		{"SSL", "HTTP", "an HTTP request, but this is a Kafka listener with TLS (SSL)"},
		{"SSL", "HTTPS", "an HTTP request, but this is a Kafka listener"},
		{"SSL", "SSH", "are no TLS handshake, but this listener speaks TLS (SSL)"},
		{"SSL", "SASL", "a Kafka request in the clear, but this listener speaks TLS"},
		{"SSL", "SASL nobody asked about", "the client is set to SASL, but this listener is SSL"},
		{"SSL", "TLS, does not trust", "the client refuses this listener"},
		{"SSL", "TLS, other name", "the client refuses this listener"},
		{"SSL", "TLS 1.1", "TLS handshake: tls: client offered only unsupported versions"},
		{"SSL required", "TLS", "the client shows no certificate, but listener CLIENTS requires one"},
		{"SSL required", "TLS, unknown signer", "certificate signed by unknown authority"},
		{"SASL_PLAINTEXT", "Kafka", "asks for Metadata and has not authenticated, but this listener is SASL_PLAINTEXT"},
		{"SASL_PLAINTEXT", "TLS", "TLS handshake, but this listener is plain: set security.protocol=SASL_PLAINTEXT"},
		{"SASL_PLAINTEXT", "SASL", "user \\\"alice\\\" has another password"},
		{"SASL_PLAINTEXT", "SASL GSSAPI", "wants the SASL mechanism \\\"GSSAPI\\\", but this listener has [PLAIN]"},
		{"SASL_PLAINTEXT", "HTTP", "an HTTP request, but this is a Kafka listener"},
		{"SASL_SSL", "Kafka", "a Kafka request in the clear, but this listener speaks TLS: set security.protocol=SASL_SSL"},
		{"SASL_SSL", "SASL", "a Kafka request in the clear, but this listener speaks TLS: set security.protocol=SASL_SSL"},
		{"SASL_SSL", "HTTP", "an HTTP request, but this is a Kafka listener with TLS (SASL_SSL)"},
		{"SASL_SSL", "HTTPS", "an HTTP request, but this is a Kafka listener"},
		{"SASL_SSL", "TLS", "asks for Metadata and has not authenticated, but this listener is SASL_SSL"},
		{"SASL_SSL", "SASL over TLS", "user \\\"alice\\\" has another password"},
		{"SASL_SSL", "SASL GSSAPI over TLS", "wants the SASL mechanism \\\"GSSAPI\\\""},
		{"SASL_SSL", "TLS, does not trust", "the client refuses this listener"},
	} {
		t.Run(c.client+" at "+c.listener, func(t *testing.T) {
			s, book := l.start(t, c.listener)
			if err := knockAt(s.Addr().String(), clients[c.client]); err != nil {
				t.Fatal(err)
			}
			book.awaitClosed(t, 1)
			book.said(t, c.words)
			if line := strings.Join(book.all(), ""); !strings.Contains(line, "listener=CLIENTS") || !strings.Contains(line, "client=127.0.0.1:") {
				t.Errorf("%q does not name listener and client", line)
			}
		})
	}
}
