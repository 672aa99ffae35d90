package voter

import (
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
)

// dynamic builds three voters that stand in the log, and two controllers that may be added.
func dynamic(w *world) {
	w.weights.change = 30
	var voters []consensus.Member
	for id := int32(1); id <= 3; id++ {
		voters = append(voters, consensus.Member{Replica: consensus.Replica{ID: id, DirID: dirID(int(id))}, MaxKRaft: 1})
	}
	for _, v := range voters {
		w.add(v.Replica, Beginning{Members: consensus.Dynamic(voters...)})
	}
	w.add(consensus.Replica{ID: 4, DirID: dirID(4)}, Beginning{})
	w.add(consensus.Replica{ID: 5, DirID: dirID(5)}, Beginning{})
}

// loseDisk gives a controller another, empty disk: one that is no member, or the only voter to whom it happens.
func (w *world) loseDisk() {
	var newest consensus.Members
	end := int64(-1)
	for _, p := range w.peers {
		if p.node != nil && p.disk.log.Offsets().LogEnd > end && len(p.node.Members().List) > 0 {
			newest, end = p.node.Members(), p.disk.log.Offsets().LogEnd
		}
	}
	if end <= 0 {
		return
	}
	p := w.peers[w.rng.Intn(len(w.peers))]
	for _, v := range newest.List {
		alive := false
		for _, x := range w.peers {
			alive = alive || x.self == v.Replica
		}
		if v.Replica == p.self && len(newest.Voters()) < 3 || !alive && !v.Learner {
			return
		}
	}
	w.disks++
	w.log("%s gets an empty disk", p.self)
	p.self.DirID, p.begin, p.fsys, p.node = dirID(100+w.disks), Beginning{}, fs.NewMem(), nil
}

func TestSimVotersComeAndGo(t *testing.T) {
	changes, disks, installs := 0, 0, 0
	seeds(t, 8, func(t *testing.T, seed int64) {
		w, err := simulate(t, 2*seed, 40000, dynamic, func(w *world) {
			if w.rng.Intn(6000) == 0 {
				w.loseDisk()
			}
		})
		if err != nil {
			t.Fatalf("-seed %d: %v\n%s", seed, err, strings.Join(w.trace, "\n"))
		}
		changes, disks, installs = changes+w.changes, disks+w.disks, installs+w.installs
	})
	t.Logf("%d changes of the voters, %d lost disks, %d snapshots installed", changes, disks, installs)
	if *only < 0 && (changes < 10 || disks < 5 || installs < 5) {
		t.Error("too little happened")
	}
}
