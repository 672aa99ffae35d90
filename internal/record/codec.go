package record

import (
	"fmt"
	"strings"
)

// Codec is a compression type as the attributes of a batch number it.
type Codec int8

// The codecs of the protocol.
const (
	Uncompressed Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

var codecNames = [...]string{Uncompressed: "uncompressed", Gzip: "gzip", Snappy: "snappy", LZ4: "lz4", Zstd: "zstd"}

// String is the name in compression.type.
func (c Codec) String() string {
	if c < 0 || int(c) >= len(codecNames) {
		return fmt.Sprintf("codec %d", int8(c))
	}
	return codecNames[c]
}

// ParseCodec reads the names of compression.type: uncompressed (or none), gzip, snappy, lz4, zstd.
func ParseCodec(name string) (Codec, bool) {
	name = strings.ToLower(name)
	if name == "none" {
		return Uncompressed, true
	}
	for c, n := range codecNames {
		if n == name {
			return Codec(c), true
		}
	}
	return 0, false
}
