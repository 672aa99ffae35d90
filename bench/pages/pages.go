// Package pages keeps the machine's free memory in the same state before every measurement.
//
// A virtual machine may give memory that is free back to its host. The first write to such a page then costs a thousand times as
// much as to another one, seconds per GB, and is charged to whoever writes: a broker that fills the page cache pays, or not, for
// what ran before it. A Ballast fills all free memory with clean pages of a file of holes, which leaves nothing to give back; the
// kernel takes them from it as they are needed, as it does on a machine that has been up for long.
//
// It is not for production: it exists so that two runs can be compared.
package pages

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	step = 64 << 20
	// full is how little memory may be free when all of it is taken: above the kernel's own reserve, so that it need not look for more.
	full = 300 << 20
	// most is the size of the file, all of it hole: less than what file systems allow.
	most = 8 << 40
)

// Ballast is a file without blocks of which a part lies in the page cache.
type Ballast struct {
	f    *os.File
	head int64 // the next hole to be read
	buf  []byte
	free func() (int64, error)
}

// Open makes a ballast from a file, which is created if it is missing. What an earlier process left of it in the page cache counts.
func Open(path string) (*Ballast, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Ballast{f: f, head: info.Size(), buf: make([]byte, 1<<20), free: freeMemory}, nil
}

// Close leaves the pages where they are; they go with the file.
func (b *Ballast) Close() error { return b.f.Close() }

// Fill takes all free memory, so that every page is backed. What is written next gets pages that the kernel takes back from here.
func (b *Ballast) Fill() error {
	for {
		free, err := b.free()
		if err != nil || free <= full {
			return err
		}
		if err := b.take(); err != nil {
			return err
		}
	}
}

// Cold reports whether the first use of free memory is slow here: more than half a second per GB, where an ordinary page costs a fifth.
func (b *Ballast) Cold() (bool, error) {
	const steps = 16
	began := time.Now()
	for range steps {
		if err := b.take(); err != nil {
			return false, err
		}
	}
	return time.Since(began).Seconds()/(steps*step/1e9) > 0.5, nil
}

// take reads the next holes, which allocates pages for them.
func (b *Ballast) take() error {
	if b.head >= most {
		return fmt.Errorf("%s: used up: remove the file", b.f.Name())
	}
	if err := b.f.Truncate(b.head + step); err != nil {
		return err
	}
	for end := b.head + step; b.head < end; {
		n, err := b.f.ReadAt(b.buf, b.head)
		if err != nil {
			return err
		}
		b.head += int64(n)
	}
	return nil
}

func freeMemory() (int64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	return parseFree(string(data))
}

func parseFree(meminfo string) (int64, error) {
	for line := range strings.Lines(meminfo) {
		if rest, ok := strings.CutPrefix(line, "MemFree:"); ok {
			kibibytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("/proc/meminfo: no MemFree")
}
