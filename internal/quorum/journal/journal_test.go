package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

var owner = Owner{ClusterID: record.UUID{1}, Replica: consensus.Replica{ID: 3, DirID: record.UUID{9}}}

const file = "/m/" + File

func create(t *testing.T, fsys fs.FS) *Journal {
	t.Helper()
	if err := fsys.MkdirAll("/m", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fsys.SyncDir("/"), fsys.SyncDir("/m")); err != nil {
		t.Fatal(err)
	}
	j, err := Create(fsys, "/m", owner, consensus.State{Base: consensus.Position{Index: 1, Offset: 7}, Members: consensus.Static(3)})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func open(fsys fs.FS) (consensus.State, error) {
	j, s, err := Open(fsys, "/m", owner, slog.New(slog.DiscardHandler))
	if err != nil {
		return s, err
	}
	return s, j.Close()
}

func entry(index uint64, epoch int32, text string) consensus.Entry {
	return consensus.Entry{Index: index, Epoch: epoch, Data: []byte(text)}
}

// tell writes a state in a line.
func tell(s consensus.State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "base %d/%d@%d voters %d ballot %d:%d:%d", s.Base.Index, s.Base.Epoch, s.Base.Offset, len(s.Members.List),
		s.Ballot.Epoch, s.Ballot.Vote, s.Ballot.Commit)
	for _, e := range s.Entries {
		fmt.Fprintf(&b, " %d/%d%s", e.Index, e.Epoch, strings.TrimSpace(string(e.Data)))
	}
	return b.String()
}

func TestWhatWasWrittenIsReadAgain(t *testing.T) {
	fsys := fs.NewMem()
	j := create(t, fsys)
	if _, _, err := Open(fsys, "/other", owner, nil); !errors.Is(err, ErrNone) {
		t.Errorf("without a journal: %v", err)
	}
	must(t, j.Write(&consensus.Ballot{Epoch: 2, Vote: 5}, nil))
	must(t, j.Write(nil, []consensus.Entry{entry(2, 2, "a"), entry(3, 2, "b"), entry(4, 2, "c")}))
	must(t, j.Write(&consensus.Ballot{Epoch: 3, Vote: 6, Commit: 2}, []consensus.Entry{entry(3, 3, "B")}))
	s, err := open(fsys.Crash(nil))
	const want = "base 1/0@7 voters 1 ballot 3:6:2 2/2a 3/3B"
	if err != nil || tell(s) != want {
		t.Fatalf("%s, %v; want %s", tell(s), err, want)
	}
	s.Base, s.Entries = consensus.Position{Index: 2, Epoch: 2, Offset: 8}, s.Entries[1:]
	must(t, j.Replace(s))
	must(t, j.Write(nil, []consensus.Entry{entry(4, 3, "d")}))
	must(t, j.Close())
	s, err = open(fsys.Crash(nil))
	if want := "base 2/2@8 voters 1 ballot 3:6:2 3/3B 4/3d"; err != nil || tell(s) != want {
		t.Fatalf("%s, %v; want %s", tell(s), err, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPowerLossKeepsWhatWasWritten tears the last write in every way that a disk may.
func TestPowerLossKeepsWhatWasWritten(t *testing.T) {
	cuts := 0
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fsys := fs.NewMem()
		j := create(t, fsys)
		next := uint64(2)
		write := func() {
			var es []consensus.Entry
			for range 1 + rng.IntN(4) {
				es = append(es, entry(next, 1, fmt.Sprintf("%*d", 1+rng.IntN(3000), next)))
				next++
			}
			must(t, j.Write(&consensus.Ballot{Epoch: 1, Vote: next}, es))
		}
		for range 1 + rng.IntN(5) {
			write()
		}
		s, err := open(fsys.Crash(nil))
		must(t, err)
		want := tell(s)
		var left *fs.Mem
		fsys.Inject(func(op fs.Op, name string) error {
			if op == fs.OpSync && left == nil {
				left = fsys.Crash(rng)
			}
			return nil
		})
		write()
		s, err = open(left)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := tell(s); !strings.HasPrefix(strings.Join(strings.Fields(got)[6:], " "), strings.Join(strings.Fields(want)[6:], " ")) {
			t.Fatalf("seed %d: after the loss of power %s, it was %s", seed, got, want)
		} else if got == want {
			cuts++
		}
		if _, err = open(left); err != nil {
			t.Fatalf("seed %d: opened again: %v", seed, err)
		}
	}
	if cuts < 200 {
		t.Errorf("only %d of the writes were torn", cuts)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	fsys := fs.NewMem()
	j := create(t, fsys)
	must(t, j.Write(&consensus.Ballot{Epoch: 1, Vote: 4}, []consensus.Entry{entry(2, 1, "first")}))
	must(t, j.Write(nil, []consensus.Entry{entry(3, 1, strings.Repeat("second", 200))}))
	data, err := fs.ReadFile(fsys, file)
	must(t, err)
	for i := range data {
		for bit := range 8 {
			bad := append([]byte(nil), data...)
			bad[i] ^= 1 << bit
			must(t, fs.WriteFile(fsys, file, bad, 0o644))
			if s, err := open(fsys); err == nil {
				t.Fatalf("bit %d of byte %d of %d is flipped, and it was read as %s", bit, i, len(data), tell(s))
			}
		}
	}
}

func TestNewerAndForeignJournalsAreRefused(t *testing.T) {
	fsys := fs.NewMem()
	must(t, create(t, fsys).Close())
	data, err := fs.ReadFile(fsys, file)
	must(t, err)
	data[len(magic)+1] = 2
	must(t, fs.WriteFile(fsys, file, data, 0o644))
	if _, err := open(fsys); !errors.Is(err, consensus.ErrNewer) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a newer journal: %v", err)
	}
	must(t, create(t, fsys).Close())
	_, _, err = Open(fsys, "/m", Owner{owner.ClusterID, consensus.Replica{ID: 3}}, nil)
	if err == nil || !strings.Contains(err.Error(), "belongs to controller 3-CQAAAAAAAAAAAAAAAAAAAA") {
		t.Errorf("another replica's journal: %v", err)
	}
}

// TestEveryFaultIsToldAndNothingWrittenIsLost fails the n-th operation on files.
func TestEveryFaultIsToldAndNothingWrittenIsLost(t *testing.T) {
	for n := 1; ; n++ {
		fsys := fs.NewMem()
		j := create(t, fsys)
		ops, failed := 0, false
		fsys.Inject(func(fs.Op, string) error {
			if ops++; ops == n {
				failed = true
				return errors.New("broken")
			}
			return nil
		})
		want := uint64(1)
		var state consensus.State
		for i := uint64(2); i < 6; i++ {
			if j.Write(&consensus.Ballot{Epoch: 1, Commit: i}, []consensus.Entry{entry(i, 1, "x")}) != nil {
				break
			}
			want = i
			if i == 3 {
				state.Base = consensus.Position{Index: 3, Epoch: 1, Offset: 9}
				if j.Replace(state) != nil && j.Write(nil, []consensus.Entry{entry(4, 1, "x")}) == nil {
					t.Fatalf("operation %d: the journal goes on after an error", n)
				}
			}
		}
		fsys.Inject(nil)
		s, err := open(fsys.Crash(nil))
		if got := s.Base.Index + uint64(len(s.Entries)); err != nil || got < want || s.Ballot.Commit < want && want > 1 {
			t.Fatalf("operation %d: written up to entry %d, read again: %s, %v", n, want, tell(s), err)
		}
		if !failed {
			if n < 15 {
				t.Fatalf("a whole run has only %d operations", ops)
			}
			return
		}
	}
}

func TestAFullDiskIsNotTheEnd(t *testing.T) {
	fsys := fs.NewMem()
	j := create(t, fsys)
	fsys.SetCapacity(16 << 10)
	big := []consensus.Entry{entry(2, 1, strings.Repeat("x", 20<<10))}
	if err := j.Write(nil, big); !fs.IsFull(err) {
		t.Fatalf("on a full disk: %v", err)
	}
	fsys.SetCapacity(0)
	must(t, j.Write(nil, big))
	if s, err := open(fsys.Crash(nil)); err != nil || len(s.Entries) != 1 {
		t.Errorf("afterwards: %s, %v", tell(s), err)
	}
}

func FuzzLoad(f *testing.F) {
	data := formatHeader(owner, consensus.State{Members: consensus.Static(1)})
	f.Add(appendGroup(data, 1, &consensus.Ballot{Epoch: 1}, []consensus.Entry{entry(1, 1, "x")}))
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		j := Journal{owner: owner}
		if _, err := j.load(data); err == nil && j.size > int64(len(data)) {
			t.Error("longer than it is")
		}
	})
}

