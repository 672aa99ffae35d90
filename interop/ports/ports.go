// Package ports finds TCP ports for processes that are started later, and started again: what is given here nobody else takes meanwhile.
//
// A port that the system gives for "any" may be given to somebody else as soon as it is free again, and so while a node that was killed is down. So these are
// below those that the system gives away by itself, and a locked file keeps other suites on this machine from choosing the same.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// The range that is chosen from. Linux gives away 32768 and above unless told otherwise; the examples use some of 19000 and 29000 on.
const (
	lowest = 20_000
	number = 9_000
)

var (
	mu   sync.Mutex
	held []*os.File // guarded by mu: locked as long as this process lives
)

// Free are different ports of the loopback address that nobody listens on, this process's own until it ends.
func Free(count int) ([]string, error) {
	mu.Lock()
	defer mu.Unlock()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("leat-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var out []string
	from := rand.IntN(number)
	for try := range number {
		if len(out) == count {
			return out, nil
		}
		port := strconv.Itoa(lowest + (from+try)%number)
		file, err := os.OpenFile(filepath.Join(dir, port), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if !lock(file) || !free(port) {
			_ = file.Close() // another suite's, or somebody listens there who did not ask here
			continue
		}
		held, out = append(held, file), append(out, port)
	}
	return nil, fmt.Errorf("%d ports are wanted, and of %d there are %d free", count, number, len(out))
}

// lock reports whether a file is this process's own from now on.
func lock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// free reports whether nobody listens at a port, at any address.
func free(port string) bool {
	l, err := net.Listen("tcp", ":"+port)
	return err == nil && l.Close() == nil
}

// Addresses are free ports with the loopback address before them.
func Addresses(count int) ([]string, error) {
	all, err := Free(count)
	for i, port := range all {
		all[i] = net.JoinHostPort("127.0.0.1", port)
	}
	return all, err
}
