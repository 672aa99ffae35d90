package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// unreachedPatience is for how long a broker must not have been reached before it is told: restarts are shorter.
	unreachedPatience = 10 * time.Second
	// unreachedEvery is how often it is told again.
	unreachedEvery = 5 * time.Minute
	// ownAddressWait bounds a look at an own address.
	ownAddressWait = 5 * time.Second
)

// unreached is which brokers this node cannot reach, and why: the one with a wrong address does not notice itself.
type unreached struct {
	node   int32
	logger *slog.Logger

	mu      sync.Mutex
	brokers map[int32]*failing // guarded by mu
}

// failing is a broker to which no connection could be made, the last time.
type failing struct {
	address     string
	err         error
	since, told time.Time
}

// dialer returns a dial that notes what became of connections to a broker.
func (u *unreached) dialer(broker int32, dial DialFunc) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if !errors.Is(err, context.Canceled) { // who gave up says nothing
			u.note(broker, address, err, time.Now())
		}
		return c, err
	}
}

func (u *unreached) note(broker int32, address string, err error, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f := u.brokers[broker]
	if err == nil {
		if f != nil && !f.told.IsZero() {
			u.logger.Info("broker reached again", "node", broker, "address", address, "duration", now.Sub(f.since))
		}
		delete(u.brokers, broker)
		return
	}
	if f == nil {
		if u.brokers == nil {
			u.brokers = map[int32]*failing{}
		}
		f = &failing{since: now}
		u.brokers[broker] = f
	}
	f.address, f.err = address, err
	if now.Sub(f.since) >= unreachedPatience && (f.told.IsZero() || now.Sub(f.told) >= unreachedEvery) {
		f.told = now
		u.logger.Warn("broker cannot be reached by this one at the address that it advertises, so nothing is replicated from it: is it down, or are its advertised.listeners wrong",
			"from", u.node, "node", broker, "address", address, "duration", now.Sub(f.since), "err", err)
	}
}

// list says whom this node cannot reach, a sentence each.
func (u *unreached) list() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []string
	for id, f := range u.brokers {
		out = append(out, fmt.Sprintf("broker %d at %s since %s: %s", id, f.address, f.since.UTC().Format(time.RFC3339), without(f.address, f.err)))
	}
	slices.Sort(out)
	return out
}

// without is what an error says, for a text that has told the address already.
func without(address string, err error) string {
	text := err.Error()
	if address == "" {
		return text
	}
	return strings.ReplaceAll(text, " "+address, "")
}

// unreachedNodes is whom this node cannot reach: brokers that it replicates from, and controllers as long as it depends on reaching them.
func (n *node) unreachedNodes() error {
	if !n.identified.Load() { // the controllers may not have been looked for
		return nil
	}
	all := n.outOfReach.list()
	c := n.knownControllers()
	if leader, _ := c.Epoch(); leader < 0 || leader == n.id && n.remote == nil {
		if err := c.Trouble(); err != nil {
			all = append(all, err.Error())
		}
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New("this node cannot reach " + strings.Join(all, "; "))
}

// tryOwnAddresses looks whether somebody answers where this broker says that it is, and only warns: other machines may see other addresses.
// An address at which it listens itself needs no look.
func (n *node) tryOwnAddresses() {
	var work sync.WaitGroup
	ctx, cancel := context.WithTimeout(context.Background(), ownAddressWait)
	for _, e := range n.endpoints {
		if slices.ContainsFunc(n.bound, func(b bound) bool { return b.Host == e.Host && b.port() == int(e.Port) }) {
			continue
		}
		address := net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))
		work.Go(func() {
			c, err := n.Dial(ctx, "tcp", address)
			if err == nil {
				_ = c.Close()
			} else if !errors.Is(err, context.Canceled) {
				n.Logger.Warn("this broker does not reach itself at the address that it advertises: if others do not either, correct advertised.listeners",
					"node", n.id, "listener", e.Name, "address", address, "err", err)
			}
		})
	}
	n.onClose("look at own addresses", func() error { cancel(); work.Wait(); return nil })
}
