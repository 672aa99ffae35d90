package voter

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand"
	randv2 "math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
	"leat/internal/record"
	"leat/internal/storage"
)

var (
	long = flag.Bool("long", false, "run the simulations with 400 seeds each")
	only = flag.Int64("seed", -1, "run the simulations with this seed only")
)

var metadataLog = record.TopicPartition{Topic: "__cluster_metadata"}

var logConfig = storage.LogConfig{SegmentBytes: 4 << 10, SegmentMs: time.Hour, IndexIntervalBytes: 1 << 10, SegmentIndexBytes: 1 << 20, RetentionMs: -1,
	RetentionBytes: -1, FlushMessages: 1<<63 - 1, FlushMs: 1<<63 - 1, MaxMessageBytes: 8 << 20, Delete: true, CompressionType: "producer",
	TimestampBeforeMax: 1<<63 - 1, TimestampAfterMax: 1<<63 - 1}

// world is a cluster in one goroutine: nodes, their disks and the network, moved by one generator of chance.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	now   time.Time
	peers []*peer
	net   []packet
	cut   map[[2]int32]bool
	trace []string

	weights                  weights
	changes, disks, installs int // counted
	choices                  []choice
	total                    int
	steps                    int

	// What must hold.
	chain   map[int64][]byte            // every batch that anybody appended to its log, by base offset
	end     int64                       // of the chain
	acked   int64                       // everything below was told to be committed by a leader
	leaders map[int32]consensus.Replica // by epoch
	votes   map[vote]uint64

	answerFirst func(*consensus.Write) bool // a mutation: what is answered before it is on disk
	saboteur    bool                        // files fail
	amnesia     bool                        // a mutation: a static voter takes part at once with an empty disk
	gaps        bool                        // a checkpoint may cover what nobody was told of before a loss of power
}

type vote struct {
	voter consensus.Replica
	epoch uint64
}

type packet struct {
	to    consensus.Replica
	bytes []byte
}

// peer is one controller of a world.
type peer struct {
	w       *world
	self    consensus.Replica
	begin   Beginning
	fsys    *fs.Mem
	disk    disk
	node    *consensus.Node // nil: down
	writes  []*consensus.Write
	early   int // writes at the front that were answered already
	commits []*consensus.Commit
	fetches []consensus.Fetch
	leading int32 // the epoch of the Leading event; -1: none
	wants   bool
	blank   bool // its disk was replaced, and it has not begun anew
}

func newWorld(t *testing.T, seed int64) *world {
	cryptotest.SetGlobalRandom(t, uint64(seed)) // the raft library's own chance
	return &world{t: t, rng: rand.New(rand.NewSource(seed)), now: time.UnixMilli(1_700_000_000_000), cut: map[[2]int32]bool{},
		chain: map[int64][]byte{}, leaders: map[int32]consensus.Replica{}, votes: map[vote]uint64{}}
}

func (w *world) add(self consensus.Replica, begin Beginning) *peer {
	p := &peer{w: w, self: self, begin: begin, fsys: fs.NewMem(), leading: -1}
	w.peers = append(w.peers, p)
	p.start()
	return p
}

// broken is the panic of a broken invariant.
type broken string

func (w *world) fail(format string, args ...any) {
	panic(broken(fmt.Sprintf("step %d: ", w.steps) + fmt.Sprintf(format, args...)))
}

func (w *world) log(format string, args ...any) {
	if w.trace = append(w.trace, fmt.Sprintf("%d ", w.steps)+fmt.Sprintf(format, args...)); len(w.trace) > 200 {
		w.trace = w.trace[100:]
	}
}

const dir = "/m/__cluster_metadata-0"

func (p *peer) start() {
	if p.blank && !p.remind() {
		return
	}
	if err := p.open(); err != nil {
		p.w.fail("controller %s does not start: %v", p.self, err)
	}
}

