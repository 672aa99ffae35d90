package kerberos

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"leat/internal/security/sasl"
)

const (
	realm   = "TEST.REALM"
	service = "kafka/localhost"
)

// world is a realm without a KDC: who knows the service's key can make tickets.
type world struct {
	t    *testing.T
	keys *keytab.Keytab
	path string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "service.keytab")}
	w.renew("service-secret", 1)
	return w
}

// renew gives the service another key, in its keytab, too.
func (w *world) renew(secret string, version uint8) {
	w.t.Helper()
	w.keys = keytab.New()
	for _, name := range []string{service, "other/localhost"} {
		if err := w.keys.AddEntry(name, realm, secret, time.Unix(1_000_000, 0), version, etypeID.AES256_CTS_HMAC_SHA1_96); err != nil {
			w.t.Fatal(err)
		}
	}
	w.write(w.keys)
}

func (w *world) write(keys *keytab.Keytab) {
	w.t.Helper()
	data, err := keys.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path, data, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) login() sasl.Login {
	return sasl.Login{Module: LoginModule, Options: map[string]string{"useKeyTab": "true", "keyTab": w.path, "principal": service + "@" + realm}}
}

func (w *world) acceptor() *Acceptor {
	w.t.Helper()
	a, err := NewAcceptor(Settings{Login: w.login(), Service: "kafka", Rules: []string{"DEFAULT"}})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// visitor is a client with a ticket.
type visitor struct {
	user, service string
	auth          time.Time     // of the login at the KDC; zero: start
	start, end    time.Time     // start may be zero: the ticket has none
	clock         time.Duration // by which its clock is off
	mutual        bool
	key           types.EncryptionKey
}

// token is the first message of the visitor.
func (v *visitor) token(w *world) []byte {
	w.t.Helper()
	user, to := types.NewPrincipalName(1, v.user), types.NewPrincipalName(2, v.service)
	login := v.auth
	if login.IsZero() {
		login = v.start
	}
	ticket, key, err := messages.NewTicket(user, realm, to, realm, types.NewKrbFlags(), w.keys, etypeID.AES256_CTS_HMAC_SHA1_96, int(w.keys.Entries[0].KVNO), login, v.start, v.end, v.end)
	if err != nil {
		w.t.Fatal(err)
	}
	auth, err := types.NewAuthenticator(realm, user)
	if err != nil {
		w.t.Fatal(err)
	}
	auth.CTime = auth.CTime.Add(v.clock)
	auth.Cksum = types.Checksum{CksumType: checksumGSS, Checksum: make([]byte, 24)}
	if v.mutual {
		auth.Cksum.Checksum[20] = flagMutual
	}
	rq, err := messages.NewAPReq(ticket, key, auth)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := rq.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	v.key = key
	mechanism, _ := asn1.Marshal(gssapi.OIDKRB5.OID())
	return asn1tools.AddASNAppTag(append(binary.BigEndian.AppendUint16(mechanism, tokenRequest), body...), 0)
}

func someone() *visitor {
	return &visitor{user: "alice", service: service, start: time.Now().Add(-time.Minute), end: time.Now().Add(time.Hour)}
}

// choose is the last message: a choice of protection, signed by the visitor, turned to the right by n bytes.
func (v *visitor) choose(t *testing.T, choice []byte, n int) []byte {
	t.Helper()
	w, err := gssapi.NewInitiatorWrapToken(choice, v.key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	body := token[gssapi.HdrLen:]
	turned := append(append([]byte(nil), body[len(body)-n:]...), body[:len(body)-n]...)
	copy(body, turned)
	binary.BigEndian.PutUint16(token[6:], uint16(n))
	return token
}

func TestWhoHasATicketGetsIn(t *testing.T) {
	w := newWorld(t)
	a := w.acceptor()
	for _, withProof := range []bool{false, true} {
		v, s := someone(), a.Begin()
		v.mutual = withProof
		challenge, who, err := s.Step(t.Context(), v.token(w))
		if err != nil || who != nil {
			t.Fatalf("proof %v: %v, %v", withProof, who, err)
		}
		if withProof {
			checkProof(t, challenge, v.key)
			if challenge, who, err = s.Step(t.Context(), nil); err != nil || who != nil {
				t.Fatalf("after the proof: %v, %v", who, err)
			}
		}
		var offer gssapi.WrapToken
		if err := offer.Unmarshal(challenge, true); err != nil {
			t.Fatal(err)
		}
		if ok, err := offer.Verify(v.key, keyusage.GSSAPI_ACCEPTOR_SEAL); !ok || !bytes.Equal(offer.Payload, noProtection) {
			t.Fatalf("offer %x, %v", offer.Payload, err)
		}
		_, who, err = s.Step(t.Context(), v.choose(t, []byte("\x01\x00\x00\x00somebody"), 5))
		if err != nil || who == nil || who.Name != "alice" || who.Token {
			t.Errorf("proof %v: %+v, %v", withProof, who, err)
		}
		if _, _, err := s.Step(t.Context(), nil); err == nil {
			t.Error("the exchange goes on after its end")
		}
	}
}

// checkProof wants that the service could read the request.
func checkProof(t *testing.T, token []byte, key types.EncryptionKey) {
	t.Helper()
	var mechanism asn1.ObjectIdentifier
	rest, err := asn1.UnmarshalWithParams(token, &mechanism, "application,explicit,tag:0")
	if err != nil || binary.BigEndian.Uint16(rest) != tokenReply {
		t.Fatalf("proof %x: %v", token, err)
	}
	var rep messages.APRep
	if err := rep.Unmarshal(rest[2:]); err != nil {
		t.Fatal(err)
	}
	plain, err := crypto.DecryptEncPart(rep.EncPart, key, keyusage.AP_REP_ENCPART)
	if err != nil {
		t.Fatal(err)
	}
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil || part.CTime.IsZero() {
		t.Errorf("proof: %+v, %v", part, err)
	}
}

func TestRefusalsNameTheCause(t *testing.T) {
	w := newWorld(t)
	a := w.acceptor()
	stranger := newWorld(t)
	stranger.renew("another secret", 1)
	renewed := newWorld(t)
	renewed.renew("service-secret", 2)
	now := time.Now()
	for want, c := range map[string]struct {
		w *world
		v visitor
	}{
		"it has expired":            {w, visitor{user: "alice", service: service, start: now.Add(-2 * time.Hour), end: now.Add(-time.Hour)}},
		"it is not valid yet":       {w, visitor{user: "alice", service: service, start: now.Add(time.Hour), end: now.Add(2 * time.Hour)}},
		"and the client differ":     {w, visitor{user: "alice", service: service, start: now, end: now.Add(time.Hour), clock: 10 * time.Minute}},
		"has a ticket for":          {w, visitor{user: "alice", service: "other/localhost", start: now, end: now.Add(time.Hour)}},
		"has another key":           {stranger, visitor{user: "alice", service: service, start: now, end: now.Add(time.Hour)}},
		"key of its version":        {renewed, visitor{user: "alice", service: service, start: now, end: now.Add(time.Hour)}},
		"not a principal of the fo": {w, visitor{user: "a/b/c", service: service, start: now, end: now.Add(time.Hour)}},
	} {
		_, who, err := a.Begin().Step(t.Context(), c.v.token(c.w))
		if who != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", who, err, want)
		}
	}
}

// A ticket need not say from when it is good: then it is from the login on.
func TestATicketWithoutAStartIsGoodFromTheLoginOn(t *testing.T) {
	w := newWorld(t)
	a, now := w.acceptor(), time.Now()
	for ahead, want := range map[time.Duration]string{-time.Hour: "", 4 * time.Minute: "", 10 * time.Minute: "it is not valid yet"} {
		v := visitor{user: "alice", service: service, auth: now.Add(ahead), end: now.Add(time.Hour)}
		_, _, err := a.Begin().Step(t.Context(), v.token(w))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("a login %v ahead: %v, want %q", ahead, err, want)
		}
	}
}

