package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/fs"
	"leat/internal/sim"
)

// Three nodes to which all kinds of misfortunes happen, as a seed says, while clients write down what they see.

// worldOptions are what differs between worlds.
type worldOptions struct {
	seed     uint64
	length   time.Duration     // of the misfortunes
	gap      time.Duration     // at most, between two of them
	synced   bool              // records are synced before they count, so power may be lost anywhere at any time
	topic    map[string]string // configuration of the topic, more than usual
	set      map[string]string // settings of the nodes, more than usual
	producer []kgo.Opt
	disk     func(*fs.Mem) fs.FS // what a node sees of its disk
	broken   bool                // it is expected to go wrong: what clients notice by themselves is no failure
}

type world struct {
	*three
	o       worldOptions
	rng     *rand.Rand
	watcher *sim.Host // a client whose links are never cut
	h       history
	process [3]atomic.Int64 // which one runs on a host
	started int64
	unclean map[int]bool    // who ended without a word since all were in sync
	lost    bool            // one of them lost its power
	known   [3]atomic.Int64 // by partition: records that are committed for sure
	done    chan struct{}
	clients sync.WaitGroup
	counts  map[string]int
}

const historyTopic = "ledger"

func newWorld(t *testing.T, o worldOptions) *world {
	w := &world{three: newThree(t, o.set), o: o, rng: rand.New(rand.NewPCG(o.seed, 1)), unclean: map[int]bool{}, done: make(chan struct{}), counts: map[string]int{}}
	w.watcher = w.network.Host("watcher")
	return w
}

// launch starts a node that is down.
func (w *world) launch(i int) {
	w.started++
	w.process[i].Store(w.started)
	var disk fs.FS = w.files[i]
	if w.o.disk != nil {
		disk = w.o.disk(w.files[i])
	}
	w.nodes[i], _ = bubbleLaunch(w.t, w.hosts[i], disk, w.how(i), threeLogs(i))
}

// losePower takes a node away, and what it has not synced.
func (w *world) losePower(i int) {
	var chance *rand.Rand
	if w.rng.IntN(2) == 0 {
		chance = w.rng
	}
	left := w.files[i].Crash(chance)
	n := w.nodes[i]
	n.dead.Store(true)
	w.hosts[i].Crash()
	n.stop()
	w.files[i], w.nodes[i] = left, nil
}

func (w *world) down() (n int) {
	for _, node := range w.nodes {
		if node == nil {
			n++
		}
	}
	return n
}

// misfortunes let something happen again and again.
func (w *world) misfortunes() {
	for end := time.Now().Add(w.o.length); time.Now().Before(end); {
		time.Sleep(50*time.Millisecond + time.Duration(w.rng.Int64N(int64(w.o.gap))))
		w.look()
		for i := range w.nodes {
			if w.nodes[i] == nil && w.rng.IntN(2) == 0 {
				w.launch(i)
			}
		}
		if w.rng.IntN(5) < 2 {
			a, b := w.pair()
			w.network.Heal(a, b)
			w.network.SetDelay(a, b, time.Millisecond)
		}
		w.misfortune()
		if len(w.unclean) > 0 && w.rng.IntN(4) == 0 {
			w.calm()
		}
	}
	w.calm()
}

// complain tells of what is wrong for sure.
func (w *world) complain(format string, args ...any) {
	w.t.Helper()
	if w.o.broken {
		w.t.Logf(format, args...)
		return
	}
	w.t.Errorf(format, args...)
}

// look makes sure that no node ended by itself.
func (w *world) look() {
	for i, n := range w.nodes {
		if n == nil {
			continue
		}
		select {
		case err := <-n.done:
			n.done <- err
			w.complain("node %d ended by itself: %v", i+1, err)
			w.nodes[i] = nil
		default:
		}
	}
}

func (w *world) pair() (a, b *sim.Host) {
	i := w.rng.IntN(3)
	return w.hosts[i], w.hosts[(i+1+w.rng.IntN(2))%3]
}

