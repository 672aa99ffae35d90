package listener

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/security/sasl"
	"leat/internal/wire"
)

// secrets is what a listener with PLAIN counts.
type secrets struct {
	in, again, failed, expired int
	longest                    int      // of the reasons for failures
	who                        []string // asked something
}

// inSASLBubble runs test on virtual time with a server in memory that wants PLAIN of alice and bob.
func inSASLBubble(t *testing.T, limits Limits, session time.Duration, test func(*testing.T, *memListener, *logBook, *secrets)) {
	synctest.Test(t, func(t *testing.T) {
		ln, book, seen := newMemListener(), &logBook{closed: make(chan struct{}, 1000)}, &secrets{}
		count := func(first, later *int) func(*Conn, bool) {
			return func(_ *Conn, again bool) {
				if again {
					*later++
				} else {
					*first++
				}
			}
		}
		settings := &SASL{
			Mechanisms: []string{sasl.Plain, sasl.OAuthBearer}, MaxReceive: 1000, FailureDelay: 100 * time.Millisecond,
			Begin: func(mechanism string) (sasl.Server, error) {
				if mechanism == sasl.OAuthBearer {
					return sasl.NewBearer(func(context.Context, string) (sasl.Identity, error) {
						return sasl.Identity{}, errors.New("token is expired")
					}), nil
				}
				return sasl.NewPlain(sasl.Passwords{"alice": "secret", "bob": "secret"}), nil
			},
			MaxSession: func(string) time.Duration { return session },
		}
		s := Serve(Config{
			Name: "CLIENTS", Protocol: security.SASLPlaintext, Listener: ln, Limits: func() Limits { return limits }, Shared: NewShared(),
			Handler: func(r *Request) {
				seen.who = append(seen.who, r.Conn.Principal.String())
				answerHeartbeat(r)
			},
			Logger: slog.New(slog.NewTextHandler(book, nil)),
			Observe: Observe{
				Authenticated: count(&seen.in, &seen.again), Expired: func(*Conn) { seen.expired++ },
				AuthenticationFailed: func(_ *Conn, _ bool, why error) {
					seen.failed, seen.longest = seen.failed+1, max(seen.longest, len(why.Error()))
				},
			},
			SASL: func() *SASL { return settings },
		})
		test(t, ln, book, seen)
		s.Close()
	})
}

// said fails the test unless exactly one line was logged and it has these words.
func (l *logBook) said(t *testing.T, words string) {
	t.Helper()
	if lines := l.all(); len(lines) != 1 || !strings.Contains(lines[0], words) {
		t.Errorf("logged %q, want one line with %q", lines, words)
	}
}

// shake asks for a mechanism and returns the error code of the answer.
func shake(t *testing.T, c net.Conn, version int16, mechanism string) int16 {
	t.Helper()
	rq := kmsg.NewPtrSASLHandshakeRequest()
	rq.Version, rq.Mechanism = version, mechanism
	c.Write(wire.AppendRequest(nil, 1, "test", rq))
	_, body := readReply(t, c)
	resp := kmsg.NewPtrSASLHandshakeResponse()
	resp.Version = version
	if err := resp.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	return resp.ErrorCode
}

// prove sends PLAIN credentials within a request.
func prove(t *testing.T, c net.Conn, user, password string) *kmsg.SASLAuthenticateResponse {
	t.Helper()
	rq := kmsg.NewPtrSASLAuthenticateRequest()
	rq.Version, rq.SASLAuthBytes = 1, []byte("\x00"+user+"\x00"+password)
	c.Write(wire.AppendRequest(nil, 2, "test", rq))
	_, body := readReply(t, c)
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.Version = 1
	if err := resp.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	return resp
}

func login(t *testing.T, c net.Conn, user string) *kmsg.SASLAuthenticateResponse {
	t.Helper()
	if code := shake(t, c, 1, sasl.Plain); code != 0 {
		t.Fatalf("handshake: error %d", code)
	}
	return prove(t, c, user, "secret")
}

// ended fails the test unless the server has closed the connection.
func ended(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%d bytes and %v, want the end", n, err)
	}
	synctest.Wait()
}

func bareToken(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// TestClaimsOfUnknownClientsTakeLittleMemory: a length is four bytes, and connections that may send one are thousands.
func TestClaimsOfUnknownClientsTakeLittleMemory(t *testing.T) {
	const clients = 50
	settings := &SASL{Mechanisms: []string{sasl.Plain}, MaxReceive: 512 << 10, Begin: func(string) (sasl.Server, error) { return sasl.NewPlain(nil), nil }}
	synctest.Test(t, func(t *testing.T) {
		ln := newMemListener()
		s := Serve(Config{Name: "CLIENTS", Protocol: security.SASLPlaintext, Listener: ln, Limits: func() Limits { return Limits{} }, Shared: NewShared(),
			Handler: answerHeartbeat, Logger: slog.New(slog.DiscardHandler), SASL: func() *SASL { return settings }})
		defer s.Close()
		large := ln.dial()
		if resp := login(t, large, strings.Repeat("x", 100<<10)); resp.ErrorCode == 0 { // what does not fit into the first step is read all the same
			t.Error("it got in")
		}
		large.Close()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range clients {
			c := ln.dial()
			defer c.Close()
			c.Write([]byte{0, 7, 0xff, 0xff}) // 512 KiB, all but one byte
		}
		synctest.Wait()
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) / clients; took > 64<<10 {
			t.Errorf("%d bytes for each connection that claims half a megabyte", took)
		}
	})
}

