package cluster

import (
	"errors"
	"slices"
	"time"

	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// voter is a controller: what package voter does around a consensus.Node.
type voter struct {
	h    *host
	self consensus.Replica
	disk voterDisk

	node    *consensus.Node
	writes  []*consensus.Write
	early   int // writes at the front that were answered already
	writing bool
	deeds   []any // commits and events, in order
	doing   bool
	active  *active
	waiting []func() // brokers that wait for the metadata log to grow
}

// voterDisk is what is left of a voter when its process ends.
type voterDisk struct {
	base    consensus.Position
	members consensus.Members
	ballot  consensus.Ballot
	entries []consensus.Entry

	logEnd    int64 // of the metadata log
	synced    int64
	snapshots []consensus.Checkpoint
}

func newVoter(h *host) {
	h.voter = &voter{h: h, self: consensus.Replica{ID: h.id}}
	h.w.voters = append(h.w.voters, h.voter)
}

// begin is the journal of a voter that never ran.
func (v *voter) begin() {
	var ids []int32
	for _, other := range v.h.w.voters {
		ids = append(ids, other.h.id)
	}
	slices.Sort(ids)
	v.disk.base, v.disk.members = consensus.Position{Index: 1}, consensus.Static(ids...)
}

// Sizes that make voters fall behind what others keep, so that they need snapshots.
const (
	keptBytes  = 2000
	keptFor    = 6000
	journalLen = 20
)

func (v *voter) start() {
	w, d := v.h.w, &v.disk
	v.writes, v.deeds, v.early, v.writing, v.doing, v.active, v.waiting = nil, nil, 0, false, false, nil, nil
	state := consensus.State{Base: d.base, Members: d.members, Ballot: d.ballot, Entries: slices.Clone(d.entries), LogEnd: d.logEnd}
	var err error
	v.node, err = consensus.New(consensus.Config{Self: v.self, RetainBytes: keptBytes, RetainForSlow: keptFor}, state, v.h.clock())
	if err != nil {
		w.fail("controller %d does not start: %v", v.h.id, err)
	}
	for _, c := range d.snapshots {
		v.node.Checkpointed(c)
	}
	v.collect()
	if v.node.Alone() {
		v.check(v.node.Campaign())
		v.collect()
	}
	v.tick()
}

// stop is the end of the process. What is on its way to the disk may be there or not, the first before the next.
func (v *voter) stop(power bool) {
	rng := v.h.w.rng
	for _, write := range v.writes[:rng.IntN(len(v.writes)+1)] {
		if write.Snapshot != nil {
			break
		}
		v.disk.persist(write)
	}
	if d := &v.disk; power && d.logEnd > d.synced {
		cut := d.synced + rng.Int64N(d.logEnd-d.synced+1)
		if i := v.h.w.meta.at(cut); i > 0 {
			d.logEnd = max(d.synced, v.h.w.meta.batches[i-1].end)
		}
	}
	v.node, v.active, v.waiting = nil, nil, nil
}

const tickTime = 100 * time.Millisecond

func (v *voter) tick() {
	v.h.after(int64(tickTime), "tick", func() {
		v.check(v.node.Tick(v.h.clock()))
		v.collect()
		v.tick()
	})
}

func (v *voter) check(err error) {
	if err == nil {
		err = v.node.Failure()
	}
	if err != nil {
		v.h.w.fail("controller %d: %v", v.h.id, err)
	}
}

func (v *voter) suspect(id int32) {
	v.check(v.node.Suspect(id))
	v.collect()
}

// collect takes the node's work.
func (v *voter) collect() {
	for {
		work, ok := v.node.Ready()
		if !ok {
			break
		}
		v.send(work.Messages)
		if work.Write != nil {
			v.writes = append(v.writes, work.Write)
		}
		if work.Commit != nil {
			v.deeds = append(v.deeds, work.Commit)
		}
		for _, e := range work.Events {
			v.deeds = append(v.deeds, e)
		}
	}
	v.check(nil)
	if v.h.w.opts.Mutation == VoteBeforePersist {
		v.answerEarly()
	}
	if len(v.writes) > 0 && !v.writing {
		v.writing = true
		v.h.after(v.h.writeTime(), "journal", v.persist)
	}
	if len(v.deeds) > 0 && !v.doing {
		v.doing = true
		v.h.after(10_000*v.h.disk, "apply", v.do)
	}
}

// answerEarly is the mutation.
func (v *voter) answerEarly() {
	for v.early < len(v.writes) {
		w := v.writes[v.early]
		if w.Ballot == nil || len(w.Entries) > 0 || w.Snapshot != nil {
			return
		}
		v.early++
		v.written(w)
	}
}

func (v *voter) send(frames []consensus.Frame) {
	w := v.h.w
	for _, f := range frames {
		if !f.Entries && len(f.Bytes) < 150 {
			w.checkVote(v.h, f.Bytes)
		}
		i := slices.IndexFunc(w.voters, func(o *voter) bool { return o.self == f.To })
		if i < 0 {
			continue
		}
		to := w.voters[i]
		w.cast(v.h, to.h, "frame", func() { to.receive(f.Bytes) })
	}
}

func (v *voter) receive(frame []byte) {
	if err := v.node.Step(v.h.clock(), frame); err != nil && !errors.Is(err, consensus.ErrNotLeader) {
		v.check(err)
	}
	v.collect()
}

// persist is the disk having done the writes up to one that installs a snapshot, or that one.
func (v *voter) persist() {
	v.writing = false
	if v.writes[0].Snapshot != nil {
		v.do()
		w := v.writes[0]
		v.writes = v.writes[1:]
		v.install(w)
		v.written(w)
		v.collect()
		return
	}
	n := slices.IndexFunc(v.writes, func(w *consensus.Write) bool { return w.Snapshot != nil })
	if n < 0 {
		n = len(v.writes)
	}
	group := v.writes[:n]
	v.writes = v.writes[n:]
	for _, w := range group {
		v.disk.persist(w)
		if v.early > 0 {
			v.early--
			continue
		}
		v.written(w)
	}
	if len(v.disk.entries) > journalLen {
		state := v.node.State()
		v.disk.synced = v.disk.logEnd
		v.disk.base, v.disk.members, v.disk.entries = state.Base, state.Members, state.Entries
	}
	v.collect()
}

func (v *voter) written(w *consensus.Write) {
	frames, err := v.node.Written(w)
	v.check(err)
	v.send(frames)
}

func (d *voterDisk) persist(w *consensus.Write) {
	if w.Ballot != nil {
		d.ballot = *w.Ballot
	}
	if len(w.Entries) > 0 {
		at := int(w.Entries[0].Index - d.base.Index - 1)
		if at < 0 {
			return // a snapshot overtook it
		}
		d.entries = append(d.entries[:at:at], w.Entries...)
	}
}

func (v *voter) install(w *consensus.Write) {
	d, s := &v.disk, w.Snapshot
	if w.Ballot != nil {
		d.ballot = *w.Ballot
	}
	d.base, d.members, d.entries = s.Base, s.Members, slices.Clone(w.Entries)
	if d.logEnd < s.Base.Offset {
		d.logEnd, d.synced = s.Base.Offset, s.Base.Offset
		v.keepSnapshot(s.Checkpoint)
		v.grown()
	}
	v.h.w.stats.Snapshots++
	v.h.w.note(v.h, "installed", s.Base.Offset, 0, 0)
}

func (v *voter) keepSnapshot(c consensus.Checkpoint) {
	if v.disk.snapshots = append(v.disk.snapshots, c); len(v.disk.snapshots) > 3 {
		v.disk.snapshots = v.disk.snapshots[1:]
	}
}

// do deals with commits and events.
func (v *voter) do() {
	v.doing = false
	for len(v.deeds) > 0 && v.node != nil {
		d := v.deeds[0]
		v.deeds = v.deeds[1:]
		if c, ok := d.(*consensus.Commit); ok {
			v.apply(c)
			v.check(v.node.Applied(c))
			v.collect()
		} else {
			v.event(d)
		}
	}
}

func (v *voter) apply(c *consensus.Commit) {
	w := v.h.w
	for _, e := range c.Entries {
		for rest := e.Batches; len(rest) > 0; {
			b, next, err := record.Split(rest)
			if err != nil {
				w.fail("controller %d: committed entry %d: %v", v.h.id, e.Index, err)
			}
			rest = next
			if b.BaseOffset() < v.disk.logEnd {
				continue
			}
			if b.BaseOffset() != v.disk.logEnd {
				w.fail("controller %d appends at metadata offset %d, its log ends at %d", v.h.id, b.BaseOffset(), v.disk.logEnd)
			}
			w.committed(v.h, b)
			v.disk.logEnd = b.NextOffset()
		}
	}
	v.grown()
	if v.active != nil {
		v.active.reached(v.disk.logEnd)
	}
}

// grown tells those who wait for it that the metadata log has.
func (v *voter) grown() {
	waiting := v.waiting
	v.waiting = nil
	for _, tell := range waiting {
		tell()
	}
	if b := v.h.broker; b != nil {
		b.learn(v.disk.logEnd)
	}
}

func (v *voter) event(e consensus.Event) {
	w := v.h.w
	switch e := e.(type) {
	case consensus.Leading:
		w.note(v.h, "active controller", int64(e.Epoch), e.NextOffset, 0)
		w.checkLeading(v, e)
		v.active = newActive(v, e)
	case consensus.Lost:
		w.note(v.h, "no controller any more", int64(e.Epoch), 0, 0)
		v.active = nil
	case consensus.LeaderChanged:
		w.checkQuorumLeader(v.h, e)
	case consensus.Fetch:
		v.fetch(e)
	case consensus.WantCheckpoint:
		if i := w.meta.at(v.disk.logEnd); i > 0 {
			c := consensus.Checkpoint{Offset: v.disk.logEnd, Epoch: w.meta.batches[i-1].epoch}
			v.keepSnapshot(c)
			v.node.Checkpointed(c)
			v.collect()
		}
	}
}

var errNoSnapshot = errors.New("not reached")

// fetch gets a snapshot from another voter.
func (v *voter) fetch(e consensus.Fetch) {
	w := v.h.w
	i := slices.IndexFunc(w.voters, func(o *voter) bool { return o.h.id == e.From })
	ended := false
	end := func(err error) func() {
		return func() {
			if ended {
				return
			}
			ended = true
			v.check(v.node.Fetched(e.Checkpoint, err))
			v.collect()
		}
	}
	from := w.voters[i]
	w.call(v.h, from.h, "fetch snapshot", func(back func(string, func())) {
		if slices.Contains(from.disk.snapshots, e.Checkpoint) {
			back("snapshot", end(nil))
		}
	})
	v.h.unless(&ended, int64(time.Second), "no snapshot", end(errNoSnapshot))
}
