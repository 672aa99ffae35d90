package record

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/snappy"
)

// TestLargeSnappyBlocksAreDecodedInPieces: they are what the library decodes at once, and none of its calls takes long.
func TestLargeSnappyBlocksAreDecodedInPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	var plain []byte
	for len(plain) < 3*maxSnappyBlock {
		switch rng.IntN(3) {
		case 0:
			for range rng.IntN(70_000) {
				plain = append(plain, byte(rng.Int()))
			}
		case 1:
			plain = append(plain, bytes.Repeat([]byte{byte(rng.Int())}, rng.IntN(300_000))...)
		case 2:
			if n := len(plain); n > 0 {
				from := max(0, n-1-rng.IntN(60_000))
				plain = append(plain, bytes.Clone(plain[from:min(n, from+rng.IntN(3000))])...)
			}
		}
	}
	// The encoder never refers back by more than 64 KiB; the format may.
	packed := append(snappy.Encode(nil, plain), 63<<2|3)
	packed = binary.LittleEndian.AppendUint32(packed, uint32(len(plain)))
	plain = append(plain, plain[:64]...)
	_, n := binary.Uvarint(packed)
	packed = append(binary.AppendUvarint(nil, uint64(len(plain))), packed[n:]...)

	var d snappyDecoder
	if err := d.reset(packed, maxInt); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(&d)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(plain), err)
	}
	for range 200 {
		broken := bytes.Clone(packed)
		if rng.IntN(2) == 0 {
			broken = broken[:n+rng.IntN(len(broken)-n)]
		} else {
			broken[n+rng.IntN(len(broken)-n)] ^= 1 << rng.IntN(8)
		}
		want, wantErr := snappy.Decode(nil, broken)
		if err := d.reset(broken, maxInt); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(&d)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; the library: %d, %v", len(got), err, len(want), wantErr)
		}
	}
}
