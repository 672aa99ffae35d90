package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// files are the keys and certificates of everybody, as files.
type files struct {
	dir                  string
	authority, stranger  *authority
	node                 tls.Certificate // for the issuer, which runs on the same address
	rotating             string          // a file that is replaced while the node runs
	keystore, truststore string          // in Java's formats
}

// storePassword opens the stores.
const storePassword = "secret-1"

// authority signs certificates.
type authority struct {
	file        string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

// subject is what a certificate says.
type subject struct {
	name, organisation string
	host               string // "": 127.0.0.1 and localhost
	ended              bool
}

func makeFiles(dir string) (*files, error) {
	f := &files{dir: dir, rotating: filepath.Join(dir, "rotating.pem")}
	var err error
	if f.authority, err = newAuthority(dir, "authority"); err != nil {
		return nil, err
	}
	if f.stranger, err = newAuthority(dir, "stranger"); err != nil {
		return nil, err
	}
	for file, c := range map[string]struct {
		by *authority
		of subject
	}{
		"node.pem":      {f.authority, subject{name: "node"}},
		"expired.pem":   {f.authority, subject{name: "node", ended: true}},
		"elsewhere.pem": {f.authority, subject{name: "node", host: "elsewhere.example"}},
		"rotating.pem":  {f.authority, subject{name: "first"}},
		"renewed.pem":   {f.stranger, subject{name: "second"}},
		"alice.pem":     {f.authority, subject{name: "Alice", organisation: "leat"}},
		"bob.pem":       {f.authority, subject{name: "bob"}},
		"mallory.pem":   {f.stranger, subject{name: "Alice", organisation: "leat"}},
		"late.pem":      {f.authority, subject{name: "Alice", organisation: "leat", ended: true}},
	} {
		if err := c.by.write(filepath.Join(dir, file), c.of); err != nil {
			return nil, err
		}
	}
	if f.node, err = tls.LoadX509KeyPair(f.path("node.pem"), f.path("node.pem")); err != nil {
		return nil, err
	}
	return f, f.stores()
}

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

// stores makes a key store of the kind JKS and a trust store of the kind PKCS12, with the programs that Kafka's users make theirs with.
func (f *files) stores() error {
	f.keystore, f.truststore = f.path("node.jks"), f.path("trust.p12")
	for _, argv := range [][]string{
		{"openssl", "pkcs12", "-export", "-in", f.path("node.pem"), "-name", "node", "-passout", "pass:" + storePassword, "-out", f.path("node.p12")},
		{"keytool", "-importkeystore", "-noprompt", "-srckeystore", f.path("node.p12"), "-srcstoretype", "PKCS12", "-srcstorepass", storePassword,
			"-destkeystore", f.keystore, "-deststoretype", "JKS", "-deststorepass", storePassword},
		{"keytool", "-importcert", "-noprompt", "-alias", "authority", "-file", f.authority.file, "-keystore", f.truststore, "-storetype", "PKCS12", "-storepass", storePassword},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", argv, err, out)
		}
	}
	return nil
}

func newAuthority(dir, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &authority{file: filepath.Join(dir, name+"-ca.pem"), key: key, serial: 1}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

// write makes a key and a certificate, and writes both into one file.
func (a *authority) write(file string, of subject) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	a.serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: of.name}, NotBefore: time.Now().Add(-2 * time.Hour),
		NotAfter: time.Now().AddDate(0, 1, 0), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if of.organisation != "" {
		template.Subject.Organization = []string{of.organisation}
	}
	if of.ended {
		template.NotAfter = time.Now().Add(-time.Hour)
	}
	if of.host == "" {
		template.IPAddresses, template.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	} else {
		template.DNSNames = []string{of.host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	return os.WriteFile(file, text, 0o600)
}
