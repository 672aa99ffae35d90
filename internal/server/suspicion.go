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
	"syscall"
	"time"

	"leat/internal/controller"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/telemetry"
)

// suspicion is how a controller finds out that a broker's process has ended, without waiting for the broker's session to end.
//
// It begins with a connection that closes on which heartbeats came, or with this controller becoming active. Then the broker's listeners are tried:
// where connections are refused nobody listens any more. A process that was stopped still has its connections taken by its system, one that is
// slow too, and a machine that is cut off answers nothing at all; none of them is fenced before its session ends.
//
// Refusal counts only at an address that took a connection from this node earlier in the same incarnation of the broker: otherwise it may be
// refused by a firewall. So each broker is tried once when it becomes a member, which also tells if it cannot be reached where it says.
type suspicion struct {
	suspicionConfig
	ctx    context.Context // ends with close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex // guards what follows; held over nothing that waits
	active  *controller.Running
	speaks  map[*listener.Conn]incarnation
	brokers map[int32]*watched
	closed  bool
}

type suspicionConfig struct {
	nodeID  int32
	enabled bool          // leat.suspicion.enable
	timeout time.Duration // leat.suspicion.connect.timeout.ms
	dial    DialFunc
	image   func() *metadata.Image
	logger  *slog.Logger
}

// incarnation is one run of a broker.
type incarnation struct {
	id    int32
	epoch int64
}

// watched is what is known of a broker.
type watched struct {
	epoch   int64
	heard   *listener.Conn // on which its last heartbeat came; nil: none yet, or it closed
	tried   bool           // its addresses are or were being tried
	reached []string       // those that took a connection
}

