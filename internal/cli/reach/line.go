package reach

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"leat/internal/config"
	"leat/internal/peer"
	"leat/internal/security/tlsstore"
)

// Line is how a command reaches nodes, by the properties that Kafka's clients have: security.protocol, ssl.* and sasl.*. Nil: in the clear.
type Line struct {
	store *tlsstore.Store // nil: without TLS
	begin begin           // nil: without SASL
}

// Read reads a file of a client's properties; "": in the clear.
func Read(file string) (*Line, error) {
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
	l, err := FromProperties(set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return l, nil
}

// FromProperties is a line by a client's properties, which have been read already.
func FromProperties(set map[string]string) (*Line, error) {
	l := &Line{}
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
		KeystoreType: storeType(set, "ssl.keystore"), KeystoreLocation: set["ssl.keystore.location"], KeystorePassword: set["ssl.keystore.password"],
		KeyPassword: set["ssl.key.password"], CertificateChain: set["ssl.keystore.certificate.chain"], Key: set["ssl.keystore.key"],
		TruststoreType: storeType(set, "ssl.truststore"), TruststoreLocation: set["ssl.truststore.location"],
		TruststorePassword: set["ssl.truststore.password"], TrustedCertificates: set["ssl.truststore.certificates"],
		Protocols: words(cmp.Or(set["ssl.enabled.protocols"], "TLSv1.2,TLSv1.3")), CipherSuites: words(set["ssl.cipher.suites"]), EndpointIdentification: name,
	}, tlsstore.FromDisk)
}

// storeType is of which kind a store is: what is said of it, else what its name says, else Java's own.
func storeType(set map[string]string, store string) string {
	ends := ""
	switch filepath.Ext(set[store+".location"]) {
	case ".pem", ".crt":
		ends = "PEM"
	case ".p12", ".pfx":
		ends = "PKCS12"
	}
	return cmp.Or(set[store+".type"], ends, "JKS")
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// Dial opens a connection that is ready for requests: secured and authenticated, as a client's dialer.
func (l *Line) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nc, nil
	}
	return l.wrap(ctx, nc, address)
}

// wrap secures a connection. It closes it if that fails.
func (l *Line) wrap(ctx context.Context, nc net.Conn, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	if l.store != nil {
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
	client, err := l.begin(host)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return peer.Authenticate(ctx, nc, ClientID, client)
}
