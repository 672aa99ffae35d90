package storage

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"leat/internal/fs"
)

// twins are two logs that take the same appends and cuts: one on the operating system's files, whose readers are followed and whose headers are read from
// memory, and one that answers from its indexes alone.
type twins struct {
	t         *testing.T
	one, many *Log
}

func (w twins) both(do func(*Log) error) {
	w.t.Helper()
	for _, l := range []*Log{w.one, w.many} {
		if err := do(l); err != nil {
			w.t.Fatal(err)
		}
	}
}

// read reads from both and returns where to go on.
func (w twins) read(offset int64, maxBytes int) int64 {
	w.t.Helper()
	w.one.trail.Store(nil)
	want, wantErr := w.one.Read(offset, maxBytes, ReadLogEnd, true)
	got, err := w.many.Read(offset, maxBytes, ReadLogEnd, true)
	if (err == nil) != (wantErr == nil) {
		w.t.Fatalf("read at %d, %d bytes: %v, want %v", offset, maxBytes, err, wantErr)
	}
	if err != nil {
		return w.many.Offsets().LogStart
	}
	defer want.Release()
	defer got.Release()
	if got.Position() != want.Position() || got.Len() != want.Len() || got.NextOffset != want.NextOffset {
		w.t.Fatalf("read at %d, %d bytes: position %d, %d bytes, up to %d; want %d, %d and %d", offset, maxBytes,
			got.Position(), got.Len(), got.NextOffset, want.Position(), want.Len(), want.NextOffset)
	}
	if want.Len() == 0 {
		return w.many.Offsets().LogStart
	}
	a, b := make([]byte, want.Len()), make([]byte, want.Len())
	if _, err := want.ReadAt(a, 0); err != nil {
		w.t.Fatal(err)
	}
	if _, err := got.ReadAt(b, 0); err != nil || !bytes.Equal(a, b) {
		w.t.Fatalf("read at %d, %d bytes: %v, or other bytes", offset, maxBytes, err)
	}
	return want.NextOffset
}

// flush writes the pending entries of all indexes, so that lookups go to the files.
func (w twins) flush() {
	w.both(func(l *Log) error {
		if err := l.Flush(); err != nil {
			return err
		}
		l.writeMu.Lock()
		defer l.writeMu.Unlock()
		if err := l.active().writeIndexes(l.fsys, false); err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.active().offsets.pendingWritten()
		l.active().times.pendingWritten()
		return nil
	})
}

func TestReadersThatAreFollowedReadWhatOthersRead(t *testing.T) {
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		cfg := LogConfig{SegmentBytes: 64 << 10, IndexIntervalBytes: 1 << 10}
		w := twins{t, openTestLog(t, fs.NewMem(), "/log", cfg), openTestLog(t, fs.OS, t.TempDir(), cfg)}
		readers := make([]int64, 2*trailPoints) // more than a log follows
		for range 600 {
			switch n := rnd.IntN(100); {
			case n < 50:
				size := []int{50, 700, 5000}[rnd.IntN(3)] // small, as many as an index entry covers, and larger
				b := batchOf(t, day0.UnixMilli(), strings.Repeat("x", 1+rnd.IntN(size)), "y")
				w.both(func(l *Log) error {
					_, err := l.Append(bytes.Clone(b), AppendOptions{LeaderEpoch: 1, Now: day0})
					return err
				})
			case n < 94:
				r := rnd.IntN(len(readers))
				for range 1 + rnd.IntN(4) {
					readers[r] = w.read(readers[r], []int{1, 300, 3000, 12_000, 40_000, 1 << 20}[rnd.IntN(6)])
				}
			case n < 97:
				w.flush()
			case n < 99:
				end := w.one.Offsets().LogEnd
				to := max(end-rnd.Int64N(40), w.one.Offsets().LogStart)
				w.both(func(l *Log) error { return l.TruncateTo(to) })
			default:
				o := w.one.Offsets()
				to := o.LogStart + (o.LogEnd-o.LogStart)/4
				w.both(func(l *Log) error {
					l.SetHighWatermark(o.LogEnd)
					return l.AdvanceLogStart(to)
				})
			}
		}
		w.both((*Log).Close)
	}
}

func TestAReaderOfOldDataIsFollowedWithoutAnIndex(t *testing.T) {
	cfg := LogConfig{IndexIntervalBytes: 1 << 10}
	w := twins{t, openTestLog(t, fs.NewMem(), "/log", cfg), openTestLog(t, fs.OS, t.TempDir(), cfg)}
	defer w.both((*Log).Close)
	for range 200 {
		b := batchOf(t, day0.UnixMilli(), strings.Repeat("x", 4000))
		w.both(func(l *Log) error {
			_, err := l.Append(bytes.Clone(b), AppendOptions{LeaderEpoch: 1, Now: day0})
			return err
		})
	}
	w.flush()
	at := w.read(0, 50_000)
	p, err := w.many.plan(at, ReadLogEnd)
	if err != nil || !p.exact || p.atTail {
		t.Fatalf("plan of the second read at %d: exact %v, at the tail %v, %v; want an exact place behind the first", at, p.exact, p.atTail, err)
	}
	f, err := p.seg.file.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer p.seg.file.release()
	if fs.InMemory(f, 0) { // not every system can tell
		if end, _, ok := hop(f, &p, p.start+50_000); !ok || end <= p.start {
			t.Fatalf("batches of 4 KB in memory are not hopped over: %d, %v", end, ok)
		}
	}
}
