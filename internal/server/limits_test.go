package server

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestNodesAndListenersHaveConnectionsOfTheirOwn: max.connections of a listener holds there, and the node's does not keep nodes from each other.
func TestNodesAndListenersHaveConnectionsOfTheirOwn(t *testing.T) {
	n := start(t, t.TempDir(), map[string]string{
		"listeners":                      "CLIENTS://127.0.0.1:0,GUESTS://127.0.0.1:0,NODES://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
		"listener.security.protocol.map": "CLIENTS:PLAINTEXT,GUESTS:PLAINTEXT,NODES:PLAINTEXT,CONTROLLER:PLAINTEXT", "inter.broker.listener.name": "NODES",
		"max.connections": "4", "listener.name.guests.max.connections": "1",
	})
	at := strings.Split(n.Bootstrap, ",")
	var held []net.Conn
	hold := func(address string) {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	served := func(address string, within time.Duration) bool {
		t.Helper()
		cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RetryTimeout(within), kgo.RequestTimeoutOverhead(within), kgo.DialTimeout(within))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		return cl.Ping(t.Context()) == nil
	}
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	hold(at[1]) // the one that guests may have
	if !served(at[0], time.Minute) {
		t.Fatal("clients are not served")
	}
	if served(at[1], time.Second) {
		t.Error("guests have more than one connection")
	}
	for range 8 {
		hold(at[0])
	}
	if !served(at[2], time.Minute) {
		t.Error("clients have all connections, and nodes none")
	}
}