func (p *peer) open() error {
	log, err := storage.OpenLog(context.Background(), p.fsys, dir, metadataLog, logConfig, storage.Settings{}, nil)
	if err != nil {
		return err
	}
	p.disk = disk{fsys: p.fsys, path: dir, log: log, logger: slog.New(slog.DiscardHandler)}
	s, err := p.disk.open(context.Background(), journal.Owner{Replica: p.self}, p.begin)
	if err != nil {
		return err
	}
	p.node, err = consensus.New(consensus.Config{Self: p.self,
		MessageBytes: 2000, InflightBytes: 4000, PendingBytes: 20000, RetainBytes: 1500, RetainForSlow: 3000}, s, p.w.now)
	if err != nil {
		return err
	}
	p.writes, p.commits, p.fetches, p.leading, p.early, p.wants = nil, nil, nil, -1, 0, false
	if err := p.disk.offerAll(p.node); err != nil {
		return err
	}
	if p.checkLog(log.Offsets().LogStart); p.node == nil {
		return errors.New("log cannot be read")
	}
	p.collect()
	return nil
}

// collect takes the node's work.
func (p *peer) collect() {
	for {
		work, ok := p.node.Ready()
		if !ok {
			break
		}
		p.send(work.Messages)
		if work.Write != nil {
			p.writes = append(p.writes, work.Write)
		}
		if work.Commit != nil {
			p.commits = append(p.commits, work.Commit)
		}
		for _, e := range work.Events {
			p.event(e)
		}
	}
	if err := p.node.Failure(); err != nil {
		p.w.fail("controller %s: %v", p.self, err)
	}
}

func (p *peer) send(frames []consensus.Frame) {
	for _, f := range frames {
		if epoch, candidate, ok := consensus.GrantedVote(f.Bytes); ok {
			key := vote{p.self, epoch}
			if before, voted := p.w.votes[key]; voted && before != candidate {
				p.w.fail("controller %s voted for two in epoch %d", p.self, epoch)
			}
			p.w.votes[key] = candidate
		}
		if len(p.w.net) < 100 {
			p.w.net = append(p.w.net, packet{f.To, f.Bytes})
		}
	}
}

func (p *peer) event(e consensus.Event) {
	w := p.w
	switch e := e.(type) {
	case consensus.Leading:
		p.leading = e.Epoch
		if e.NextOffset < w.acked {
			w.fail("controller %s leads from offset %d, but %d was acknowledged", p.self, e.NextOffset, w.acked)
		}
		if end := p.disk.log.Offsets().LogEnd; end != e.NextOffset {
			w.fail("controller %s leads from offset %d, its log ends at %d", p.self, e.NextOffset, end)
		}
	case consensus.Lost:
		p.leading = -1
	case consensus.LeaderChanged:
		if !e.Known {
			break
		}
		if before, ok := w.leaders[e.Epoch]; ok && before != e.Leader {
			w.fail("epoch %d is led by %s and %s", e.Epoch, before, e.Leader)
		}
		w.leaders[e.Epoch] = e.Leader
	case consensus.Fetch:
		p.fetches = append(p.fetches, e)
	case consensus.WantCheckpoint:
		p.wants = true
	case consensus.Changed:
		w.log("%s: change told: %v", p.self, e.Err)
		if e.Err == nil {
			w.changes++
		}
	}
}

// persist does some of the waiting writes.
func (p *peer) persist(n int) {
	if len(p.writes) == 0 {
		return
	}
	n = min(n, len(p.writes))
	for i := range n {
		if p.writes[i].Snapshot != nil {
			n = i
			break
		}
	}
	if n == 0 {
		p.installFirst()
		return
	}
	group := p.writes[:n]
	if err := p.disk.persist(group); err != nil {
		p.broke(err)
		return
	}
	p.writes = p.writes[n:]
	for _, w := range group {
		if p.early > 0 {
			p.early--
			continue
		}
		p.written(w)
	}
	if p.disk.journal.Size() > 6000 {
		if err := p.disk.compact(p.node.State()); err != nil {
			p.broke(err)
		}
	}
}

