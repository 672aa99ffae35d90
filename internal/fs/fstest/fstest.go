// Package fstest is what every fs.FS has to do, as tests: the operating system's and the one in memory are held against the same.
package fstest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"leat/internal/fs"
)

// Run tests an implementation. Each subtest gets an empty directory from open.
func Run(t *testing.T, open func(t *testing.T) (fsys fs.FS, dir string)) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fsys, dir := open(t)
			c.run(&suite{t, fsys, dir})
		})
	}
}

// suite is what a case works on: shorthands that fail the test.
type suite struct {
	*testing.T
	fs  fs.FS
	dir string
}

func (s *suite) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

func (s *suite) open(name string, flag int) fs.File {
	s.Helper()
	f, err := s.fs.OpenFile(s.path(name), flag, 0o644)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { f.Close() })
	return f
}

func (s *suite) create(name, content string) {
	s.Helper()
	f := s.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if n, err := f.Write([]byte(content)); n != len(content) || err != nil {
		s.Fatalf("write %s: %d, %v", name, n, err)
	}
	s.ok(f.Close())
}

func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// refused wants a path error of the given kind.
func (s *suite) refused(err, kind error) {
	s.Helper()
	if _, ok := errors.AsType[*os.PathError](err); !ok || !errors.Is(err, kind) {
		s.Fatalf("error %v (%T), want a path error that is %q", err, err, kind)
	}
}

func (s *suite) content(name, want string) {
	s.Helper()
	got, err := fs.ReadFile(s.fs, s.path(name))
	if err != nil || string(got) != want {
		s.Fatalf("%s has %q, %v; want %q", name, got, err, want)
	}
}

func (s *suite) listing(name string, want ...string) {
	s.Helper()
	entries, err := s.fs.ReadDir(s.path(name))
	s.ok(err)
	var got []string
	for _, e := range entries {
		entry := e.Name()
		if e.IsDir() {
			entry += "/"
		}
		got = append(got, entry)
	}
	if !slices.Equal(got, want) {
		s.Fatalf("%s lists %q, want %q", name, got, want)
	}
}