// Where voters are static nobody knows the directories, and a journal of such a quorum is anybody's with the right id.
func TestAJournalOfStaticVotersKnowsNoDirectory(t *testing.T) {
	fsys := fs.NewMem()
	if err := fsys.MkdirAll("/m", 0o755); err != nil {
		t.Fatal(err)
	}
	static := Owner{owner.ClusterID, consensus.Replica{ID: 3}}
	j, err := Create(fsys, "/m", static, consensus.State{Members: consensus.Static(3)})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, _, err = Open(fsys, "/m", owner, nil); err != nil || j.Owner() != static {
		t.Fatalf("opened by %v: %v", owner, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(fsys, "/m", Owner{owner.ClusterID, consensus.Replica{ID: 4}}, nil); err == nil {
		t.Error("opened by another controller")
	}
}

func TestAVoterThatForgotKnowsSoUntilItWritesOtherwise(t *testing.T) {
	fsys := fs.NewMem()
	j := create(t, fsys)
	must(t, j.Write(&consensus.Ballot{Epoch: 8, Vote: 5, Commit: 1, Forgot: 7}, nil))
	s, err := open(fsys.Crash(nil))
	if want := (consensus.Ballot{Epoch: 8, Vote: 5, Commit: 1, Forgot: 7}); err != nil || s.Ballot != want {
		t.Fatalf("%+v, %v; want %+v", s.Ballot, err, want)
	}
	must(t, j.Replace(s))
	must(t, j.Write(&consensus.Ballot{Epoch: 9, Commit: 1}, nil))
	must(t, j.Close())
	if s, err = open(fsys.Crash(nil)); err != nil || s.Ballot.Forgot != 0 || s.Ballot.Epoch != 9 {
		t.Errorf("%+v, %v; want epoch 9 and nothing forgotten", s.Ballot, err)
	}
}
