package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/peer"
)

// A broker with a wrong address finds out at its start, and those who replicate from it say whom they cannot reach, where and why.
func TestClusterAWrongAdvertisedAddressIsToldByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		wrong := c.hosts[2].IP().String() + ":9999"
		var logs [3]logText
		started := make(chan error, 3)
		for i := range c.nodes {
			set := c.settings(i)
			if i == 2 {
				set["advertised.listeners"] = "PLAINTEXT://" + wrong
			}
			go func() {
				n, err := bubbleTry(t, c.hosts[i], c.files[i], set, logs[i].handler())
				c.nodes[i] = n
				started <- err
			}()
		}
		for range c.nodes {
			if err := <-started; err != nil {
				t.Fatal(err)
			}
		}
		c.clients = c.hosts[:2]
		c.create("orders", 9, 3)
		time.Sleep(30 * time.Second)
		logs[2].want(t, "does not reach itself", wrong, "refused")
		logs[0].want(t, "cannot be reached by this one", "node=3", wrong, "refused")
		logs[1].want(t, "cannot be reached by this one", "node=3", wrong, "refused")
		c.stop()
	})
}

func TestUnreachedBrokersAreToldNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs logText
		u := unreached{node: 1, logger: slog.New(logs.handler())}
		answer := error(syscall.ECONNREFUSED)
		dial := u.dialer(2, func(context.Context, string, string) (net.Conn, error) {
			if answer == nil {
				c, _ := net.Pipe()
				return c, nil
			}
			return nil, answer
		})
		warned := func() int { return strings.Count(logs.buf.String(), "cannot be reached") }
		for _, x := range []struct {
			after time.Duration
			err   error
			lines int
			list  string
		}{
			{0, syscall.ECONNREFUSED, 0, "broker 2 at there:1"},
			{9 * time.Second, syscall.ECONNREFUSED, 0, "broker 2 at there:1"},
			{time.Second, syscall.ECONNREFUSED, 1, "connection refused"},
			{time.Minute, fmt.Errorf("gave up: %w", context.Canceled), 1, "connection refused"},
			{time.Minute, errors.New("no route"), 1, "no route"},
			{3 * time.Minute, errors.New("no route"), 2, "no route"},
			{time.Second, nil, 2, ""},
			{time.Second, syscall.ECONNREFUSED, 2, "broker 2 at there:1"},
		} {
			time.Sleep(x.after)
			answer = x.err
			if c, err := dial(t.Context(), "tcp", "there:1"); err == nil {
				_ = c.Close()
			}
			list := strings.Join(u.list(), "")
			if n := warned(); n != x.lines || !strings.Contains(list, x.list) || x.list == "" && list != "" {
				t.Errorf("after %v more, %v: %d warnings, %q", x.after, x.err, n, list)
			}
		}
	})
}

// Who is told that a node cannot be reached at an address is told the address once.
func TestWhyANodeIsNotReachedDoesNotRepeatItsAddress(t *testing.T) {
	const at = "192.0.2.7:9092"
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(at)), Err: syscall.ECONNREFUSED}
	late := fmt.Errorf("%w: %w", peer.ErrNoAnswer, refused)
	for _, x := range []struct {
		err     error
		address string
		want    string
	}{
		{&peer.Error{NodeID: 3, Address: at, Doing: "connect", Err: refused}, at, "connect: dial tcp: connection refused"},
		{&peer.Error{NodeID: 3, Address: at, Doing: "connect", Err: late}, at, "connect: no answer in time: dial tcp: connection refused"},
		{&peer.Error{NodeID: 3, Address: "c:9092", Doing: "connect", Err: refused}, "c:9092", "connect: dial tcp " + at + ": connection refused"}, // what the name stands for
		{&peer.Error{NodeID: 3, Doing: "find its address", Err: errors.New("broker 3 is not registered")}, "", "find its address: broker 3 is not registered"},
		{refused, at, "dial tcp: connection refused"},
	} {
		if got := unanswered(x.err, x.address); got != x.want {
			t.Errorf("%v: %q, not %q", x.err, got, x.want)
		}
	}
}
