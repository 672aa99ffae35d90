package storage

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// flipBatch is a batch as a reader gets it.
type flipBatch struct {
	base, next int64
	data       string
	bad        bool // its CRC is wrong, or it has no end
	position   int64
	file       string
}

func (b flipBatch) String() string {
	return fmt.Sprintf("a batch of offsets %d to %d, %d bytes", b.base, b.next-1, len(b.data))
}

// flipView is what can be seen of a log. err is the first error that a reader or writer was told, and nothing was seen after it.
type flipView struct {
	tp        record.TopicPartition
	err       error
	topicID   record.UUID
	offsets   Offsets
	batches   []flipBatch
	committed []int64
	times     []TimestampOffset
	epochs    [][2]int64
	producers []ProducerState
	appended  int64 // where the log ended then; 0: it was not written to, for a batch was bad
}

func (v *flipView) same(w *flipView) bool { return v.difference(w) == "" }

// difference says in what two views differ first.
func (v *flipView) difference(w *flipView) string {
	for _, x := range []struct {
		what string
		a, b any
	}{
		{"topic id", v.topicID, w.topicID}, {"offsets", v.offsets, w.offsets}, {"epochs", v.epochs, w.epochs}, {"producers", v.producers, w.producers},
		{"committed", v.committed, w.committed}, {"times", v.times, w.times}, {"appended", v.appended, w.appended}, {"batches", v.batches, w.batches},
	} {
		if !reflect.DeepEqual(x.a, x.b) {
			return fmt.Sprintf("%s: %.400s, expected %.400s", x.what, fmt.Sprint(x.a), fmt.Sprint(x.b))
		}
	}
	return ""
}

// batchAt finds the batch in which a byte of a file lies, and where in the batch.
func (v *flipView) batchAt(path string, at int64) (*flipBatch, int64) {
	for i, b := range v.batches {
		if b.file == filepath.Base(path) && b.position <= at && at < b.position+int64(len(b.data)) {
			return &v.batches[i], at - b.position
		}
	}
	return nil, 0
}

// look opens a directory, reads all logs, appends to each, closes, opens and reads again. An error is one of the whole directory.
func (f *flips) look(mem *fs.Mem) (map[record.TopicPartition]*flipView, error) {
	first, err := f.lookOnce(mem, true)
	if err != nil {
		return nil, err
	}
	second, err := f.lookOnce(mem, false)
	if err != nil {
		return nil, fmt.Errorf("at the second start: %w", err)
	}
	for tp, v := range first {
		w := second[tp]
		if v.err == nil && w.err != nil {
			v.err = fmt.Errorf("at the second start: %w", w.err)
		}
		if v.err == nil && v.appended > 0 && w.offsets.LogEnd != v.appended {
			v.err = fmt.Errorf("at the second start the log ends at %d, not %d", w.offsets.LogEnd, v.appended)
		}
		if v.err == nil && w.offsets.LogStart != v.offsets.LogStart {
			v.err = fmt.Errorf("at the second start the log starts at %d, not %d", w.offsets.LogStart, v.offsets.LogStart)
		}
	}
	return first, nil
}

