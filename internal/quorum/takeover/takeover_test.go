package takeover

import (
	"context"
	"slices"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/metalog"
	"leat/internal/record"
)

// controller is a directory whose metadata log has some batches of two records, all of an epoch.
func controller(t *testing.T, batches int, epoch int32) fs.FS {
	t.Helper()
	fsys := fs.NewMem()
	log, _, err := metalog.Open(context.Background(), metalog.Config{FS: fsys, Dir: "/data"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range batches {
		data, err := metalog.AppendControl(nil, metalog.Stamp{Offset: int64(i), Epoch: epoch, Timestamp: 1}, record.ControlLeaderChange, make([]byte, 4))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.AppendFetched(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return fsys
}

func TestOnlyTheControllerThatHasEverythingGoesOn(t *testing.T) {
	first, second := controller(t, 5, 3), controller(t, 4, 3)
	var all []Position
	for i, fsys := range []fs.FS{first, second} {
		at, err := Look(fsys, "/data", int32(i+1))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, at)
	}
	if all[0] != (Position{1, 3, 5, 3}) || all[1] != (Position{2, 3, 4, 3}) {
		t.Fatalf("positions %v", all)
	}
	all[1].Seen = 9
	voters := []int32{1, 2}
	if err := Prepare(first, "/data", 1, voters, all[:1]); err == nil || !strings.Contains(err.Error(), "position of node 2 is missing") {
		t.Errorf("without the second: %v", err)
	}
	farther := append(slices.Clone(all), Position{3, 4, 6, 4})
	if err := Prepare(second, "/data", 2, []int32{1, 2, 3}, farther); err == nil || !strings.Contains(err.Error(), "copy of node 3's") {
		t.Errorf("behind two, of which 3 has the most: %v", err)
	}
	if err := Prepare(second, "/data", 2, voters, all); err == nil || !strings.Contains(err.Error(), "copy of node 1's") {
		t.Errorf("the second, which is behind: %v", err)
	}
	if marked, err := Marked(second, "/data/__cluster_metadata-0", 4); marked || err != nil {
		t.Errorf("the second is marked: %v", err)
	}
	if err := Prepare(first, "/data", 1, voters, all); err != nil {
		t.Fatal(err)
	}
	if marked, err := Marked(first, "/data/__cluster_metadata-0", 5); !marked || err != nil {
		t.Errorf("the first is not marked: %v", err)
	}
	if marked, _ := Marked(first, "/data/__cluster_metadata-0", 6); marked {
		t.Error("the mark counts for a log that has grown")
	}
	if state, err := metalog.LoadState(first, "/data/__cluster_metadata-0"); err != nil || state.LeaderEpoch != 9 {
		t.Errorf("the epoch that is gone on from is %d, %v; want the highest that anyone has seen", state.LeaderEpoch, err)
	}
	all[0].LogEnd = 6
	if err := Prepare(first, "/data", 1, voters, all); err == nil || !strings.Contains(err.Error(), "something ran on") {
		t.Errorf("a position of another time: %v", err)
	}
}

func TestPositionsAreReadAsTheyAreWritten(t *testing.T) {
	p := Position{11, 7, 1 << 40, 8}
	if got, err := Parse(p.String()); got != p || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "1:2:3", "1:2:3:x", "-1:2:3:4", "99999999999:1:1:1"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