// TestBareTokens is the exchange of clients that know no SaslAuthenticate.
func TestBareTokens(t *testing.T) {
	inSASLBubble(t, Limits{}, 0, func(t *testing.T, ln *memListener, book *logBook, seen *secrets) {
		c := ln.dial()
		if code := shake(t, c, 0, sasl.Plain); code != 0 {
			t.Fatalf("handshake: error %d", code)
		}
		c.Write(bareToken("\x00alice\x00secret"))
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil || size != [4]byte{} {
			t.Fatalf("an answer of %v bytes, %v; want an empty one", size, err)
		}
		c.Write(heartbeat(7))
		if id, _ := readReply(t, c); id != 7 || len(seen.who) != 1 || seen.who[0] != "User:alice" || seen.in != 1 {
			t.Errorf("answer %d, seen %+v", id, seen)
		}
		c.Close()

		c = ln.dial()
		shake(t, c, 0, sasl.Plain)
		began := time.Now()
		c.Write(bareToken("\x00alice\x00guess"))
		ended(t, c)
		if took := time.Since(began); took != 100*time.Millisecond || seen.failed != 1 {
			t.Errorf("refused after %v, seen %+v", took, seen)
		}
		book.said(t, `user \"alice\" has another password`)
	})
}

func TestAuthenticationAgain(t *testing.T) {
	inSASLBubble(t, Limits{}, time.Minute, func(t *testing.T, ln *memListener, book *logBook, seen *secrets) {
		c := ln.dial()
		if r := login(t, c, "alice"); r.ErrorCode != 0 || r.SessionLifetimeMillis != 60_000 {
			t.Fatalf("answer %+v", r)
		}
		for range 3 {
			time.Sleep(50 * time.Second)
			if r := login(t, c, "alice"); r.ErrorCode != 0 || r.SessionLifetimeMillis != 60_000 {
				t.Fatalf("again: %+v", r)
			}
			c.Write(heartbeat(1))
			readReply(t, c)
		}
		if seen.in != 1 || seen.again != 3 {
			t.Errorf("seen %+v", seen)
		}
		time.Sleep(50 * time.Second)
		r := login(t, c, "bob")
		if r.ErrorCode != kerr.SaslAuthenticationFailed.Code || r.ErrorMessage == nil || !strings.Contains(*r.ErrorMessage, "Cannot change principals during re-authentication") {
			t.Errorf("another user on the same connection: %+v", r)
		}
		ended(t, c)
		book.said(t, "re-authentication by SASL PLAIN failed")
	})
}

// TestEndOfASession closes at the next request, as Kafka does, and not before.
func TestEndOfASession(t *testing.T) {
	inSASLBubble(t, Limits{}, time.Minute, func(t *testing.T, ln *memListener, book *logBook, seen *secrets) {
		c := ln.dial()
		login(t, c, "alice")
		time.Sleep(time.Minute)
		c.Write(heartbeat(1))
		readReply(t, c)
		time.Sleep(time.Second)
		if len(book.all()) > 0 {
			t.Errorf("closed before it asks: %q", book.all())
		}
		c.Write(heartbeat(2))
		ended(t, c)
		if seen.expired != 1 || len(seen.who) != 1 {
			t.Errorf("seen %+v", seen)
		}
		book.said(t, "the session has expired")
	})
}

func TestOldestOfThosePendingIsClosed(t *testing.T) {
	inSASLBubble(t, Limits{PendingMax: 3}, 0, func(t *testing.T, ln *memListener, book *logBook, seen *secrets) {
		known := ln.dial()
		login(t, known, "alice") // is not pending any more
		var pending []net.Conn
		for range 4 {
			pending = append(pending, ln.dial())
		}
		ended(t, pending[0])
		book.said(t, "more than 3 connections wait for authentication")
		for _, c := range append(pending[1:], known) {
			if c != known {
				login(t, c, "bob")
			}
			c.Write(heartbeat(1))
			readReply(t, c)
			c.Close()
		}
		if seen.in != 4 {
			t.Errorf("seen %+v", seen)
		}
	})
}

func TestAuthenticationTakesNoLongerThanAllowed(t *testing.T) {
	inSASLBubble(t, Limits{AuthenticationTimeout: 10 * time.Second}, 0, func(t *testing.T, ln *memListener, book *logBook, _ *secrets) {
		known, silent := ln.dial(), ln.dial()
		login(t, known, "alice")
		shake(t, silent, 1, sasl.Plain)
		began := time.Now()
		ended(t, silent)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("closed after %v", took)
		}
		book.said(t, "the client has not authenticated within 10s")
		known.Write(heartbeat(1))
		readReply(t, known)
		known.Close()
	})
}

