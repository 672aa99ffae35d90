package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"leat/internal/config"
	"leat/internal/peer"
	"leat/internal/security/sasl"
	"leat/internal/security/tlsstore"
)

// line is how a command reaches nodes, by the properties that Kafka's clients have: security.protocol, ssl.* and sasl.*. Nil: in the clear.
type line struct {
	store *tlsstore.Store             // nil: without TLS
	begin func() (sasl.Client, error) // nil: without SASL
}

// readLine reads a file of a client's properties; "": in the clear.
func readLine(file string) (*line, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	set, err := config.ReadProperties(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	l, err := newLine(set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return l, nil
}

func newLine(set map[string]string) (*line, error) {
	l := &line{}
	var err error
	switch protocol := cmp.Or(set["security.protocol"], "PLAINTEXT"); protocol {
	case "PLAINTEXT":
		return nil, nil
	case "SSL":
		l.store, err = clientStore(set)
	case "SASL_PLAINTEXT":
		l.begin, err = clientLogin(set)
	case "SASL_SSL":
		if l.store, err = clientStore(set); err == nil {
			l.begin, err = clientLogin(set)
		}
	default:
		err = fmt.Errorf("security.protocol=%s: it is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL", protocol)
	}
	return l, err
}

// clientStore reads what the client trusts, and what it shows of itself.
func clientStore(set map[string]string) (*tlsstore.Store, error) {
	name, given := set["ssl.endpoint.identification.algorithm"]
	if !given {
		name = "https"
	}
	return tlsstore.Load(&tlsstore.Settings{
		KeystoreType: cmp.Or(set["ssl.keystore.type"], "JKS"), KeystoreLocation: set["ssl.keystore.location"], KeystorePassword: set["ssl.keystore.password"],
		KeyPassword: set["ssl.key.password"], CertificateChain: set["ssl.keystore.certificate.chain"], Key: set["ssl.keystore.key"],
		TruststoreType: cmp.Or(set["ssl.truststore.type"], "JKS"), TruststoreLocation: set["ssl.truststore.location"],
		TruststorePassword: set["ssl.truststore.password"], TrustedCertificates: set["ssl.truststore.certificates"],
		Protocols: words(cmp.Or(set["ssl.enabled.protocols"], "TLSv1.2,TLSv1.3")), CipherSuites: words(set["ssl.cipher.suites"]), EndpointIdentification: name,
	}, tlsstore.FromDisk)
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// clientLogin reads how the client authenticates.
func clientLogin(set map[string]string) (func() (sasl.Client, error), error) {
	mechanism := set["sasl.mechanism"]
	login, err := sasl.ParseLogin(set["sasl.jaas.config"])
	if err != nil {
		return nil, fmt.Errorf("sasl.jaas.config: %w", err)
	}
	name, password := login.Options["username"], login.Options["password"]
	switch mechanism {
	case sasl.Plain, sasl.ScramSHA256, sasl.ScramSHA512:
		if name == "" || password == "" {
			return nil, errors.New("sasl.jaas.config: username and password are needed in the login line")
		}
		if mechanism == sasl.Plain {
			return func() (sasl.Client, error) { return sasl.NewPlainClient(name, password), nil }, nil
		}
		return func() (sasl.Client, error) { return sasl.NewScramClient(mechanism, name, password) }, nil
	case sasl.OAuthBearer:
		return clientToken(set["sasl.oauthbearer.token.endpoint.url"])
	}
	return nil, fmt.Errorf("sasl.mechanism=%s: these commands have %s, %s, %s and %s with a token from a file", mechanism, sasl.Plain, sasl.ScramSHA256, sasl.ScramSHA512,
		sasl.OAuthBearer)
}

func clientToken(address string) (func() (sasl.Client, error), error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "file" {
		return nil, fmt.Errorf("sasl.oauthbearer.token.endpoint.url=%s: these commands take a token from a file only: write file:///path/of/token", address)
	}
	return func() (sasl.Client, error) {
		return sasl.NewBearerClient(func(context.Context) (string, error) {
			text, err := os.ReadFile(u.Path)
			return strings.TrimSpace(string(text)), err
		}), nil
	}, nil
}

// dial opens a connection that is ready for requests.
func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return l.wrap(ctx, nc, address)
}

// wrap secures a connection. It closes it if that fails.
func (l *line) wrap(ctx context.Context, nc net.Conn, address string) (net.Conn, error) {
	if l.store != nil {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			_ = nc.Close()
			return nil, err
		}
		t := tls.Client(nc, l.store.Client(host))
		if err := t.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, fmt.Errorf("TLS handshake with %s: %w", address, err)
		}
		nc = t
	}
	if l.begin == nil {
		return nc, nil
	}
	client, err := l.begin()
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return peer.Authenticate(ctx, nc, clientID, client)
}

// clientID is what these commands call themselves.
const clientID = "leat-cli"

// lineKey is under which the context of a command has its line: every node that the command comes to is reached the same way.
type lineKey struct{}

func withLine(ctx context.Context, l *line) context.Context {
	return context.WithValue(ctx, lineKey{}, l)
}

// peerConfig is for a command's few requests: it gives up on an address soon, because there are others.
func peerConfig(ctx context.Context) peer.Config {
	cfg := peer.Config{ClientID: clientID, Dial: new(net.Dialer).DialContext, ConnectTimeout: connectTimeout}
	if l, ok := ctx.Value(lineKey{}).(*line); ok && l != nil {
		cfg.Wrap = l.wrap
	}
	return cfg
}
