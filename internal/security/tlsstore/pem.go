package tlsstore

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// pemPair reads a private key from one text and certificates from another, which may be the same.
func pemPair(keyText, chainText []byte, password string) (tls.Certificate, error) {
	key, err := pemKey(keyText, password)
	if err != nil {
		return tls.Certificate{}, err
	}
	chain, err := pemCertificates(chainText)
	if err != nil {
		return tls.Certificate{}, err
	}
	return keyPair(key, chain)
}

// pemKey reads the first private key of a text.
func pemKey(text []byte, password string) (any, error) {
	for rest := withLineEnds(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("there is no private key in PEM form")
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY":
			if password == "" {
				return nil, errors.New("the private key is encrypted: give its password in ssl.key.password")
			}
			der, err := decryptPKCS8(block.Bytes, password)
			if err != nil {
				return nil, fmt.Errorf("encrypted private key: %w", err)
			}
			return x509.ParsePKCS8PrivateKey(der)
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
			continue
		case block.Headers["DEK-Info"] != "":
			return nil, errors.New("the private key is encrypted in OpenSSL's old way: convert it with openssl pkcs8 -topk8")
		case block.Type == "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(block.Bytes)
		case block.Type == "EC PRIVATE KEY":
			return x509.ParseECPrivateKey(block.Bytes)
		default:
			return x509.ParsePKCS8PrivateKey(block.Bytes)
		}
	}
}

// pemCertificates reads all certificates of a text; at least one must be there.
func pemCertificates(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for rest := withLineEnds(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no certificate in PEM form")
	}
	return all, nil
}

// pemBlock is a block without headers.
var pemBlock = regexp.MustCompile(`-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9/+=\s]*)-----END ([A-Z0-9 ]+)-----`)

// withLineEnds gives blocks the line ends that they need. Where a properties file continues its lines with a backslash none are left, only blanks, and Kafka reads that.
func withLineEnds(text []byte) []byte {
	return pemBlock.ReplaceAllFunc(text, func(block []byte) []byte {
		m := pemBlock.FindSubmatch(block)
		return fmt.Appendf(nil, "\n-----BEGIN %s-----\n%s\n-----END %s-----\n", m[1], bytes.Join(bytes.Fields(m[2]), nil), m[3])
	})
}
