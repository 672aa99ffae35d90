package storage

import (
	"errors"
	"testing"

	"leat/internal/fs"
)

// An idempotent producer has up to five batches under way. A leader that was stopped in order knows the last of them from the producer snapshot, and finds
// the others in its log when they are sent again.
func TestBatchesBeforeTheSnapshotAreRecognised(t *testing.T) {
	type sent struct {
		epoch    int16
		sequence int32
		n        int
		err      error
		base     int64 // of a duplicate, -1: none
	}
	for name, c := range map[string]struct {
		before func(t *testing.T, l *Log)
		after  []sent
	}{
		"all five": {
			func(t *testing.T, l *Log) {
				for i := range int32(7) {
					mustAppend(t, l, producerBatch(t, 0, 2*i, 2, false))
				}
			},
			[]sent{{0, 4, 2, nil, 4}, {0, 6, 2, nil, 6}, {0, 12, 2, nil, 12}, {0, 2, 2, ErrOutOfOrder, -1}, {0, 14, 1, nil, -1}},
		},
		"after a newer one": {
			func(t *testing.T, l *Log) {
				for i := range int32(7) {
					mustAppend(t, l, producerBatch(t, 0, i, 1, false))
				}
			},
			[]sent{{0, 7, 1, nil, -1}, {0, 3, 1, nil, 3}, {0, 2, 1, ErrOutOfOrder, -1}, {0, 7, 1, nil, 7}},
		},
		"many others in between": {
			func(t *testing.T, l *Log) {
				for i := range int32(3) {
					mustAppend(t, l, producerBatch(t, 0, i, 1, false))
					for k := range int32(500) {
						mustAppend(t, l, batchBy(t, 8, 0, 500*i+k, 1, false))
					}
				}
			},
			[]sent{{0, 0, 1, nil, 0}, {0, 1, 1, nil, 501}, {0, 2, 1, nil, 1002}},
		},
		"an older epoch is another producer": {
			func(t *testing.T, l *Log) {
				for i := range int32(3) {
					mustAppend(t, l, producerBatch(t, 0, i, 1, false))
				}
				for i := range int32(2) {
					mustAppend(t, l, producerBatch(t, 1, i, 1, false))
				}
			},
			[]sent{{1, 2, 1, nil, -1}, {1, 0, 1, nil, 3}, {0, 1, 1, ErrProducerFenced, -1}},
		},
		"a gap stays one": {
			func(t *testing.T, l *Log) {
				for i := range int32(3) {
					mustAppend(t, l, producerBatch(t, 0, i, 1, false))
				}
			},
			[]sent{{0, 4, 1, ErrOutOfOrder, -1}, {0, 1, 2, ErrOutOfOrder, -1}, {0, 3, 1, nil, -1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			cfg := LogConfig{SegmentBytes: 5000}
			l := openTestLog(t, mem, "/log", cfg)
			c.before(t, l)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = openTestLog(t, mem, "/log", cfg)
			for i, s := range c.after {
				end := l.Offsets().LogEnd
				info, err := l.Append(producerBatch(t, s.epoch, s.sequence, s.n, false), clientAppend)
				if !errors.Is(err, s.err) || s.err == nil && err != nil {
					t.Fatalf("batch %d: %v, want %v", i, err, s.err)
				}
				if err != nil {
					continue
				}
				want := end
				if s.base >= 0 {
					want = s.base
				}
				if info.BaseOffset != want || info.Duplicate != (s.base >= 0) {
					t.Errorf("batch %d: %+v, want base offset %d", i, info, want)
				}
			}
		})
	}
}

// The look is made once: who sends nonsense again and again does not have the log read again and again.
func TestTheLogIsSearchedOnceForAProducer(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", LogConfig{})
	for i := range int32(3) {
		mustAppend(t, l, producerBatch(t, 0, i, 1, false))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openTestLog(t, mem, "/log", LogConfig{})
	if e := l.producers.byID.find(7); !e.short || e.count != 1 {
		t.Fatalf("from the snapshot: %+v", e)
	}
	if _, err := l.Append(producerBatch(t, 0, 90, 1, false), clientAppend); !errors.Is(err, ErrOutOfOrder) {
		t.Fatal(err)
	}
	if e := l.producers.byID.find(7); e.short || e.count != 3 {
		t.Errorf("after the look: %+v", e)
	}
}
