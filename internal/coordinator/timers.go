package coordinator

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/coordinator/timers"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/telemetry"
)

// TimersTopic holds delayed records until they are due.
const TimersTopic = "__leat_timers"

// MaxTimersBatch bounds a batch of the topic. What is delayed takes more bytes than in its producer's batch, which may be compressed.
const MaxTimersBatch = 32 << 20

// TimersConfig is what NewTimers needs.
type TimersConfig struct {
	Config
	NodeID   int32
	Settings func() Settings        // cheap
	Timers   func() timers.Settings // cheap
	// Connect returns a connection to another broker that belongs to the caller. It does not wait: the first request connects.
	Connect func(nodeID int32) Line
	// NewProducerID returns an id that nobody has. It may wait.
	NewProducerID func(ctx context.Context) (int64, error)
	// Replicas is where what is due goes, and where the records are read from.
	Replicas func() *replication.Node
	// MakeTopic has the topic made. It may wait.
	MakeTopic func(ctx context.Context)
	// Timeout is how long a delivery may take to be replicated.
	Timeout func() time.Duration
}

// Timers is the coordinator of delayed records of this node, one machine for each partition of __leat_timers that the node leads, and the way to
// those of other nodes.
type Timers struct {
	*Coordinator[timers.Event, timers.Record]
	cfg        TimersConfig
	topics     atomic.Pointer[map[string]bool] // nil: no topic has delayed records
	accounts   accounts
	asks       outbox[*timerAsk]
	deliveries outbox[*delivery]
	reads      chan struct{} // as many tokens as deliveries are read from the log at once
	counts     telemetry.Delays
	pending    pendingTimers

	mu     sync.Mutex
	work   sync.WaitGroup // guarded by mu as long as it is added to
	making bool
	closed bool
	ctx    context.Context
	cancel context.CancelFunc
}

// Bounds of what goes in one request to another node, and of what is read at once.
const (
	timerAsksInRequest = 100
	deliveriesAtOnce   = 50
	readsAtOnce        = 4
)

// NewTimers returns a coordinator that leads nothing yet.
func NewTimers(cfg TimersConfig) *Timers {
	s := &Timers{cfg: cfg, reads: make(chan struct{}, readsAtOnce)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.asks.connect, s.asks.max, s.asks.send = cfg.Connect, timerAsksInRequest, s.send
	s.deliveries.connect, s.deliveries.max, s.deliveries.send = cfg.Connect, deliveriesAtOnce, s.ship
	s.Coordinator = New(cfg.Config, Kind[timers.Event, timers.Record]{
		Name: "timer coordinator", Topic: TimersTopic,
		New: func(tp record.TopicPartition, leaderEpoch int32) machine.Machine[timers.Event, timers.Record] {
			return timers.New(timers.Config{Settings: cfg.Timers, Pending: s.pending.of(tp.Partition, leaderEpoch)})
		},
		Decode:  timers.Decode,
		Loaded:  func() timers.Event { return timers.Event{Loaded: true} },
		Perform: s.perform, Published: s.published,
		Settings: cfg.Settings,
	})
	return s
}

// Publish brings the coordinator to an image.
func (s *Timers) Publish(image *metadata.Image, delta *metadata.Delta) {
	if delta == nil || len(delta.ChangedConfigs()) > 0 || len(delta.DeletedTopics()) > 0 {
		if on := delayedTopics(image); on != nil {
			s.topics.Store(&on)
		} else {
			s.topics.Store(nil)
		}
	}
	s.Coordinator.Publish(image, delta)
	if delta == nil || delta.BrokersChanged() { // what is under way to nodes that are gone fails now, and is sent to who leads instead
		gone := func(nodeID int32) bool { b, ok := image.Broker(nodeID); return !ok || b.Fenced }
		s.asks.drop(gone)
		s.deliveries.drop(gone)
	}
}

// published has flights sent again whose targets have other leaders.
func (s *Timers) published(image *metadata.Image, delta *metadata.Delta) (timers.Event, bool) {
	on := s.topics.Load()
	if on == nil || delta == nil {
		return timers.Event{}, false
	}
	var moved []timers.Target
	for _, t := range delta.ChangedTopics() {
		before, ok := delta.Base().TopicByID(t.ID)
		if !ok || !(*on)[t.Name] {
			continue
		}
		for i := range t.Partitions[:min(len(t.Partitions), len(before.Partitions))] {
			if leader := t.Partitions[i].Leader; leader >= 0 && leader != before.Partitions[i].Leader {
				moved = append(moved, timers.Target{TopicID: t.ID, Partition: int32(i)})
			}
		}
	}
	return timers.Event{Moved: moved}, len(moved) > 0
}

// Delays reports whether a topic's records may be delayed. It costs next to nothing when no topic's may.
func (s *Timers) Delays(topic string) bool {
	on := s.topics.Load()
	return on != nil && (*on)[topic]
}

// Leading is for replication.Config.Leading. What waits in a partition counts for the node that leads it.
func (s *Timers) Leading(tp record.TopicPartition, leaderEpoch int32, leading bool) {
	if tp.Topic == TimersTopic {
		s.pending.leading(tp.Partition, leaderEpoch, leading)
	}
	s.Coordinator.Leading(tp, leaderEpoch, leading)
}

// Counts are those of delayed records that left.
func (s *Timers) Counts() *telemetry.Delays { return &s.counts }

// Pending is what waits in the partitions that this node leads.
func (s *Timers) Pending() timers.Pending { return s.pending.sum() }

// perform carries out what a machine decided.
func (s *Timers) perform(p Led, e machine.Effect) {
	switch e := e.(type) {
	case timers.Deliver:
		s.start(func() { s.deliver(p, e) })
	case timers.NeedProducerID:
		s.start(func() {
			id, err := s.cfg.NewProducerID(s.ctx)
			if err != nil {
				p.Logger.Warn("no producer id for delayed records", "err", err)
				return // it asks again
			}
			s.SubmitTo(p.Partition, func(machine.Ticket) timers.Event { return timers.Event{Identified: true, ProducerID: id} }, nil)
		})
	case timers.Dropped:
		s.counts.Dropped(e.Count)
		p.Logger.Warn("delayed records given up", "target", e.Target.String(), "count", e.Count, "err", e.Reason)
	}
}

// start runs what may wait.
func (s *Timers) start(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Go(f)
	}
}

// makeTopic has the topic made, by one at a time.
func (s *Timers) makeTopic() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.making || s.closed {
		return
	}
	s.making = true
	s.work.Go(func() {
		s.cfg.MakeTopic(s.ctx)
		s.mu.Lock()
		s.making = false
		s.mu.Unlock()
	})
}

// Close unloads everything, gives up what is under way and waits for it.
func (s *Timers) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.asks.close()
	s.deliveries.close()
	s.Coordinator.Close()
	s.work.Wait()
}