func newSuspicion(cfg suspicionConfig) *suspicion {
	s := &suspicion{suspicionConfig: cfg, speaks: map[*listener.Conn]incarnation{}, brokers: map[int32]*watched{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// openSuspicion prepares for this controller being active.
func (n *node) openSuspicion() {
	n.suspicion = newSuspicion(suspicionConfig{
		nodeID: n.id, enabled: n.Values.Bool("leat.suspicion.enable"), timeout: n.Values.Millis("leat.suspicion.connect.timeout.ms"),
		dial: n.Dial, image: n.images.image, logger: n.logger(telemetry.LogController),
	})
	n.onClose("suspicion of brokers", func() error { n.suspicion.close(); return nil })
}

// close ends it, and may be called again. The node's own listeners close after it: that says nothing about brokers. On a node that is no controller there is
// nothing to end, nor to hear of connections.
func (s *suspicion) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
}

// run runs fn on a goroutine of its own unless all is over. Called with mu held.
func (s *suspicion) run(fn func()) {
	if !s.closed {
		s.work.Go(fn)
	}
}

// broker is what is known of an incarnation, nil if a later one is known. Called with mu held.
func (s *suspicion) broker(who incarnation) *watched {
	b := s.brokers[who.id]
	if b == nil || b.epoch < who.epoch {
		b = &watched{epoch: who.epoch}
		s.brokers[who.id] = b
	}
	if b.epoch != who.epoch {
		return nil
	}
	return b
}

// lead notes that this controller became active. Nobody's heartbeats came to it so far, so everybody is suspected.
func (s *suspicion) lead(active *controller.Running, im *metadata.Image) {
	if !s.enabled {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = active
	for _, b := range im.Brokers() {
		if !b.Fenced && b.ID != s.nodeID {
			s.run(func() { s.verify(incarnation{b.ID, b.Epoch}, "the controller before was lost") })
		}
	}
}

// heard notes the connection on which a heartbeat came that was accepted.
func (s *suspicion) heard(r *listener.Request, brokerID int32, epoch int64) {
	if !s.enabled || brokerID == s.nodeID {
		return
	}
	s.mu.Lock()
	who := incarnation{brokerID, epoch}
	if b := s.broker(who); b != nil {
		b.heard = r.Conn
		s.speaks[r.Conn] = who
	}
	s.mu.Unlock()
	if r.Gone.Err() != nil { // it closed before it was noted
		s.hungUp(r.Conn)
	}
}

// hungUp is told of every connection that closes.
func (s *suspicion) hungUp(c *listener.Conn) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	who, ok := s.speaks[c]
	if !ok {
		return
	}
	delete(s.speaks, c)
	b := s.broker(who)
	if b == nil || b.heard != c || s.active == nil {
		return
	}
	b.heard = nil
	s.run(func() { s.verify(who, "its connection to the controller closed") })
}

// pauses are before each look at a broker: a process that is being ended holds its listeners for a moment longer than its connections.
var pauses = []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// verify looks whether a broker's process has ended, until it is heard of again.
func (s *suspicion) verify(who incarnation, why string) {
	s.suspect(who, "")
	for _, pause := range pauses {
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return
		}
		addresses, ok := s.silent(who)
		if !ok {
			return
		}
		if proof := s.refused(addresses); proof != "" {
			if _, ok := s.silent(who); ok {
				s.suspect(who, why+", and connections to it are refused at "+proof)
			}
			return
		}
	}
	s.logger.Debug("suspected broker takes connections or does not answer, so it is not fenced before its session ends", "node", who.id, "broker_epoch", who.epoch)
}

// silent reports whether an incarnation is a member and was not heard of since it was suspected, and which of its addresses were reached before.
func (s *suspicion) silent(who incarnation) (addresses []string, ok bool) {
	if b, member := s.image().Broker(who.id); !member || b.Epoch != who.epoch || b.Fenced {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.broker(who)
	if b == nil || b.heard != nil {
		return nil, false
	}
	return slices.Clone(b.reached), true
}

// refused lists the addresses if connections are refused at all of them, "" otherwise.
func (s *suspicion) refused(addresses []string) string {
	for _, address := range addresses {
		if err := s.connect(address); !errors.Is(err, syscall.ECONNREFUSED) {
			return ""
		}
	}
	return strings.Join(addresses, ", ")
}

func (s *suspicion) connect(address string) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	c, err := s.dial(ctx, "tcp", address)
	if err == nil {
		_ = c.Close()
	}
	return err
}

func (s *suspicion) suspect(who incarnation, proof string) {
	s.mu.Lock()
	active := s.active
	s.mu.Unlock()
	if active == nil {
		return
	}
	active.Suspect(controller.Suspicion{BrokerID: who.id, BrokerEpoch: who.epoch, Proof: proof}, func(bool, error) {})
}

// publish follows the images: brokers that became members are tried once, those that are none any more are forgotten.
func (s *suspicion) publish(im *metadata.Image) {
	if !s.enabled {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.brokers {
		if _, ok := im.Broker(id); !ok {
			delete(s.brokers, id)
		}
	}
	for _, b := range im.Brokers() {
		if known := s.brokers[b.ID]; b.Fenced || b.ID == s.nodeID || known != nil && known.epoch == b.Epoch && known.tried {
			continue
		}
		if known := s.broker(incarnation{b.ID, b.Epoch}); known != nil {
			known.tried = true
			s.run(func() { s.reach(b) })
		}
	}
}

// The pauses between tries to reach a broker, doubled each time: short at first, because a Kafka broker opens its listeners only once it is a
// member, and until it was reached its death is not noticed before its session ends.
const (
	reachPause    = 50 * time.Millisecond
	reachPatience = 800 * time.Millisecond // from this pause on the broker is not just starting
	reachPauseMax = time.Minute
)

// reach tries the addresses of a new member until each took a connection, or the broker is a member no more.
func (s *suspicion) reach(b *metadata.Broker) {
	left := addressesOf(b)
	for pause := reachPause; ; pause = min(2*pause, reachPauseMax) {
		var last error
		left = slices.DeleteFunc(left, func(address string) bool {
			err := s.connect(address)
			if err != nil {
				last = err
				return false
			}
			s.note(incarnation{b.ID, b.Epoch}, address)
			return true
		})
		if now, ok := s.image().Broker(b.ID); len(left) == 0 || !ok || now.Epoch != b.Epoch || now.Fenced && pause > reachPatience {
			return
		}
		if pause == reachPatience && s.ctx.Err() == nil {
			s.logger.Warn("broker cannot be reached by this controller at an address that it advertises: clients may not reach it either, see advertised.listeners",
				"node", b.ID, "address", strings.Join(left, ", "), "err", last)
		}
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *suspicion) note(who incarnation, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.broker(who); b != nil {
		b.reached = append(b.reached, address)
	}
}

// addressesOf lists where a broker says that it listens.
func addressesOf(b *metadata.Broker) []string {
	var out []string
	for _, e := range b.Endpoints {
		out = append(out, net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))))
	}
	return out
}

// tell writes what the controller decided about a broker into the log.
func (n *node) tell(notice controller.Notice) {
	n.counts.count(notice)
	log := n.logger(telemetry.LogController)
	about := []any{"node", notice.BrokerID, "broker_epoch", notice.BrokerEpoch, "leading", notice.Led, "reason", notice.Why}
	switch notice.What {
	case controller.BrokerFenced:
		level := slog.LevelWarn
		if notice.InOrder {
			level = slog.LevelInfo
		}
		log.Log(context.Background(), level, "broker fenced", about...)
	case controller.BrokerUnfenced:
		log.Info("broker unfenced", about...)
	case controller.BrokerLeaving:
		log.Info("broker leaves, its partitions get other leaders", about...)
	case controller.LeadersElected:
		level := slog.LevelInfo
		if notice.Unclean > 0 {
			level = slog.LevelWarn // records may be lost
		}
		log.Log(context.Background(), level, "leaders elected that were not in sync", "unclean", notice.Unclean, "eligible", notice.Eligible)
	case controller.ControllerSlept:
		log.Warn("controller stood still", "duration", notice.Lost, "reason", notice.Why)
	default:
		log.Warn("controller told something unknown", "err", fmt.Sprint(notice))
	}
}
