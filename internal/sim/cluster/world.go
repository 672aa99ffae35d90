package cluster

import (
	"fmt"
	"math/rand/v2"
	"time"

	"leat/internal/config"
)

// Mutation is a bug that is put in by hand, to see that it is found.
type Mutation int

// The mutations.
const (
	None Mutation = iota
	// TruncateToHighWatermark has followers cut their logs at their high watermark when the leader changes, and not where epochs diverge (KIP-101).
	TruncateToHighWatermark
	// ShrinkWithoutController has leaders count a smaller in-sync set before the controller has committed it (KIP-497).
	ShrinkWithoutController
	// VoteBeforePersist has voters answer a candidate before their vote is on disk.
	VoteBeforePersist
	// ObeyBeforeRegistered has a broker take up what the metadata log said before its process was registered.
	ObeyBeforeRegistered
)

// Options say what to run.
type Options struct {
	Seed     uint64
	Steps    int
	Mutation Mutation
	Keep     int // lines of trace
	Config   *config.Values
}

// Outcome is what became of a run.
type Outcome struct {
	Err    error // the invariant that broke, nil if none
	Steps  int   // up to then
	Digest uint64
	Trace  []string // the newest lines
	Stats  Stats
}

// Stats count what happened, to see that something did.
type Stats struct {
	Acked, Consumed, Metadata, Elections, Unclean, LossExcused, Kills, PowerLosses, Shutdowns, Cuts, Pauses, Jumps, Reassigned, Truncations,
	QuorumLeaders, Snapshots, Shrinks, Expansions, Duplicates, Mistakes int
	Virtual time.Duration
}

// world is the cluster.
type world struct {
	opts  Options
	rng   *rand.Rand
	now   int64
	queue queue
	steps int
	trace trace
	stats Stats

	hosts   []*host // the first one is where the clients are
	voters  []*voter
	brokers []*broker
	net     network
	meta    metadataChain
	parts   []*partition
	clients []*client
	check   checks

	strict   bool // no more unclean ends than min.insync.replicas survives
	combined bool
	healing  bool // the end: nothing goes wrong any more
	lastID   uint32
}

// broken is the panic of a broken invariant.
type broken string

func (w *world) fail(format string, args ...any) { panic(broken(fmt.Sprintf(format, args...))) }

// Run runs a cluster and checks it.
func Run(o Options) (out Outcome) {
	w := newWorld(o)
	defer func() {
		p := recover()
		b, expected := p.(broken)
		if p != nil && !expected {
			panic(p)
		}
		if expected {
			out.Err = fmt.Errorf("seed %d, step %d, %v: %s", o.Seed, w.steps, time.Duration(w.now), b)
		}
		w.stats.Virtual = time.Duration(w.now)
		out.Steps, out.Digest, out.Trace, out.Stats = w.steps, w.trace.digest, w.trace.text(), w.stats
	}()
	w.build()
	for w.steps < o.Steps {
		w.step()
	}
	w.settle()
	return out
}

func newWorld(o Options) *world {
	w := &world{opts: o, rng: rand.New(rand.NewPCG(o.Seed, 0x1ea7)), trace: newTrace(o.Keep), meta: newMetadataChain()}
	w.strict = o.Seed%2 == 0
	w.combined = w.oneIn(2)
	return w
}

// build makes the hosts and lets them start.
func (w *world) build() {
	brokers, controllers := 3+w.rng.IntN(3), 3
	if w.oneIn(6) {
		controllers = 1 + 4*w.rng.IntN(2)
	}
	hosts := brokers
	if w.combined {
		controllers = min(controllers, brokers)
	} else {
		hosts += controllers
	}
	for i := range hosts + 1 {
		w.hosts = append(w.hosts, &host{w: w, index: i, id: int32(i), disk: 1})
	}
	w.net = newNetwork(hosts + 1)
	w.hosts[0].up = true
	for i := range controllers {
		h := w.hosts[hosts-i]
		if w.combined {
			h = w.hosts[1+i]
		}
		newVoter(h)
	}
	for i := range brokers {
		newBroker(w.hosts[1+i])
	}
	for _, v := range w.voters {
		v.begin()
	}
	for _, h := range w.hosts[1:] {
		h.start()
	}
	w.startAdmin()
	w.startFaults()
}

// step lets the next event happen.
func (w *world) step() {
	e, ok := w.queue.pop()
	if !ok {
		w.fail("nothing happens any more")
	}
	w.now = e.at
	if e.off != nil && *e.off {
		return
	}
	if h := e.host; h != nil {
		if !h.up || e.life != anyLife && e.life != h.life {
			return
		}
		if h.pausedUntil > w.now {
			e.at = h.pausedUntil
			w.queue.push(e)
			return
		}
	}
	w.steps++
	id := int32(-1)
	if e.host != nil {
		id = e.host.id
	}
	w.trace.add(line{step: w.steps, at: w.now, host: id, what: e.what})
	e.do()
	if w.steps%5000 == 0 {
		w.checkAll()
	}
}

// note adds what an event led to to the trace.
func (w *world) note(h *host, what string, a, b, c int64) {
	w.trace.add(line{w.steps, w.now, h.id, what, a, b, c})
}

func (w *world) oneIn(n int) bool { return w.rng.IntN(n) == 0 }

// between draws a duration.
func (w *world) between(least, most time.Duration) int64 {
	return int64(least) + w.rng.Int64N(int64(most-least)+1)
}

// later has something happen to the world.
func (w *world) later(d int64, what string, do func()) {
	w.queue.add(event{at: w.now + d, what: what, do: do})
}