func (p *peer) written(w *consensus.Write) {
	frames, err := p.node.Written(w)
	if err != nil {
		p.w.fail("controller %s: %v", p.self, err)
	}
	p.send(frames)
	p.collect()
}

func (p *peer) installFirst() {
	for len(p.commits) > 0 && p.node != nil {
		p.apply()
	}
	if p.node == nil {
		return
	}
	w := p.writes[0]
	if err := p.disk.install(w); err != nil {
		p.broke(err)
		return
	}
	p.w.installs++
	p.w.log("%s: installed %v", p.self, w.Snapshot.Checkpoint)
	p.writes = p.writes[1:]
	p.written(w)
}

// apply appends the next commit to the log.
func (p *peer) apply() {
	if len(p.commits) == 0 {
		return
	}
	c := p.commits[0]
	before := p.disk.log.Offsets()
	if err := p.disk.apply(c.Entries); err != nil {
		p.broke(err)
		return
	}
	p.commits = p.commits[1:]
	after := p.disk.log.Offsets()
	if after.HighWatermark < before.HighWatermark {
		p.w.fail("controller %s: high watermark went from %d to %d", p.self, before.HighWatermark, after.HighWatermark)
	}
	if p.checkLog(before.LogEnd); p.node == nil {
		return
	}
	if err := p.node.Applied(c); err != nil {
		p.w.fail("controller %s: %v", p.self, err)
	}
	p.collect()
	if p.node != nil && p.leading >= 0 {
		p.w.acked = max(p.w.acked, after.LogEnd)
	}
}

// broke is a file operation that failed: the process ends.
func (p *peer) broke(err error) {
	if !p.w.saboteur {
		p.w.fail("controller %s: %v", p.self, err)
	}
	p.node = nil
}

// checkLog compares the log from an offset on with what others have.
func (p *peer) checkLog(from int64) {
	end, next := p.disk.log.Offsets().LogEnd, from
	if from >= end {
		return
	}
	defer func() { // a read ends with its segment
		if next > from && p.node != nil {
			p.checkLog(next)
		}
	}()
	slice, err := p.disk.log.Read(from, 1<<20, storage.ReadLogEnd, true)
	var data []byte
	if err == nil {
		data = make([]byte, slice.Len())
		_, err = slice.ReadAt(data, 0)
		slice.Release()
	}
	if err != nil {
		p.broke(err)
		return
	}
	for len(data) > 0 {
		b, rest, err := record.Split(data)
		if err != nil {
			p.w.fail("controller %s: %v", p.self, err)
		}
		before, known := p.w.chain[b.BaseOffset()]
		switch {
		case known && !bytes.Equal(before, b):
			p.w.fail("controller %s has another batch at offset %d (epoch %d) than was committed before (epoch %d)", p.self, b.BaseOffset(),
				b.LeaderEpoch(), record.Batch(before).LeaderEpoch())
		case !known && b.BaseOffset() != p.w.end && !(p.w.gaps && b.BaseOffset() == p.disk.log.Offsets().LogStart):
			p.w.fail("controller %s has a batch at offset %d, the committed ones end at %d; its log is %+v, read from %d", p.self, b.BaseOffset(), p.w.end, p.disk.log.Offsets(), from)
		case !known:
			p.w.chain[b.BaseOffset()], p.w.end = bytes.Clone(b), b.NextOffset()
		}
		data, next = rest, b.NextOffset()
	}
}

// crash ends the process; with a loss of power, what was not synced may be gone.
func (p *peer) crash(power bool) {
	if power {
		p.fsys = p.fsys.Crash(randv2.New(randv2.NewPCG(uint64(p.w.rng.Int63()), 1)))
	} else {
		p.fsys = p.fsys.Kill()
	}
	p.node = nil
}

