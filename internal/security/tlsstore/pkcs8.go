package tlsstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // keys of old are encrypted with it
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the default of PBKDF2 in RFC 8018
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
)

// Object identifiers of RFC 8018 and of NIST.
var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidHMACSHA384 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}
	oidHMACSHA512 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}
	oidDESEDE3CBC = asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}
	oidAES128CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
	oidAES192CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}
	oidAES256CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	KeyDerivation pkix.AlgorithmIdentifier
	Encryption    pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// maxIterations bounds how long a wrong file can keep a start waiting.
const maxIterations = 10_000_000

// errPassword means that what came out is no key.
var errPassword = errors.New("its password (ssl.key.password) is wrong, or the key is damaged")

// decryptPKCS8 opens an EncryptedPrivateKeyInfo (RFC 5958) that is encrypted by PBES2 (RFC 8018), as openssl and keytool write it.
func decryptPKCS8(der []byte, password string) ([]byte, error) {
	var info encryptedKey
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("it is not in the form of PKCS #8")
	}
	return decryptPBES2(info, password)
}

func decryptPBES2(info encryptedKey, password string) ([]byte, error) {
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, fmt.Errorf("its encryption %s is not supported: convert it with openssl pkcs8 -topk8 -v2 aes256", info.Algorithm.Algorithm)
	}
	var params pbes2Params
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &params); err != nil {
		return nil, errors.New("the parameters of its encryption are damaged")
	}
	newBlock, keyLength, err := blockCipher(params.Encryption.Algorithm)
	if err != nil {
		return nil, err
	}
	key, err := deriveKey(params.KeyDerivation, password, keyLength)
	if err != nil {
		return nil, err
	}
	block, err := newBlock(key)
	if err != nil {
		return nil, err
	}
	var iv []byte
	if _, err := asn1.Unmarshal(params.Encryption.Parameters.FullBytes, &iv); err != nil || len(iv) != block.BlockSize() {
		return nil, errors.New("the parameters of its encryption are damaged")
	}
	if len(info.Data) == 0 || len(info.Data)%block.BlockSize() != 0 {
		return nil, errors.New("its length is wrong")
	}
	plain := make([]byte, len(info.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, info.Data)
	return unpad(plain, block.BlockSize())
}

// unpad takes the padding of PKCS #7 off.
func unpad(plain []byte, size int) ([]byte, error) {
	n := int(plain[len(plain)-1])
	if n == 0 || n > size || n > len(plain) {
		return nil, errPassword
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return nil, errPassword
		}
	}
	return plain[:len(plain)-n], nil
}

func blockCipher(oid asn1.ObjectIdentifier) (newBlock func([]byte) (cipher.Block, error), keyLength int, err error) {
	switch {
	case oid.Equal(oidAES128CBC):
		return aes.NewCipher, 16, nil
	case oid.Equal(oidAES192CBC):
		return aes.NewCipher, 24, nil
	case oid.Equal(oidAES256CBC):
		return aes.NewCipher, 32, nil
	case oid.Equal(oidDESEDE3CBC):
		return des.NewTripleDESCipher, 24, nil
	}
	return nil, 0, fmt.Errorf("its cipher %s is not supported: convert it with openssl pkcs8 -topk8 -v2 aes256", oid)
}

func deriveKey(kdf pkix.AlgorithmIdentifier, password string, length int) ([]byte, error) {
	if !kdf.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("its key derivation %s is not supported: convert it with openssl pkcs8 -topk8 -v2 aes256", kdf.Algorithm)
	}
	var params pbkdf2Params
	if _, err := asn1.Unmarshal(kdf.Parameters.FullBytes, &params); err != nil {
		return nil, errors.New("the parameters of its key derivation are damaged")
	}
	if params.Iterations < 1 || params.Iterations > maxIterations {
		return nil, fmt.Errorf("its key derivation has %d iterations, 1 to %d are allowed", params.Iterations, maxIterations)
	}
	newHash := map[string]func() hash.Hash{
		"": sha1.New, oidHMACSHA1.String(): sha1.New, oidHMACSHA256.String(): sha256.New,
		oidHMACSHA384.String(): sha512.New384, oidHMACSHA512.String(): sha512.New,
	}[params.PRF.Algorithm.String()]
	if newHash == nil {
		return nil, fmt.Errorf("the hash %s of its key derivation is not supported", params.PRF.Algorithm)
	}
	return pbkdf2.Key(newHash, password, params.Salt, params.Iterations, length)
}
