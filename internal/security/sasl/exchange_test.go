package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// exchange lets a client and a server talk until one of them is done.
func exchange(c Client, s Server) (*Identity, error) {
	ctx := context.Background()
	var challenge []byte
	for range 5 {
		response, _, err := c.Step(ctx, challenge)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		var who *Identity
		if challenge, who, err = s.Step(ctx, response); err != nil {
			return nil, err
		}
		if challenge == nil {
			challenge = []byte{}
		}
		if who != nil {
			if _, done, err := c.Step(ctx, challenge); err != nil || !done {
				return nil, fmt.Errorf("client at the end: %v, %w", done, err)
			}
			return who, nil
		}
	}
	return nil, errors.New("no end")
}

func refused(t *testing.T, err error, told string) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Told != told {
		t.Errorf("got %v, want the client told %q", err, told)
	}
}

func TestPlain(t *testing.T) {
	users := Passwords{"alice": "secret"}
	who, err := exchange(NewPlainClient("alice", "secret"), NewPlain(users))
	if err != nil || who.Name != "alice" {
		t.Errorf("got %v, %v", who, err)
	}
	for message, told := range map[string]string{
		"\x00alice\x00wrong":       "Authentication failed: Invalid username or password",
		"\x00bob\x00secret":        "Authentication failed: Invalid username or password",
		"bob\x00alice\x00secret":   "Authentication failed: Client requested an authorization id that is different from username",
		"\x00\x00secret":           "Authentication failed: username not specified",
		"\x00alice\x00":            "Authentication failed: password not specified",
		"alice":                    "Invalid SASL/PLAIN response: expected 3 tokens, got 1",
		"\x00alice\x00secret\x00x": "Invalid SASL/PLAIN response: expected 3 tokens, got 4",
	} {
		_, _, err := NewPlain(users).Step(context.Background(), []byte(message))
		refused(t, err, told)
	}
}

