package storage

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// TestSameReadsUnderOtherSettings tells one story under different settings: sizes of segments and indexes, distances of index entries, syncs, open
// files, encryption, preallocation, syncs in the background, compaction switched on, one log directory or three, a file system in memory or the real
// one (where short reads and writes take their quick paths if there is one directory), clean stops or kills. All answers must be the same, byte for byte.
func TestSameReadsUnderOtherSettings(t *testing.T) {
	overSeedsUpTo(t, 20, 1000, func(seed uint64) error {
		rng := rand.New(rand.NewPCG(seed, 7))
		steps := newSteps(rng, 60, contentActions)
		for i := range steps {
			if steps[i].kind == "configure" { // settings are those of the run
				steps[i].kind = "plain"
			}
		}
		variants := make([]sameVariant, 3)
		for i := range variants {
			variants[i] = sameVariant{randomVariant(rng), 1 + 2*rng.IntN(2), rng.IntN(2) == 0, rng.IntN(3), ""}
		}
		if seed%10 == 0 {
			variants[2].real = t.TempDir()
		}
		return sameAnswers(variants, steps, (*world).ask)
	})
}

// TestSameValuesHoweverLogsAreCompacted tells one story with compaction and without, with small segments and large ones, cleanings early and late. A
// reader must come to the same last value of each key.
func TestSameValuesHoweverLogsAreCompacted(t *testing.T) {
	kinds := map[string]action{}
	for _, name := range []string{"plain", "idempotent", "transaction", "high watermark", "epoch", "flush", "background", "checkpoint", "close", "kill"} {
		kinds[name] = contentActions[name] // a story with the others goes on otherwise once producers are forgotten, or decided records cut off
	}
	overSeedsUpTo(t, 10, 1000, func(seed uint64) error {
		rng := rand.New(rand.NewPCG(seed, 8))
		steps := newSteps(rng, 90, kinds, cleaningActions)
		variants := make([]sameVariant, 3)
		for i := range variants {
			v, _ := newStory(rng, 0, i > 0)
			v.compact = i > 0
			variants[i] = sameVariant{v, 1, rng.IntN(2) == 0, rng.IntN(3), ""}
		}
		return sameAnswers(variants, steps, (*world).askValues)
	})
}

// sameVariant is a variant, and what else must not show.
type sameVariant struct {
	variant
	dirs  int
	kills bool   // clean stops are kills, and kills clean stops
	busy  int    // 0: nothing is synced in the background; 2: after every fourth step
	real  string // directory of a real file system
}

func sameAnswers(variants []sameVariant, steps []step, ask func(*world, *part) []string) error {
	var first []string
	for i, v := range variants {
		got, err := v.answers(steps, ask)
		if err != nil {
			return fmt.Errorf("%+v: %w", v, err)
		}
		if i == 0 {
			first = got
			continue
		}
		for k := range max(len(got), len(first)) {
			if k >= len(got) || k >= len(first) || got[k] != first[k] {
				return fmt.Errorf("step 0: answers differ under\n%+v: %s\n%+v: %s", variants[0], first[min(k, len(first)-1)], v, got[min(k, len(got)-1)])
			}
		}
	}
	return nil
}

// answers runs the story and asks for everything.
func (v sameVariant) answers(steps []step, ask func(*world, *part) []string) (list []string, err error) {
	defer caught(&err)
	w := newWorldIn(v.variant, false, v.dirs, v.real)
	defer func() {
		if v.real != "" { // its directories are removed
			w.closeStore()
		}
	}()
	turned := v.turned(steps)
	half := slices.IndexFunc(turned, func(s step) bool { return s.kind == "half" })
	for _, part := range [][]step{turned[:half], turned[half+1:]} {
		if err := w.run(part); err != nil {
			return nil, err
		}
		for _, p := range w.parts {
			w.raiseHighWatermark(p, step{})
			list = append(list, ask(w, p)...)
		}
	}
	for i, p := range w.parts {
		w.deleteRecords(p, steps[i])
		list = append(list, ask(w, p)...)
	}
	return list, nil
}

