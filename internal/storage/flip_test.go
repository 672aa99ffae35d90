package storage

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// flips is a log directory in which bits are turned over, one at a time, and what it held before.
type flips struct {
	mem      *fs.Mem
	encrypt  bool
	want     map[record.TopicPartition]*flipView
	promised map[record.TopicPartition]int64 // offsets below which everything was synced
	torn     bool                            // what lies above may be cut
	log      bytes.Buffer
}

var flipLogs = []record.TopicPartition{{Topic: "orders", Partition: 3}, {Topic: "other", Partition: 0}}

func (f *flips) config(mem *fs.Mem) (StoreConfig, error) {
	lc := LogConfig{
		SegmentBytes: 900, IndexIntervalBytes: 100, RetentionBytes: -1, RetentionMs: ms(86400_000), Delete: true, FileDeleteDelay: 1,
		TimestampAfterMax: forever, Encrypted: f.encrypt,
	}
	cfg := StoreConfig{
		FS: mem, Dirs: []string{"/data"}, NodeID: 1, ClusterID: "Some-Cluster_Id", Logger: slog.New(slog.NewTextHandler(&f.log, nil)),
		LogConfig: func(string) LogConfig { return lc }, Settings: func() Settings { return Settings{ProducerIDExpiration: 1 << 62, RecoveryThreadsPerDir: 1} },
	}
	if !f.encrypt {
		return cfg, nil
	}
	s, err := sealedOver(mem)
	cfg.FS = s
	return cfg, err
}

