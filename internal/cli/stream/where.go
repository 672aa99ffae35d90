package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// where is a place in every partition.
type where struct {
	kind placement
	n    int64     // an offset, or a number of records
	at   time.Time // for byTime
}

type placement int

const (
	atStart placement = iota
	atEnd
	atOffset
	afterStart // n records behind the start
	beforeEnd  // n records before the end
	byTime     // the first record of that time or later
)

// wheres says what a place can be, for the help text.
const wheres = "start, end, an offset, +N (behind the start), -N (before the end), or a time: 2026-01-31T12:00:00Z, 2026-01-31, 12:00, -10m (ago), @1700000000 (seconds since 1970)"

// parseWhere reads a place.
func parseWhere(text string, now time.Time) (where, error) {
	switch text {
	case "start":
		return where{kind: atStart}, nil
	case "end":
		return where{kind: atEnd}, nil
	case "":
		return where{}, errors.New("it is empty: it is one of " + wheres)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch text[0] {
		case '+':
			return where{kind: afterStart, n: n}, nil
		case '-':
			return where{kind: beforeEnd, n: -n}, nil
		}
		return where{kind: atOffset, n: n}, nil
	}
	if seconds, ok := strings.CutPrefix(text, "@"); ok {
		if s, err := strconv.ParseFloat(seconds, 64); err == nil && s >= 0 && s < 1e11 {
			return where{kind: byTime, at: time.UnixMilli(int64(s * 1000))}, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d < 0 {
		return where{kind: byTime, at: now.Add(d)}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return where{kind: byTime, at: t}, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			y, m, d := now.Date()
			return where{kind: byTime, at: time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, now.Location())}, nil
		}
	}
	return where{}, fmt.Errorf("%s: none of %s", text, wheres)
}

// offset is the place in the words of the client, which finds it by itself.
func (w where) offset() kgo.Offset {
	o := kgo.NewOffset()
	switch w.kind {
	case atEnd:
		return o.AtEnd()
	case atOffset:
		return o.At(w.n)
	case afterStart:
		return o.AtStart().Relative(w.n)
	case beforeEnd:
		return o.AtEnd().Relative(-w.n)
	case byTime:
		return o.AfterMilli(w.at.UnixMilli())
	}
	return o.AtStart()
}

// bounds are the first and the next offset of partitions.
type bounds struct {
	start, end kadm.ListedOffsets
	committed  bool // the end is the last stable offset
}

// listBounds asks for the offsets of topics.
func listBounds(ctx context.Context, adm *kadm.Client, committed bool, topics ...string) (b bounds, err error) {
	b.committed = committed
	if b.start, err = adm.ListStartOffsets(ctx, topics...); err != nil {
		return b, err
	}
	list := adm.ListEndOffsets
	if committed {
		list = adm.ListCommittedOffsets
	}
	b.end, err = list(ctx, topics...)
	return b, err
}

// place gives the offset of a place in a partition, not before its start and not behind its end. byTime offsets come from times.
func (b *bounds) place(w where, times kadm.ListedOffsets, topic string, partition int32) (int64, error) {
	start, end, err := b.of(topic, partition)
	if err != nil {
		return 0, err
	}
	at := start
	switch w.kind {
	case atEnd:
		at = end
	case atOffset:
		at = w.n
	case afterStart:
		at = start + w.n
	case beforeEnd:
		at = end - w.n
	case byTime:
		o, ok := times.Lookup(topic, partition)
		if !ok {
			return 0, fmt.Errorf("%s partition %d: nobody told its offset", topic, partition)
		}
		if o.Err != nil {
			return 0, fmt.Errorf("%s partition %d: %w", topic, partition, o.Err)
		}
		at = o.Offset
	}
	return min(max(at, start), end), nil
}

func (b *bounds) of(topic string, partition int32) (start, end int64, err error) {
	for i, listed := range []kadm.ListedOffsets{b.start, b.end} {
		o, ok := listed.Lookup(topic, partition)
		if !ok {
			return 0, 0, fmt.Errorf("%s partition %d: nobody told its offsets", topic, partition)
		}
		if o.Err != nil {
			return 0, 0, fmt.Errorf("%s partition %d: %w", topic, partition, o.Err)
		}
		if i == 0 {
			start = o.Offset
		} else {
			end = o.Offset
		}
	}
	return start, end, nil
}

// timesOf asks for the offsets of a time, if the place is one.
func timesOf(ctx context.Context, adm *kadm.Client, w where, topics ...string) (kadm.ListedOffsets, error) {
	if w.kind != byTime {
		return nil, nil
	}
	return adm.ListOffsetsAfterMilli(ctx, w.at.UnixMilli(), topics...)
}

// parsePartitions reads 0,2,5-7.
func parsePartitions(text string) ([]int32, error) {
	var list []int32
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		a, errA := strconv.ParseInt(low, 10, 32)
		z, errZ := strconv.ParseInt(high, 10, 32)
		if errA != nil || errZ != nil || a < 0 || z < a || z-a > 1<<20 {
			return nil, fmt.Errorf("--partitions=%s: %q is neither a partition nor a range: write 0,2,5-7", text, part)
		}
		for p := a; p <= z; p++ {
			list = append(list, int32(p))
		}
	}
	return list, nil
}
