package uplink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/peer"
	"leat/internal/wire"
)

// Address is where a controller is reached. NodeID is -1 while nobody has told it.
type Address struct {
	NodeID int32
	Host   string
	Port   int
}

func (a Address) String() string {
	at := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	if a.NodeID < 0 {
		return at
	}
	return fmt.Sprintf("controller %d at %s", a.NodeID, at)
}

// ErrNoController means that no active controller is known.
var ErrNoController = errors.New("no active controller")

// Controllers knows where the controllers are, and which of them is active, as far as this node was told.
type Controllers struct {
	first  []Address // from the configuration
	peers  peer.Config
	logger *slog.Logger

	mu       sync.Mutex
	leader   int32 // -1: not known
	epoch    int32
	known    map[int32]Address // by node id
	turn     int               // of first, while the leader is not known
	failures map[string]error  // why an address could not be asked, the last time; gone when it answers
	changed  chan struct{}     // closed and replaced when the leader changes
	waiters  map[*waiter]struct{}
}

// NewControllers starts from the addresses of the configuration; there must be one.
func NewControllers(first []Address, peers peer.Config, logger *slog.Logger) *Controllers {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	c := &Controllers{first: first, peers: peers, logger: logger, leader: -1, known: map[int32]Address{}, failures: map[string]error{},
		changed: make(chan struct{}), waiters: map[*waiter]struct{}{}}
	for _, a := range first {
		if a.NodeID >= 0 {
			c.known[a.NodeID] = a
		}
	}
	return c
}

// next is whom to ask for the log now: the leader if it is known, else the next address of the configuration.
func (c *Controllers) next() Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.known[c.leader]; ok {
		return a
	}
	return c.first[c.turn%len(c.first)]
}

// told takes in who leads at an epoch, and reports whether that is news. Epochs that have passed are not listened to.
func (c *Controllers) told(leader, epoch int32, nodes []Address) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range nodes {
		if a.NodeID >= 0 && a.Host != "" {
			c.known[a.NodeID] = a
		}
	}
	if epoch < c.epoch || epoch == c.epoch && (leader < 0 || leader == c.leader) {
		return false
	}
	c.epoch, c.leader = epoch, leader
	c.notify()
	if leader >= 0 {
		c.logger.Info("active controller known", "leader", leader, "leader_epoch", epoch)
	}
	return true
}

// unreachable notes that an address gave no answer: another is asked next, and what is sent to the controller waits until one is found.
func (c *Controllers) unreachable(a Address, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures[a.String()] = why
	c.turn++
	if c.leader >= 0 && c.leader == a.NodeID {
		c.leader = -1
		c.notify()
	}
}

// passOn lets the next address be asked, since this one is not the leader and does not know it.
func (c *Controllers) passOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	if c.leader >= 0 {
		c.leader = -1
		c.notify()
	}
}

// Lead takes in who leads at an epoch, as this node's own part of the quorum tells; a leader of -1 is nobody.
func (c *Controllers) Lead(leader, epoch int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leader == leader && c.epoch == epoch {
		return
	}
	c.leader, c.epoch = leader, epoch
	c.notify()
}

// Known takes in where a controller is reached.
func (c *Controllers) Known(a Address) {
	if a.NodeID < 0 || a.Host == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[a.NodeID] == a {
		return
	}
	c.known[a.NodeID] = a
	if c.leader == a.NodeID {
		c.notify()
	}
}

// Addresses are where the controllers are reached that are known by their id, in its order; without any, those of the configuration.
func (c *Controllers) Addresses() []Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) == 0 {
		return c.first
	}
	all := slices.Collect(maps.Values(c.known))
	slices.SortFunc(all, func(a, b Address) int { return cmp.Compare(a.NodeID, b.NodeID) })
	return all
}

// addressOf gives the address of a controller whenever it is asked for.
func (c *Controllers) addressOf(nodeID int32) func() (string, error) {
	return func() (string, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		a, ok := c.known[nodeID]
		if !ok {
			return "", fmt.Errorf("controller %d: nobody has told its address", nodeID)
		}
		return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)), nil
	}
}

// note keeps why a controller could not be asked; nil: it answers.
func (c *Controllers) note(nodeID int32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.known[nodeID]
	switch {
	case !ok:
	case err == nil:
		delete(c.failures, a.String())
	default:
		c.failures[a.String()] = err
	}
}

// Trouble says who of the controllers could not be reached the last time, and why; nil: nobody is known to be away.
func (c *Controllers) Trouble() error {
	c.mu.Lock()
	away := len(c.failures) > 0
	c.mu.Unlock()
	if !away {
		return nil
	}
	return c.trouble()
}

