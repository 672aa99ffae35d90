package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// audience is whom the tokens are for.
const audience = "kafka"

// issuer gives tokens to clients that know a secret (OpenID Connect: discovery, keys, client credentials).
type issuer struct {
	url    string
	server *http.Server

	mu        sync.Mutex
	keys      []*signingKey // the last one signs; all are published
	withdrawn *signingKey
	asked     map[string]int // requests by path
}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

// apps are the clients that the issuer knows, with what is odd about their tokens. All have the same secret.
var apps = map[string]func(i *issuer, t *jwt.Token, claims jwt.MapClaims){
	"alice-app": func(*issuer, *jwt.Token, jwt.MapClaims) {},
	"bob-app":   func(_ *issuer, _ *jwt.Token, c jwt.MapClaims) { c["sub"] = "bob" },
	"expired": func(_ *issuer, _ *jwt.Token, c jwt.MapClaims) {
		c["iat"], c["exp"] = time.Now().Unix()-7200, time.Now().Unix()-3600
	},
	"wrong-audience": func(_ *issuer, _ *jwt.Token, c jwt.MapClaims) { c["aud"] = "web" },
	"wrong-issuer":   func(_ *issuer, _ *jwt.Token, c jwt.MapClaims) { c["iss"] = "https://elsewhere.example" },
	"unknown-kid":    func(_ *issuer, t *jwt.Token, _ jwt.MapClaims) { t.Header["kid"] = "nobody" },
	"short-lived":    func(_ *issuer, _ *jwt.Token, c jwt.MapClaims) { c["exp"] = time.Now().Unix() + 5 },
	"unsigned":       nil,
	"withdrawn":      nil,
	"forged":         nil,
}

const appSecret = "app-secret"

func newIssuer(f *files) (*issuer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &issuer{url: "https://" + l.Addr().String(), asked: map[string]int{}}
	if err := i.rotate(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys", "token_endpoint": i.url + "/token", "grant_types_supported": []string{"client_credentials"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { answer(w, i.published()) })
	mux.HandleFunc("/token", i.token)
	i.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		i.mu.Lock()
		i.asked[rq.URL.Path]++
		i.mu.Unlock()
		mux.ServeHTTP(w, rq)
	})}
	go func() {
		_ = i.server.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{f.node}, MinVersion: tls.VersionTLS12}))
	}()
	return i, nil
}

func (i *issuer) close() { _ = i.server.Close() }

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what)
}

// rotate begins to sign with a new key. The one before is withdrawn: nothing that it signed is good any more.
func (i *issuer) rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.keys) > 0 {
		i.withdrawn = i.keys[0]
	}
	i.keys = []*signingKey{{id: "key-" + time.Now().Format("150405.000"), key: key}}
	return nil
}

func (i *issuer) published() any {
	i.mu.Lock()
	defer i.mu.Unlock()
	var keys []map[string]string
	for _, k := range i.keys {
		keys = append(keys, map[string]string{"kty": "RSA", "kid": k.id, "use": "sig", "alg": "RS256", "n": base64.RawURLEncoding.EncodeToString(k.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.key.E)).Bytes())})
	}
	return map[string]any{"keys": keys}
}

// token is the endpoint that clients ask, with their secret in the header or in the form.
func (i *issuer) token(w http.ResponseWriter, rq *http.Request) {
	id, secret, ok := rq.BasicAuth()
	if !ok {
		id, secret = rq.PostFormValue("client_id"), rq.PostFormValue("client_secret")
	}
	if _, known := apps[id]; !known || secret != appSecret || rq.PostFormValue("grant_type") != "client_credentials" {
		w.WriteHeader(http.StatusUnauthorized)
		answer(w, map[string]any{"error": "invalid_client"})
		return
	}
	text, err := i.sign(id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, map[string]any{"access_token": text, "token_type": "Bearer", "expires_in": 3600})
}

// sign makes the token of an app.
func (i *issuer) sign(app string) (string, error) {
	i.mu.Lock()
	key, withdrawn := i.keys[len(i.keys)-1], i.withdrawn
	i.mu.Unlock()
	claims := jwt.MapClaims{"sub": "alice", "iss": i.url, "aud": audience, "iat": time.Now().Unix() - 1, "exp": time.Now().Unix() + 3600, "scope": "kafka"}
	switch app {
	case "unsigned":
		return jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	case "withdrawn":
		if withdrawn != nil {
			key = withdrawn
		}
	case "forged":
		other, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return "", err
		}
		key = &signingKey{id: key.id, key: other}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = key.id
	if odd := apps[app]; odd != nil {
		odd(i, t, claims)
	}
	return t.SignedString(key.key)
}
