//go:build linux || darwin

package listener

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// hasSendfile: the socket's descriptor is written to directly.
const hasSendfile = true

const sendPiece = 4 << 20 // of a file in one call

// writeBytesTo is called with the socket's descriptor; false means: call again when it takes bytes.
func (s *sender) writeBytesTo(fd uintptr) bool {
	for {
		var n int
		var err error
		if len(s.pieces) == 1 {
			n, err = writeSocket(int(fd), s.pieces[0], s.more)
		} else {
			n, err = unix.Writev(int(fd), s.pieces)
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			return !s.wait
		}
		s.result, s.err = max(n, 0), err
		return true
	}
}

// sendFileTo is writeBytesTo for a file range.
func (s *sender) sendFileTo(fd uintptr) bool {
	for {
		pos := s.filePos // explicit, because the file is shared
		var n int
		var err error
		if s.quiet > 0 {
			n, err = s.sendQuietly(int(fd), &pos)
		} else {
			n, err = unix.Sendfile(int(fd), s.file, &pos, int(min(s.fileLen, sendPiece)))
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) && n <= 0 {
			return !s.wait
		}
		if n == 0 && err == nil {
			err = fmt.Errorf("log range ends %d bytes early: %w", s.fileLen, io.ErrUnexpectedEOF)
		}
		if n > 0 {
			err = nil // darwin tells both
		}
		s.result, s.err = max(n, 0), err
		return true
	}
}