// fill appends records of all kinds: of no producer, of an idempotent one, and of transactions that were committed and aborted.
func (f *flips) fill(t *testing.T, l *Log, epoch int32, round int32) {
	t.Helper()
	opts := AppendOptions{LeaderEpoch: epoch, Now: day0}
	must := func(batch []byte, origin Origin) {
		t.Helper()
		opts.Origin = origin
		if _, err := l.Append(batch, opts); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int32(4) {
		at := round*4 + i
		must(batchOf(t, day0.UnixMilli()+int64(at)*10, fmt.Sprint("a", at), fmt.Sprint("b", at)), clientAppend.Origin)
		must(batchBy(t, 7, 0, at*2, 2, false), clientAppend.Origin)
		must(batchBy(t, 8, 0, at, 1, true), clientAppend.Origin)
		must(marker(8, 0, i%2 == 0, 1), FromCoordinator)
	}
	l.SetHighWatermark(l.Offsets().LogEnd)
}

// stopped makes a directory and ends its process in some way.
func newFlips(t *testing.T, encrypt bool, end string) *flips {
	t.Helper()
	f := &flips{mem: fs.NewMem(), encrypt: encrypt, promised: map[record.TopicPartition]int64{}}
	cfg, err := f.config(f.mem)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *Store {
		s, err := openAlone(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	each := func(do func(l *Log)) {
		for _, tp := range flipLogs {
			l, err := s.Create(tp, record.UUID{1, byte(tp.Partition)}, record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			do(l)
		}
	}
	each(func(l *Log) {
		f.fill(t, l, 1, 0)
		if err := l.AdvanceLogStart(3); err != nil {
			t.Fatal(err)
		}
	})
	if err := closeAlone(s); err != nil {
		t.Fatal(err)
	}
	s = open()
	each(func(l *Log) {
		f.fill(t, l, 2, 1)
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
	})
	if err := s.dirs[0].checkpointAll(); err != nil {
		t.Fatal(err)
	}
	each(func(l *Log) {
		f.promised[l.tp] = l.recovery
		f.fill(t, l, 5, 2)
	})
	left := f.mem.Kill()
	switch end {
	case "killed":
		f.mem, f.torn = left, true
	case "power lost":
		f.mem, f.torn = f.mem.Crash(nil), true
	}
	if err := closeAlone(s); err != nil {
		t.Fatal(err)
	}
	if end == "no manifest" {
		if err := f.mem.Remove("/data/" + manifestFile); err != nil {
			t.Fatal(err)
		}
	}
	f.want = map[record.TopicPartition]*flipView{}
	f.log.Reset()
	seen, err := f.look(f.mem.Kill())
	if err != nil {
		t.Fatal(err)
	}
	for tp, v := range seen {
		if v.err != nil {
			t.Fatal(v.err)
		}
		f.want[tp] = v
		if !f.torn {
			f.promised[tp] = v.offsets.LogEnd
		}
	}
	return f
}

// openAlone opens a store that has no schedulers and syncs only when it is told to.
func openAlone(cfg StoreConfig) (*Store, error) {
	s, err := open(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	s.tasks.store = s
	for _, d := range s.dirs {
		d.syncs.closed = true // what rolls ask for
	}
	return s, nil
}

// closeAlone closes such a store.
func closeAlone(s *Store) (err error) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, d := range s.dirs {
		err = errors.Join(err, d.close())
	}
	return err
}

// files are those of the directory, with what of each may be turned over.
func (f *flips) files(t *testing.T) (list []string) {
	t.Helper()
	dirs := []string{"/data"}
	for _, tp := range flipLogs {
		dirs = append(dirs, filepath.Join("/data", tp.String()))
	}
	for _, dir := range dirs {
		entries, err := f.mem.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() && e.Name() != lockFile {
				list = append(list, filepath.Join(dir, e.Name()))
			}
		}
	}
	return list
}

// flip turns a bit of a file over and leaves its time as it was, as a disk does.
func flip(mem *fs.Mem, path string, bit int64) error {
	info, err := mem.Stat(path)
	if err != nil {
		return err
	}
	file, err := mem.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = file.ReadAt(b[:], bit/8)
	b[0] ^= 1 << (bit % 8)
	_, writeErr := file.WriteAt(b[:], bit/8)
	return errors.Join(err, writeErr, file.Close(), mem.SetModTime(path, info.ModTime()))
}

// try turns one bit over, opens the directory, reads, writes, and opens it again.
func (f *flips) try(path string, bit int64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	mem := f.mem.Kill()
	if err := flip(mem, path, bit); err != nil {
		return err
	}
	f.log.Reset()
	before := allocated()
	seen, err := f.look(mem)
	if n := allocated() - before; n > 64<<20 {
		return fmt.Errorf("%d MB were allocated", n>>20)
	}
	if err != nil {
		return f.named(path, err)
	}
	for _, tp := range flipLogs {
		if err := f.judge(tp, path, bit, seen[tp]); err != nil {
			return fmt.Errorf("%s: %w", tp, err)
		}
	}
	return nil
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// named passes an error that names the file.
func (f *flips) named(path string, err error) error {
	if strings.Contains(err.Error(), filepath.Base(path)) {
		return nil
	}
	return fmt.Errorf("the error does not name the file: %w", err)
}

// judge compares what was seen of a log with what it held.
func (f *flips) judge(tp record.TopicPartition, path string, bit int64, got *flipView) error {
	dir := filepath.Dir(path)
	mine := dir == "/data" || dir == filepath.Join("/data", tp.String())
	want := f.want[tp]
	if got.err != nil {
		if !mine {
			return fmt.Errorf("another partition is harmed: %w", got.err)
		}
		return f.named(path, got.err)
	}
	if mine && strings.HasSuffix(path, logSuffix) {
		return f.judgeLog(want, got, path, bit)
	}
	if !got.same(want) {
		if !mine {
			return fmt.Errorf("another partition is harmed: %s", got.difference(want))
		}
		return errors.New(got.difference(want))
	}
	return nil
}

// judgeLog allows what is allowed if the bit was one of a batch.
func (f *flips) judgeLog(want, got *flipView, path string, bit int64) error {
	if got.offsets.LogStart != want.offsets.LogStart {
		return fmt.Errorf("it starts at %d, not %d", got.offsets.LogStart, want.offsets.LogStart)
	}
	hit, field := want.batchAt(path, bit/8)
	if hit == nil { // below the start offset: what comes may be that batch
		hit, field = &flipBatch{next: got.offsets.LogStart}, 0
	}
	if end := got.offsets.LogEnd; end != want.offsets.LogEnd {
		promised := f.promised[want.tp]
		cut := f.torn && end >= promised && end < want.offsets.LogEnd && strings.Contains(f.log.String(), "torn log cut")
		jumped := f.torn && hit.next == want.offsets.LogEnd && hit.base >= promised && field < 8 // nothing behind it shows that it did
		if !cut && !jumped {
			return fmt.Errorf("it ends at %d, not %d", end, want.offsets.LogEnd)
		}
	}
	next := got.offsets.LogStart
	for _, b := range got.batches {
		i := slices.IndexFunc(want.batches, func(x flipBatch) bool { return x.base == b.base })
		same := i >= 0 && b.data == want.batches[i].data
		switch {
		case same && b.base <= next:
			next = b.next
		case same && next == hit.base && field < record.LogOverhead && !f.encrypt: // offset and length are outside the CRC
			next = b.next
		case b.bad: // its reader is told
			return nil
		case 23 <= field && field < 27 && hit.base < got.offsets.LogStart && !f.encrypt: // the log starts within the batch, which seems to end before: so in Kafka
			next = max(next, hit.next)
		case (field < 8 || field >= 12 && field < 16) && !f.encrypt: // the batch itself, at another offset or of another epoch
			next = max(next, hit.next)
		default:
			return fmt.Errorf("after offset %d comes %s", next, b)
		}
	}
	return nil
}

// flipEvery is for a look at all bits, which takes some ten minutes of one processor.
var flipEvery = flag.Int64("flip.every", 0, "turn over one bit in so many of every file; 0: one bit of each file, with -long one in 7")

// flipBits are those of a file that are turned over, always the same ones.
func flipBits(path, variant string, n int64) (list []int64) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(path + variant)) // never fails
	random := rand.New(rand.NewPCG(h.Sum64(), 1))
	every := *flipEvery
	if every == 0 && *long {
		every = 7
	}
	if every == 0 {
		return []int64{random.Int64N(n)}
	}
	for bit := random.Int64N(min(every, n)); bit < n; bit += every {
		list = append(list, bit)
	}
	return list
}

// TestAFlippedBitIsToldOrHealed turns over bits of all files of a log directory.
func TestAFlippedBitIsToldOrHealed(t *testing.T) {
	for _, encrypt := range []string{"", ", encrypted"} {
		for _, end := range []string{"stopped", "no manifest", "killed", "power lost"} {
			t.Run(end+encrypt, func(t *testing.T) {
				if *long || *flipEvery > 0 {
					t.Parallel()
				}
				f := newFlips(t, encrypt != "", end)
				f.sweep(t, end+encrypt)
			})
		}
	}
}

// sweep reports failures that look alike once, with the first bit and how many there were.
func (f *flips) sweep(t *testing.T, variant string) {
	t.Helper()
	first, count, tried := map[string]error{}, map[string]int{}, 0
	for _, path := range f.files(t) {
		info, err := f.mem.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == 0 {
			continue
		}
		for _, bit := range flipBits(path, variant, info.Size()*8) {
			tried++
			if err := f.try(path, bit); err != nil {
				key := filepath.Ext(path) + " " + likeness(err)
				if count[key]++; count[key] == 1 {
					first[key] = fmt.Errorf("%s, bit %d: %w", path, bit, err)
				}
			}
		}
	}
	t.Logf("%d bits", tried)
	for key, err := range first {
		t.Errorf("%d times: %v", count[key], err)
	}
}