func (f *flips) lookOnce(mem *fs.Mem, write bool) (map[record.TopicPartition]*flipView, error) {
	cfg, err := f.config(mem)
	if err != nil {
		return nil, err
	}
	s, err := openAlone(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { _ = closeAlone(s) }() // what that could not write is seen at the next start
	if err := s.dirs[0].offline(); err != nil {
		return nil, err
	}
	seen := map[record.TopicPartition]*flipView{}
	for _, tp := range flipLogs {
		v := &flipView{tp: tp}
		seen[tp] = v
		l, ok := s.Log(tp)
		if !ok {
			if v.err = s.Broken(tp); v.err == nil {
				v.err = errors.New("the log is gone")
			}
			continue
		}
		v.err = v.look(l, write)
	}
	if err := s.dirs[0].offline(); err != nil {
		return nil, err
	}
	return seen, nil
}

// look reads and writes a log.
func (v *flipView) look(l *Log, write bool) (err error) {
	v.topicID = l.TopicID()
	l.SetHighWatermark(l.Offsets().LogEnd)
	v.offsets = l.Offsets()
	if v.batches, err = v.readBatches(l); err != nil {
		return err
	}
	for _, b := range v.batches {
		if b.bad {
			return nil
		}
	}
	if !write {
		return nil
	}
	if v.committed, err = v.readCommitted(l); err != nil {
		return err
	}
	for ts := int64(-5); ts < 130; ts += 15 {
		at, err := l.OffsetForTimestamp(day0.UnixMilli() + ts)
		if err != nil {
			return err
		}
		v.times = append(v.times, at)
	}
	at, err := l.OffsetForMaxTimestamp()
	if err != nil {
		return err
	}
	v.times = append(v.times, at)
	for epoch := range int32(7) {
		e, end := l.EndOffsetForEpoch(epoch)
		v.epochs = append(v.epochs, [2]int64{int64(e), end})
	}
	v.producers = l.Producers()
	return v.write(l)
}

// write lets retention look at the log, which nothing in it is old enough for, and appends.
func (v *flipView) write(l *Log) error {
	n, err := l.Retain(day0.Add(12 * time.Hour))
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("retention deleted %d segments", n)
	}
	batch, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Timestamp: day0.UnixMilli() + 300, Value: []byte("new")}})
	if err != nil {
		return err
	}
	info, err := l.Append(batch, AppendOptions{LeaderEpoch: 6, Now: day0})
	v.appended = info.LogEnd
	if err == nil && info.BaseOffset != v.offsets.LogEnd {
		err = fmt.Errorf("appended at %d, but the log ended at %d", info.BaseOffset, v.offsets.LogEnd)
	}
	return err
}

// readBatches reads as a follower does, some at a time.
func (v *flipView) readBatches(l *Log) (list []flipBatch, err error) {
	for at := v.offsets.LogStart; at < v.offsets.LogEnd; {
		s, err := l.Read(at, 300, ReadLogEnd, true)
		if err != nil {
			return list, err
		}
		if s.Len() == 0 || s.NextOffset <= at {
			s.Release()
			return list, fmt.Errorf("a read at %d gives %d bytes and leads to %d", at, s.Len(), s.NextOffset)
		}
		b := make([]byte, s.Len())
		_, err = s.ReadAt(b, 0)
		position, file := s.Position(), filepath.Base(s.file.path)
		at = s.NextOffset
		s.Release()
		if err != nil {
			return list, err
		}
		for len(b) > 0 {
			batch, rest, err := record.Split(b)
			if err != nil {
				return append(list, flipBatch{bad: true}), nil
			}
			if batch.Check() != nil {
				return append(list, flipBatch{base: batch.BaseOffset(), next: batch.NextOffset(), data: string(batch), bad: true}), nil
			}
			list = append(list, flipBatch{base: batch.BaseOffset(), next: batch.NextOffset(), data: string(batch), position: position, file: file})
			position += int64(len(batch))
			b = rest
		}
	}
	return list, nil
}

// readCommitted reads as a consumer of committed records does.
func (v *flipView) readCommitted(l *Log) (list []int64, err error) {
	for at := v.offsets.LogStart; at < v.offsets.LastStable; {
		s, err := l.Read(at, 1<<20, ReadCommitted, true)
		if err != nil {
			return nil, err
		}
		b := make([]byte, s.Len())
		_, err = s.ReadAt(b, 0)
		s.Release()
		if err != nil {
			return nil, err
		}
		err = func() (err error) {
			defer caught(&err)
			list = append(list, new(world).letThrough(b, s.Aborted, at)...)
			return nil
		}()
		if err != nil {
			return nil, err
		}
		if s.NextOffset <= at {
			return nil, fmt.Errorf("a read at %d leads to %d", at, s.NextOffset)
		}
		at = s.NextOffset
	}
	return list, nil
}
