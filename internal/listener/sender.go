package listener

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"leat/internal/wire"
)

const (
	maxBatch  = 64        // replies written together
	maxPieces = 128       // byte slices of one writev
	copyPiece = 128 << 10 // of a file whose bytes must be copied
)

// sender writes frames to a socket, and remembers where it stopped.
type sender struct {
	nc  net.Conn
	raw syscall.RawConn // nil: no descriptor, or bytes must not bypass nc

	// direct: with TLS the reader writes its replies itself, though it may have to wait: it would read nothing meanwhile that the client has not sent
	// in spite of not taking its replies.
	direct bool
	socket *tlsSocket // below TLS; nil: without it

	batch []*Request // being written; owner: whoever has conn.writing
	frame int        // position: frame in batch, part in frame, byte in part
	part  int
	off   int

	pieces [][]byte
	more   bool  // something follows pieces
	result int   // bytes that the last call wrote
	err    error // and its error
	wait   bool  // whether the call may wait for the socket
	file   int   // descriptor of the file to send from
	filePos,
	fileLen int64
	quiet int // bytes to send without telling the runtime; 0: tell it

	// Bound once, so that a write allocates nothing.
	writeBytes, sendFile func(fd uintptr) bool
	withFile             func(fd uintptr)
}

func (s *sender) init(nc net.Conn) {
	s.nc = nc
	if t, ok := nc.(*tls.Conn); ok {
		s.direct = true
		s.socket, _ = t.NetConn().(*tlsSocket)
	}
	if tcp, ok := nc.(*net.TCPConn); ok && hasSendfile {
		if raw, err := tcp.SyscallConn(); err == nil {
			s.raw = raw
		}
	}
	s.writeBytes, s.sendFile, s.withFile = s.writeBytesTo, s.sendFileTo, s.withFileFrom
}

// try writes as much of the batch as the socket takes at once. files: the caller may wait for the disk.
func (s *sender) try(files bool) (done bool, err error) {
	if s.raw == nil {
		return false, nil
	}
	for s.skipWritten() {
		n, err := s.step(false, files)
		if err != nil {
			s.rewind()
			return false, err
		}
		if n == 0 {
			return false, nil
		}
	}
	s.rewind()
	return true, nil
}

