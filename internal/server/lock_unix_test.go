//go:build unix

package server

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const lockHolder = "LEAT_TEST_HOLDS_LOCK"

// TestHoldsLock is no test: it is the other process of the test below, which holds a file as Java's FileChannel.tryLock does.
func TestHoldsLock(t *testing.T) {
	name := os.Getenv(lockHolder)
	if name == "" {
		t.Skip("only as a child of TestDirectoryThatKafkaHasOpenIsRefused")
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("locked\n")
	bufio.NewReader(os.Stdin).ReadByte() // until the parent lets go
	f.Close()
}

func TestDirectoryThatKafkaHasOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestHoldsLock$")
	child.Env = append(os.Environ(), lockHolder+"="+filepath.Join(dir, ".lock"))
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer in.Close()
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			t.Fatal("the other process did not lock the directory")
		}
		if strings.Contains(lines.Text(), "locked") {
			break
		}
	}
	wantStartError(t, dir, nil, dir, "in use")
}
