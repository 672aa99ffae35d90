package tenant

import "encoding/binary"

// protocolNames turns the names of topics in what members of a classic group of the "consumer" protocol send each other (KIP-848 lets the broker read
// and write it, too). What is not of that form stays as it is: turned back it is the same again, whatever it is. What is of that form and has a name that
// cannot be turned is an error.
//
// Invariant: whatever a coordinator can read, this can. A number that no client writes, such as a version below zero, must not make the two disagree: what is
// passed on as it came would then name topics of others.
func protocolNames(b []byte, k kind, turn func(string) (string, error)) ([]byte, error) {
	p := protocol{in: b, turn: turn, ok: true}
	version := p.int16()
	if k == assignment {
		p.list(p.partitions)
	} else {
		p.list(p.name)
		p.bytes() // of the assignor
		if version >= 1 {
			p.list(p.partitions) // which it owns
		}
	}
	if !p.ok {
		return b, nil
	}
	return append(p.out, p.in...), p.err // later versions only add at the end
}

// protocol copies from in to out.
type protocol struct {
	in, out []byte
	turn    func(string) (string, error)
	err     error // of the first name that could not be turned
	ok      bool
}

func (p *protocol) take(n int) []byte {
	if !p.ok || n < 0 || n > len(p.in) {
		p.ok = false
		return nil
	}
	b := p.in[:n]
	p.in = p.in[n:]
	return b
}

func (p *protocol) copy(n int) []byte {
	b := p.take(n)
	p.out = append(p.out, b...)
	return b
}

func (p *protocol) int16() int {
	b := p.copy(2)
	if b == nil {
		return -1
	}
	return int(int16(binary.BigEndian.Uint16(b)))
}

func (p *protocol) int32() int {
	b := p.copy(4)
	if b == nil {
		return -1
	}
	return int(int32(binary.BigEndian.Uint32(b)))
}

// list copies a list, each of whose elements has a byte at least. One of less than no elements is empty.
func (p *protocol) list(element func()) {
	n := p.int32()
	if n > len(p.in) {
		p.ok = false
	}
	for ; n > 0 && p.ok; n-- {
		element()
	}
}

func (p *protocol) name() {
	b := p.take(2)
	if b == nil {
		return
	}
	name := p.take(int(int16(binary.BigEndian.Uint16(b))))
	if !p.ok || p.err != nil {
		return
	}
	turned, err := p.turn(string(name))
	if err != nil {
		p.err = err
		return
	}
	p.out = append(binary.BigEndian.AppendUint16(p.out, uint16(len(turned))), turned...)
}

func (p *protocol) partitions() {
	p.name()
	n := p.int32()
	if n > len(p.in)/4 {
		p.ok = false
	}
	p.copy(4 * max(n, 0))
}

func (p *protocol) bytes() {
	if n := p.int32(); n > 0 {
		p.copy(n)
	}
}
