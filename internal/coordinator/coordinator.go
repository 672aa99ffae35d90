package coordinator

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/telemetry"
)

// Config is what every coordinator of a node is given.
type Config struct {
	Open   Opener
	Logger *slog.Logger
}

// Coordinator is a coordinator of this node: one machine for each partition of its topic that the node leads.
type Coordinator[E any, R Record] struct {
	cfg   Config
	kind  Kind[E, R]
	image atomic.Pointer[metadata.Image] // nil: none was published yet
	work  sync.WaitGroup                 // loaders and unloaders

	counts  telemetry.Coordinator
	buffers buffers

	mu         sync.Mutex
	count      int32 // partitions of the topic, 0: it does not exist
	partitions map[int32]*partition[E, R]
	queue      []*partition[E, R] // to be loaded
	loaders    int
	closed     bool
}

// partition is one partition that this node leads.
type partition[E any, R Record] struct {
	tp record.TopicPartition
	Led

	// What follows is guarded by Coordinator.mu.
	gone   bool
	runner *machine.Runner[E, R] // nil while it loads
	failed error                 // why it cannot be loaded; tried again later
	left   *atomic.Int64         // offsets that are still to be read, nil if it does not load
}

// New returns a coordinator that leads nothing yet.
func New[E any, R Record](cfg Config, k Kind[E, R]) *Coordinator[E, R] {
	return &Coordinator[E, R]{cfg: cfg, kind: k, partitions: make(map[int32]*partition[E, R])}
}

// Image is the last image published, nil before the first.
func (c *Coordinator[E, R]) Image() *metadata.Image { return c.image.Load() }

// Leading is for replication.Config.Leading: this node began or ceased to lead a partition. Other topics are ignored. It does not wait.
func (c *Coordinator[E, R]) Leading(tp record.TopicPartition, leaderEpoch int32, leading bool) {
	if tp.Topic != c.kind.Topic {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if old := c.partitions[tp.Partition]; old != nil {
		c.unload(old)
	}
	if leading {
		logger := c.cfg.Logger.With("topic", tp.Topic, "partition", tp.Partition, "leader_epoch", leaderEpoch)
		p := &partition[E, R]{tp: tp, Led: Led{tp.Partition, leaderEpoch, logger}}
		c.partitions[tp.Partition] = p
		c.enqueue(p)
	}
}

// unload lets a partition go. mu is held.
func (c *Coordinator[E, R]) unload(p *partition[E, R]) {
	p.gone = true
	delete(c.partitions, p.Partition)
	if r := p.runner; r != nil {
		p.runner = nil
		c.work.Go(r.Close)
	}
}

// Publish brings the coordinator to an image: how many partitions its topic has, and what its machines want to know. delta is nil if
// anything may have changed. It is called for one image after the other.
func (c *Coordinator[E, R]) Publish(image *metadata.Image, delta *metadata.Delta) {
	var count int32
	if t, ok := image.Topic(c.kind.Topic); ok {
		count = int32(len(t.Partitions))
	}
	var event E
	told := false
	if c.kind.Published != nil {
		event, told = c.kind.Published(image, delta)
	}
	c.mu.Lock()
	c.image.Store(image)
	c.count = count
	var runners []*machine.Runner[E, R]
	if told {
		runners = c.runners()
	}
	c.mu.Unlock()
	for _, r := range runners {
		r.Submit(func(machine.Ticket) E { return event }, nil)
	}
}

// runners lists those of loaded partitions. mu is held.
func (c *Coordinator[E, R]) runners() []*machine.Runner[E, R] {
	var all []*machine.Runner[E, R]
	for _, p := range c.partitions {
		if p.runner != nil {
			all = append(all, p.runner)
		}
	}
	return all
}

// Stats says how the coordinator is.
func (c *Coordinator[E, R]) Stats() telemetry.CoordinatorStats {
	s := telemetry.CoordinatorStats{Name: strings.TrimSuffix(c.kind.Name, " coordinator"), Counts: &c.counts}
	s.BufferBytes, s.BuffersDiscarded = c.buffers.kept()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.partitions {
		switch {
		case p.runner != nil:
			s.Active++
		case p.failed != nil:
			s.Failed++
		default:
			s.Loading++
		}
		if p.left != nil {
			s.Loads = append(s.Loads, telemetry.CoordinatorLoad{Partition: p.Partition, Left: p.left.Load()})
		}
	}
	slices.SortFunc(s.Loads, func(a, b telemetry.CoordinatorLoad) int { return int(a.Partition - b.Partition) })
	return s
}

// Close unloads everything and waits for it.
func (c *Coordinator[E, R]) Close() {
	c.mu.Lock()
	c.closed = true
	c.queue = nil
	for _, p := range c.partitions {
		c.unload(p)
	}
	c.mu.Unlock()
	c.work.Wait()
}
