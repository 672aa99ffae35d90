package tlsstore

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	keystore "github.com/pavlo-v-chernykh/keystore-go/v4"
)

// loadKeys reads the key store. Without one it returns nothing.
func loadKeys(s *Settings, read ReadFile) ([]tls.Certificate, error) {
	kind, err := format("ssl.keystore.type", s.KeystoreType)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == "PEM" && (s.Key != "" || s.CertificateChain != ""):
		return keysInConfig(s)
	case s.Key != "" || s.CertificateChain != "":
		return nil, fmt.Errorf("ssl.keystore.type=%s: ssl.keystore.key and ssl.keystore.certificate.chain are PEM: set ssl.keystore.type=PEM", kind)
	case s.KeystoreLocation == "" && s.KeystorePassword != "":
		return nil, errors.New("ssl.keystore.password: it is set, but ssl.keystore.location is not")
	case s.KeystoreLocation == "":
		return nil, nil
	}
	data, err := read(s.KeystoreLocation)
	if err != nil {
		return nil, fmt.Errorf("ssl.keystore.location: %w", err)
	}
	pairs, err := keysInFile(kind, data, s)
	if err != nil {
		return nil, fmt.Errorf("ssl.keystore.location=%s: %w", s.KeystoreLocation, err)
	}
	return pairs, nil
}

func keysInConfig(s *Settings) ([]tls.Certificate, error) {
	switch {
	case s.KeystoreLocation != "":
		return nil, errors.New("ssl.keystore.location: ssl.keystore.key and ssl.keystore.certificate.chain are set, too: only one of both may be")
	case s.Key == "" || s.CertificateChain == "":
		return nil, errors.New("ssl.keystore.key: it and ssl.keystore.certificate.chain belong together, and one of them is missing")
	}
	pair, err := pemPair([]byte(s.Key), []byte(s.CertificateChain), s.KeyPassword)
	if err != nil {
		return nil, fmt.Errorf("ssl.keystore.key and ssl.keystore.certificate.chain: %w", err)
	}
	return []tls.Certificate{pair}, nil
}

func keysInFile(kind string, data []byte, s *Settings) ([]tls.Certificate, error) {
	if kind == "PEM" {
		if s.KeystorePassword != "" {
			return nil, errors.New("ssl.keystore.password is set, but a PEM file has none: the password of its key is ssl.key.password")
		}
		pair, err := pemPair(data, data, s.KeyPassword)
		return []tls.Certificate{pair}, err
	}
	switch sniff(data) {
	case "PKCS12":
		return pkcs12Keys(data, s.KeystorePassword)
	case "JKS":
		keyPassword := s.KeyPassword
		if keyPassword == "" {
			keyPassword = s.KeystorePassword
		}
		return jksKeys(data, s.KeystorePassword, keyPassword)
	case "PEM":
		return nil, fmt.Errorf("ssl.keystore.type=%s, but this is a PEM file: set ssl.keystore.type=PEM", kind)
	default:
		return nil, fmt.Errorf("this is neither a JKS nor a PKCS12 file")
	}
}

// sniff tells formats apart by their first bytes. Java reads JKS and PKCS12 under either name, too.
func sniff(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return "JKS"
	case len(data) > 2 && data[0] == 0x30:
		return "PKCS12"
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return "PEM"
	}
	return ""
}

func openJKS(data []byte, password string) (keystore.KeyStore, error) {
	ks := keystore.New(keystore.WithOrderedAliases())
	if err := checkJKS(data); err != nil {
		return ks, fmt.Errorf("not readable as JKS: %w", err)
	}
	if err := guarded(func() error { return ks.Load(bytes.NewReader(data), []byte(password)) }); err != nil {
		return ks, fmt.Errorf("not readable as JKS, or the password of the store is wrong: %w", err)
	}
	return ks, nil
}

