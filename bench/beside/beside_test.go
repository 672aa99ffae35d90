package beside

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"leat/bench/table"
)

func TestEachComesFirstInSomeRound(t *testing.T) {
	f := Flags{Kinds: []string{"leat", "kafka"}}
	var order []string
	for round := range 3 {
		if err := f.Each(round, func(kind string) error { order = append(order, kind); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"leat", "kafka", "kafka", "leat", "leat", "kafka"}; !slices.Equal(order, want) {
		t.Errorf("%v, not %v", order, want)
	}
	if err := f.Each(1, func(string) error { return errors.New("no answer") }); err == nil || err.Error() != "kafka: no answer" {
		t.Error(err)
	}
}

// What was measured is removed, and can be put together later without measuring.
func TestResultsAreKeptAndTheDirectoryIsNot(t *testing.T) {
	dir := t.TempDir()
	results := filepath.Join(dir, "results.json")
	rows := []table.Row{{ID: "time", Label: "time, s"}}
	f := Flags{Dir: dir, json: results}
	inside := ""
	if err := f.Run(t.Context(), rows, func(_ context.Context, all *table.Table) error {
		inside = f.Dir
		all.Add(table.Leat, "time", 1.5)
		return os.WriteFile(filepath.Join(f.Dir, "data"), nil, 0o600)
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(inside); !os.IsNotExist(err) || !strings.HasPrefix(inside, dir) {
		t.Errorf("%s is left: %v", inside, err)
	}
	page := filepath.Join(dir, "page.md")
	again := Flags{from: results + "," + results, json: page}
	if err := again.Run(t.Context(), rows, func(context.Context, *table.Table) error { return errors.New("measured") }); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(page); err != nil || strings.Count(string(text), "1.5") != 2 {
		t.Errorf("%s, %v", text, err)
	}
}
