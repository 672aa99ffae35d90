package load

import "math/rand/v2"

// Payload makes the values of records. A quarter of a value is random bytes, the rest are phrases from a fixed list, so that a
// batch of values compresses about 3:1 with every codec.
type Payload struct {
	rng     *rand.Rand
	phrases [64][]byte
}

// NewPayload returns a source of values; a seed gives the same values everywhere.
func NewPayload(seed uint64) *Payload {
	p := &Payload{rng: rand.New(rand.NewPCG(seed, 0x6c656174))}
	for i := range p.phrases {
		p.phrases[i] = p.random(20 + p.rng.IntN(24))
	}
	return p
}

func (p *Payload) random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(p.rng.Uint32())
	}
	return b
}

// Value is one value of a size.
func (p *Payload) Value(size int) []byte {
	b := make([]byte, 0, size+64)
	for len(b) < size {
		b = append(b, p.random(8)...)
		b = append(b, p.phrases[p.rng.IntN(len(p.phrases))]...)
	}
	return b[:size]
}
