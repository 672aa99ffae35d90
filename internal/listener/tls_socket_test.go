package listener

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// TestSessionsAreResumed: a client that comes again shows its ticket, and neither end signs anything. A ticket ends with the configuration under which it
// was given, which is that of a certificate.
func TestSessionsAreResumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			l := newSecureListeners(t, answerHeartbeat)
			s, _ := l.start(t, "SSL")
			client := &tls.Config{RootCAs: l.trust, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
			resumed := func() bool {
				c, err := tls.Dial("tcp", s.Addr().String(), client)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				_, _ = c.Write(heartbeat(1))
				readReply(t, c) // with TLS 1.3 the ticket comes before it
				return c.ConnectionState().DidResume
			}
			if resumed() {
				t.Error("the first connection resumed something")
			}
			for range 3 {
				if !resumed() {
					t.Error("a further connection did not resume the session of the one before")
				}
			}
			l.config.Store(&tls.Config{Certificates: l.config.Load().Certificates, MinVersion: tls.VersionTLS12})
			if resumed() {
				t.Error("a session was resumed under another configuration than its own")
			}
		})
	}
}

// countingConn counts the calls that reach the socket.
type countingConn struct {
	net.Conn
	bytes.Buffer
	writes int
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes++
	return c.Buffer.Write(p)
}

func (c *countingConn) Read(p []byte) (int, error) { return 0, io.EOF }

// TestRecordsAreGathered: while the socket is corked, records go to it some at a time, whole and in order.
func TestRecordsAreGathered(t *testing.T) {
	under := &countingConn{}
	s := &tlsSocket{Conn: under}
	var want []byte
	write := func(n int) {
		t.Helper()
		p := make([]byte, n)
		_, _ = rand.Read(p)
		want = append(want, p...)
		if m, err := s.Write(p); m != n || err != nil {
			t.Fatalf("%d of %d bytes: %v", m, n, err)
		}
	}
	write(100)
	if under.writes != 1 {
		t.Fatalf("a record was kept back that nothing follows")
	}
	s.cork()
	for range 41 {
		write(16406)
	}
	if err := s.uncork(); err != nil {
		t.Fatal(err)
	}
	if under.writes < 9 || under.writes > 12 {
		t.Errorf("41 records of 16 KiB went in %d calls, not in about 11", under.writes-1)
	}
	s.cork()
	write(10)
	write(gathered + 1) // no record is that long
	write(10)
	if err := s.uncork(); err != nil {
		t.Fatal(err)
	}
	if s.held != nil || !bytes.Equal(under.Bytes(), want) {
		t.Errorf("%d bytes arrived, not the %d that were written in order", under.Len(), len(want))
	}
}