// checkpoint writes one of everything applied.
func (p *peer) checkpoint() {
	end := p.disk.log.Offsets().LogEnd
	if end == 0 || p.disk.log.LatestEpoch() < 0 { // it begins with one
		if err := p.disk.offerAll(p.node); err != nil {
			p.broke(err)
		}
		return
	}
	c := consensus.Checkpoint{Offset: end, Epoch: p.disk.log.LatestEpoch()}
	if err := fs.WriteFile(p.fsys, filepath.Join(dir, c.Name()), checkpointFile(p.w.t), 0o644); err != nil {
		p.broke(err)
		return
	}
	p.wants = false
	p.node.Checkpointed(c)
	p.collect()
}

// checkpointFile is a file that counts as a checkpoint: a header and a footer.
func checkpointFile(t testing.TB) []byte {
	var data []byte
	for i, kind := range []record.ControlType{record.ControlSnapshotHeader, record.ControlSnapshotFooter} {
		spec := record.NewSpec()
		spec.Control, spec.BaseOffset = true, int64(i)
		var err error
		data, err = record.AppendBatch(data, spec, []record.Record{{Offset: int64(i), Key: []byte{0, 0, 0, byte(kind)}, Value: []byte{0, 0, 0}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return data
}

// fetch does what the shell does on a Fetch event.
func (p *peer) fetch() {
	if len(p.fetches) == 0 {
		return
	}
	f := p.fetches[0]
	p.fetches = p.fetches[1:]
	err := errors.New("not reached")
	for _, from := range p.w.peers {
		if from.self.ID != f.From || from.node == nil || p.w.cut[[2]int32{p.self.ID, from.self.ID}] {
			continue
		}
		var data []byte
		if data, err = fs.ReadFile(from.fsys, from.disk.file(f.Checkpoint)); err == nil {
			err = fs.WriteFile(p.fsys, p.disk.file(f.Checkpoint)+fetchedSuffix, data, 0o644)
		}
	}
	if err := p.node.Fetched(f.Checkpoint, err); err != nil {
		p.w.fail("controller %s: %v", p.self, err)
	}
	p.collect()
}

// batch is a decision of a few records; the filler makes sizes differ.
func batch(t testing.TB, now time.Time, rng *rand.Rand) []byte {
	var records []record.Record
	for i := range 1 + rng.Intn(3) {
		records = append(records, record.Record{Offset: int64(i), Timestamp: now.UnixMilli(), Value: []byte(strings.Repeat("v", 1+rng.Intn(200)))})
	}
	b, err := record.AppendBatch(nil, record.NewSpec(), records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p *peer) propose() {
	if p.leading < 0 {
		return
	}
	_, _, err := p.node.Append(p.leading, batch(p.w.t, p.w.now, p.w.rng))
	if err != nil && !errors.Is(err, consensus.ErrBusy) && !errors.Is(err, consensus.ErrNotLeader) {
		p.w.fail("append at controller %s: %v", p.self, err)
	}
	p.collect()
}

func (p *peer) tick() {
	if err := p.node.Tick(p.w.now); err != nil {
		p.w.fail("controller %s: %v", p.self, err)
	}
	p.collect()
}

// deliver hands over one packet, unless its way is cut or nobody is there.
func (w *world) deliver(i int, again bool) {
	m := w.net[i]
	if !again {
		w.net = append(w.net[:i:i], w.net[i+1:]...)
	}
	for _, p := range w.peers {
		if p.self == m.to && p.node != nil && !w.cut[[2]int32{consensus.SenderOf(m.bytes).ID, p.self.ID}] {
			if err := p.node.Step(w.now, m.bytes); err != nil && !errors.Is(err, consensus.ErrNotLeader) {
				w.fail("frame from %s to %s: %v", consensus.SenderOf(m.bytes), p.self, err)
			}
			p.collect()
		}
	}
}