func credential(newHash func() hash.Hash, password string) Credential {
	c := Credential{Salt: []byte("0123456789"), Iterations: 4096}
	salted, _ := pbkdf2.Key(newHash, password, c.Salt, c.Iterations, newHash().Size())
	mac := func(text string) []byte {
		m := hmac.New(newHash, salted)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	h := newHash()
	h.Write(mac("Client Key"))
	c.StoredKey, c.ServerKey = h.Sum(nil), mac("Server Key")
	return c
}

func TestScram(t *testing.T) {
	for mechanism, newHash := range map[string]func() hash.Hash{ScramSHA256: sha256.New, ScramSHA512: sha512.New} {
		stored := credential(newHash, "secret")
		server := func() Server {
			s, err := NewScram(mechanism, func(name string) (Credential, bool) { return stored, name == "al=,ice" }, nil)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		try := func(name, password string) (*Identity, error) {
			c, err := NewScramClient(mechanism, name, password)
			if err != nil {
				t.Fatal(err)
			}
			return exchange(c, server())
		}
		who, err := try("al=,ice", "secret")
		if err != nil || who.Name != "al=,ice" {
			t.Errorf("%s: got %v, %v", mechanism, who, err)
		}
		_, err = try("al=,ice", "wrong")
		refused(t, err, "")
		_, err = try("bob", "secret")
		refused(t, err, "")
		_, _, err = server().Step(context.Background(), []byte("rubbish"))
		refused(t, err, "")
	}
}

// TestScramByToken: a client that logs in by a delegation token says so, and is then the token's owner.
func TestScramByToken(t *testing.T) {
	for mechanism, newHash := range map[string]func() hash.Hash{ScramSHA256: sha256.New, ScramSHA512: sha512.New} {
		stored, until := credential(newHash, "mac=="), time.Now().Add(time.Hour)
		for _, c := range []struct {
			id, mac string
			begin   func(mechanism, name, password string) (Client, error)
			in      bool
		}{
			{"t-1", "mac==", NewTokenClient, true}, {"t-1", "other", NewTokenClient, false}, {"t-2", "mac==", NewTokenClient, false}, {"t-1", "mac==", NewScramClient, false},
		} {
			s, err := NewScram(mechanism, func(string) (Credential, bool) { return Credential{}, false }, func(id string) (Token, error) {
				if id != "t-1" {
					return Token{}, errors.New("there is none")
				}
				return Token{Owner: "alice", Expires: until, Credential: stored}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			client, err := c.begin(mechanism, c.id, c.mac)
			if err != nil {
				t.Fatal(err)
			}
			who, err := exchange(client, s)
			if c.in && (err != nil || who.Name != "alice" || !who.Token || !who.Expires.Equal(until)) {
				t.Errorf("%s: got %+v, %v", mechanism, who, err)
			}
			if !c.in {
				refused(t, err, "")
			}
		}
	}
}

// TestScramServersMustProve: what a server says at a login is looked at before the client believes it.
func TestScramServersMustProve(t *testing.T) {
	ctx := context.Background()
	begin := func() (Client, string) {
		c, err := NewScramClient(ScramSHA256, "alice", "secret")
		if err != nil {
			t.Fatal(err)
		}
		first, done, err := c.Step(ctx, nil)
		if err != nil || done {
			t.Fatal(done, err)
		}
		return c, attribute(string(first), "r=")
	}
	for challenge, words := range map[string]string{
		"r=NONCEx,s=c2FsdA==,i=4096":       "",
		"r=NONCEx,s=c2FsdA==,i=4095":       "iterations",
		"r=NONCEx,s=c2FsdA==,i=2000000000": "iterations",
		"r=NONCEx,s=c2FsdA==,i=-1":         "iterations",
		"r=NONCEx,s=c2FsdA==":              "iterations",
		"r=NONCE,s=c2FsdA==,i=4096":        "another login",
		"r=x,s=c2FsdA==,i=4096":            "another login",
		"r=NONCEx,s=,i=4096":               "not one of SCRAM",
		"r=NONCEx,s=*,i=4096":              "not one of SCRAM",
		"m=x,r=NONCEx,s=c2FsdA==,i=4096":   "not one of SCRAM",
		"":                                 "not one of SCRAM",
	} {
		c, nonce := begin()
		_, done, err := c.Step(ctx, []byte(strings.ReplaceAll(challenge, "NONCE", nonce)))
		if done || (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, %v, want %q", challenge, done, err, words)
		}
	}
	for _, last := range []string{"", "v=", "v=AAAA", "e=invalid-proof", "*"} {
		c, nonce := begin()
		if _, _, err := c.Step(ctx, []byte("r="+nonce+"x,s=c2FsdA==,i=4096")); err != nil {
			t.Fatal(err)
		}
		if _, done, err := c.Step(ctx, []byte(last)); err == nil || done {
			t.Errorf("the last message %q is believed", last)
		}
	}
}

// issuer signs tokens.
type issuer struct {
	key *rsa.PrivateKey
	id  string
}

func newIssuer(t testing.TB, id string) *issuer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{key, id}
}

func (i *issuer) set() []byte {
	data, _ := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "RSA", "kid": i.id, "use": "sig",
		"n": base64.RawURLEncoding.EncodeToString(i.key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(i.key.E)).Bytes()),
	}}})
	return data
}

