package sealed

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
)

// Layout of a piece.
const (
	sectorSize = 64 << 10

	nonceSize   = 12
	tagSize     = 16
	prefixSize  = 16 // position, length, checksum
	openSize    = prefixSize + nonceSize
	overhead    = openSize + tagSize
	maxPlain    = sectorSize/4 - overhead // four full pieces fill a sector
	worthSplit  = 256                     // bytes of content below which the rest of a sector is left empty rather than filled by a part of an append
	authPrefix  = 12                      // what the tag covers of the prefix; the checksum follows from it
	firstPiece  = headerSize              // where sector 0 has its first piece
	maxPosition = 1 << 62
)

// piece is what the head of a piece says.
type piece struct {
	pos    int64 // in the plaintext
	length int64 // of the content; 0: a cut
}

// size is how many bytes of the file the piece takes.
func (p piece) size() int64 { return overhead + p.length }

func (p piece) cut() bool { return p.length == 0 }

// appendPiece seals one piece; plain must not be larger than maxPlain.
func (c *cryptor) appendPiece(dst []byte, pos int64, plain []byte) []byte {
	at := len(dst)
	var head [openSize]byte
	binary.BigEndian.PutUint64(head[:], uint64(pos))
	binary.BigEndian.PutUint32(head[8:], uint32(len(plain)))
	dst = append(dst, head[:]...)
	rand.Read(dst[at+prefixSize:]) // never fails
	binary.BigEndian.PutUint32(dst[at+12:], c.checksum(dst[at:]))
	return c.aead.Seal(dst, dst[at+prefixSize:at+openSize], plain, dst[at:at+authPrefix])
}

// checksum covers prefix and nonce, so that a head is recognised without the content.
func (c *cryptor) checksum(head []byte) uint32 {
	sum := crc32.Update(c.seed, castagnoli, head[:authPrefix])
	return crc32.Update(sum, castagnoli, head[prefixSize:openSize])
}

// parse reads the head of a piece. False: there is none.
func (c *cryptor) parse(head []byte) (piece, bool) {
	if len(head) < openSize {
		return piece{}, false
	}
	p := piece{pos: int64(binary.BigEndian.Uint64(head)), length: int64(binary.BigEndian.Uint32(head[8:]))}
	if p.pos < 0 || p.pos > maxPosition || p.length > maxPlain || binary.BigEndian.Uint32(head[12:]) != c.checksum(head) {
		return piece{}, false
	}
	return p, true
}

// open decrypts the piece that b begins with, appending to dst, which may be the beginning of the ciphertext.
func (c *cryptor) open(dst []byte, p piece, b []byte) ([]byte, error) {
	return c.aead.Open(dst, b[prefixSize:openSize], b[openSize:p.size()], b[:authPrefix])
}

// room is how many bytes of content a piece at a place of the file may have, and how many zeros have to come before it.
func room(at int64, want int) (content int, padding int64) {
	left := sectorSize - at%sectorSize
	fits := int(min(left-overhead, maxPlain))
	if fits >= want || fits >= worthSplit {
		return min(fits, want), 0
	}
	return min(maxPlain, want), left
}
