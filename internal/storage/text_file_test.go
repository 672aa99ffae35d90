package storage

import (
	"testing"

	"leat/internal/fs"
)

// Kafka makes its checkpoint files when it starts and fills them later.
func TestACheckpointWithoutAByteIsEmpty(t *testing.T) {
	mem := fs.NewMem()
	for _, x := range []struct {
		content string
		sound   bool
	}{{"", true}, {"0\n0\n", true}, {"\n", false}} {
		if err := fs.WriteFile(mem, "/points", []byte(x.content), 0o644); err != nil {
			t.Fatal(err)
		}
		points, err := readOffsets(mem, "/points")
		if len(points) != 0 || (err == nil) != x.sound {
			t.Errorf("%q: %v, %v", x.content, points, err)
		}
	}
}
