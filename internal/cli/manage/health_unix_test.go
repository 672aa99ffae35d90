//go:build unix

package manage

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// keptAddress is an address at which nobody listens and which nobody else is given: a socket has it until the test ends. Who names it may listen there.
func keptAddress(t *testing.T) string {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(s) })
	unix.CloseOnExec(s)
	if err := unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(at.(*unix.SockaddrInet4).Port))
}

func TestHealthWaitsForAClusterThatStarts(t *testing.T) {
	at := keptAddress(t)
	fails(t, at, 1, "no broker answers", "cluster", "health", "--timeout", "5s")
	healthy := make(chan string)
	go func() {
		_, out, problems := leat("cluster", "health", "--wait", "2m", "--max-disk", "100", "-b", at)
		healthy <- out + problems
	}()
	startNode(t, "listeners=PLAINTEXT://"+at+",CONTROLLER://127.0.0.1:0")
	if out := <-healthy; !strings.Contains(out, "1 of 1 are up") {
		t.Error(out)
	}
}
