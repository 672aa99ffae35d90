package cli

import (
	"net"
	"os"
	"strings"
)

// tellSupervisor tells the supervisor that started this process about its state (sd_notify(3)): READY=1 when it serves, RELOADING=1, STOPPING=1. Without
// one, or if it does not listen, nothing happens: nothing depends on it but what the supervisor shows.
func tellSupervisor(state ...string) {
	at := os.Getenv("NOTIFY_SOCKET")
	if at == "" {
		return
	}
	if at[0] == '@' { // a name that no file has
		at = "\x00" + at[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		return
	}
	_, _ = c.Write([]byte(strings.Join(state, "\n")))
	_ = c.Close()
}