func (i *issuer) token(claims jwt.MapClaims) string {
	all := jwt.MapClaims{"sub": "alice", "iss": "https://issuer", "aud": "kafka", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	for k, v := range claims {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	token.Header["kid"] = i.id
	text, _ := token.SignedString(i.key)
	return text
}

func rules(sets ...[]byte) *TokenRules {
	n := 0
	return &TokenRules{
		Keys: &KeySet{Fetch: func(context.Context) ([]byte, error) {
			n++
			return sets[min(n, len(sets))-1], nil
		}, Refresh: time.Hour},
		Audiences: []string{"kafka", "other"}, Issuer: "https://issuer", ScopeClaim: "scope", SubjectClaim: "sub", Skew: 30 * time.Second,
	}
}

func login(token string, verify Verify) (*Identity, error) {
	return exchange(NewBearerClient(func(context.Context) (string, error) { return token, nil }), NewBearer(verify))
}

func TestTokens(t *testing.T) {
	i, now := newIssuer(t, "k1"), time.Now()
	r := rules(i.set())
	who, err := login(i.token(jwt.MapClaims{"aud": []string{"x", "other"}}), r.Verify)
	if err != nil || who.Name != "alice" || who.Expires.Before(now.Add(59*time.Minute)) {
		t.Errorf("got %+v, %v", who, err)
	}
	if _, err := login(i.token(jwt.MapClaims{"exp": time.Now().Add(-2 * time.Second).Unix()}), r.Verify); err != nil { // far from the 30 s that are let pass, for the test takes some itself
		t.Errorf("a clock that is 2 s off: %v", err)
	}
	none, _ := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"sub": "alice", "exp": now.Add(time.Hour).Unix()}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	shared, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "alice"}).SignedString(i.key.N.Bytes())
	for name, token := range map[string]string{
		"expired":         i.token(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}),
		"without an end":  i.token(jwt.MapClaims{"exp": nil}),
		"not yet good":    i.token(jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}),
		"other issuer":    i.token(jwt.MapClaims{"iss": "https://other"}),
		"other audience":  i.token(jwt.MapClaims{"aud": "web"}),
		"nobody's":        i.token(jwt.MapClaims{"sub": " "}),
		"number as name":  i.token(jwt.MapClaims{"sub": 7}),
		"foreign key":     newIssuer(t, "k1").token(nil),
		"unsigned":        none,
		"shared secret":   shared,
		"no token at all": "x.y.z",
	} {
		if who, err := login(token, r.Verify); err == nil {
			t.Errorf("%s: got in as %v", name, who)
		} else if !strings.Contains(err.Error(), "invalid_token") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysThatChangeAreFetchedAgain(t *testing.T) {
	first, second := newIssuer(t, "k1"), newIssuer(t, "k2")
	r := rules(first.set(), second.set())
	if _, err := r.Verify(context.Background(), first.token(nil)); err != nil {
		t.Fatal(err)
	}
	r.Keys.tried = time.Now().Add(time.Minute) // a moment ago, also where this test was interrupted since
	if _, err := r.Verify(context.Background(), second.token(nil)); err == nil {
		t.Error("two fetches within a second: anybody could have the issuer asked without end")
	}
	r.Keys.tried = time.Time{} // a second later
	if _, err := r.Verify(context.Background(), second.token(nil)); err != nil {
		t.Error(err)
	}
}

func TestUnsecuredTokens(t *testing.T) {
	r := &UnsecuredRules{Required: []string{"kafka"}}
	token := func(claims map[string]any, lifetime time.Duration) string {
		text, err := NewUnsecuredToken(claims, lifetime, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if who, err := login(token(map[string]any{"sub": "alice", "scope": "a kafka"}, time.Hour), r.Verify); err != nil || who.Name != "alice" {
		t.Errorf("got %v, %v", who, err)
	}
	for name, text := range map[string]string{
		"expired": token(map[string]any{"sub": "alice", "scope": "kafka"}, -time.Hour),
		"scope":   token(map[string]any{"sub": "alice", "scope": []string{"other"}}, time.Hour),
		"signed":  newIssuer(t, "k").token(nil),
	} {
		if _, err := login(text, r.Verify); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
}

func FuzzServers(f *testing.F) {
	f.Add([]byte("\x00alice\x00secret"), []byte{})
	f.Add([]byte("n,,n=alice,r=abc"), []byte("c=biws,r=abc,p=AAAA"))
	f.Add([]byte("n,a=x,\x01auth=Bearer a.b.c\x01\x01"), []byte{1})
	f.Add([]byte("n,,\x01auth=Bearer eyJhbGciOiJub25lIn0.e30.\x01k=v\x01\x01"), []byte{1})
	r := &UnsecuredRules{}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		scram, err := NewScram(ScramSHA256, func(string) (Credential, bool) { return Credential{Salt: []byte("salt"), Iterations: 4096}, true }, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []Server{NewPlain(Passwords{"alice": "other"}), scram, NewBearer(r.Verify)} {
			_, who, err := s.Step(context.Background(), first)
			if err == nil && who == nil {
				_, who, _ = s.Step(context.Background(), second)
			}
			if who != nil && who.Name == "" {
				t.Error("somebody without a name got in")
			}
		}
	})
}

func FuzzParseKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = parseKeySet(data) })
}
