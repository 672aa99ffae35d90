package voter

import (
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
	"leat/internal/record"
)

// copied is a log of 12 records of epoch 7 as another quorum left it, in which nobody was elected beyond epoch 9.
func copied(t *testing.T, p *peer) {
	t.Helper()
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		b := oneBatch(t)
		at := record.Batch(b)
		end := p.disk.log.Offsets().LogEnd
		at.SetBaseOffset(end)
		at.SetLeaderEpoch(7)
		if _, err := p.disk.log.AppendFetched(b); err != nil {
			t.Fatal(err)
		}
		p.checkLog(end)
	}
	if err := p.disk.log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.fsys.Remove(filepath.Join(dir, journal.File)); err != nil {
		t.Fatal(err)
	}
	kafka := `{"clusterId":"","leaderId":3,"leaderEpoch":9,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}`
	if err := fs.WriteFile(p.fsys, filepath.Join(dir, "quorum-state"), []byte(kafka), 0o644); err != nil {
		t.Fatal(err)
	}
}

func oneBatch(t testing.TB) []byte {
	b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Offset: 0, Value: []byte("a")}, {Offset: 1, Value: []byte("b")}, {Offset: 2, Value: []byte("c")}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestACopiedLogGoesOnInAHigherEpoch(t *testing.T) {
	for _, begin := range []struct {
		epoch, first int32
	}{{0, 10}, {20, 21}} {
		held(t, int(begin.epoch), func() {
			w := newWorld(t, 1)
			for id := int32(1); id <= 3; id++ {
				p := &peer{w: w, self: consensus.Replica{ID: id}, begin: Beginning{Members: consensus.Static(1, 2, 3), Epoch: begin.epoch, Compared: true}, fsys: fs.NewMem(), leading: -1}
				copied(t, p)
				w.peers = append(w.peers, p)
			}
			for _, p := range w.peers {
				p.start()
			}
			w.settle()
			b, ok := w.chain[12]
			if !ok {
				t.Fatal("nothing follows the copied log")
			}
			kind, _, err := record.Batch(b).ControlRecord()
			if epoch := record.Batch(b).LeaderEpoch(); err != nil || kind != record.ControlLeaderChange || epoch < begin.first {
				t.Errorf("after the copied log come epoch %d and control record %d, %v; want a leader change of epoch %d or above", epoch, kind, err, begin.first)
			}
		})
	}
}

func TestALogWithoutVotersIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	p := &peer{w: w, self: consensus.Replica{ID: 1}, begin: Beginning{Members: consensus.Static(1)}, fsys: fs.NewMem(), leading: -1}
	copied(t, p)
	p.begin = Beginning{}
	if err := p.open(); err == nil || !strings.Contains(err.Error(), "this controller is not told who votes") {
		t.Errorf("a log and nobody who votes: %v", err)
	}
}

func TestALogOfOthersIsNotGoneOnWithBeforeItWasCompared(t *testing.T) {
	w := newWorld(t, 1)
	p := &peer{w: w, self: consensus.Replica{ID: 1}, begin: Beginning{Members: consensus.Static(1, 2, 3), Compared: true}, fsys: fs.NewMem(), leading: -1}
	copied(t, p)
	p.begin.Compared = false
	if err := p.open(); err == nil || !strings.Contains(err.Error(), "leat quorum takeover") {
		t.Errorf("a log that others may have more of: %v", err)
	}
	p.begin.Members = consensus.Static(1)
	if err := p.open(); err != nil {
		t.Errorf("alone: %v", err)
	}
}

func TestALostLogIsNotTakenForAnEmptyOne(t *testing.T) {
	held(t, 0, func() {
		w := newWorld(t, 1)
		p := w.alone(fs.NewMem())
		p.start()
		w.work(p, 400, func() bool { return true })
		w.settle()
		if err := p.disk.compact(p.node.State()); err != nil {
			t.Fatal(err)
		}
		entries, err := p.fsys.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Name() != journal.File {
				if err := p.fsys.Remove(filepath.Join(dir, e.Name())); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.open(); err == nil || !strings.Contains(err.Error(), "acknowledged entries are lost") {
			t.Errorf("a journal without its log: %v", err)
		}
	})
}

func TestQuorumStateIsKafkas(t *testing.T) {
	fsys := fs.NewMem()
	if err := fsys.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	two := consensus.Replica{ID: 2, DirID: record.UUID{1}}
	for want, e := range map[string]election{
		`{"clusterId":"","leaderId":-1,"leaderEpoch":4,"votedId":2,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}`: {
			voted: consensus.Replica{ID: 2}, hasVoted: true, epoch: 4, members: consensus.Static(1, 2)},
		`{"leaderId":2,"leaderEpoch":5,"votedId":2,"votedDirectoryId":"AQAAAAAAAAAAAAAAAAAAAA","data_version":1}`: {
			leader: two, known: true, voted: two, hasVoted: true, epoch: 5, members: consensus.Dynamic(consensus.Member{Replica: two})},
	} {
		if err := e.save(fsys, dir); err != nil {
			t.Fatal(err)
		}
		got, err := fs.ReadFile(fsys, filepath.Join(dir, "quorum-state"))
		if err != nil || string(got) != want {
			t.Errorf("%s, %v\nwant %s", got, err, want)
		}
		if s, err := metalog.LoadState(fsys, dir); err != nil || s.LeaderEpoch != e.epoch {
			t.Errorf("read again: %+v, %v", s, err)
		}
	}
}
