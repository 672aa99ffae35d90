package reach

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"leat/internal/security/sasl"
	"leat/internal/security/sasl/kerberos"
	"leat/internal/security/tlsstore"
)

// begin begins an exchange with the node on a host.
type begin func(host string) (sasl.Client, error)

// clientLogin reads how the client authenticates.
func clientLogin(set map[string]string) (begin, error) {
	mechanism := set["sasl.mechanism"]
	login := sasl.Login{Options: map[string]string{}}
	if line := set["sasl.jaas.config"]; line != "" || set["sasl.username"] == "" && mechanism != sasl.OAuthBearer {
		var err error
		if login, err = sasl.ParseLogin(line); err != nil {
			return nil, fmt.Errorf("sasl.jaas.config: %w: or give sasl.username and sasl.password", err)
		}
	}
	switch mechanism {
	case sasl.ScramSHA256, sasl.ScramSHA512:
		if strings.EqualFold(login.Options["tokenauth"], "true") { // as Java reads it
			return delegated(mechanism, login.Options["username"], login.Options["password"])
		}
		fallthrough
	case sasl.Plain:
		return password(mechanism, cmp.Or(login.Options["username"], set["sasl.username"]), cmp.Or(login.Options["password"], set["sasl.password"]))
	case sasl.OAuthBearer:
		token, err := tokenOf(set, login)
		if err != nil {
			return nil, err
		}
		return func(string) (sasl.Client, error) { return sasl.NewBearerClient(token), nil }, nil
	case kerberos.Mechanism:
		service := cmp.Or(set["sasl.kerberos.service.name"], login.Options["serviceName"])
		initiator, err := kerberos.NewInitiator(login, service)
		if err != nil {
			return nil, fmt.Errorf("sasl.jaas.config: %w", err)
		}
		if service == "" {
			return nil, errors.New("sasl.kerberos.service.name: it is needed and not set: it is the first part of the principals of the brokers, such as kafka")
		}
		return func(host string) (sasl.Client, error) { return initiator.Begin(host), nil }, nil
	}
	return nil, fmt.Errorf("sasl.mechanism=%s: these commands have %s", mechanism, strings.Join([]string{sasl.Plain, sasl.ScramSHA256, sasl.ScramSHA512, sasl.OAuthBearer, kerberos.Mechanism}, ", "))
}

func password(mechanism, name, secret string) (begin, error) {
	if name == "" || secret == "" {
		return nil, errors.New("sasl.jaas.config: username and password are needed in the login line, or sasl.username and sasl.password")
	}
	if mechanism == sasl.Plain {
		return func(string) (sasl.Client, error) { return sasl.NewPlainClient(name, secret), nil }, nil
	}
	return func(string) (sasl.Client, error) { return sasl.NewScramClient(mechanism, name, secret) }, nil
}

// delegated logs in by a delegation token.
func delegated(mechanism, id, mac string) (begin, error) {
	if id == "" || mac == "" {
		return nil, errors.New("sasl.jaas.config: tokenauth needs username and password in the login line: they are the id of the delegation token and its HMAC")
	}
	return func(string) (sasl.Client, error) { return sasl.NewTokenClient(mechanism, id, mac) }, nil
}

// tokenOf is where the client has its token from: a file, or an issuer that gives it for the client's secret, under the names that Kafka has for these.
func tokenOf(set map[string]string, login sasl.Login) (func(context.Context) (string, error), error) {
	const key = "sasl.oauthbearer.token.endpoint.url"
	u, err := url.Parse(set[key])
	switch {
	case err != nil || u.Scheme != "file" && u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New(key + ": a token is needed: write https:// and the address of the issuer, or file:// and the path of a file that has a token")
	case u.Scheme == "file":
		return func(context.Context) (string, error) {
			text, err := os.ReadFile(u.Path)
			return strings.TrimSpace(string(text)), err
		}, nil
	}
	const credentials = "sasl.oauthbearer.client.credentials."
	g := &sasl.Grant{Address: set[key], ID: cmp.Or(set[credentials+"client.id"], login.Options["clientId"]), Secret: cmp.Or(set[credentials+"client.secret"], login.Options["clientSecret"]),
		Scope: cmp.Or(set["sasl.oauthbearer.scope"], login.Options["scope"])}
	if g.ID == "" || g.Secret == "" {
		return nil, errors.New(credentials + "client.id and " + credentials + "client.secret are needed, or clientId and clientSecret in sasl.jaas.config: the issuer gives a token for them")
	}
	roots, err := issuerRoots(set, login)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	g.Call = func(rq *http.Request) ([]byte, error) { return sasl.Call(client, rq) }
	return g.Token, nil
}

// issuerRoots are whom the issuer must be signed by: the trust store in the login line, where Kafka looks, or that of the client; nil: whom the system trusts.
func issuerRoots(set map[string]string, login sasl.Login) (*x509.CertPool, error) {
	for _, from := range []map[string]string{login.Options, set} {
		if from["ssl.truststore.location"]+from["ssl.truststore.certificates"] == "" {
			continue
		}
		store, err := tlsstore.Load(&tlsstore.Settings{TruststoreType: storeType(from, "ssl.truststore"), TruststoreLocation: from["ssl.truststore.location"],
			TruststorePassword: from["ssl.truststore.password"], TrustedCertificates: from["ssl.truststore.certificates"]}, tlsstore.FromDisk)
		if err != nil {
			return nil, err
		}
		return store.Roots(), nil
	}
	return nil, nil
}
