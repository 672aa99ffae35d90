package cli

import (
	"net"
	"path/filepath"
	"testing"
)

func TestTheSupervisorHears(t *testing.T) {
	at := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", at)
	tellSupervisor("READY=1", "STATUS=serving")
	text := make([]byte, 100)
	n, err := l.Read(text)
	if got := string(text[:n]); err != nil || got != "READY=1\nSTATUS=serving" {
		t.Errorf("%q, %v", got, err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	tellSupervisor("READY=1") // nobody there, and nothing happens
	t.Setenv("NOTIFY_SOCKET", "")
	tellSupervisor("READY=1")
}
