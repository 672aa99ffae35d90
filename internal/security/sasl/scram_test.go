package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// vector is the exchange of RFC 7677, section 3: user "user", password "pencil".
var vector = struct{ nonce, first, challenge, last, end string }{
	"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
}

// vectorServer is the server of the vector.
func vectorServer(t *testing.T) *scramServer {
	t.Helper()
	stored := credential(sha256.New, "pencil")
	stored.Salt, _ = base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	stored.StoredKey, stored.ServerKey = keysOf(t, "pencil", stored.Salt)
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) {
		return scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: string(stored.Salt), Iters: 4096}, StoredKey: stored.StoredKey, ServerKey: stored.ServerKey}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return &scramServer{mechanism: ScramSHA256, conversation: server.WithNonceGenerator(func() string { return vector.nonce }).NewConversation()}
}

func keysOf(t *testing.T, password string, salt []byte) (stored, server []byte) {
	t.Helper()
	salted, err := pbkdf2.Key(sha256.New, password, salt, 4096, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	sum := func(text string) []byte {
		m := hmac.New(sha256.New, salted)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	key := sha256.Sum256(sum("Client Key"))
	return key[:], sum("Server Key")
}

func TestScramIsThatOfRFC7677(t *testing.T) {
	s := vectorServer(t)
	challenge, _, err := s.Step(context.Background(), []byte(vector.first))
	if err != nil || string(challenge) != vector.challenge {
		t.Fatalf("first: %q, %v", challenge, err)
	}
	end, who, err := s.Step(context.Background(), []byte(vector.last))
	if err != nil || string(end) != vector.end || who == nil || who.Name != "user" {
		t.Errorf("last: %q, %v, %v", end, who, err)
	}
}

// Kafka from 4.0 on wants the very nonce that it gave, and names none of this to the client.
func TestOtherNoncesAndProofsAreRefused(t *testing.T) {
	given := "rOprNGfwEbeRWgbNEkqO" + vector.nonce
	for name, c := range map[string]struct{ nonce, proof, why string }{
		"doubled, as old librdkafka": {"rOprNGfwEbeRWgbNEkqO" + given, "", "sends its own nonce twice"},
		"the client's only":          {"rOprNGfwEbeRWgbNEkqO", "", "nonce"},
		"the server's only":          {vector.nonce, "", "nonce"},
		"longer":                     {given + "x", "", "nonce"},
		"empty":                      {"", "", ""},
		"wrong proof":                {given, "AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", ""},
		"short proof":                {given, "dHzb", ""},
		"no proof":                   {given, "", ""},
	} {
		s := vectorServer(t)
		if _, _, err := s.Step(context.Background(), []byte(vector.first)); err != nil {
			t.Fatal(err)
		}
		proof := c.proof
		if proof == "" && c.nonce != given {
			_, proof, _ = strings.Cut(vector.last, "p=")
		}
		_, who, err := s.Step(context.Background(), []byte("c=biws,r="+c.nonce+",p="+proof))
		refused(t, err, "")
		if who != nil || err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, %v: want the operator told %q", name, who, err, c.why)
		}
	}
}
