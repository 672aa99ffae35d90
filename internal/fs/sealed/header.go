package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"

	"leat/internal/fs"
)

// Layout of the header of a file.
const (
	headerSize    = 96
	formatVersion = 1
	cipherAESGCM  = 1

	atVersion = 8
	atCipher  = 10
	atSector  = 12
	atKeyID   = 16
	atFileID  = 32
	atNonce   = 64
	atTag     = 76
	atCRC     = 92
)

// magic begins an encrypted file. Read as Kafka's base offset, which a plain .log begins with, it is negative: neither can be taken for
// the other.
var magic = [8]byte{0x89, 'l', 'e', 'a', 't', 'S', 'E', 'G'}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// dataKeyInfo separates keys of files from other uses of a data key.
const dataKeyInfo = "leat segment file 1"

// keySize is that of AES-256, for data keys and for what is derived from them.
const keySize = 32

// keyID names a data key.
type keyID [16]byte

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

// cryptor is what one file is encrypted with. Its key is derived from the data key and the random id of the file: nonces then need to be
// unique within the file only, for which 96 random bits are plenty, however many files share the data key.
type cryptor struct {
	aead cipher.AEAD
	seed uint32 // CRC32C of the file's id: checksums of pieces begin with it, so that another file's piece does not fit
	key  keyID
}

func newCryptor(id keyID, dataKey, fileID []byte) (*cryptor, error) {
	key, err := hkdf.Key(sha256.New, dataKey, fileID, dataKeyInfo, keySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &cryptor{aead: aead, seed: crc32.Checksum(fileID, castagnoli), key: id}, nil
}

// appendHeader begins a new file: it draws the file's id.
func appendHeader(dst []byte, id keyID, dataKey []byte) ([]byte, *cryptor, error) {
	var h [headerSize]byte
	copy(h[:], magic[:])
	binary.BigEndian.PutUint16(h[atVersion:], formatVersion)
	binary.BigEndian.PutUint16(h[atCipher:], cipherAESGCM)
	binary.BigEndian.PutUint32(h[atSector:], sectorSize)
	copy(h[atKeyID:], id[:])
	rand.Read(h[atFileID:atTag]) // id and nonce; never fails
	c, err := newCryptor(id, dataKey, h[atFileID:atNonce])
	if err != nil {
		return dst, nil, err
	}
	c.aead.Seal(h[:atTag], h[atNonce:atTag], nil, h[:atNonce])
	binary.BigEndian.PutUint32(h[atCRC:], crc32.Checksum(h[:atCRC], castagnoli))
	return append(dst, h[:]...), c, nil
}

// isSealed reports whether a file that begins with b is encrypted.
func isSealed(b []byte) bool { return len(b) >= len(magic) && [8]byte(b) == magic }

var (
	errHeaderTorn    = errors.New("header is cut short")
	errHeaderChanged = errors.New("header is not what was written")
)

// readHeader checks the header of an encrypted file and derives its key. The error is an fs.ErrDamaged or fs.ErrNoKey.
func readHeader(h []byte, dataKey func(keyID) ([]byte, error)) (*cryptor, error) {
	if len(h) < headerSize {
		return nil, fmt.Errorf("%w: %w", errHeaderTorn, fs.ErrDamaged)
	}
	h = h[:headerSize]
	if binary.BigEndian.Uint32(h[atCRC:]) != crc32.Checksum(h[:atCRC], castagnoli) {
		return nil, fmt.Errorf("%w: %w", errHeaderChanged, fs.ErrDamaged)
	}
	version, suite, sector := binary.BigEndian.Uint16(h[atVersion:]), binary.BigEndian.Uint16(h[atCipher:]), binary.BigEndian.Uint32(h[atSector:])
	if version != formatVersion || suite != cipherAESGCM || sector != sectorSize {
		return nil, fmt.Errorf("encrypted in version %d with cipher %d and sectors of %d bytes, this version reads %d, %d and %d: a newer one wrote it: %w",
			version, suite, sector, formatVersion, cipherAESGCM, sectorSize, fs.ErrNoKey)
	}
	id := keyID(h[atKeyID:])
	key, err := dataKey(id)
	if err != nil {
		return nil, err
	}
	c, err := newCryptor(id, key, h[atFileID:atNonce])
	if err != nil {
		return nil, err
	}
	if _, err := c.aead.Open(nil, h[atNonce:atTag], h[atTag:atCRC], h[:atNonce]); err != nil {
		return nil, fmt.Errorf("data key %s is not the one that the file was encrypted with, or its header was changed: %w", id, fs.ErrNoKey)
	}
	return c, nil
}
