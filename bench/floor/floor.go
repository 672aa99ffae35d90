// Package floor is what a broker cannot do without: it receives the frames of produce requests, checks the CRC of the batch, writes
// it to a file at the place where it belongs and replies; and it answers fetches with nothing but a header and sendfile.
//
// It speaks just enough of the protocol for package load, trusts it, keeps no index, knows no topics beforehand, and forgets
// everything when it ends. What a broker takes beyond it is what the broker does.
package floor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"leat/bench/load"
)

// Floor serves connections. Its files are in one directory.
type Floor struct {
	dir   string
	mu    sync.Mutex
	files map[string]*file
}

// file is one partition: equal batches, one after the other.
type file struct {
	mu      sync.Mutex
	f       *os.File
	size    int64
	batch   int64 // bytes of a batch
	records int64 // in a batch
}

// New makes a floor with its files in a directory that exists.
func New(dir string) *Floor { return &Floor{dir: dir, files: make(map[string]*file)} }

// Serve accepts connections on a listening blocking socket for ever; what goes wrong on a connection is handed to report and ends it.
func (s *Floor) Serve(listener int, report func(error)) error {
	for {
		fd, _, err := unix.Accept(listener)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		unix.CloseOnExec(fd)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
		go func() {
			c := &client{floor: s, conn: load.NewConn(fd, 64<<10), fd: fd}
			defer c.conn.Close()
			if err := c.serve(); !errors.Is(err, load.ErrClosed) {
				report(err)
			}
		}()
	}
}

// Listen opens a listening socket on a free port of the loopback interface.
func Listen() (fd, port int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, err
	}
	unix.CloseOnExec(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 1024)); err != nil {
		return 0, 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, 0, err
	}
	return fd, name.(*unix.SockaddrInet4).Port, nil
}

// open finds or makes the file of a partition.
func (s *Floor) open(topic []byte, partition int32) (*file, error) {
	name := fmt.Sprintf("%s-%d", topic, partition)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[name]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, err
	}
	s.files[name] = &file{f: f}
	return s.files[name], nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// append checks a batch, writes its base offset into it and it to the file.
func (f *file) append(batch []byte) (base int64, err error) {
	const header = 61
	if len(batch) < header {
		return 0, fmt.Errorf("batch of %d bytes", len(batch))
	}
	if want, got := binary.BigEndian.Uint32(batch[17:]), crc32.Checksum(batch[21:], castagnoli); want != got {
		return 0, fmt.Errorf("batch with CRC %08x, not %08x", got, want)
	}
	records := int64(binary.BigEndian.Uint32(batch[57:]))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size == 0 {
		f.batch, f.records = int64(len(batch)), records
	}
	if f.batch != int64(len(batch)) || f.records != records {
		return 0, fmt.Errorf("batch of %d bytes and %d records after one of %d and %d: the floor wants equal ones", len(batch), records, f.batch, f.records)
	}
	base = f.size / f.batch * f.records
	binary.BigEndian.PutUint64(batch, uint64(base))
	binary.BigEndian.PutUint32(batch[12:], 0) // leader epoch
	if _, err := f.f.WriteAt(batch, f.size); err != nil {
		return 0, err
	}
	f.size += f.batch
	return base, nil
}

// slice is the range of whole batches from an offset on.
func (f *file) slice(offset int64, maxBytes int64) (position, size int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size == 0 || offset%f.records != 0 || offset/f.records*f.batch > f.size {
		return 0, 0, fmt.Errorf("%s: no batch at offset %d", f.f.Name(), offset)
	}
	position = offset / f.records * f.batch
	size = min(f.size-position, max(maxBytes/f.batch, 1)*f.batch)
	return position, size, nil
}