func jksKeys(data []byte, password, keyPassword string) ([]tls.Certificate, error) {
	ks, err := openJKS(data, password)
	if err != nil {
		return nil, err
	}
	var pairs []tls.Certificate
	for _, alias := range ks.Aliases() {
		if !ks.IsPrivateKeyEntry(alias) {
			continue
		}
		var entry keystore.PrivateKeyEntry
		err := guarded(func() (err error) {
			entry, err = ks.GetPrivateKeyEntry(alias, []byte(keyPassword))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("key %s: not readable, or ssl.key.password is wrong: %w", alias, err)
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", alias, err)
		}
		chain, err := certificatesOf(entry.CertificateChain)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", alias, err)
		}
		pair, err := keyPair(key, chain)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", alias, err)
		}
		pairs = append(pairs, pair)
	}
	if len(pairs) == 0 {
		return nil, errors.New("it has no private key")
	}
	return pairs, nil
}

func certificatesOf(list []keystore.Certificate) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, c := range list {
		parsed, err := x509.ParseCertificate(c.Content)
		if err != nil {
			return nil, err
		}
		all = append(all, parsed)
	}
	return all, nil
}

// loadTrust reads the trust store; nil without one.
func loadTrust(s *Settings, read ReadFile) (*x509.CertPool, error) {
	kind, err := format("ssl.truststore.type", s.TruststoreType)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	switch {
	case s.TrustedCertificates != "" && kind != "PEM":
		return nil, fmt.Errorf("ssl.truststore.type=%s: ssl.truststore.certificates are PEM: set ssl.truststore.type=PEM", kind)
	case s.TrustedCertificates != "" && s.TruststoreLocation != "":
		return nil, errors.New("ssl.truststore.location: ssl.truststore.certificates is set, too: only one of both may be")
	case s.TrustedCertificates != "":
		if certificates, err = pemCertificates([]byte(s.TrustedCertificates)); err != nil {
			return nil, fmt.Errorf("ssl.truststore.certificates: %w", err)
		}
	case s.TruststoreLocation == "" && s.TruststorePassword != "":
		return nil, errors.New("ssl.truststore.password: it is set, but ssl.truststore.location is not")
	case s.TruststoreLocation == "":
		return nil, nil
	default:
		if certificates, err = trustFile(kind, s, read); err != nil {
			return nil, fmt.Errorf("ssl.truststore.location=%s: %w", s.TruststoreLocation, err)
		}
	}
	pool := x509.NewCertPool()
	for _, c := range slices.Backward(certificates) {
		pool.AddCert(c)
	}
	return pool, nil
}

func trustFile(kind string, s *Settings, read ReadFile) ([]*x509.Certificate, error) {
	data, err := read(s.TruststoreLocation)
	if err != nil {
		return nil, err
	}
	if kind == "PEM" {
		if s.TruststorePassword != "" {
			return nil, errors.New("ssl.truststore.password is set, but a PEM file has none: remove it")
		}
		return pemCertificates(data)
	}
	var all []*x509.Certificate
	switch sniff(data) {
	case "PKCS12":
		if all, err = pkcs12Trust(data, s.TruststorePassword); err != nil {
			return nil, err
		}
	case "JKS":
		if all, err = jksTrust(data, s.TruststorePassword); err != nil {
			return nil, err
		}
	case "PEM":
		return nil, fmt.Errorf("ssl.truststore.type=%s, but this is a PEM file: set ssl.truststore.type=PEM", kind)
	default:
		return nil, errors.New("this is neither a JKS nor a PKCS12 file")
	}
	if len(all) == 0 {
		return nil, errors.New("it has no trusted certificate: import one with keytool -importcert")
	}
	return all, nil
}

func jksTrust(data []byte, password string) ([]*x509.Certificate, error) {
	ks, err := openJKS(data, password)
	if err != nil {
		return nil, err
	}
	var list []keystore.Certificate
	for _, alias := range ks.Aliases() {
		if !ks.IsTrustedCertificateEntry(alias) {
			continue
		}
		entry, err := ks.GetTrustedCertificateEntry(alias)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", alias, err)
		}
		list = append(list, entry.Certificate)
	}
	return certificatesOf(list)
}
