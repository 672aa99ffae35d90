package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"unsafe"
)

// disk is a small file system of its own for a second log directory: ext4 in a file with holes. What is reserved on it takes no room elsewhere.
type disk struct {
	dir   string
	image string
}

// diskBytes is the size of the disk: large enough that leat guards its free space with the marks that it chooses itself.
const (
	diskBytes = 2 << 30
	softMark  = diskBytes / 20
	hardMark  = diskBytes / 100
)

// newDisk makes and mounts a disk. Where that is not allowed there is a plain directory, nil, and why.
func newDisk(dir string) (*disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d := &disk{dir: dir, image: dir + ".img"}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(diskBytes), f.Close())
	}
	for _, argv := range [][]string{{"mkfs.ext4", "-q", "-F", "-m", "0", d.image}, {"mount", "-o", "loop", d.image, d.dir}} {
		if err != nil {
			break
		}
		var out []byte
		if out, err = exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			err = fmt.Errorf("%s: %w: %s", argv[0], err, out)
		}
	}
	if err == nil {
		err = os.Remove(filepath.Join(d.dir, "lost+found"))
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *disk) unmount() error {
	if d == nil {
		return nil
	}
	return syscall.Unmount(d.dir, syscall.MNT_DETACH)
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// available is how much is free.
func (d *disk) available() (int64, error) {
	var stat syscall.Statfs_t
	err := syscall.Statfs(d.dir, &stat)
	return int64(stat.Bavail) * stat.Bsize, err
}

// leave makes the ballast larger or smaller until so much is free.
func (d *disk) leave(free int64) error {
	f, err := os.OpenFile(d.ballast(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	available, err := d.available()
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := max(0, info.Size()+available-free)
	if size > info.Size() {
		return syscall.Fallocate(int(f.Fd()), 0, 0, size)
	}
	return f.Truncate(size)
}

// die has every access fail from now on, as those to a disk that died do.
func (d *disk) die() error {
	const shutdown, withoutLog = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	how := uint32(withoutLog)
	if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); code != 0 {
		return fmt.Errorf("shut %s down: %w", d.dir, code)
	}
	return nil
}
