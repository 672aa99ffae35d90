package voter

import (
	"context"
	"strings"
	"testing"

	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
)

// piece is one answer: so many bytes of a checkpoint that is said to have a size.
type piece struct {
	bytes int
	size  int64
}

// pieces answers with one after the other, and with the last for ever.
type pieces struct {
	Transport
	left []piece
}

func (p *pieces) ReadSnapshot(context.Context, int32, consensus.Checkpoint, int64, int) ([]byte, int64, error) {
	now := p.left[0]
	if len(p.left) > 1 {
		p.left = p.left[1:]
	}
	return make([]byte, now.bytes), now.size, nil
}

// What another controller sends as a checkpoint takes no more room than a checkpoint may, whatever it says about its size.
func TestACheckpointOfAnotherControllerIsBounded(t *testing.T) {
	const huge = metalog.MaxCheckpointBytes + 1
	for name, c := range map[string]struct {
		pieces  []piece
		written int
		refused string
	}{
		"whole":                       {[]piece{{10, 25}, {10, 25}, {5, 25}}, 25, ""},
		"empty":                       {[]piece{{0, 0}}, 0, ""},
		"too large":                   {[]piece{{10, huge}}, 0, "more than"},
		"grows with every piece":      {[]piece{{10, 20}, {10, 30}, {10, 40}}, 10, "before it had 20"},
		"more than it said":           {[]piece{{10, 25}, {20, 25}}, 10, "20 bytes at position 10 of 25"},
		"more than it said, at first": {[]piece{{30, 25}}, 0, "30 bytes at position 0 of 25"},
		"stops":                       {[]piece{{10, 25}, {0, 25}}, 10, "0 bytes at position 10 of 25"},
		"a negative size":             {[]piece{{0, -5}, {10, -5}}, 0, "of -5"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &Voter{cfg: Config{Transport: &pieces{left: c.pieces}}, ctx: t.Context()}
			written := 0
			err := v.download(consensus.Fetch{}, func(p []byte) error { written += len(p); return nil })
			if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
				t.Errorf("%v, want %q", err, c.refused)
			}
			if written != c.written {
				t.Errorf("%d bytes were written, want %d", written, c.written)
			}
		})
	}
}
