package storage

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"leat/internal/fs"
	"leat/internal/record"
)

// model is what a log should hold: the values of records by offset, and where batches begin.
type model struct {
	start, end, hw int64
	values         map[int64]string
	batches        []int64 // base offsets, rising
}

func (m *model) truncate(offset int64) {
	for len(m.batches) > 0 {
		base := m.batches[len(m.batches)-1]
		end := m.end
		if end <= offset {
			break
		}
		for o := base; o < end; o++ {
			delete(m.values, o)
		}
		m.end, m.batches = base, m.batches[:len(m.batches)-1]
	}
	m.hw, m.start = min(m.hw, m.end), min(m.start, m.end)
}

// modelLog is a log and its model, driven by random operations.
type modelLog struct {
	mem  *fs.Mem
	cfg  LogConfig
	set  Settings
	log  *Log
	want model
	next int
	now  time.Time
}

func (x *modelLog) open(t *rapid.T) {
	l, err := OpenLog(context.Background(), x.mem, "/log", testTP, x.cfg, x.set, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.log = l
}

func (x *modelLog) append(t *rapid.T, n int, size int) {
	records := make([]record.Record, n)
	for i := range records {
		x.now = x.now.Add(time.Second)
		records[i] = record.Record{Timestamp: x.now.UnixMilli(), Value: fmt.Appendf(nil, "%d-%0*d", x.next, size, 0)}
		x.want.values[x.want.end+int64(i)] = string(records[i].Value)
		x.next++
	}
	b, err := record.AppendBatch(nil, record.NewSpec(), records)
	if err != nil {
		t.Fatal(err)
	}
	info, err := x.log.Append(b, AppendOptions{LeaderEpoch: 1, Now: x.now})
	if err != nil {
		t.Fatal(err)
	}
	if info.BaseOffset != x.want.end {
		t.Fatalf("appended at %d, expected %d", info.BaseOffset, x.want.end)
	}
	x.want.batches = append(x.want.batches, x.want.end)
	x.want.end += int64(n)
}

// check reads everything from an offset on and compares.
func (x *modelLog) check(t *rapid.T, offset int64, maxBytes int, iso Isolation) {
	bound := x.want.end
	if iso != ReadLogEnd {
		bound = x.want.hw
	}
	for at := offset; at < bound; {
		s, err := x.log.Read(at, maxBytes, iso, true)
		if err != nil {
			t.Fatalf("read at %d of [%d, %d): %v", at, x.want.start, x.want.end, err)
		}
		if s.Len() == 0 {
			// The batch reaches above the bound: nothing may be shown of it.
			if x.batchEnd(at) <= bound {
				t.Fatalf("nothing at %d, bound %d", at, bound)
			}
			return
		}
		b := make([]byte, s.Len())
		if _, err := s.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		s.Release()
		for len(b) > 0 {
			batch, rest, err := record.Split(b)
			if err != nil {
				t.Fatal(err)
			}
			err = batch.Records(0, func(r *record.Record) bool {
				if r.Offset >= bound {
					t.Fatalf("offset %d shown, bound is %d", r.Offset, bound)
				}
				if r.Offset >= at && string(r.Value) != x.want.values[r.Offset] {
					t.Fatalf("offset %d: %q, expected %q", r.Offset, r.Value, x.want.values[r.Offset])
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			at, b = batch.NextOffset(), rest
		}
		if s.NextOffset < at || s.NextOffset > max(at, bound) {
			t.Fatalf("slice says it ends at %d, it ends at %d", s.NextOffset, at)
		}
	}
}

func (x *modelLog) batchEnd(offset int64) int64 {
	for _, base := range x.want.batches {
		if base > offset {
			return base
		}
	}
	return x.want.end
}

func (x *modelLog) batchStart(offset int64) int64 {
	start := int64(0)
	for _, base := range x.want.batches {
		if base <= offset {
			start = base
		}
	}
	return start
}

func TestPropertyLogBehavesAsASlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := &modelLog{
			mem: fs.NewMem(), now: day0, want: model{values: map[int64]string{}},
			cfg: LogConfig{
				SegmentBytes:       int64(rapid.SampledFrom([]int{400, 1000, 5000, 1 << 20}).Draw(t, "segment.bytes")),
				IndexIntervalBytes: int64(rapid.SampledFrom([]int{0, 100, 300, 4096}).Draw(t, "index.interval.bytes")),
				SegmentIndexBytes:  int64(rapid.SampledFrom([]int{64, 1 << 20}).Draw(t, "segment.index.bytes")),
				FlushMessages:      int64(rapid.SampledFrom([]int{1, 5, 1 << 30}).Draw(t, "flush.messages")),
				RetentionMs:        -1, RetentionBytes: -1, Delete: true,
			},
			set: Settings{MaxOpenFiles: rapid.IntRange(1, 3).Draw(t, "open files")},
		}
		x.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				x.append(t, rapid.IntRange(1, 4).Draw(t, "n"), rapid.IntRange(1, 60).Draw(t, "size"))
			},
			"high watermark": func(t *rapid.T) {
				x.want.hw = rapid.Int64Range(x.want.hw, x.want.end).Draw(t, "hw")
				if got := x.log.SetHighWatermark(x.want.hw); got.HighWatermark != x.want.hw {
					t.Fatalf("high watermark %+v", got)
				}
			},
			"flush": func(t *rapid.T) {
				if err := x.log.Flush(); err != nil {
					t.Fatal(err)
				}
			},
			"truncate": func(t *rapid.T) {
				offset := rapid.Int64Range(x.want.start, x.want.end).Draw(t, "offset")
				if x.batchStart(offset) < x.want.start && offset < x.want.end {
					return // would cut below the log start
				}
				if err := x.log.TruncateTo(offset); err != nil {
					t.Fatal(err)
				}
				x.want.truncate(offset)
			},
			"delete records": func(t *rapid.T) {
				offset := rapid.Int64Range(x.want.start, max(x.want.hw, x.want.start)).Draw(t, "offset")
				if err := x.log.AdvanceLogStart(offset); err != nil {
					t.Fatal(err)
				}
				x.want.start = offset
				if _, err := x.log.Retain(x.now); err != nil {
					t.Fatal(err)
				}
			},
			"close and open": func(t *rapid.T) {
				if err := x.log.Close(); err != nil {
					t.Fatal(err)
				}
				x.open(t)
				x.log.SetHighWatermark(x.want.hw)
			},
			"kill and open": func(t *rapid.T) {
				x.mem = x.mem.Kill()
				x.open(t)
				x.log.SetHighWatermark(x.want.hw)
				if err := x.log.AdvanceLogStart(x.want.start); err != nil { // nobody keeps it for a log outside a Store
					t.Fatal(err)
				}
			},
			"by time": func(t *rapid.T) {
				if x.want.end == x.want.start {
					return
				}
				offset := rapid.Int64Range(x.want.start, x.want.end-1).Draw(t, "offset")
				s, err := x.log.OffsetForTimestamp(x.timestampOf(offset))
				if err != nil || s.Offset != offset {
					t.Fatalf("record %d looked up by its time: %+v, %v", offset, s, err)
				}
			},
			"": func(t *rapid.T) {
				want := Offsets{x.want.start, x.want.hw, x.want.hw, x.want.end}
				if got := x.log.Offsets(); got != want {
					t.Fatalf("offsets %+v, expected %+v", got, want)
				}
				offset := rapid.Int64Range(x.want.start, x.want.end).Draw(t, "from")
				maxBytes := rapid.SampledFrom([]int{1, 150, 1000, 1 << 20}).Draw(t, "max bytes")
				x.check(t, offset, maxBytes, rapid.SampledFrom([]Isolation{ReadLogEnd, ReadUncommitted, ReadCommitted}).Draw(t, "isolation"))
				for _, bad := range []int64{x.want.start - 1, x.want.end + 1} {
					if _, err := x.log.Read(bad, 100, ReadLogEnd, true); !errors.Is(err, ErrOffsetOutOfRange) {
						t.Fatalf("read at %d: %v", bad, err)
					}
				}
			},
		})
	})
}

// timestampOf is the timestamp under which a record was appended: its number is in its value.
func (x *modelLog) timestampOf(offset int64) int64 {
	var n int64
	fmt.Sscanf(x.want.values[offset], "%d-", &n)
	return day0.Add(time.Duration(n+1) * time.Second).UnixMilli()
}
