package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
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
	return sasl.Call(&http.Client{Transport: transport}, rq)
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
	source := &sasl.Grant{Call: func(rq *http.Request) ([]byte, error) { return n.call(rq, n.secured[of.name]) }, Address: address, ID: id, Secret: secret, Scope: scope}
	return source.Token, nil
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
