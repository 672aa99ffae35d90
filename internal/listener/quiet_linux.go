package listener

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"leat/internal/wire"
)

// A range of a file that is in memory is sent in microseconds, as other bytes are (see quietBytes); only the kernel's book-keeping is copied. But it may have to
// come from the disk, and then others must be able to run. So the range is asked first; its first and last byte answer for it. Should
// they be wrong, a processor waits for the disk once, and for ten seconds nothing is sent like that.
const (
	quietRange = 256 << 10 // of a file at once: some 60 µs
	tooSlow    = 10 * time.Millisecond
	caution    = 10 * time.Second
)

// loudUntil is until when the runtime is told of every range, in ms since 1970.
var loudUntil atomic.Int64

// quietPiece is how much of a range may be sent from off on without telling the runtime.
func quietPiece(f wire.FileRange, off int) int {
	known, ok := f.(interface{ InMemory(off, n int) bool })
	n := min(f.Len()-off, quietRange)
	if !ok || !known.InMemory(off, n) || time.Now().UnixMilli() < loudUntil.Load() {
		return 0
	}
	return n
}

// sendQuietly sends a piece of the file without telling the runtime.
func (s *sender) sendQuietly(fd int, pos *int64) (int, error) {
	began := time.Now()
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDFILE, uintptr(fd), uintptr(s.file), uintptr(unsafe.Pointer(pos)), uintptr(s.quiet), 0, 0)
	if time.Since(began) > tooSlow {
		loudUntil.Store(began.Add(caution).UnixMilli())
	}
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
