package listener

import (
	"net"
	"sync"
	"sync/atomic"

	"leat/internal/wire"
)

// gathered is how many bytes of TLS records go to the socket at once: four records of the largest size. Each record would otherwise be a call into the
// kernel of its own, and with it a packet and a receiver that wakes up, which costs more than copying it once more.
const gathered = 66 << 10

// tlsSocket is the socket below a TLS connection.
type tlsSocket struct {
	net.Conn
	// answered: something was written, so the first message of the client was understood.
	answered atomic.Bool

	mu     sync.Mutex // over writes: an alert may come from another goroutine
	corked bool
	held   *wire.Buffer // records that are not written yet; nil: none
}

// cork keeps what is written from now on back, as far as it fits, until uncork.
func (s *tlsSocket) cork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.corked = true
}

// uncork writes what was kept back.
func (s *tlsSocket) uncork() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.corked = false
	return s.flush()
}

// Write takes a TLS record.
func (s *tlsSocket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered.Store(true)
	if !s.corked {
		return s.Conn.Write(p)
	}
	if s.held != nil && len(s.held.B)+len(p) > gathered {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) > gathered {
		return s.Conn.Write(p)
	}
	if s.held == nil {
		s.held = wire.NewBuffer(gathered)
		s.held.B = s.held.B[:0]
	}
	s.held.B = append(s.held.B, p...)
	return len(p), nil
}

// flush writes what is held. s.mu is held, over a wait for the socket: whoever else writes would have to wait for the same.
func (s *tlsSocket) flush() error {
	if s.held == nil {
		return nil
	}
	_, err := s.Conn.Write(s.held.B)
	s.held.Free()
	s.held = nil
	return err
}

// CloseWrite ends the sending direction, if the socket has two.
func (s *tlsSocket) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
