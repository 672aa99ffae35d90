package voter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
	"leat/internal/record"
)

// stranger goes on with the log of a stopped peer in a later epoch, after so much of the log's end is cut off as never having been written there.
func (p *peer) stranger(cut int64) (from int64, epoch int32) {
	p.w.t.Helper()
	from, epoch = p.disk.log.Offsets().LogEnd-cut, p.disk.log.LatestEpoch()+3
	if cut > 0 {
		if err := p.disk.log.TruncateTo(from); err != nil {
			p.w.t.Fatal(err)
		}
		for at := range p.w.chain {
			if at >= from {
				delete(p.w.chain, at)
			}
		}
		p.w.end = from
	}
	b := oneBatch(p.w.t)
	record.Batch(b).SetBaseOffset(from)
	record.Batch(b).SetLeaderEpoch(epoch)
	if _, err := p.disk.log.AppendFetched(b); err != nil {
		p.w.t.Fatal(err)
	}
	p.checkLog(from)
	if err := p.disk.log.Close(); err != nil {
		p.w.t.Fatal(err)
	}
	return from, epoch
}

func (p *peer) has(file string) bool {
	_, err := p.fsys.Stat(filepath.Join(dir, file))
	if err != nil && !os.IsNotExist(err) {
		p.w.t.Fatal(err)
	}
	return err == nil
}

func TestALogThatSomebodyElseHasGoneOnWithCounts(t *testing.T) {
	held(t, 0, func() {
		w := newWorld(t, 1)
		p := w.alone(fs.NewMem())
		p.start()
		w.work(p, 400, func() bool { return true })
		w.settle()
		from, epoch := p.stranger(0)
		p.start()
		if !p.has(obsoleteFile) || !p.has(journal.File) {
			t.Errorf("set aside: %v, begun anew: %v", p.has(obsoleteFile), p.has(journal.File))
		}
		w.settle()
		end := p.disk.log.Offsets().LogEnd
		if end <= from || p.disk.log.LatestEpoch() <= epoch {
			t.Errorf("log ends at %d in epoch %d, somebody else wrote at %d in epoch %d", end, p.disk.log.LatestEpoch(), from, epoch)
		}
		w.work(p, 100, func() bool { return true })
		w.settle()
		if err := p.disk.log.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.fsys.Remove(filepath.Join(dir, obsoleteFile)); err != nil {
			t.Fatal(err)
		}
		if p.start(); p.has(obsoleteFile) {
			t.Error("the new journal is set aside by the next start")
		}
	})
}

func TestWhatNeverReachedALogThatSomebodyElseHasGoneOnWithIsTold(t *testing.T) {
	held(t, 0, func() {
		w := newWorld(t, 1)
		p := w.alone(fs.NewMem())
		p.start()
		w.work(p, 200, func() bool { return true })
		w.settle()
		before, err := fs.ReadFile(p.fsys, filepath.Join(dir, journal.File))
		if err != nil {
			t.Fatal(err)
		}
		p.stranger(4)
		err = p.open()
		if err == nil || !strings.Contains(err.Error(), "never reached the log") {
			t.Fatalf("opened: %v", err)
		}
		if after, err := fs.ReadFile(p.fsys, filepath.Join(dir, journal.File)); err != nil || string(after) != string(before) {
			t.Errorf("the journal was changed: %v", err)
		}
	})
}

func TestAVoterAmongSeveralDoesNotGoOnWithALogOfOthersByItself(t *testing.T) {
	held(t, 0, func() {
		w := newWorld(t, 1)
		for id := int32(1); id <= 3; id++ {
			w.add(consensus.Replica{ID: id}, Beginning{Members: consensus.Static(1, 2, 3)})
		}
		w.settle()
		p := w.peers[1]
		p.stranger(0)
		if err := p.open(); err == nil || !strings.Contains(err.Error(), "leat quorum takeover") {
			t.Errorf("opened: %v", err)
		}
		if !p.has(journal.File) {
			t.Error("its journal is gone")
		}
		p.begin.Members = consensus.Static(2) // whatever the config says now, there were others
		if err := p.open(); err == nil || !strings.Contains(err.Error(), "leat quorum takeover") {
			t.Errorf("opened: %v", err)
		}
	})
}

func TestWhatAnInterruptedTakeoverHasTakenIsNotForgotten(t *testing.T) {
	held(t, 0, func() {
		w := newWorld(t, 1)
		p := w.alone(fs.NewMem())
		p.start()
		w.settle()
		if err := p.fsys.Rename(filepath.Join(dir, journal.File), filepath.Join(dir, journal.Taken)); err != nil {
			t.Fatal(err)
		}
		if err := p.open(); err == nil || !strings.Contains(err.Error(), "run it again") {
			t.Errorf("opened: %v", err)
		}
	})
}

func TestTheOnlyVotersLogHasEverythingWhenItHasStopped(t *testing.T) {
	held(t, 0, func() {
		w := newWorld(t, 1)
		p := w.alone(fs.NewMem())
		p.start()
		w.work(p, 200, func() bool { return true })
		w.settle()
		for range 5 {
			p.propose()
		}
		end := p.disk.log.Offsets().LogEnd
		for len(p.writes) > 0 {
			p.persist(len(p.writes))
		}
		if p.node.End() <= end {
			t.Fatal("nothing waits for the log")
		}
		if err := p.disk.complete(p.self); err != nil {
			t.Fatal(err)
		}
		if got := p.disk.log.Offsets().LogEnd; got != p.node.End() {
			t.Errorf("log ends at %d, the journal at %d", got, p.node.End())
		}
		p.start()
		w.settle()
	})
}
