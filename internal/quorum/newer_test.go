package quorum_test

import (
	"path/filepath"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/quorum"
)

// futureRecord is of a type that this build does not know.
type futureRecord struct{}

func (futureRecord) Key() int16                          { return 999 }
func (futureRecord) MaxVersion() int16                   { return 0 }
func (futureRecord) AppendTo(dst []byte, _ int16) []byte { return append(dst, 0) }
func (futureRecord) ReadFrom(_ []byte, _ int16) error    { return nil }

func TestAMetadataLogOfANewerVersionIsToldAndLeftAsItIs(t *testing.T) {
	raw := func(records ...metadata.Record) func(t *testing.T, fsys *fs.Mem, q *quorum.Quorum) {
		return func(t *testing.T, _ *fs.Mem, q *quorum.Quorum) {
			if err := q.AppendRaw(records...); err != nil {
				t.Fatal(err)
			}
		}
	}
	const state = "/data/__cluster_metadata-0/quorum-state"
	for name, c := range map[string]struct {
		change func(t *testing.T, fsys *fs.Mem, q *quorum.Quorum)
		want   []string
	}{
		"feature level":  {raw(&metadata.FeatureLevelRecord{Name: "metadata.version", FeatureLevel: 40}), []string{"metadata log at offset", "metadata.version is at level 40, known is up to 33"}},
		"feature":        {raw(&metadata.FeatureLevelRecord{Name: "time.travel.version", FeatureLevel: 1}), []string{"metadata log at offset", "time.travel.version, at level 1, is not known"}},
		"type of record": {raw(futureRecord{}), []string{"metadata log at offset", "record type 999 is not known"}},
		"quorum-state": {func(t *testing.T, fsys *fs.Mem, _ *quorum.Quorum) {
			if err := fs.WriteFile(fsys, state, []byte(`{"leaderId":1,"leaderEpoch":7,"votedId":-1,"data_version":2}`), 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{state, "data version 2, known is up to 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fs.NewMem()
			q, err := quorum.Open(t.Context(), configWith(t, fsys, "/data", quorum.LogSettings{}, func(error) {})) // of what it cannot read itself
			if err != nil {
				t.Fatal(err)
			}
			join(t, q, 1, -1)
			c.change(t, fsys, q)
			fsys = fsys.Kill()
			q.Close()
			before := dataOf(t, fsys)
			_, err = tryOpen(t, fsys, "/data")
			if err == nil {
				t.Fatal("opened")
			}
			for _, want := range append(c.want, "written by a newer version, use that one or a later one") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			for path, b := range dataOf(t, fsys) {
				if before[path] != b {
					t.Errorf("%s was changed", path)
				}
			}
		})
	}
}

// dataOf is what must not change: segments, checkpoints and the quorum's state.
func dataOf(t *testing.T, fsys *fs.Mem) map[string]string {
	t.Helper()
	const dir = "/data/__cluster_metadata-0"
	all := map[string]string{}
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".checkpoint") || name == "quorum-state" {
			b, err := fs.ReadFile(fsys, filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(b)
		}
	}
	return all
}