// TestBeforeAuthentication: what a client may not do yet costs it the connection, and the log says what it did.
func TestBeforeAuthentication(t *testing.T) {
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, "GSSAPI"
	authenticate := kmsg.NewPtrSASLAuthenticateRequest()
	for name, c := range map[string]struct {
		sent  []byte
		words string
	}{
		"a request":        {heartbeat(1), "asks for Heartbeat and has not authenticated, but this listener is SASL_PLAINTEXT"},
		"many bytes":       {bareToken(strings.Repeat("x", 1001)), "request of 1001 bytes"},
		"a token at once":  {wire.AppendRequest(nil, 1, "test", authenticate), "asks for SaslAuthenticate and has not authenticated"},
		"not offered":      {wire.AppendRequest(nil, 1, "test", handshake), `the client wants the SASL mechanism \"GSSAPI\", but this listener has [PLAIN OAUTHBEARER]`},
		"TLS":              {[]byte{0x16, 3, 1, 0, 5}, "the first bytes are a TLS handshake, but this listener is plain: set security.protocol=SASL_PLAINTEXT"},
		"a negative size":  {[]byte{0xff, 0xff, 0xff, 0xff}, "request of -1 bytes"},
		"nothing sensible": {bareToken("\x00\x11"), "err="},
	} {
		t.Run(name, func(t *testing.T) {
			inSASLBubble(t, Limits{}, 0, func(t *testing.T, ln *memListener, book *logBook, seen *secrets) {
				client := ln.dial()
				go client.Write(c.sent)
				answer, _ := io.ReadAll(client)
				synctest.Wait()
				if len(seen.who) > 0 || name == "not offered" != bytes.Contains(answer, []byte("PLAIN")) {
					t.Errorf("asked %q, answered %q", seen.who, answer)
				}
				book.said(t, c.words)
			})
		})
	}
}

func TestWhoAsksInTheMiddleOfAnExchangeIsToldSo(t *testing.T) {
	for name, rq := range map[string]kmsg.Request{"ApiVersions": kmsg.NewPtrApiVersionsRequest(), "SaslHandshake": kmsg.NewPtrSASLHandshakeRequest()} {
		inSASLBubble(t, Limits{}, 0, func(t *testing.T, ln *memListener, book *logBook, seen *secrets) {
			c := ln.dial()
			defer c.Close()
			shake(t, c, 1, sasl.Plain)
			rq.SetVersion(0)
			c.Write(wire.AppendRequest(nil, 2, "test", rq))
			resp := rq.ResponseKind()
			_, body := readReply(t, c)
			if err := resp.ReadFrom(body); err != nil || code(resp) != kerr.IllegalSaslState.Code {
				t.Errorf("%s: %v: %+v", name, err, resp)
			}
			if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
				t.Errorf("%s: the connection stays open: %q, %v", name, rest, err)
			}
			synctest.Wait()
			if len(seen.who) != 0 || seen.in != 0 {
				t.Errorf("%s: seen %+v", name, seen)
			}
			book.said(t, name+" version 0 came in the middle of the SASL exchange")
		})
	}
}

// code is the error of an answer that came too early.
func code(resp kmsg.Response) int16 {
	if versions, ok := resp.(*kmsg.ApiVersionsResponse); ok {
		return versions.ErrorCode
	}
	return resp.(*kmsg.SASLHandshakeResponse).ErrorCode
}

// TestATokenThatIsNoGoodIsToldOfWhateverTheClientSaysToIt: by the protocol one byte; kafkajs asks for something, franz-go leaves.
func TestATokenThatIsNoGoodIsToldOfWhateverTheClientSaysToIt(t *testing.T) {
	for name, reaction := range map[string]func(t *testing.T, c net.Conn){
		"one byte": func(t *testing.T, c net.Conn) {
			rq := kmsg.NewPtrSASLAuthenticateRequest()
			rq.Version, rq.SASLAuthBytes = 1, []byte{1}
			c.Write(wire.AppendRequest(nil, 3, "test", rq))
			readReply(t, c)
		},
		"another request": func(_ *testing.T, c net.Conn) { c.Write(heartbeat(3)) },
		"leaves":          func(_ *testing.T, c net.Conn) { c.Close() },
	} {
		inSASLBubble(t, Limits{}, 0, func(t *testing.T, ln *memListener, book *logBook, seen *secrets) {
			c := ln.dial()
			shake(t, c, 1, sasl.OAuthBearer)
			rq := kmsg.NewPtrSASLAuthenticateRequest()
			rq.Version, rq.SASLAuthBytes = 1, []byte("n,,\x01auth=Bearer a.b.c\x01\x01")
			c.Write(wire.AppendRequest(nil, 2, "test", rq))
			readReply(t, c)
			reaction(t, c)
			time.Sleep(time.Second)
			synctest.Wait()
			if seen.failed != 1 || seen.in != 0 || len(seen.who) != 0 {
				t.Errorf("%s: seen %+v", name, seen)
			}
			book.said(t, "authentication by SASL OAUTHBEARER failed")
			book.said(t, "token is expired")
			c.Close()
		})
	}
}
