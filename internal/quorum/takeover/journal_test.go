package takeover

import (
	"testing"

	"leat/internal/fs"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
	"leat/internal/record"
)

const metadataDir = "/data/__cluster_metadata-0"

// journaled is a controller of leat whose log ends at offset 5 of epoch 3, and whose journal has two records more, of epoch 4.
func journaled(t *testing.T, ballot int32) fs.FS {
	t.Helper()
	fsys := controller(t, 5, 3)
	j, err := journal.Create(fsys, metadataDir, journal.Owner{Replica: consensus.Replica{ID: 1}}, consensus.State{
		Base: consensus.Position{Index: 9, Epoch: 3, Offset: 3}, Members: consensus.Static(1, 2), Ballot: consensus.Ballot{Epoch: ballot}})
	if err != nil {
		t.Fatal(err)
	}
	var entries []consensus.Entry
	for i := range int64(4) {
		epoch := int32(3)
		if i >= 2 {
			epoch = 4
		}
		data, err := metalog.AppendControl(nil, metalog.Stamp{Offset: 3 + i, Epoch: epoch, Timestamp: 1}, record.ControlLeaderChange, make([]byte, 4))
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, consensus.Entry{Index: 10 + uint64(i), Epoch: epoch, Data: data})
	}
	if err := j.Write(nil, entries); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return fsys
}

func TestWhatIsInTheJournalOnlyIsBroughtToTheLog(t *testing.T) {
	fsys := journaled(t, 6)
	at, err := Look(fsys, "/data", 1)
	if want := (Position{1, 4, 7, 6}); err != nil || at != want {
		t.Fatalf("position %v, %v, want %v", at, err, want)
	}
	if again, err := Look(fsys, "/data", 1); err != nil || again != at {
		t.Errorf("asked again: %v, %v", again, err)
	}
	if err := Prepare(fsys, "/data", 1, []int32{1, 2}, []Position{at, {2, 4, 6, 6}}); err != nil {
		t.Fatal(err)
	}
	log, _, err := open(fsys, "/data")
	if err != nil {
		t.Fatal(err)
	}
	if end, epoch := log.Offsets().LogEnd, log.LatestEpoch(); end != 7 || epoch != 4 {
		t.Errorf("the log ends at offset %d of epoch %d", end, epoch)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{journal.File, journal.Taken} {
		if _, err := fsys.Stat(metadataDir + "/" + name); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	if marked, err := Marked(fsys, metadataDir, 7); !marked || err != nil {
		t.Errorf("not marked: %v", err)
	}
}

func TestATakeoverThatWasInterruptedIsFinished(t *testing.T) {
	fsys := journaled(t, 6)
	if err := fsys.Rename(metadataDir+"/"+journal.File, metadataDir+"/"+journal.Taken); err != nil {
		t.Fatal(err)
	}
	if at, err := Look(fsys, "/data", 1); err != nil || at != (Position{1, 4, 7, 6}) {
		t.Errorf("position %v, %v", at, err)
	}
}

func TestAJournalThatSomebodyWentOnWithoutCountsForItsEpochOnly(t *testing.T) {
	fsys := journaled(t, 4)
	log, _, err := open(fsys, "/data")
	if err != nil {
		t.Fatal(err)
	}
	data, err := metalog.AppendControl(nil, metalog.Stamp{Offset: 5, Epoch: 5, Timestamp: 1}, record.ControlLeaderChange, make([]byte, 4))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.AppendFetched(data); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if at, err := Look(fsys, "/data", 1); err != nil || at != (Position{1, 5, 6, 5}) {
		t.Errorf("position %v, %v", at, err)
	}
}
