package fs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// syncBelow syncs the whole file system that holds name, and those that are mounted below it, which syncfs does not reach. An error of writing
// back is reported since Linux 5.8, and then once per open descriptor: one that nobody has been told of yet is told to a descriptor opened
// after it happened.
func syncBelow(name string) error {
	mounts, err := mountsBelow(name)
	if err != nil {
		return syncEach(name) // nobody tells where other file systems begin
	}
	if err := syncHolder(name); err != nil {
		return err
	}
	for _, m := range mounts {
		if err := syncHolder(m); err != nil && !errors.Is(err, os.ErrNotExist) { // another mount may hide it
			return err
		}
	}
	return nil
}

// syncHolder syncs the file system that holds name. For FUSE, syncfs ends at the kernel: the process that serves the files does not learn of it,
// so there each is synced by itself.
func syncHolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	var st unix.Statfs_t
	err = control(f, func(fd int) error { return unix.Fstatfs(fd, &st) })
	if err == nil && st.Type == unix.FUSE_SUPER_MAGIC {
		return errors.Join(syncEach(name), f.Close())
	}
	if err = control(f, unix.Syncfs); err != nil {
		err = &os.PathError{Op: "syncfs", Path: name, Err: err}
	}
	return errors.Join(err, f.Close())
}

// mountsBelow lists the mount points below a directory.
func mountsBelow(name string) ([]string, error) {
	whole, err := filepath.Abs(name)
	if err == nil {
		whole, err = filepath.EvalSymlinks(whole)
	}
	if err != nil {
		return nil, err
	}
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return mountPoints(info, whole), nil
}

// mountPoints picks from the lines of a mountinfo file, whose fifth field is the mount point, those below a directory.
func mountPoints(info []byte, dir string) (list []string) {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	for line := range bytes.Lines(info) {
		fields := bytes.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if point := unescaped(string(fields[4])); strings.HasPrefix(point, prefix) && point != prefix {
			list = append(list, point)
		}
	}
	return list
}

// unescaped undoes how the kernel writes spaces, tabs, line ends and backslashes: a backslash and three octal digits.
func unescaped(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