// finish writes the rest of the batch. A client that takes nothing for timeout ends it.
func (s *sender) finish(timeout time.Duration) (err error) {
	defer s.rewind()
	if timeout > 0 {
		defer func() { _ = s.nc.SetWriteDeadline(time.Time{}) }() // fails on a closed connection only
	}
	if s.socket != nil {
		s.socket.cork()
		defer func() { err = errors.Join(err, s.socket.uncork()) }() // while the deadline still holds
	}
	for s.skipWritten() {
		if timeout > 0 {
			_ = s.nc.SetWriteDeadline(time.Now().Add(timeout))
		}
		if _, err := s.step(true, true); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) rewind() { s.frame, s.part, s.off = 0, 0, 0 }

// step writes once at the position and moves it on. 0 without an error: the socket is full, or the next part needs what was not allowed.
func (s *sender) step(wait, files bool) (int, error) {
	s.wait = wait
	p := &s.batch[s.frame].frame.Parts[s.part]
	var n int
	var err error
	switch {
	case p.File == nil:
		n, err = s.writePieces()
	case files:
		n, err = s.writeFile(p.File)
	case s.batch[s.frame].Prompt:
		n, err = s.writePromptly(p.File)
	}
	s.advance(n)
	return n, err
}

// skipWritten moves past parts that are written whole; false: nothing is left.
func (s *sender) skipWritten() bool {
	for s.frame < len(s.batch) {
		f := s.batch[s.frame].frame
		for s.part < len(f.Parts) {
			if s.off < partLen(&f.Parts[s.part]) {
				return true
			}
			s.part, s.off = s.part+1, 0
		}
		s.frame, s.part, s.off = s.frame+1, 0, 0
	}
	return false
}

func partLen(p *wire.Part) int {
	if p.File != nil {
		return p.File.Len()
	}
	return len(p.Bytes)
}

// advance moves the position n bytes on, over part and frame borders.
func (s *sender) advance(n int) {
	for n > 0 && s.skipWritten() {
		step := min(n, partLen(&s.batch[s.frame].frame.Parts[s.part])-s.off)
		s.off += step
		n -= step
	}
}

// gather collects the bytes from the position up to the next file part.
func (s *sender) gather() {
	s.pieces, s.more = s.pieces[:0], false
	part, off := s.part, s.off
	for i := s.frame; i < len(s.batch); i++ {
		parts := s.batch[i].frame.Parts
		for ; part < len(parts); part++ {
			if parts[part].File != nil || len(s.pieces) == maxPieces {
				s.more = true
				return
			}
			if b := parts[part].Bytes[off:]; len(b) > 0 {
				s.pieces = append(s.pieces, b)
			}
			off = 0
		}
		part = 0
	}
}

func (s *sender) writePieces() (int, error) {
	s.gather()
	defer func() { clear(s.pieces) }()
	if s.direct && len(s.pieces) > 1 {
		return s.writeTogether()
	}
	if s.raw == nil {
		// nc.Write and not net.Buffers: an in-memory connection has no writev, and the batch is rarely more than one piece.
		return s.nc.Write(s.pieces[0])
	}
	s.result, s.err = 0, nil
	if err := s.raw.Write(s.writeBytes); err != nil {
		return s.result, err
	}
	return s.result, s.err
}

// writeTogether copies pieces into one, because every write to a connection with TLS makes a record of its own.
func (s *sender) writeTogether() (int, error) {
	total := 0
	for _, p := range s.pieces {
		total += len(p)
	}
	buf := wire.NewBuffer(min(copyPiece, total))
	defer buf.Free()
	n := 0
	for _, p := range s.pieces {
		n += copy(buf.B[n:], p)
	}
	return s.nc.Write(buf.B[:n])
}

// writeFile writes a piece of a file range, by sendfile if both ends have descriptors.
func (s *sender) writeFile(f wire.FileRange) (int, error) {
	if s.raw != nil {
		if in, err := f.SyscallConn(); err == nil {
			return s.sendRange(in, f)
		}
	}
	if !s.wait {
		return 0, nil
	}
	buf := wire.NewBuffer(min(copyPiece, f.Len()-s.off))
	defer buf.Free()
	n, err := f.ReadAt(buf.B, int64(s.off))
	if n < len(buf.B) {
		return 0, fmt.Errorf("reading a log range of %d bytes at %d: got %d bytes: %w", f.Len(), s.off, n, orShort(err))
	}
	return s.nc.Write(buf.B)
}

// promptRange is how much of a file an answer of a prompt request may have in one range: some 20 µs.
const promptRange = 64 << 10

// writePromptly writes the rest of a file range if that takes no waiting and not long. 0: it would.
func (s *sender) writePromptly(f wire.FileRange) (int, error) {
	left := f.Len() - s.off
	if s.raw == nil || left > promptRange {
		return 0, nil
	}
	in, err := f.SyscallConn()
	if err != nil || quietPiece(f, s.off) < left {
		return 0, nil //nolint:nilerr // whoever may wait finds out
	}
	return s.sendPiece(in, f, left)
}

func orShort(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// sendRange holds the file by its raw connection, which only counts a reference, so that other readers of the same file go on meanwhile.
func (s *sender) sendRange(in syscall.RawConn, f wire.FileRange) (int, error) {
	return s.sendPiece(in, f, quietPiece(f, s.off))
}

// sendPiece is sendRange with what is known of how much may be sent quietly.
func (s *sender) sendPiece(in syscall.RawConn, f wire.FileRange, quiet int) (int, error) {
	s.result, s.err, s.quiet = 0, nil, quiet
	s.filePos, s.fileLen = f.Position()+int64(s.off), int64(f.Len()-s.off)
	if err := in.Control(s.withFile); err != nil {
		return 0, fmt.Errorf("reading a log range: %w", err)
	}
	return s.result, s.err
}

func (s *sender) withFileFrom(fd uintptr) {
	s.file = int(fd)
	if err := s.raw.Write(s.sendFile); err != nil {
		s.err = err
	}
}

// writeReason says why writing ended, or nothing if the client simply went away.
func writeReason(err error) string {
	switch {
	case clientLeft(err):
		return ""
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the client takes no replies (connections.max.idle.ms)"
	}
	return "writing a reply: " + err.Error()
}

// clientLeft reports whether an error only says that one of the two ends has closed the connection.
func clientLeft(err error) bool {
	for _, end := range [...]error{io.EOF, io.ErrClosedPipe, net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
