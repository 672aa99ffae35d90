//go:build linux && (amd64 || arm64)

package fs

import (
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noCachedReads is set when the system does not know reads that do not wait.
var noCachedReads atomic.Bool

func (f osFile) readCached(p []byte, off int64) bool {
	if len(p) == 0 || noCachedReads.Load() {
		return false
	}
	vec := unix.Iovec{Base: &p[0]}
	vec.SetLen(len(p))
	n, _, errno := syscall.RawSyscall6(unix.SYS_PREADV2, f.Fd(), uintptr(unsafe.Pointer(&vec)), 1, uintptr(off), uintptr(off>>32), unix.RWF_NOWAIT)
	runtime.KeepAlive(f)
	if errno == unix.EOPNOTSUPP || errno == unix.ENOSYS || errno == unix.EINVAL {
		noCachedReads.Store(true)
	}
	return errno == 0 && int(n) == len(p)
}

func (f osFile) inMemory(off int64) bool {
	var b [1]byte
	if noCachedReads.Load() {
		return false
	}
	vec := unix.Iovec{Base: &b[0]}
	vec.SetLen(1)
	n, _, errno := syscall.RawSyscall6(unix.SYS_PREADV2, f.Fd(), uintptr(unsafe.Pointer(&vec)), 1, uintptr(off), uintptr(off>>32), unix.RWF_NOWAIT)
	runtime.KeepAlive(f)
	return errno == 0 && n == 1
}

func (f osFile) writeUnannounced(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, _, errno := syscall.RawSyscall6(unix.SYS_PWRITE64, f.Fd(), uintptr(unsafe.Pointer(&p[done])), uintptr(len(p)-done), uintptr(off)+uintptr(done), 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return done, &os.PathError{Op: "write", Path: f.Name(), Err: errno}
		case n == 0:
			return done, &os.PathError{Op: "write", Path: f.Name(), Err: io.ErrUnexpectedEOF}
		default:
			done += int(n)
		}
	}
	runtime.KeepAlive(f)
	return done, nil
}
