package listener

import (
	"io"
	"net"
	"syscall"

	"leat/internal/wire"
)

const (
	prefix = 4 // bytes of a frame's length

	// smallFrame is the length below which frames are read many at a time, aheadBytes at once, and copied out: a call into the kernel costs as
	// much as copying several of them.
	smallFrame = 8 << 10
	aheadBytes = 16 << 10

	// maxAhead bounds what is read before the budget of all connections was asked. Larger frames are read in two calls, which costs them nothing
	// that shows.
	maxAhead = 68 << 10
)

// intake reads a connection. What has arrived and belongs to no request yet is ahead.
//
// A connection that waits for a request holds no memory for it: the buffer is fetched when there is something to read. How much is read at once
// follows from the last two frames: small ones come many at a time; of two equal ones a third is expected, and it is read into the
// buffer in which it will stay; otherwise the length alone is read, so that the rest goes where it belongs.
type intake struct {
	raw    syscall.RawConn // nil: no descriptor, or bytes must not bypass the connection
	ahead  []byte
	buffer *wire.Buffer // what ahead lies in; nil: in first
	first  [prefix]byte // for a length that is read alone
	last   int          // length of the last frame, with its prefix
	expect int          // bytes to read at once while nothing is ahead
	taken  int          // bytes of the frame that were in an adopted buffer

	// Of a call on raw.
	into  []byte
	fresh *wire.Buffer
	n     int
	err   error
	call  func(fd uintptr) bool // bound once
}

func (in *intake) init(nc net.Conn) {
	in.expect = prefix
	if !hasSendfile {
		return
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			in.raw, in.call, in.expect = raw, in.readFrom, aheadBytes
		}
	}
}

// note learns from the length of a frame how much to read next time.
func (in *intake) note(length int) {
	switch {
	case in.raw == nil:
	case length <= smallFrame:
		in.expect = aheadBytes
	case length == in.last && length <= maxAhead:
		in.expect = length
	default:
		in.expect = prefix
	}
	in.last = length
}

// room is where the next bytes go, nil for a buffer that is not there yet. A length of which a part has come is completed alone.
func (in *intake) room() []byte {
	n := len(in.ahead)
	if n == 0 && in.expect > prefix {
		return nil
	}
	if in.buffer != nil {
		copy(in.first[:], in.ahead)
		in.drop()
		in.ahead = in.first[:n]
	}
	return in.first[n:]
}

// arrived adds n bytes, which were read to where room said, to what is ahead.
func (in *intake) arrived(n int) {
	if in.fresh != nil {
		in.buffer, in.fresh = in.fresh, nil
		in.ahead = in.buffer.B[:n]
		return
	}
	in.ahead = in.first[:len(in.ahead)+n]
}

// adopt turns the buffer that is ahead into that of a request of size bytes, if it has just that frame or a part of it, and room for all.
func (in *intake) adopt(size int) *wire.Buffer {
	b, length := in.buffer, prefix+size
	if b == nil || len(in.ahead) > length || length > cap(b.B) || 4*length < cap(b.B) || &in.ahead[0] != &b.B[0] {
		return nil
	}
	in.taken = len(in.ahead) - prefix
	in.buffer, in.ahead = nil, nil
	b.B = b.B[:length]
	return b
}

// take moves what is ahead of a frame's body to p, behind its length.
func (in *intake) take(p []byte) int {
	n := copy(p, in.ahead[prefix:])
	in.ahead = in.ahead[prefix+n:]
	if len(in.ahead) == 0 {
		in.drop()
	}
	return n
}

// drop gives the buffer back.
func (in *intake) drop() {
	in.buffer.Free()
	in.buffer, in.ahead = nil, nil
}

// read reads once, waiting for the first byte. With p nil it reads into fresh.
func (in *intake) read(nc net.Conn, p []byte) (int, error) {
	if in.raw == nil {
		return nc.Read(p)
	}
	in.into, in.n, in.err = p, 0, nil
	err := in.raw.Read(in.call)
	in.into = nil
	if err == nil {
		err = in.err
	}
	if err == nil && in.n == 0 {
		err = io.EOF
	}
	if err != nil && in.fresh != nil {
		in.fresh.Free()
		in.fresh = nil
	}
	return in.n, err
}

// readFrom is called with the socket's descriptor; false means: call again when there is something to read.
func (in *intake) readFrom(fd uintptr) bool {
	p := in.into
	if p == nil {
		if in.fresh == nil {
			in.fresh = wire.NewBuffer(in.expect)
		}
		p = in.fresh.B
	}
	n, again, err := readSocket(int(fd), p)
	if again {
		if in.fresh != nil {
			in.fresh.Free() // the wait may be long
			in.fresh = nil
		}
		return false
	}
	in.n, in.err = n, err
	return true
}
