package tenant

import "encoding/binary"

// protocolNames turns the names of topics in what members of a classic group of the "consumer" protocol send each other (KIP-848 lets the broker read
// and write it, too). What is not of that form, or has a name that cannot be turned, stays as it is: turned back it is the same again, whatever it is.
func protocolNames(b []byte, k kind, turn func(string) (string, bool)) []byte {
	p := protocol{in: b, turn: turn, ok: true}
	version := p.int16()
	if version < 0 {
		return b
	}
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
		return b
	}
	return append(p.out, p.in...) // later versions only add at the end
}

// protocol copies from in to out.
type protocol struct {
	in, out []byte
	turn    func(string) (string, bool)
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

// list copies a list, each of whose elements has a byte at least.
func (p *protocol) list(element func()) {
	n := p.int32()
	if n < 0 || n > len(p.in) {
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
	turned, ok := p.turn(string(name))
	if !p.ok || !ok {
		p.ok = false
		return
	}
	p.out = append(binary.BigEndian.AppendUint16(p.out, uint16(len(turned))), turned...)
}

func (p *protocol) partitions() {
	p.name()
	if n := p.int32(); n >= 0 && n <= len(p.in)/4 {
		p.copy(4 * n)
		return
	}
	p.ok = false
}

func (p *protocol) bytes() {
	if n := p.int32(); n > 0 {
		p.copy(n)
	}
}
