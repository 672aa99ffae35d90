package tlsstore

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// Object identifiers of RFC 7292, and the one by which Java marks authorities.
var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidTrusted       = asn1.ObjectIdentifier{2, 16, 840, 1, 113894, 746875, 1, 1}
)

type pkcs12File struct {
	Version int
	Safe    pkcs12Content
	MAC     asn1.RawValue `asn1:"optional"` // the library has verified it
}

type pkcs12Content struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type pkcs12Encrypted struct {
	Version int
	Content struct {
		Type      asn1.ObjectIdentifier
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte `asn1:"tag:0,optional"`
	}
}

type pkcs12Bag struct {
	Type       asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes []struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue `asn1:"set"`
	} `asn1:"set,optional"`
}

type pkcs12Certificate struct {
	Type asn1.ObjectIdentifier
	Data []byte `asn1:"tag:0,explicit"`
}

// pkcs12Keys reads the private keys of a store.
func pkcs12Keys(data []byte, password string) ([]tls.Certificate, error) {
	var key any
	var first *x509.Certificate
	var others []*x509.Certificate
	err := guarded(func() (err error) {
		key, first, others, err = pkcs12.DecodeChain(data, password)
		return err
	})
	switch {
	case moreThanTheLibraryReads(err):
		return pkcs12AllKeys(data, password)
	case err != nil:
		return nil, storeError(err)
	}
	pair, err := keyPair(key, append([]*x509.Certificate{first}, others...))
	return []tls.Certificate{pair}, err
}

// pkcs12Trust reads the authorities of a store.
func pkcs12Trust(data []byte, password string) (all []*x509.Certificate, err error) {
	err = guarded(func() (err error) {
		all, err = pkcs12.DecodeTrustStore(data, password)
		return err
	})
	if !moreThanTheLibraryReads(err) {
		return all, storeError(err)
	}
	entries, err := pkcs12Entries(data, password)
	return entries.trusted, err
}

// moreThanTheLibraryReads reports whether a store is good, and its password right, but holds several keys, or keys and authorities, which Java takes and the library does not.
func moreThanTheLibraryReads(err error) bool {
	if err == nil {
		return false
	}
	for _, text := range []string{"exactly one key bag", "items in the authenticated safe", "only certificate bags", "not marked as trusted"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

func pkcs12AllKeys(data []byte, password string) ([]tls.Certificate, error) {
	entries, err := pkcs12Entries(data, password)
	if err != nil {
		return nil, err
	}
	var pairs []tls.Certificate
	for _, der := range entries.keys {
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, err
		}
		pair, err := keyPair(key, entries.certificates)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair)
	}
	if len(pairs) == 0 {
		return nil, errors.New("it has no private key")
	}
	return pairs, nil
}

// pkcs12Store is what a store holds.
type pkcs12Store struct {
	keys         [][]byte // in the form of PKCS #8
	certificates []*x509.Certificate
	trusted      []*x509.Certificate // those of them that Java calls trusted
}

var errPKCS12 = errors.New("not readable as PKCS12: a part of it is damaged")

// pkcs12Entries reads a store that the library has found whole.
func pkcs12Entries(data []byte, password string) (pkcs12Store, error) {
	var store pkcs12Store
	var f pkcs12File
	var safe []byte
	var parts []pkcs12Content
	if !decode(data, &f) || !decode(f.Safe.Content.Bytes, &safe) || !decode(safe, &parts) {
		return store, errPKCS12
	}
	for _, part := range parts {
		plain, err := part.open(password)
		if err != nil {
			return store, err
		}
		var bags []pkcs12Bag
		if !decode(plain, &bags) {
			return store, errPKCS12
		}
		for _, b := range bags {
			if err := store.add(b, password); err != nil {
				return store, err
			}
		}
	}
	return store, nil
}

func (c pkcs12Content) open(password string) ([]byte, error) {
	switch {
	case c.Type.Equal(oidData):
		var plain []byte
		if !decode(c.Content.Bytes, &plain) {
			return nil, errPKCS12
		}
		return plain, nil
	case c.Type.Equal(oidEncryptedData):
		var e pkcs12Encrypted
		if !decode(c.Content.Bytes, &e) {
			return nil, errPKCS12
		}
		plain, err := decryptPBES2(encryptedKey{Algorithm: e.Content.Algorithm, Data: e.Content.Data}, password)
		return plain, oldStore(err)
	}
	return nil, fmt.Errorf("a part of it is of the kind %s, which is not supported", c.Type)
}

// add takes an entry in; kinds that are neither key nor certificate do not matter.
func (s *pkcs12Store) add(b pkcs12Bag, password string) error {
	switch {
	case b.Type.Equal(oidKeyBag):
		der, err := decryptPKCS8(b.Value.Bytes, password)
		if err != nil {
			return oldStore(err)
		}
		s.keys = append(s.keys, der)
	case b.Type.Equal(oidCertBag):
		var c pkcs12Certificate
		if !decode(b.Value.Bytes, &c) {
			return errPKCS12
		}
		parsed, err := x509.ParseCertificate(c.Data)
		if err != nil {
			return err
		}
		s.certificates = append(s.certificates, parsed)
		for _, a := range b.Attributes {
			if a.Type.Equal(oidTrusted) {
				s.trusted = append(s.trusted, parsed)
			}
		}
	}
	return nil
}

// oldStore says how a store is brought into today's form.
func oldStore(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("several keys, or keys beside authorities, are read only where they are encrypted as keytool does today (%w): "+
		"write the store anew with keytool -importkeystore -deststoretype PKCS12", err)
}

// decode reads one ASN.1 value that takes up all of the bytes.
func decode(der []byte, to any) bool {
	rest, err := asn1.Unmarshal(der, to)
	return err == nil && len(rest) == 0
}

// storeError gives a wrong password its name.
func storeError(err error) error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return errors.New("the password of the store is wrong")
	}
	return err
}
