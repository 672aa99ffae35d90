package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// diskBytes is the size of a node's disk.
const diskBytes = 768 << 20

// disks gives each node a small file system: ext4 in a file, which can get full and slow; a tmpfs where that is not allowed, which
// can get full; otherwise a plain directory.
type disks struct {
	dir  string
	kind string
}

func (d *disks) says() string { return d.kind }

func (d *disks) disk(node int) string { return filepath.Join(d.dir, fmt.Sprintf("disk-%d", node)) }

func (d *disks) image(node int) string { return d.disk(node) + ".img" }

// mount gives each node its disk: all of one kind, the first that works.
func (d *disks) mount() error {
	for id := 1; id <= nodes; id++ {
		if err := os.MkdirAll(d.disk(id), 0o755); err != nil {
			return err
		}
	}
	for _, kind := range []struct {
		name  string
		mount func(id int) error
	}{{"ext4", d.mountImage}, {"tmpfs", d.mountMemory}} {
		var err error
		for id := 1; id <= nodes && err == nil; id++ {
			err = kind.mount(id)
		}
		if err == nil {
			d.kind = kind.name
			return nil
		}
		if err := d.unmount(false); err != nil {
			return err
		}
	}
	d.kind = "directories"
	return nil
}

func (d *disks) mountImage(id int) error {
	f, err := os.Create(d.image(id))
	if err != nil {
		return err
	}
	if err := f.Truncate(diskBytes); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := tell("mkfs.ext4", "-q", "-F", "-m", "0", d.image(id)); err != nil {
		return err
	}
	if err := tell("mount", "-o", "loop", d.image(id), d.disk(id)); err != nil {
		return err
	}
	return clear(d.disk(id))
}

func (d *disks) mountMemory(id int) error {
	return syscall.Mount("tmpfs", d.disk(id), "tmpfs", 0, fmt.Sprintf("size=%d", diskBytes))
}

// unmount takes the disks away; what was on them is copied beside them if it is to be kept.
func (d *disks) unmount(keep bool) error {
	var errs []error
	for id := 1; id <= nodes; id++ {
		_ = d.release(id) // there may be no group
		if keep {
			errs = append(errs, d.free(id), tell("cp", "-a", "--sparse=always", d.disk(id), filepath.Join(d.dir, fmt.Sprintf("data-%d", id))))
		}
		_ = syscall.Unmount(d.disk(id), 0) // it may not be mounted
		_ = os.Remove(d.image(id))         // likewise
	}
	return errors.Join(errs...)
}

func (d *disks) ballast(node int) string { return filepath.Join(d.disk(node), "ballast") }

// fill writes until there is no room any more.
func (d *disks) fill(node int) error {
	if d.kind == "directories" {
		return errCannot
	}
	f, err := os.Create(d.ballast(node))
	if err != nil {
		return err
	}
	defer f.Close()
	var size int64
	for step := int64(16 << 20); step >= 4096; {
		switch err := syscall.Fallocate(int(f.Fd()), 0, size, step); {
		case err == nil:
			size += step
		case roomless(err):
			step /= 4
		default:
			return fmt.Errorf("fill %s: %w", d.disk(node), err)
		}
	}
	return nil
}

func (d *disks) free(node int) error {
	if err := os.Remove(d.ballast(node)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

func (d *disks) group(node int) string {
	return fmt.Sprintf("/sys/fs/cgroup/blkio/leat-faults-%d-%d", os.Getpid(), node)
}

// throttle lets a process do few writes a second on its disk. It needs version 1 of control groups.
func (d *disks) throttle(node, pid int) error {
	if d.kind != "ext4" {
		return errCannot
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(d.disk(node), &stat); err != nil {
		return err
	}
	if err := os.Mkdir(d.group(node), 0o755); err != nil {
		return errCannot
	}
	device := fmt.Sprintf("%d:%d ", stat.Dev>>8&0xfff, stat.Dev&0xff)
	for file, text := range map[string]string{
		"blkio.throttle.write_iops_device": device + "8",
		"blkio.throttle.write_bps_device":  device + "200000",
		"blkio.throttle.read_bps_device":   device + "2000000",
		"cgroup.procs":                     strconv.Itoa(pid),
	} {
		if err := os.WriteFile(filepath.Join(d.group(node), file), []byte(text), 0o644); err != nil {
			return fmt.Errorf("%w: %w", errCannot, err)
		}
	}
	return nil
}

// release takes the limits away and moves the processes back.
func (d *disks) release(node int) error {
	data, err := os.ReadFile(filepath.Join(d.group(node), "cgroup.procs"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, pid := range strings.Fields(string(data)) {
		_ = os.WriteFile("/sys/fs/cgroup/blkio/cgroup.procs", []byte(pid), 0o644) // it may just have ended
	}
	return os.Remove(d.group(node))
}

// wipe is a new disk in the place of the old one.
func (d *disks) wipe(node int) error { return clear(d.disk(node)) }
