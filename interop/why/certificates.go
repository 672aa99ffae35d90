package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	valid    = 365 * 24 * time.Hour
	soonOver = 72 * time.Hour
	over     = -time.Minute
)

// writeStore writes a key with a certificate that signs itself and ends after a while, over what was there.
func writeStore(dir string, ends time.Duration) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "leat"}, NotBefore: now.Add(-valid), NotAfter: now.Add(ends),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}); err != nil {
		return "", err
	}
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: raw}); err != nil {
		return "", err
	}
	name := filepath.Join(dir, "store.pem")
	if err := os.WriteFile(name+".new", text.Bytes(), 0o600); err != nil {
		return "", err
	}
	return name, os.Rename(name+".new", name)
}
