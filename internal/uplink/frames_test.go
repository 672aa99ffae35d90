package uplink

import (
	"context"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/peer"
)

// TestFramesLookAgainAtAControllerThatHungUp has a process that is being ended: its connections are gone, and its listener still takes new ones for a
// moment. One that takes them for good is alive, and not suspected.
func TestFramesLookAgainAtAControllerThatHungUp(t *testing.T) {
	for _, c := range []struct {
		name      string
		takes     int // connections, before they are refused
		resets    int // connections after that
		suspected bool
	}{
		{"nobody listens", 0, 0, true},
		{"the listener goes later than the connections", 3, 0, true},
		{"the listener goes while it is asked", 1, 1, true},
		{"it is alive", 1000, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials := 0
				peers := peer.Config{Dial: func(context.Context, string, string) (net.Conn, error) {
					switch dials++; {
					case dials > c.takes+c.resets:
						return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
					case dials > c.takes:
						return nil, &net.OpError{Op: "dial", Err: syscall.ECONNRESET}
					}
					near, far := net.Pipe()
					return near, far.Close()
				}}
				var suspected []int32
				controllers := NewControllers([]Address{{NodeID: 2, Host: "other", Port: 9093}}, peers, nil)
				f := NewFrames(FramesConfig{NodeID: 1, Controllers: controllers, Peers: peers, Timeout: 10 * time.Second,
					Suspect: func(id int32) { suspected = append(suspected, id) }, Logger: slog.New(slog.DiscardHandler)})
				if _, err := f.route(2); err != nil {
					t.Fatal(err)
				}
				f.hungUp(2)
				time.Sleep(time.Second)
				f.Close()
				if got := len(suspected) == 1 && suspected[0] == 2; got != c.suspected || !c.suspected && len(suspected) > 0 {
					t.Errorf("suspected %v after %d connections", suspected, dials)
				}
			})
		})
	}
}