func (w *world) misfortune() {
	kinds := []struct {
		name  string
		often int
		do    func()
	}{
		{"cut", 16, func() { w.network.Cut(w.pair()) }},
		{"cut one way", 12, func() { w.network.CutOneWay(w.pair()) }},
		{"apart", 10, func() {
			i := w.rng.IntN(3)
			w.network.Cut(w.hosts[i], w.hosts[(i+1)%3])
			w.network.Cut(w.hosts[i], w.hosts[(i+2)%3])
		}},
		{"client cut", 6, func() { w.network.Cut(w.client, w.hosts[w.rng.IntN(3)]) }},
		{"slow", 8, func() {
			a, b := w.pair()
			w.network.SetDelay(a, b, time.Duration(1+w.rng.IntN(600))*time.Millisecond)
		}},
		{"kill", 14, func() { w.take(w.die) }},
		{"power", 10, w.power},
		{"stop", 5, func() { w.take(w.stopInOrder) }},
		{"all at once", 2, w.all},
		{"heal", 12, w.heal},
	}
	sum := 0
	for _, k := range kinds {
		sum += k.often
	}
	at := w.rng.IntN(sum)
	for _, k := range kinds {
		if at -= k.often; at < 0 {
			w.counts[k.name]++
			w.note(k.name)
			k.do()
			return
		}
	}
}

// note puts what happens into the logs of the nodes.
func (w *world) note(what string) { slog.New(threeLogs(-1)).Info("misfortune", "kind", what) }

// take does something to a node that runs, mostly only if the others do.
func (w *world) take(how func(i int)) {
	i := w.rng.IntN(3)
	if w.nodes[i] == nil || w.down() > 0 && w.rng.IntN(5) > 0 {
		return
	}
	how(i)
}

func (w *world) stopInOrder(i int) {
	n := w.nodes[i]
	w.nodes[i] = nil
	n.stop()
	if err := <-n.done; err != nil && !errors.Is(err, context.Canceled) { // it may not have been ready
		w.complain("shutdown: %v", err)
	}
}

// die is a kill, if that is within what is promised: see power.
func (w *world) die(i int) {
	if w.o.synced || !w.lost || w.unclean[i] {
		w.unclean[i] = true
		w.kill(i)
	}
}

// power is lost at one node. Where records are not synced, others must not end without a word before that one has caught up: a broker that was
// killed may have lost records as well, for all that the controllers know, so nobody who certainly has them would be left to lead (KIP-966).
func (w *world) power() {
	w.take(func(i int) {
		if w.o.synced || len(w.unclean) == 0 || len(w.unclean) == 1 && w.unclean[i] {
			w.unclean[i], w.lost = true, true
			w.losePower(i)
		}
	})
}

// all nodes end at once.
func (w *world) all() {
	for i := range w.nodes {
		switch {
		case w.nodes[i] == nil:
		case w.o.synced && w.rng.IntN(2) == 0:
			w.losePower(i)
		default:
			w.die(i)
		}
	}
}

func (w *world) heal() {
	for i, h := range w.hosts {
		w.network.Heal(h, w.client)
		w.network.Heal(h, w.hosts[(i+1)%3])
		w.network.SetDelay(h, w.hosts[(i+1)%3], time.Millisecond)
	}
}

// calm ends all misfortunes, and waits until the nodes have got over them.
func (w *world) calm() {
	w.t.Helper()
	w.heal()
	for i := range w.nodes {
		if w.nodes[i] == nil {
			w.launch(i)
		}
	}
	time.Sleep(20 * time.Second) // what somebody says about others is true again
	w.look()
	w.inSync(historyTopic, 3)
	w.unclean, w.lost = map[int]bool{}, false
}

// cl is a client that gives up soon.
func (w *world) cl(opts ...kgo.Opt) *kgo.Client {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return w.client.DialContext(ctx, network, address)
	}
	return w.three.cl(append([]kgo.Opt{
		kgo.Dialer(dial), kgo.RequestTimeoutOverhead(2 * time.Second), kgo.ProduceRequestTimeout(3 * time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, opts...)...)
}

// run lets everything happen, and lets clients write down what they see.
func (w *world) run() {
	for i := range w.nodes {
		w.launch(i)
	}
	config := map[string]*string{"min.insync.replicas": new("2")}
	for k, v := range w.o.topic {
		config[k] = &v
	}
	if w.o.synced {
		config["flush.messages"] = new("1")
	}
	admin := w.cl()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for {
		_, err := kadm.NewClient(admin).CreateTopic(ctx, int32(len(w.known)), 3, config, historyTopic)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			w.t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	admin.Close()
	for i := range 3 {
		w.clients.Go(func() { w.produce(i) })
		w.clients.Go(func() { w.read(i) })
	}
	for i := range 2 {
		w.clients.Go(func() { w.administer(i) })
	}
	w.clients.Go(w.consume)
	w.misfortunes()
	close(w.done)
	w.clients.Wait()
	w.final()
	w.stop()
}

// ended reports whether the clients have to stop.
func (w *world) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// runWorld runs a world in a bubble of its own, and returns what was seen.
func runWorld(t *testing.T, o worldOptions) (w *world) {
	t.Helper()
	t.Run(fmt.Sprintf("seed %d", o.seed), func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, o.seed)
		synctest.Test(t, func(t *testing.T) {
			w = newWorld(t, o)
			w.run()
		})
	})
	return w
}

