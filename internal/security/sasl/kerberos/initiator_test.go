package kerberos

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"leat/internal/security/sasl"
)

// initiator is one that has a ticket already, as if the KDC had given it.
func (w *world) initiator() *Initiator {
	w.t.Helper()
	login := w.login()
	login.Options["principal"] = "kafka/other@" + realm
	i, err := NewInitiator(login, "")
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now()
	ticket, key, err := messages.NewTicket(types.NewPrincipalName(1, i.name), realm, types.NewPrincipalName(2, service), realm, types.NewKrbFlags(), w.keys,
		etypeID.AES256_CTS_HMAC_SHA1_96, int(w.keys.Entries[0].KVNO), now.Add(-time.Minute), now.Add(-time.Minute), now.Add(time.Hour), now.Add(time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	i.tickets.kept["localhost"] = serviceTicket{ticket, key, now.Add(time.Hour)}
	return i
}

// exchange lets a client and a server talk until either is done, with what happens to the server's messages on their way.
func exchange(c sasl.Client, s sasl.Server, meddle func(step int, message []byte) []byte) (*sasl.Identity, error) {
	var challenge []byte
	var who *sasl.Identity
	for step := range 10 {
		response, done, err := c.Step(context.Background(), challenge)
		if err != nil || done && challenge != nil {
			return who, err
		}
		if challenge, who, err = s.Step(context.Background(), response); err != nil {
			return nil, err
		}
		challenge = meddle(step, append([]byte{}, challenge...))
	}
	return nil, errors.New("no end")
}

func untouched(_ int, message []byte) []byte { return message }

func TestANodeLogsInAtAnother(t *testing.T) {
	w := newWorld(t)
	a, i := w.acceptor(), w.initiator()
	for range 3 { // by one ticket
		who, err := exchange(i.Begin("localhost"), a.Begin(), untouched)
		if err != nil || who == nil || who.Name != "kafka" {
			t.Fatalf("%+v, %v", who, err)
		}
	}
}

func TestAServiceThatDoesNotProveItselfIsLeft(t *testing.T) {
	w := newWorld(t)
	a, i := w.acceptor(), w.initiator()
	// What is not signed says only how the rest is to be read: tags and lengths, and by how much it is turned.
	for step, signed := range []func(size, at int) int{func(size, at int) int { return size - 1 - at }, func(_, at int) int { return 16 + at }} {
		for at := range 16 {
			_, err := exchange(i.Begin("localhost"), a.Begin(), func(s int, message []byte) []byte {
				if s == step {
					message[signed(len(message), at)] ^= 1
				}
				return message
			})
			if err == nil {
				t.Errorf("the client is content with message %d whose byte %d is wrong", step, at)
			}
		}
	}
	var proof []byte // of another login
	if _, err := exchange(i.Begin("localhost"), a.Begin(), func(s int, m []byte) []byte {
		if s == 0 {
			proof = append([]byte{}, m...)
		}
		return m
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange(i.Begin("localhost"), a.Begin(), func(s int, m []byte) []byte {
		if s == 0 {
			return proof
		}
		return m
	}); err == nil || !strings.Contains(err.Error(), "another request") {
		t.Errorf("a proof that is played again: %v", err)
	}
}

func TestALoginThatCannotWorkIsRefusedBeforeItIsTried(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]string)
		says   string
	}{
		"no keytab":    {func(o map[string]string) { delete(o, "keyTab") }, "no keytab"},
		"no principal": {func(o map[string]string) { delete(o, "principal") }, "needs a name and a realm"},
		"any":          {func(o map[string]string) { o["principal"] = "*" }, "needs a name and a realm"},
		"no realm":     {func(o map[string]string) { o["principal"] = "kafka/localhost" }, "needs a name and a realm"},
	} {
		login := newWorld(t).login()
		c.change(login.Options)
		if _, err := NewInitiator(login, "kafka"); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithoutAKDCTheErrorSaysWhereItWasLookedFor(t *testing.T) {
	w := newWorld(t)
	conf := filepath.Join(t.TempDir(), "krb5.conf")
	t.Setenv("KRB5_CONFIG", conf)
	i, err := NewInitiator(w.login(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Begin("localhost").Step(context.Background(), nil); err == nil || !strings.Contains(err.Error(), conf) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(conf, []byte("[libdefaults]\n default_realm = "+realm+"\n[realms]\n "+realm+" = {\n  kdc = 127.0.0.1:1\n }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Begin("localhost").Step(context.Background(), nil); err == nil || !strings.Contains(err.Error(), conf) {
		t.Errorf("nobody there: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := i.Begin("localhost").Step(ctx, nil); err == nil {
		t.Error("a ticket after the caller has left")
	}
}

// The library puts every answer of the KDC that it does not take down to the key, also one whose time is wrong.
func TestWhyTheKDCGivesNoTicketIsToldByItsCause(t *testing.T) {
	i := &Initiator{name: "kafka/other", realm: realm, service: "kafka", keytab: "own.keytab"}
	const refused = "AS Exchange Error: AS_REP is not valid or client password/keytab incorrect"
	for _, x := range []struct{ said, want string }{
		{refused + " < KRBMessage_Handling_Error: clock skew with KDC too large. Greater than 300 seconds", "the clocks of this node and the KDC differ"},
		{refused + " < Decrypting_Error: integrity verification failed", "keytab own.keytab has another key"},
		{"KRB Error: (37) KRB_AP_ERR_SKEW Clock skew too great", "the clocks of this node and the KDC differ"},
		{"KRB Error: (6) KDC_ERR_C_PRINCIPAL_UNKNOWN Client not found", "does not know principal kafka/other@" + realm},
	} {
		if err := i.failed("there", errors.New(x.said)); !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: told as %q, not %q", x.said, err, x.want)
		}
	}
}
