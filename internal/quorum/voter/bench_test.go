package voter_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/voter"
	"leat/internal/record"
	"leat/internal/storage"
)

// solo is a voter that is alone, on real files.
type solo struct {
	member
	leading chan int32
}

func (s *solo) Leading(epoch int32, _ int64)                { s.leading <- epoch }
func (s *solo) Committed([]consensus.Committed)             {}
func (s *solo) Failed(err error)                            { panic(err) }
func (s *solo) Lost(int32)                                  {}
func (s *solo) MembersChanged(consensus.Members)            {}
func (s *solo) Send(context.Context, int32, [][]byte) error { return nil }

func startSolo(b *testing.B) (v *voter.Voter, epoch int32) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "__cluster_metadata-0")
	log, err := storage.OpenLog(context.Background(), fs.OS, path, record.TopicPartition{Topic: "__cluster_metadata"},
		storage.LogConfig{SegmentBytes: 1 << 30, FlushMessages: 1<<63 - 1, MaxMessageBytes: 8 << 20, RetentionMs: -1, RetentionBytes: -1}, storage.Settings{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	s := &solo{leading: make(chan int32, 1)}
	v, err = voter.Open(context.Background(), voter.Config{FS: fs.OS, Path: path, Log: log, Self: consensus.Replica{ID: 1},
		Begin: voter.Beginning{Members: consensus.Static(1)}, Transport: s, Listener: s})
	if err != nil {
		b.Fatal(err)
	}
	v.Start()
	epoch = <-s.leading
	b.Cleanup(func() {
		if err := v.Close(); err != nil {
			b.Error(err)
		}
		if err := log.Close(); err != nil {
			b.Error(err)
		}
	})
	return v, epoch
}

// BenchmarkCommit is one decision after the other, each waited for.
func BenchmarkCommit(b *testing.B) {
	v, epoch := startSolo(b)
	batch := oneRecord(b)
	done := make(chan error, 1)
	b.ReportAllocs()
	for b.Loop() {
		_, next, err := v.Append(epoch, append([]byte(nil), batch...))
		if err != nil {
			b.Fatal(err)
		}
		v.WhenCommitted(epoch, next, func(err error) { done <- err })
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommitShared is 64 decisions at once, which share a sync.
func BenchmarkCommitShared(b *testing.B) {
	v, epoch := startSolo(b)
	batch := oneRecord(b)
	var wait sync.WaitGroup
	b.ReportAllocs()
	for b.Loop() {
		for range 64 {
			_, next, err := v.Append(epoch, append([]byte(nil), batch...))
			if err != nil {
				b.Fatal(err)
			}
			wait.Add(1)
			v.WhenCommitted(epoch, next, func(error) { wait.Done() })
		}
		wait.Wait()
	}
}

// writer is what a node does that is its own quorum: appends go to the log, and one goroutine syncs it for all that wait.
type writer struct {
	log  *storage.Log
	wake chan struct{}

	mu      sync.Mutex
	waiting []func()
}

func startWriter(b *testing.B) *writer {
	b.Helper()
	log, err := storage.OpenLog(context.Background(), fs.OS, filepath.Join(b.TempDir(), "log-0"), record.TopicPartition{Topic: "log"},
		storage.LogConfig{SegmentBytes: 1 << 30, FlushMessages: 1<<63 - 1, MaxMessageBytes: 8 << 20, RetentionMs: -1, RetentionBytes: -1}, storage.Settings{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	w := &writer{log: log, wake: make(chan struct{}, 1)}
	quit := make(chan struct{})
	go func() {
		for {
			select {
			case <-w.wake:
				w.sync(b)
			case <-quit:
				return
			}
		}
	}()
	b.Cleanup(func() { close(quit); _ = log.Close() })
	return w
}

func (w *writer) sync(b *testing.B) {
	w.mu.Lock()
	waiting := w.waiting
	w.waiting = nil
	w.mu.Unlock()
	if err := w.log.Flush(); err != nil {
		b.Error(err)
	}
	for _, fn := range waiting {
		fn()
	}
}

func (w *writer) append(b *testing.B, batch []byte, fn func()) {
	record.Batch(batch).SetBaseOffset(w.log.Offsets().LogEnd)
	record.Batch(batch).SetLeaderEpoch(1)
	if _, err := w.log.AppendFetched(batch); err != nil {
		b.Fatal(err)
	}
	w.mu.Lock()
	w.waiting = append(w.waiting, fn)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// BenchmarkLogAlone is BenchmarkCommit without a quorum.
func BenchmarkLogAlone(b *testing.B) {
	w, batch, done := startWriter(b), oneRecord(b), make(chan struct{}, 1)
	b.ReportAllocs()
	for b.Loop() {
		w.append(b, batch, func() { done <- struct{}{} })
		<-done
	}
}

// BenchmarkLogAloneShared is BenchmarkCommitShared without a quorum.
func BenchmarkLogAloneShared(b *testing.B) {
	w, batch := startWriter(b), oneRecord(b)
	var wait sync.WaitGroup
	b.ReportAllocs()
	for b.Loop() {
		for range 64 {
			wait.Add(1)
			w.append(b, batch, wait.Done)
		}
		wait.Wait()
	}
}