// reached forgets why an address could not be asked.
func (c *Controllers) reached(a Address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.failures, a.String())
}

// notify wakes those who wait for another leader, and lets the time of those run out who wait for an answer of the one before. Called with mu held.
func (c *Controllers) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
	for w := range c.waiters {
		c.replaced(w)
	}
}

// Epoch is the highest leader epoch that was heard of, and who leads at it; -1: nobody knows.
func (c *Controllers) Epoch() (leader, epoch int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leader, c.epoch
}

// active waits until the active controller is known.
func (c *Controllers) active(ctx context.Context) (Address, error) {
	for {
		c.mu.Lock()
		a, ok := c.known[c.leader]
		changed := c.changed
		c.mu.Unlock()
		if ok {
			return a, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Address{}, fmt.Errorf("%w: %w", c.trouble(), ctx.Err())
		}
	}
}

// AwaitLeader waits until it is known which controller is active.
func (c *Controllers) AwaitLeader(ctx context.Context) error {
	_, err := c.active(ctx)
	return err
}

// trouble says who could not be reached and why.
func (c *Controllers) trouble() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var why []string
	for _, a := range c.first {
		if err := c.failures[a.String()]; err != nil {
			why = append(why, err.Error())
		}
	}
	for _, a := range c.known {
		if err := c.failures[a.String()]; err != nil && !strings.Contains(strings.Join(why, ""), err.Error()) {
			why = append(why, err.Error())
		}
	}
	if len(why) == 0 {
		return fmt.Errorf("%w: the controllers answer, but have not elected a leader: are a majority of them up", ErrNoController)
	}
	return fmt.Errorf("%w reached: %s: start the controllers, or name them in controller.quorum.bootstrap.servers", ErrNoController, strings.Join(why, "; "))
}

// line is a connection to an address.
func (c *Controllers) line(a Address) *peer.Peer {
	return peer.New(c.peers, a.NodeID, func() (string, error) { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)), nil })
}

// endpointTypeControllers asks DescribeCluster about the controllers (KIP-919).
const endpointTypeControllers = 2

// ClusterID asks the controllers, one after the other until one answers, which cluster they are of.
func (c *Controllers) ClusterID(ctx context.Context) (string, error) {
	var complained time.Time
	for {
		a := c.next()
		id, err := c.askClusterID(ctx, a)
		if err == nil {
			c.reached(a)
			return id, nil
		}
		if ctx.Err() == nil {
			c.unreachable(a, err)
		}
		if time.Since(complained) > complainEvery {
			complained = time.Now()
			c.logger.Warn("no controller has told the cluster's id yet, trying on", "err", err)
		}
		if err := pause(ctx, retryPause); err != nil {
			return "", fmt.Errorf("cluster id: %w: %w", c.trouble(), err)
		}
	}
}

// Identify asks a controller who it is and which cluster it belongs to. One that is not leat's is asked for the cluster alone; its node id is -1.
func (c *Controllers) Identify(ctx context.Context, a Address, self *wire.Identity) (*wire.IdentityResponse, error) {
	p := c.line(a)
	defer p.Close()
	response, err := p.Do(ctx, self)
	if errors.Is(err, peer.ErrUnsupported) {
		id, err := c.askClusterID(ctx, a)
		return &wire.IdentityResponse{NodeID: -1, ClusterID: id}, err
	}
	if err != nil {
		return nil, err
	}
	resp, ok := response.(*wire.IdentityResponse)
	if !ok {
		return nil, fmt.Errorf("%s answered LeatIdentity with %T", a, response)
	}
	return resp, kerr.ErrorForCode(resp.ErrorCode)
}

func (c *Controllers) askClusterID(ctx context.Context, a Address) (string, error) {
	p := c.line(a)
	defer p.Close()
	rq := kmsg.NewPtrDescribeClusterRequest()
	rq.EndpointType = endpointTypeControllers
	response, err := p.Do(ctx, rq)
	if err != nil {
		return "", err
	}
	resp, ok := response.(*kmsg.DescribeClusterResponse)
	if !ok {
		return "", fmt.Errorf("%s answered DescribeCluster with %T", a, response)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return "", fmt.Errorf("%s: DescribeCluster: %w", a, err)
	}
	if resp.ClusterID == "" {
		return "", fmt.Errorf("%s: DescribeCluster: no cluster id in the answer", a)
	}
	return resp.ClusterID, nil
}

// pause waits; the error is that of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
