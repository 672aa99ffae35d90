package coordinator

import (
	crand "crypto/rand"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
)

// OffsetsTopic holds the groups' records.
const OffsetsTopic = "__consumer_offsets"

// Settings are the configs of the shell. They may change at run time.
type Settings struct {
	Codec         record.Codec  // offsets.topic.compression.codec
	MaxBatchBytes int           // max.message.bytes of the topic
	LoadBuffer    int           // offsets.load.buffer.size
	CommitTimeout time.Duration // offsets.commit.timeout.ms
	LoadThreads   int           // how many partitions are loaded at once
}

// DefaultSettings are Kafka's defaults.
var DefaultSettings = Settings{MaxBatchBytes: 1<<20 + 12, LoadBuffer: 5 << 20, CommitTimeout: 5 * time.Second, LoadThreads: 2}

// Config is what New needs.
type Config struct {
	Open     Opener
	Settings func() Settings       // cheap
	Group    func() group.Settings // cheap
	Logger   *slog.Logger
}

// Groups is the group coordinator of this node: one machine for each partition of __consumer_offsets that the node leads.
type Groups struct {
	cfg  Config
	work sync.WaitGroup // loaders and unloaders

	mu         sync.Mutex
	count      int32 // partitions of the topic, 0: it does not exist
	partitions map[int32]*partition
	queue      []*partition // to be loaded
	loaders    int
	closed     bool
}

// partition is one partition that this node leads.
type partition struct {
	tp          record.TopicPartition
	leaderEpoch int32

	// What follows is guarded by Groups.mu.
	gone   bool
	runner *machine.Runner[group.Event, group.Record] // nil while it loads
	failed error                                      // why it cannot be loaded; tried again later
}

// New returns a coordinator that leads nothing yet.
func New(cfg Config) *Groups {
	return &Groups{cfg: cfg, partitions: make(map[int32]*partition)}
}

// Leading is for replication.Config.Leading: this node began or ceased to lead a partition. Other topics are ignored. It does not wait.
func (g *Groups) Leading(tp record.TopicPartition, leaderEpoch int32, leading bool) {
	if tp.Topic != OffsetsTopic {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	if old := g.partitions[tp.Partition]; old != nil {
		g.unload(old)
	}
	if leading {
		p := &partition{tp: tp, leaderEpoch: leaderEpoch}
		g.partitions[tp.Partition] = p
		g.enqueue(p)
	}
}

// unload lets a partition go. mu is held.
func (g *Groups) unload(p *partition) {
	p.gone = true
	delete(g.partitions, p.tp.Partition)
	if r := p.runner; r != nil {
		p.runner = nil
		g.work.Go(r.Close)
	}
}

// enqueue has a partition loaded by one of the loaders. mu is held.
func (g *Groups) enqueue(p *partition) {
	g.queue = append(g.queue, p)
	if g.loaders < max(g.cfg.Settings().LoadThreads, 1) {
		g.loaders++
		g.work.Go(g.loadQueued)
	}
}

// loadQueued loads partitions until none is left to load.
func (g *Groups) loadQueued() {
	for {
		g.mu.Lock()
		if len(g.queue) == 0 {
			g.loaders--
			g.mu.Unlock()
			return
		}
		p := g.queue[0]
		g.queue = g.queue[1:]
		gone := p.gone
		g.mu.Unlock()
		if !gone {
			g.load(p)
		}
	}
}

// load reads a partition's log and starts its machine.
func (g *Groups) load(p *partition) {
	began := time.Now()
	logger := g.cfg.Logger.With("topic", p.tp.Topic, "partition", p.tp.Partition, "leader_epoch", p.leaderEpoch)
	leader, err := g.cfg.Open(p.tp, p.leaderEpoch)
	if err != nil {
		g.notLoaded(p, err, logger)
		return
	}
	var chance [32]byte
	crand.Read(chance[:])
	m := group.New(group.Config{Settings: g.cfg.Group, Rand: rand.New(rand.NewChaCha8(chance))})
	log := &groupLog{leader: leader, settings: g.cfg.Settings}
	got, err := load(leader, m, g.cfg.Settings().LoadBuffer, func() bool { return g.isGone(p) })
	if err != nil {
		g.notLoaded(p, err, logger)
		return
	}
	for kind, n := range got.foreign {
		logger.Warn("group records of a kind not supported were read over", "kind", kind, "count", n)
	}
	runner := machine.NewRunner(machine.RunnerConfig[group.Event, group.Record]{
		Name: "group coordinator " + p.tp.String(), Machine: m, Log: log, Batching: log.batching(), Loaded: got.next,
		Perform: func(e machine.Effect) { tell(logger, e) },
		Failed:  func(err error) { g.lost(p, err, logger) },
	})
	runner.Submit(func(machine.Ticket) group.Event { return group.Event{Loaded: true} }, func(any, error) {})
	g.mu.Lock()
	if p.gone {
		g.work.Go(runner.Close)
	} else {
		p.runner, p.failed = runner, nil
	}
	g.mu.Unlock()
	if got.records > 0 {
		logger.Info("group coordinator loaded", "records", got.records, "duration", time.Since(began))
	}
}

func (g *Groups) isGone(p *partition) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return p.gone
}

