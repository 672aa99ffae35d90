package tlsstore

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

var errTooLarge = errors.New("larger than 16 MiB, which no key or trust store is")

// Store is what one reading of the settings and files gave.
type Store struct {
	certificates []tls.Certificate // this node's; empty: none
	roots        *x509.CertPool    // nil: the system's
	versions     versions
	suites       []uint16 // of TLS 1.2; nil: the library's choice
	clientAuth   tls.ClientAuthType
	checkName    bool
	// Warnings are what works, and yet not as it is written.
	Warnings []string
}

// Load reads what the settings name.
func Load(s *Settings, read ReadFile) (*Store, error) {
	st := &Store{checkName: s.EndpointIdentification != ""}
	var err error
	if err = st.chooseVersions(s.Protocols); err != nil {
		return nil, err
	}
	if err = st.chooseSuites(s.CipherSuites); err != nil {
		return nil, err
	}
	if st.certificates, err = loadKeys(s, read); err != nil {
		return nil, err
	}
	if st.roots, err = loadTrust(s, read); err != nil {
		return nil, err
	}
	switch s.ClientAuth {
	case "", "none":
		st.clientAuth = tls.NoClientCert
	case "requested":
		st.clientAuth = tls.VerifyClientCertIfGiven
	case "required":
		st.clientAuth = tls.RequireAndVerifyClientCert
	default:
		return nil, fmt.Errorf("ssl.client.auth=%s: not none, requested or required", s.ClientAuth)
	}
	return st, nil
}

// Server is the configuration of a listener.
func (st *Store) Server() (*tls.Config, error) {
	if len(st.certificates) == 0 {
		return nil, errors.New("ssl.keystore.location: a listener with TLS needs a private key and a certificate: " +
			"name a file, or give ssl.keystore.key and ssl.keystore.certificate.chain with ssl.keystore.type=PEM")
	}
	return &tls.Config{
		Certificates: st.certificates, ClientCAs: st.roots, ClientAuth: st.clientAuth,
		MinVersion: st.versions.low, MaxVersion: st.versions.high, CipherSuites: st.suites,
		DynamicRecordSizingDisabled: true, // fetches are long; small records would only cost
	}, nil
}

// Client is the configuration of a connection to a host. With a key store the connection shows its certificate to who asks.
func (st *Store) Client(host string) *tls.Config {
	c := &tls.Config{
		Certificates: st.certificates, RootCAs: st.roots, ServerName: host,
		MinVersion: st.versions.low, MaxVersion: st.versions.high, CipherSuites: st.suites,
		DynamicRecordSizingDisabled: true,
	}
	if !st.checkName {
		c.InsecureSkipVerify = true // the chain is verified below, only the name is not
		c.VerifyConnection = st.verifyChain
	}
	return c
}

// verifyChain checks a server's certificate except for its name.
func (st *Store) verifyChain(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	options := x509.VerifyOptions{Roots: st.roots, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(options)
	return err
}

// Leaf is this node's own certificate, nil if it has none.
func (st *Store) Leaf() *x509.Certificate {
	if len(st.certificates) == 0 {
		return nil
	}
	return st.certificates[0].Leaf
}

// keyPair puts a private key and the certificates that came with it together: the one of the key first, then each one's issuer.
func keyPair(key any, all []*x509.Certificate) (tls.Certificate, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return tls.Certificate{}, fmt.Errorf("a private key of kind %T cannot sign", key)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return tls.Certificate{}, fmt.Errorf("a private key of kind %T is not supported", key)
	}
	var leaf *x509.Certificate
	for _, c := range all {
		if public.Equal(c.PublicKey) {
			leaf = c
			break
		}
	}
	if leaf == nil {
		return tls.Certificate{}, fmt.Errorf("none of %d certificates belongs to the private key", len(all))
	}
	pair := tls.Certificate{PrivateKey: key, Leaf: leaf}
	for c := leaf; c != nil; c = issuerOf(c, all) {
		pair.Certificate = append(pair.Certificate, c.Raw)
		if len(pair.Certificate) > len(all) {
			break // a ring of certificates
		}
	}
	return pair, nil
}

// issuerOf finds who signed a certificate; nil for one that signed itself, and for one whose issuer is not there.
func issuerOf(c *x509.Certificate, all []*x509.Certificate) *x509.Certificate {
	if string(c.RawIssuer) == string(c.RawSubject) {
		return nil
	}
	for _, other := range all {
		if string(other.RawSubject) == string(c.RawIssuer) && c.CheckSignatureFrom(other) == nil {
			return other
		}
	}
	return nil
}

// format is the type of a store by its key.
func format(key, text string) (string, error) {
	switch t := strings.ToUpper(text); t {
	case "PEM", "JKS", "PKCS12":
		return t, nil
	case "":
		return "JKS", nil
	default:
		return "", fmt.Errorf("%s=%s: the formats are PEM, PKCS12 and JKS", key, text)
	}
}

// Roots are the authorities that are trusted; nil: those of the system.
func (st *Store) Roots() *x509.CertPool { return st.roots }
