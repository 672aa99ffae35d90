package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"leat/internal/security/sasl"
	"leat/internal/security/tlsstore"
)

// tokenKeys keeps the keys of an issuer while other settings change.
type tokenKeys struct {
	mu   sync.Mutex
	url  string
	keys *sasl.KeySet
}

func (t *tokenKeys) of(address string, refresh time.Duration, fetch func(context.Context) ([]byte, error)) *sasl.KeySet {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil || t.url != address {
		t.url, t.keys = address, &sasl.KeySet{Fetch: fetch, Refresh: refresh}
	}
	return t.keys
}

// maxFetch bounds what is read of an issuer.
const maxFetch = 1 << 20

// fetch reads what stands at an address: a file, or a page of an issuer.
func (n *node) fetch(ctx context.Context, s *secured, address string) ([]byte, error) {
	if path, ok := filePath(address); ok {
		return tlsstore.FromDisk(path)
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return n.call(rq, s)
}

func filePath(address string) (string, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	return u.Path, true
}

// call makes a request of HTTP for a listener and reads the answer.
func (n *node) call(rq *http.Request, s *secured) ([]byte, error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: n.Dial, Proxy: http.ProxyFromEnvironment}
	if s != nil && rq.URL.Scheme == "https" {
		roots, err := n.issuerRoots(s)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	resp, err := (&http.Client{Transport: transport}).Do(rq)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxFetch+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("%s answers %s", rq.URL.Redacted(), resp.Status)
	case len(data) > maxFetch:
		return nil, fmt.Errorf("%s answers more than %d bytes", rq.URL.Redacted(), maxFetch)
	}
	return data, nil
}

// issuerRoots are whom an issuer of tokens must be signed by: the trust store in the login line of OAUTHBEARER, where Kafka looks, or that of the listener, whether
// the listener itself speaks TLS or not; nil: whom the system trusts.
func (n *node) issuerRoots(s *secured) (*x509.CertPool, error) {
	of := listenerKeys{n.settings.now().values, s.name}
	settings := of.stores()
	if l, err := of.jaas(sasl.OAuthBearer); err == nil && l.Options["ssl.truststore.location"]+l.Options["ssl.truststore.certificates"] != "" {
		settings = tlsstore.Settings{TruststoreType: cmp.Or(l.Options["ssl.truststore.type"], "JKS"), TruststoreLocation: l.Options["ssl.truststore.location"],
			TruststorePassword: l.Options["ssl.truststore.password"], TrustedCertificates: l.Options["ssl.truststore.certificates"]}
	} else if s.stores != nil {
		return s.stores.Store().Roots(), nil
	}
	store, err := tlsstore.Load(&tlsstore.Settings{TruststoreType: settings.TruststoreType, TruststoreLocation: settings.TruststoreLocation,
		TruststorePassword: settings.TruststorePassword, TrustedCertificates: settings.TrustedCertificates}, tlsstore.FromDisk)
	if err != nil {
		return nil, err
	}
	return store.Roots(), nil
}

// tokenSource is where this node has the tokens from by which it authenticates at others.
func (n *node) tokenSource(of listenerKeys, l sasl.Login) (func(context.Context) (string, error), error) {
	get := func(key string) string { return of.ofMechanism(sasl.OAuthBearer, key) }
	address := get("sasl.oauthbearer.token.endpoint.url")
	if claims := unsecuredClaims(l); address == "" && len(claims) > 0 {
		return func(context.Context) (string, error) { return sasl.NewUnsecuredToken(claims, time.Hour, time.Now()) }, nil
	}
	if path, ok := filePath(address); ok {
		return func(context.Context) (string, error) {
			data, err := tlsstore.FromDisk(path)
			return strings.TrimSpace(string(data)), err
		}, nil
	}
	id, secret, scope := l.Options["clientId"], l.Options["clientSecret"], l.Options["scope"]
	for key, value := range map[string]*string{"sasl.oauthbearer.client.credentials.client.id": &id, "sasl.oauthbearer.client.credentials.client.secret": &secret, "sasl.oauthbearer.scope": &scope} {
		if configured := get(key); configured != "" {
			*value = configured
		}
	}
	if address == "" || id == "" || secret == "" {
		return nil, errors.New("sasl.oauthbearer.token.endpoint.url: this node needs a token to authenticate at others: give the address of the issuer with " +
			"sasl.oauthbearer.client.credentials.client.id and .secret, or a file:// that has a token")
	}
	source := &tokenFetch{call: func(rq *http.Request) ([]byte, error) { return n.call(rq, n.secured[of.name]) }, address: address, id: id, secret: secret, scope: scope}
	return source.token, nil
}

// unsecuredClaims are those of a token without signature that a login line describes.
func unsecuredClaims(l sasl.Login) map[string]any {
	claims := map[string]any{}
	for option, value := range l.Options {
		if name, ok := strings.CutPrefix(option, "unsecuredLoginStringClaim_"); ok {
			claims[name] = value
		}
	}
	return claims
}

// tokenFetch asks an issuer for a token in exchange for a client's secret (RFC 6749, 4.4) and keeps it while it is good.
type tokenFetch struct {
	call                       func(*http.Request) ([]byte, error)
	address, id, secret, scope string

	mu      sync.Mutex
	kept    string
	renewAt time.Time
}

func (t *tokenFetch) good() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.renewAt) {
		return t.kept
	}
	return ""
}

func (t *tokenFetch) token(ctx context.Context) (string, error) {
	if kept := t.good(); kept != "" {
		return kept, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if t.scope != "" {
		form.Set("scope", t.scope)
	}
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, t.address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	rq.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rq.Header.Set("Accept", "application/json")
	rq.SetBasicAuth(t.id, t.secret)
	data, err := t.call(rq)
	if err != nil {
		return "", fmt.Errorf("no token from the issuer: %w", err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Token == "" {
		return "", errors.New("no token from the issuer: its answer has no access_token")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.renewAt = answer.Token, time.Now().Add(time.Duration(min(answer.Expires, 86400))*time.Second*4/5)
	return answer.Token, nil
}