// retryAfter is how long a partition waits that could not be loaded, or whose machine was lost.
const retryAfter = time.Second

// notLoaded keeps the reason and tries again later, while this node leads.
func (g *Groups) notLoaded(p *partition, err error, logger *slog.Logger) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.gone {
		return
	}
	if leadershipMoved(err) {
		logger.Info("group coordinator not loaded: leadership moved", "err", err)
	} else if p.failed == nil || p.failed.Error() != err.Error() {
		logger.Error("group coordinator could not be loaded, trying again until it can", "err", err)
	}
	p.failed = err
	g.retry(p)
}

// lost is a machine's end: it is loaded anew, unless leadership is over.
func (g *Groups) lost(p *partition, err error, logger *slog.Logger) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.runner = nil
	if p.gone {
		return
	}
	var fault *machine.Fault
	if leadershipMoved(err) {
		logger.Info("group coordinator stopped: leadership moved", "err", err)
	} else if errors.As(err, &fault) {
		logger.Error("group coordinator failed, loading it again", "err", err, "stack", string(fault.Stack))
	} else {
		logger.Warn("group coordinator stopped, loading it again", "err", err)
	}
	g.retry(p)
}

// leadershipMoved reports whether an error only says what Leading is about to say.
func leadershipMoved(err error) bool {
	return errors.Is(err, replication.ErrNotLeader) || errors.Is(err, replication.ErrFencedEpoch) || errors.Is(err, replication.ErrUnknownEpoch)
}

// retry enqueues a partition some time from now. mu is held.
func (g *Groups) retry(p *partition) {
	time.AfterFunc(retryAfter, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !p.gone && !g.closed {
			g.enqueue(p)
		}
	})
}

// Publish brings the coordinator to an image: how many partitions its topic has, and which topics are gone. delta is nil for the first image.
func (g *Groups) Publish(image *metadata.Image, delta *metadata.Delta) {
	var count int32
	if t, ok := image.Topic(OffsetsTopic); ok {
		count = int32(len(t.Partitions))
	}
	var deleted []string
	if delta != nil {
		for _, t := range delta.DeletedTopics() {
			deleted = append(deleted, t.Name)
		}
	}
	g.mu.Lock()
	g.count = count
	var runners []*machine.Runner[group.Event, group.Record]
	if len(deleted) > 0 {
		runners = g.runners()
	}
	g.mu.Unlock()
	for _, r := range runners {
		r.Submit(func(machine.Ticket) group.Event { return group.Event{DeletedTopics: deleted} }, func(any, error) {})
	}
}

// runners lists those of loaded partitions. mu is held.
func (g *Groups) runners() []*machine.Runner[group.Event, group.Record] {
	var all []*machine.Runner[group.Event, group.Record]
	for _, p := range g.partitions {
		if p.runner != nil {
			all = append(all, p.runner)
		}
	}
	return all
}

// Close unloads everything and waits for it.
func (g *Groups) Close() {
	g.mu.Lock()
	g.closed = true
	g.queue = nil
	for _, p := range g.partitions {
		g.unload(p)
	}
	g.mu.Unlock()
	g.work.Wait()
}

// tell writes a machine's notice to the log.
func tell(logger *slog.Logger, e machine.Effect) {
	n, ok := e.(group.Notice)
	if !ok {
		return
	}
	attrs := []any{"group", n.Group, "generation", n.Generation}
	if n.Member != "" {
		attrs = append(attrs, "member", n.Member)
	}
	if n.Reason != "" {
		attrs = append(attrs, "reason", n.Reason)
	}
	logger.Info(n.Message, attrs...)
}