// turned is the story with other stops and syncs.
func (v sameVariant) turned(steps []step) (turned []step) {
	for i, s := range steps {
		switch {
		case s.kind == "kill" && (v.kills || v.real != ""):
			s.kind = "close"
		case s.kind == "close" && v.kills && v.real == "":
			s.kind = "kill"
		}
		if s.kind != "background" || v.busy > 0 {
			turned = append(turned, s)
		}
		if v.busy == 2 && i%4 == 0 {
			turned = append(turned, step{kind: "background", log: s.log})
		}
		if i == len(steps)/2 {
			turned = append(turned, step{kind: "half"})
		}
	}
	return turned
}

// ask reads a log in every way.
func (w *world) ask(p *part) (list []string) {
	add := func(format string, args ...any) { list = append(list, p.tp.String()+": "+fmt.Sprintf(format, args...)) }
	o := p.log.Offsets()
	add("offsets %+v, producers %+v", o, p.log.Producers()) // not the latest epoch: one without records is known until a kill
	for _, iso := range []Isolation{ReadLogEnd, ReadUncommitted, ReadCommitted} {
		for at := o.LogStart; at <= o.LogEnd; at++ {
			for _, maxBytes := range []int{1, 400, 1 << 20} {
				add("read of %d at %d of isolation %d: %s", maxBytes, at, iso, w.firstOf(p, at, maxBytes, iso))
			}
		}
	}
	for _, b := range p.from(p.start) {
		epoch, end := p.log.EndOffsetForEpoch(b.leaderEpoch)
		add("epoch at %d: %d, epoch %d ends at %d", b.last, p.log.EpochOf(b.last), epoch, end)
		for _, ts := range []int64{b.newest - 1, b.newest, b.newest + 1} {
			got, err := p.log.OffsetForTimestamp(ts)
			add("time %d: %+v, %v", ts, got, err)
		}
	}
	got, err := p.log.OffsetForMaxTimestamp()
	add("greatest time: %+v, %v", got, err)
	return list
}

// askValues reads the last value of each key that is not deleted.
func (w *world) askValues(p *part) (list []string) {
	w.settleAll(p, step{})
	last := map[string]string{}
	offsets := p.log.Offsets()
	for _, b := range p.from(offsets.LogStart) {
		if ended, aborted := p.decided(b); b.control || b.transaction && (!ended || aborted) {
			continue
		}
		for _, r := range p.form(b).records {
			if delete(last, r.key); !r.tombstone && r.offset >= offsets.LogStart {
				last[r.key], _, _ = strings.Cut(r.value, "-") // how much follows depends on the size of segments
			}
		}
	}
	w.checkAll(p, 3)
	return []string{fmt.Sprintf("%s: ends at %d, stable up to %d, values %v", p.tp, offsets.LogEnd, offsets.LastStable, last)}
}

// firstOf is the first batch that a read gives, and which transactions to leave out in it. How many batches follow, and up to where transactions are
// told, depends on where segments end and index entries lie.
func (w *world) firstOf(p *part, at int64, maxBytes int, iso Isolation) string {
	s, err := p.log.Read(at, maxBytes, iso, true)
	if err != nil {
		return err.Error()
	}
	defer s.Release()
	if s.Len() == 0 {
		return "nothing"
	}
	b := make([]byte, s.Len())
	_, err = s.ReadAt(b, 0)
	w.must(err)
	batch, _, err := record.Split(b)
	w.must(err)
	var left strings.Builder
	for _, a := range s.Aborted {
		if a.FirstOffset <= batch.LastOffset() {
			fmt.Fprintf(&left, " %+v", a)
		}
	}
	return fmt.Sprintf("%x, aborted%s", []byte(batch), left.String())
}

// newWorldIn is newWorld with so many log directories, in memory or below a real one.
func newWorldIn(v variant, gaps bool, dirs int, real string) *world {
	w := newEmptyWorld(v, gaps)
	if real != "" {
		w.real, w.cfg.Encrypted = fs.OS, false
	}
	w.dirs = nil
	for i := range dirs {
		w.dirs = append(w.dirs, filepath.Join("/", real, "data", fmt.Sprint("disk", i)))
	}
	w.begin()
	return w
}
