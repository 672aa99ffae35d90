package server

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"leat/internal/uplink"
)

const (
	// farewellPause is before each look whether there still are controllers, in a shutdown that waits for them.
	farewellPause = 100 * time.Millisecond
	// farewellLooks is how many looks in a row must find a majority gone.
	farewellLooks = 2
)

// errNoMajority ends the wait for what only a majority of the controllers could decide.
var errNoMajority = errors.New("a majority of the controllers refuses connections, so nobody can take leaderships over")

// whileDecided returns a context that ends early when the controllers are gone, as when a whole cluster is being stopped: what this node waits for in its
// shutdown would never be decided. Whoever only restarts is back before.
func (n *node) whileDecided(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for looks := 0; looks < farewellLooks; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(farewellPause):
			}
			if n.majorityRefuses(ctx) {
				looks++
			} else {
				looks = 0
			}
		}
		cancel(errNoMajority)
	})
	return ctx, func() { cancel(nil); watch.Wait() }
}

// majorityRefuses asks the controllers, also the one that is believed to lead, which may have stopped by now. Only a refused connection counts: who is
// slow may decide yet.
func (n *node) majorityRefuses(ctx context.Context) bool {
	voters := n.controllersKnown()
	if leader, _ := n.knownControllers().Epoch(); leader >= 0 && n.quorum == nil {
		return false // a broker may know of controllers that do not vote any more
	}
	ctx, cancel := context.WithTimeout(ctx, farewellPause)
	defer cancel()
	gone := make(chan bool, len(voters))
	for _, a := range voters {
		go func() {
			if n.quorum != nil && a.NodeID == n.id {
				gone <- false
				return
			}
			c, err := n.Dial(ctx, "tcp", net.JoinHostPort(a.Host, strconv.Itoa(a.Port)))
			if err == nil {
				_ = c.Close()
			}
			gone <- errors.Is(err, syscall.ECONNREFUSED)
		}()
	}
	refusing := 0
	for range voters {
		if <-gone {
			refusing++
		}
	}
	return refusing > 0 && len(voters)-refusing <= len(voters)/2
}

// knownControllers is what this node knows of the controllers.
func (n *node) knownControllers() *uplink.Controllers {
	if n.remote != nil {
		return n.remote.controllers
	}
	return n.voice.controllers
}

// controllersKnown are the controllers that decide, as far as this node knows, itself included.
func (n *node) controllersKnown() []uplink.Address {
	all := n.knownControllers().Addresses()
	if n.quorum == nil {
		return all
	}
	var voters []uplink.Address
	for _, m := range n.quorum.Members() {
		for _, a := range all {
			if a.NodeID == m.ID && !m.Learner {
				voters = append(voters, a)
			}
		}
	}
	return voters
}