func TestATicketIsNotTakenTwice(t *testing.T) {
	w := newWorld(t)
	a, v := w.acceptor(), someone()
	token := v.token(w)
	if _, _, err := a.Begin().Step(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.acceptor().Begin().Step(t.Context(), token); err == nil || !strings.Contains(err.Error(), "made before") {
		t.Errorf("again: %v", err)
	}
}

func TestOnlyAuthenticationIsOffered(t *testing.T) {
	w := newWorld(t)
	a := w.acceptor()
	for what, last := range map[string]func(v *visitor) []byte{
		"privacy":     func(v *visitor) []byte { return v.choose(t, []byte{4, 0, 1, 0}, 0) },
		"too short":   func(v *visitor) []byte { return v.choose(t, []byte{1}, 0) },
		"another key": func(*visitor) []byte { o := someone(); o.token(w); return o.choose(t, []byte{1, 0, 0, 0}, 0) },
		"nothing":     func(*visitor) []byte { return nil },
	} {
		s, v := a.Begin(), someone()
		if _, _, err := s.Step(t.Context(), v.token(w)); err != nil {
			t.Fatal(err)
		}
		if _, who, err := s.Step(t.Context(), last(v)); who != nil || err == nil {
			t.Errorf("%s: %v, %v", what, who, err)
		}
	}
}

func TestARenewedKeyIsReadWithoutARestart(t *testing.T) {
	w := newWorld(t)
	a := w.acceptor()
	w.renew("another secret", 2)
	if err := os.Chtimes(w.path, time.Unix(2_000_000, 0), time.Unix(2_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Begin().Step(t.Context(), someone().token(w)); err != nil {
		t.Errorf("with the new key: %v", err)
	}
	if err := os.WriteFile(w.path, []byte("half of a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Begin().Step(t.Context(), someone().token(w)); err != nil {
		t.Errorf("while the keytab cannot be read: %v", err)
	}
}

func TestALoginThatCannotWorkIsRefusedAtStart(t *testing.T) {
	w := newWorld(t)
	for want, change := range map[string]func(*Settings){
		"login module":    func(s *Settings) { s.Login.Module = "org.apache.kafka.common.security.plain.PlainLoginModule" },
		"no keytab":       func(s *Settings) { delete(s.Login.Options, "keyTab") },
		"no principal":    func(s *Settings) { delete(s.Login.Options, "principal") },
		"its realm":       func(s *Settings) { s.Login.Options["principal"] = service },
		"must agree":      func(s *Settings) { s.Service = "queue" },
		"no key of":       func(s *Settings) { s.Login.Options["principal"] = "kafka/elsewhere@" + realm },
		"no such file":    func(s *Settings) { s.Login.Options["keyTab"] += "x" },
		"neither DEFAULT": func(s *Settings) { s.Rules = []string{"x"} },
	} {
		s := Settings{Login: w.login(), Service: "kafka", Rules: []string{"DEFAULT"}}
		change(&s)
		if _, err := NewAcceptor(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// FuzzStep wants that no bytes of the network do more than refuse who sent them.
func FuzzStep(f *testing.F) {
	w := &world{t: &testing.T{}, path: filepath.Join(f.TempDir(), "service.keytab")}
	w.renew("service-secret", 1)
	a := w.acceptor()
	v := someone()
	first := v.token(w)
	f.Add(first, []byte{})
	f.Add([]byte{0x60}, []byte{5, 4})
	f.Add(first[:len(first)/2], first)
	f.Fuzz(func(t *testing.T, first, last []byte) {
		s := a.Begin()
		for _, token := range [][]byte{first, last, last} {
			if _, who, _ := s.Step(t.Context(), token); who != nil {
				t.Fatalf("%x gets in as %s", first, who.Name)
			}
		}
	})
}

// TestMutatedTokens changes one byte at a time.
func TestMutatedTokens(t *testing.T) {
	w := newWorld(t)
	a := w.acceptor()
	token := someone().token(w)
	for i := range token {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			changed := bytes.Clone(token)
			changed[i] ^= flip
			for _, cut := range [][]byte{changed, changed[:i]} {
				s := a.Begin()
				_, _, _ = s.Step(t.Context(), cut)
				if _, who, _ := s.Step(t.Context(), changed); who != nil {
					t.Fatalf("byte %d: got in as %s", i, who.Name)
				}
			}
		}
	}
}

func TestBadKeytabs(t *testing.T) {
	w := newWorld(t)
	data, err := w.keys.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		changed := bytes.Clone(data)
		changed[i] ^= 0xff
		if _, err := parseKeytab(changed); err != nil && strings.Contains(err.Error(), "localhost") {
			t.Errorf("the error repeats the file: %v", err)
		}
		_, _ = parseKeytab(data[:i])
	}
}