var (
	historySeeds = flag.Int("history-seeds", 0, "how many seeds TestHistoriesAreLinearizable runs; 0: its own choice")
	historyFrom  = flag.Uint64("history-from", 0, "the first seed of TestHistoriesAreLinearizable")
)

// worldOf is the world of a seed.
func worldOf(seed uint64) worldOptions {
	o := worldOptions{seed: seed, length: 45 * time.Second, gap: 2500 * time.Millisecond, synced: seed%2 == 0}
	if seed%5 > 2 {
		o.gap = 500 * time.Millisecond
	}
	if seed%3 == 0 {
		o.set = map[string]string{
			"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500", "replica.lag.time.max.ms": "4000",
			"leader.imbalance.check.interval.seconds": "5",
		}
	}
	return o
}

func TestHistoriesAreLinearizable(t *testing.T) {
	n := 2
	if *historySeeds > 0 {
		n = *historySeeds
	}
	for seed := *historyFrom; seed < *historyFrom+uint64(n); seed++ {
		w := runWorld(t, worldOf(seed))
		began := time.Now()
		if err := w.h.check(); err != nil {
			t.Errorf("-history-from %d -history-seeds 1: %v", seed, err)
		}
		if err := w.h.checkAdmin(); err != nil {
			t.Errorf("-history-from %d -history-seeds 1: %v", seed, err)
		}
		t.Logf("seed %d: %v; checked in %v; %v", seed, w.h.String(), time.Since(began).Round(time.Millisecond), w.counts)
	}
}

// String counts what happened.
func (h *history) String() string {
	counts := map[string]int{}
	for _, o := range h.log {
		kind := o.kind
		switch {
		case o.outside:
			kind += " outside"
		case o.end.IsZero():
			kind += " unknown"
		case o.sure:
			kind += " sure"
		}
		counts[kind]++
	}
	for _, o := range h.admin {
		counts[o.kind+" "+o.outcome]++
	}
	return fmt.Sprint(counts)
}

// lyingDisk says that records are synced, and does nothing.
type lyingDisk struct{ *fs.Mem }

func (d lyingDisk) OpenFile(name string, flag int, perm os.FileMode) (fs.File, error) {
	f, err := d.Mem.OpenFile(name, flag, perm)
	if err == nil && strings.Contains(name, historyTopic) {
		return lyingFile{f}, nil
	}
	return f, err
}

type lyingFile struct{ fs.File }

func (lyingFile) Sync() error { return nil }

// Clusters that break their promises are found out, each within a few seeds.
func TestHistoriesTellWhenAClusterLosesRecords(t *testing.T) {
	if raceDetector {
		t.Skip("this tests the checker: the code of the nodes is under the race detector in TestHistoriesAreLinearizable, and worlds of this size take it ten seconds each")
	}
	for name, spoil := range map[string]func(o *worldOptions){
		"leaders acknowledge what nobody else has": func(o *worldOptions) {
			o.producer = []kgo.Opt{kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()}
		},
		"disks do not sync": func(o *worldOptions) { o.synced, o.disk = true, func(m *fs.Mem) fs.FS { return lyingDisk{m} } },
		"who is behind may lead": func(o *worldOptions) {
			o.topic = map[string]string{"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}
			o.set, o.gap = map[string]string{"replica.lag.time.max.ms": "2000", "broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}, time.Second
		},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range uint64(20) {
				seed := (i + 13) % 20 // it finds all of them at the time of writing
				o := worldOf(seed)
				o.broken = true
				spoil(&o)
				w := runWorld(t, o)
				if err := w.h.check(); err != nil {
					t.Logf("found with seed %d: %v", seed, err)
					return
				}
			}
			t.Error("20 seeds, and nothing was found")
		})
	}
}
