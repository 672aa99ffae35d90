package storage

import (
	"errors"
	"fmt"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// Sequences that another log took are no gap; what this log has is never passed over, and nothing else is let through.
func TestSequencesTakenElsewhereAreNoGap(t *testing.T) {
	type step struct {
		epoch    int16
		sequence int32
		n        int
		around   *Elsewhere
		err      error
		dup      bool
	}
	upTo := func(epoch int16, last int32) *Elsewhere { return &Elsewhere{epoch, last} }
	for name, steps := range map[string][]step{
		"a batch after them":                  {{0, 0, 2, nil, nil, false}, {0, 7, 1, upTo(0, 6), nil, false}, {0, 8, 1, nil, nil, false}},
		"without word of them it is a gap":    {{0, 0, 2, nil, nil, false}, {0, 7, 1, nil, ErrOutOfOrder, false}},
		"one short of them":                   {{0, 0, 2, nil, nil, false}, {0, 7, 1, upTo(0, 5), ErrOutOfOrder, false}, {0, 6, 1, upTo(0, 5), nil, false}},
		"beyond them":                         {{0, 0, 2, nil, nil, false}, {0, 9, 1, upTo(0, 6), ErrOutOfOrder, false}},
		"they were before what is here":       {{0, 0, 9, nil, nil, false}, {0, 5, 1, upTo(0, 4), ErrOutOfOrder, false}, {0, 9, 1, upTo(0, 4), nil, false}},
		"repeated":                            {{0, 0, 2, nil, nil, false}, {0, 7, 2, upTo(0, 6), nil, false}, {0, 7, 2, upTo(0, 6), nil, true}, {0, 7, 2, upTo(0, 8), nil, true}},
		"of another epoch":                    {{0, 0, 2, nil, nil, false}, {0, 7, 1, upTo(1, 6), ErrOutOfOrder, false}},
		"of an epoch that is new here":        {{0, 0, 2, nil, nil, false}, {1, 7, 1, nil, ErrOutOfOrder, false}, {1, 7, 1, upTo(1, 6), nil, false}},
		"of an epoch that is old here":        {{3, 0, 2, nil, nil, false}, {2, 7, 1, upTo(2, 6), ErrProducerFenced, false}},
		"over the end of sequences":           {{0, 1<<31 - 4, 2, nil, nil, false}, {0, 3, 1, upTo(0, 2), nil, false}, {0, 4, 1, nil, nil, false}},
		"up to the end of sequences":          {{0, 1<<31 - 4, 2, nil, nil, false}, {0, 0, 1, upTo(0, 1<<31-1), nil, false}},
		"none, as of a producer without them": {{0, 0, 2, nil, nil, false}, {0, 2, 1, upTo(record.NoProducerEpoch, record.NoSequence), nil, false}},
	} {
		t.Run(name, func(t *testing.T) {
			l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
			for i, s := range steps {
				opts := clientAppend
				opts.Elsewhere = s.around
				info, err := l.Append(producerBatch(t, s.epoch, s.sequence, s.n, false), opts)
				if !errors.Is(err, s.err) || s.err == nil && err != nil || info.Duplicate != s.dup {
					t.Fatalf("step %d: %+v, %v", i, info, err)
				}
			}
		})
	}
}

// Transactions have no records elsewhere: a gap in one is one, whatever is said of it.
func TestTransactionsHaveNoSequencesElsewhere(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	mustAppend(t, l, producerBatch(t, 0, 0, 2, true))
	opts := clientAppend
	opts.Elsewhere = &Elsewhere{0, 6}
	if _, err := l.Append(producerBatch(t, 0, 7, 1, true), opts); !errors.Is(err, ErrOutOfOrder) {
		t.Errorf("a gap in a transaction: %v", err)
	}
}

// The gap stays when the log is opened anew, and followers have it without being told of anything.
func TestAGapOfSequencesElsewhereOutlivesTheLog(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", LogConfig{})
	mustAppend(t, l, producerBatch(t, 0, 0, 2, false))
	opts := clientAppend
	opts.Elsewhere = &Elsewhere{0, 6}
	if _, err := l.Append(producerBatch(t, 0, 7, 1, false), opts); err != nil {
		t.Fatal(err)
	}
	before := l.Producers()
	l = openTestLog(t, mem.Kill(), "/log", LogConfig{})
	if after := l.Producers(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%+v became %+v", before, after)
	}
	if epoch, last := l.LastSequence(7); epoch != 0 || last != 7 {
		t.Errorf("last sequence %d of epoch %d", last, epoch)
	}
	if epoch, last := l.LastSequence(8); epoch != record.NoProducerEpoch || last != record.NoSequence {
		t.Errorf("of a producer that never came: %d of epoch %d", last, epoch)
	}
	mustAppend(t, l, producerBatch(t, 0, 8, 1, false))
}