var cases = []struct {
	name string
	run  func(*suite)
}{
	{"an absent file is reported", func(s *suite) {
		_, err := s.fs.OpenFile(s.path("a"), os.O_RDWR, 0)
		s.refused(err, os.ErrNotExist)
		_, err = s.fs.Stat(s.path("a"))
		s.refused(err, os.ErrNotExist)
		s.refused(s.fs.Remove(s.path("a")), os.ErrNotExist)
		s.refused(s.fs.Rename(s.path("a"), s.path("b")), os.ErrNotExist)
		_, err = s.fs.ReadDir(s.path("a"))
		s.refused(err, os.ErrNotExist)
		s.refused(s.fs.SyncDir(s.path("a")), os.ErrNotExist)
		_, err = s.fs.OpenFile(s.path("a", "b"), os.O_RDWR|os.O_CREATE, 0o644)
		s.refused(err, os.ErrNotExist)
		s.ok(s.fs.RemoveAll(s.path("a")))
	}},
	{"reads and writes go on where the last one ended", func(s *suite) {
		f := s.open("a", os.O_RDWR|os.O_CREATE)
		for _, part := range []string{"one ", "two ", "three"} {
			_, err := f.Write([]byte(part))
			s.ok(err)
		}
		s.ok(f.Close())
		f = s.open("a", os.O_RDONLY)
		buf := make([]byte, 8)
		n, err := io.ReadFull(f, buf)
		if n != 8 || err != nil || string(buf) != "one two " {
			s.Fatalf("first read: %q, %v", buf[:n], err)
		}
		rest, err := io.ReadAll(f)
		if err != nil || string(rest) != "three" {
			s.Fatalf("the rest: %q, %v", rest, err)
		}
	}},
	{"writes at a position leave a hole of zeros", func(s *suite) {
		f := s.open("a", os.O_RDWR|os.O_CREATE)
		_, err := f.WriteAt([]byte("end"), 10_000)
		s.ok(err)
		_, err = f.WriteAt([]byte("begin"), 0)
		s.ok(err)
		want := append(append([]byte("begin"), make([]byte, 9_995)...), "end"...)
		s.content("a", string(want))
		size, err := f.Size()
		if size != 10_003 || err != nil {
			s.Fatalf("size %d, %v", size, err)
		}
	}},
	{"a read past the end is short and says so", func(s *suite) {
		s.create("a", "abcdef")
		f := s.open("a", os.O_RDONLY)
		buf := make([]byte, 4)
		if n, err := f.ReadAt(buf, 4); n != 2 || err != io.EOF || string(buf[:n]) != "ef" {
			s.Fatalf("ReadAt(4) = %q, %v", buf[:n], err)
		}
		if n, err := f.ReadAt(buf, 6); n != 0 || err != io.EOF {
			s.Fatalf("ReadAt(6) = %d, %v", n, err)
		}
		if n, err := f.ReadAt(buf, 2); n != 4 || err != nil {
			s.Fatalf("ReadAt(2) = %d, %v", n, err)
		}
		if n, err := f.ReadAt(nil, 6); n != 0 || err != nil {
			s.Fatalf("ReadAt of nothing = %d, %v", n, err)
		}
		if _, err := f.ReadAt(buf, -1); err == nil {
			s.Fatal("ReadAt(-1) went through")
		}
	}},
	{"appending files ignore positions", func(s *suite) {
		s.create("a", "abc")
		f := s.open("a", os.O_RDWR|os.O_APPEND)
		_, err := f.Write([]byte("def"))
		s.ok(err)
		s.content("a", "abcdef")
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			s.Fatal("WriteAt of an appending file went through")
		}
	}},
	{"files are opened for what was asked", func(s *suite) {
		s.create("a", "abc")
		_, err := s.open("a", os.O_RDONLY).Write([]byte("x"))
		s.refused(err, syscall.EBADF)
		_, err = s.open("a", os.O_WRONLY).Read(make([]byte, 1))
		s.refused(err, syscall.EBADF)
		s.refused(s.open("a", os.O_RDONLY).Truncate(0), syscall.EINVAL)
		_, err = s.fs.OpenFile(s.path("a"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		s.refused(err, os.ErrExist)
		s.open("a", os.O_WRONLY|os.O_TRUNC)
		s.content("a", "")
	}},
	{"truncation cuts and what grows again is zero", func(s *suite) {
		f := s.open("a", os.O_RDWR|os.O_CREATE)
		_, err := f.Write(bytes.Repeat([]byte("x"), 9000))
		s.ok(err)
		s.ok(f.Truncate(5))
		s.content("a", "xxxxx")
		s.ok(f.Truncate(8))
		s.content("a", "xxxxx\x00\x00\x00")
		s.ok(f.Truncate(9000))
		s.content("a", "xxxxx"+strings.Repeat("\x00", 8995))
		_, err = f.Write([]byte("y")) // the position is where it was
		s.ok(err)
		if size, _ := f.Size(); size != 9001 {
			s.Fatalf("size %d, want 9001", size)
		}
	}},
	{"a closed file is closed", func(s *suite) {
		f := s.open("a", os.O_RDWR|os.O_CREATE)
		s.ok(f.Close())
		_, err := f.Write([]byte("x"))
		s.refused(err, os.ErrClosed)
		_, err = f.ReadAt(make([]byte, 1), 0)
		s.refused(err, os.ErrClosed)
		_, err = f.Size()
		s.refused(err, os.ErrClosed)
		s.refused(f.Sync(), os.ErrClosed)
		s.refused(f.Truncate(0), os.ErrClosed)
		s.refused(f.Close(), os.ErrClosed)
	}},
	{"open files outlive their names", func(s *suite) {
		s.create("removed", "one")
		s.create("renamed", "two")
		s.create("replaced", "three")
		removed, renamed, replaced := s.open("removed", os.O_RDWR), s.open("renamed", os.O_RDWR), s.open("replaced", os.O_RDWR)
		s.ok(s.fs.Remove(s.path("removed")))
		s.ok(s.fs.Rename(s.path("renamed"), s.path("replaced")))
		s.listing("", "replaced")
		for f, want := range map[fs.File]string{removed: "one", renamed: "two", replaced: "three"} {
			got := make([]byte, len(want))
			if _, err := f.ReadAt(got, 0); err != nil || string(got) != want {
				s.Fatalf("%s reads %q, %v; want %q", f.Name(), got, err, want)
			}
			if size, err := f.Size(); size != int64(len(want)) || err != nil {
				s.Fatalf("%s has size %d, %v", f.Name(), size, err)
			}
			_, err := f.WriteAt([]byte("T"), 0)
			s.ok(err)
			s.ok(f.Sync())
		}
		s.content("replaced", "Two")
		if renamed.Name() != s.path("renamed") {
			s.Fatalf("the renamed file's name is %s", renamed.Name())
		}
	}},
	{"directories nest and list in order", func(s *suite) {
		s.ok(s.fs.MkdirAll(s.path("d", "e"), 0o755))
		s.ok(s.fs.MkdirAll(s.path("d", "e"), 0o755))
		s.create("d/b", "1")
		s.create("d/a", "22")
		s.listing("d", "a", "b", "e/")
		s.listing("d/e")
		info, err := s.fs.Stat(s.path("d", "a"))
		if err != nil || info.Name() != "a" || info.Size() != 2 || info.IsDir() || info.ModTime().IsZero() {
			s.Fatalf("Stat: %+v, %v", info, err)
		}
		info, err = s.fs.Stat(s.path("d"))
		if err != nil || !info.IsDir() {
			s.Fatalf("Stat of a directory: %+v, %v", info, err)
		}
		s.refused(s.fs.MkdirAll(s.path("d", "a", "x"), 0o755), syscall.ENOTDIR)
		s.refused(s.fs.MkdirAll(s.path("d", "a"), 0o755), syscall.ENOTDIR)
	}},
	{"a directory is not a file", func(s *suite) {
		s.ok(s.fs.MkdirAll(s.path("d"), 0o755))
		_, err := s.fs.OpenFile(s.path("d"), os.O_RDWR, 0)
		s.refused(err, syscall.EISDIR)
		_, err = s.open("d", os.O_RDONLY).Read(make([]byte, 1))
		s.refused(err, syscall.EISDIR)
		s.create("a", "")
		_, err = s.fs.ReadDir(s.path("a"))
		s.refused(err, syscall.ENOTDIR)
		_, err = s.fs.OpenFile(s.path("a", "b"), os.O_RDONLY, 0)
		s.refused(err, syscall.ENOTDIR)
	}},
	{"full directories go only with RemoveAll", func(s *suite) {
		s.ok(s.fs.MkdirAll(s.path("d", "e"), 0o755))
		s.create("d/e/a", "x")
		s.refused(s.fs.Remove(s.path("d")), syscall.ENOTEMPTY)
		s.ok(s.fs.RemoveAll(s.path("d")))
		s.listing("")
		s.ok(s.fs.MkdirAll(s.path("d"), 0o755))
		s.listing("d")
		s.ok(s.fs.Remove(s.path("d")))
		s.listing("")
	}},
	{"directories move whole", func(s *suite) {
		s.ok(s.fs.MkdirAll(s.path("d", "e"), 0o755))
		s.ok(s.fs.MkdirAll(s.path("other"), 0o755))
		s.create("d/a", "x")
		s.ok(s.fs.Rename(s.path("d"), s.path("f")))
		s.listing("", "f/", "other/")
		s.content("f/a", "x")
		s.refused(s.fs.Rename(s.path("f"), s.path("other")), os.ErrExist)
		s.refused(s.fs.Rename(s.path("f"), s.path("f", "e", "g")), syscall.EINVAL)
		s.refused(s.fs.Rename(s.path("f", "a"), s.path("other")), os.ErrExist)
		s.create("file", "")
		s.refused(s.fs.Rename(s.path("f"), s.path("file")), syscall.ENOTDIR)
		s.ok(s.fs.Rename(s.path("f", "a"), s.path("f", "a")))
		s.ok(s.fs.Rename(s.path("f", "a"), s.path("other", "b")))
		s.content("other/b", "x")
		s.listing("f", "e/")
	}},
	{"a lock has one holder", func(s *suite) {
		first, err := s.fs.Lock(s.path(".lock"))
		s.ok(err)
		s.listing("", ".lock")
		_, err = s.fs.Lock(s.path(".lock"))
		s.refused(err, fs.ErrLocked)
		other, err := s.fs.Lock(s.path(".other"))
		s.ok(err)
		s.ok(other.Close())
		s.ok(first.Close())
		if err := first.Close(); !errors.Is(err, os.ErrClosed) {
			s.Fatalf("second close: %v", err)
		}
		again, err := s.fs.Lock(s.path(".lock"))
		s.ok(err)
		s.ok(again.Close())
	}},
	{"usage counts what is there", func(s *suite) {
		total, available, err := s.fs.Usage(s.dir)
		if err != nil || total <= 0 || available < 0 || available > total {
			s.Fatalf("Usage = %d, %d, %v", total, available, err)
		}
	}},
	{"everything below a directory is synced at once", func(s *suite) {
		s.ok(s.fs.MkdirAll(s.path("d", "e"), 0o755))
		s.create("d/a", "one")
		f := s.open("d/e/b", os.O_RDWR|os.O_CREATE)
		_, err := f.Write([]byte("two"))
		s.ok(err)
		s.ok(s.fs.SyncAll(s.path("d")))
		s.content("d/a", "one")
		s.content("d/e/b", "two")
		s.refused(s.fs.SyncAll(s.path("absent")), os.ErrNotExist)
	}},
	{"the time of the last change can be set", func(s *suite) {
		s.create("a", "one")
		then := time.UnixMilli(1_600_000_000_123)
		s.ok(s.fs.SetModTime(s.path("a"), then))
		info, err := s.fs.Stat(s.path("a"))
		if err != nil || !info.ModTime().Equal(then) {
			s.Fatalf("Stat after SetModTime: %v, %v; want %v", info, err, then)
		}
		f := s.open("a", os.O_WRONLY)
		_, err = f.WriteAt([]byte("two"), 0)
		s.ok(err)
		if info, err = s.fs.Stat(s.path("a")); err != nil || !info.ModTime().After(then) {
			s.Fatalf("a write leaves %v, %v", info, err)
		}
		s.refused(s.fs.SetModTime(s.path("absent"), then), os.ErrNotExist)
	}},
	{"WriteFile replaces and leaves nothing behind", func(s *suite) {
		s.ok(fs.WriteFile(s.fs, s.path("a"), []byte("first and longer"), 0o644))
		s.ok(fs.WriteFile(s.fs, s.path("a"), []byte("second"), 0o644))
		s.content("a", "second")
		s.listing("", "a")
		s.refused(fs.WriteFile(s.fs, s.path("d", "a"), nil, 0o644), os.ErrNotExist)
	}},
	{"many readers and one writer", func(s *suite) {
		f := s.open("a", os.O_RDWR|os.O_CREATE)
		_, err := f.Write(bytes.Repeat([]byte("x"), 4096))
		s.ok(err)
		done := make(chan error, 4)
		for range 4 {
			go func() {
				buf := make([]byte, 4096)
				for range 50 {
					if n, err := f.ReadAt(buf, 0); n != 4096 || err != nil || buf[0] != 'x' {
						done <- errors.Join(err, errors.New("a reader saw something else"))
						return
					}
				}
				done <- nil
			}()
		}
		for i := range 50 {
			_, err := f.WriteAt([]byte("yyyy"), int64(4096+4*i))
			s.ok(err)
		}
		for range 4 {
			s.ok(<-done)
		}
	}},
}
