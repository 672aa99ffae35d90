package storage

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

// A process that was killed leaves files whose names the disk may not have: the next process must not call anything synced before they are.
func TestAFlushAfterAKillMakesTheNamesDurableToo(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	id := l.TopicID()
	mustAppend(t, l, batchOf(t, 1, "a"))
	cfg.FS = mem.Kill()
	again := openTestStore(t, cfg)
	l, _ = again.Log(testTP)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	cfg.FS = cfg.FS.(*fs.Mem).Crash(nil)
	last := openTestStore(t, cfg)
	defer last.Close()
	l, ok := last.Log(testTP)
	if !ok {
		t.Fatalf("the log is gone: %v", last.Broken(testTP))
	}
	if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadLogEnd)); got != "[0=a]" || l.TopicID() != id {
		t.Errorf("%s, topic id %v, want %v", got, l.TopicID(), id)
	}
}

// After a sync that failed, whatever the reason, nobody knows what is on disk: the next sync would succeed without having written it.
func TestASyncThatFailsForWantOfRoomIsNotForgotten(t *testing.T) {
	for _, what := range []string{"sync /data/orders-3/00000000000000000000.log", "syncdir /data/orders-3"} {
		t.Run(what, func(t *testing.T) {
			mem := fs.NewMem()
			cfg := testStoreConfig(t, mem, "/data")
			s := openTestStore(t, cfg)
			l, err := s.Create(testTP, newUUID(), record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, batchOf(t, 1, "a"))
			if err := l.writeEpochs(); err != nil { // which syncs the directory for itself
				t.Fatal(err)
			}
			once := true
			mem.Inject(func(o fs.Op, name string) error {
				if once && fmt.Sprint(o, " ", name) == what {
					once = false
					return syscall.ENOSPC
				}
				return nil
			})
			if err := l.Flush(); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("flush: %v", err)
			}
			if _, err := l.Append(batchOf(t, 2, "b"), clientAppend); !errors.Is(err, ErrDisk) {
				t.Errorf("append after a sync that failed: %v", err)
			}
			if err := l.Flush(); !errors.Is(err, ErrDisk) {
				t.Errorf("flush after a sync that failed: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if clean, _, err := readCleanShutdown(mem, "/data"); clean || err != nil {
				t.Errorf("marked as cleanly stopped: %v", err)
			}
		})
	}
}

func TestALogByItselfIsNotMarkedCleanAfterASyncThatFailed(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		mem := fs.NewMem()
		l, err := OpenLog(context.Background(), mem, "/log", testTP, LogConfig{}, Settings{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, l, batchOf(t, 1, "a"))
		once := true
		mem.Inject(func(op fs.Op, name string) error {
			if once && op == fs.OpSync && strings.HasSuffix(name, logSuffix) {
				once = false
				return cause
			}
			return nil
		})
		if err := l.Flush(); !errors.Is(err, cause) {
			t.Fatalf("flush: %v", err)
		}
		if err := l.Close(); !errors.Is(err, ErrDisk) {
			t.Errorf("%v: close: %v", cause, err)
		}
		if clean, _, err := readCleanShutdown(mem, "/log"); clean || err != nil {
			t.Errorf("%v: marked as cleanly stopped: %v", cause, err)
		}
	}
}

// Retention closes the last segment, deletes it, and the producers live on in the snapshot alone.
func TestProducersOfDeletedSegmentsOutliveACrash(t *testing.T) {
	for name, stop := range map[string]func(s *Store, l *Log) error{
		"after a clean stop": func(s *Store, _ *Log) error { return s.Close() },
		"after a flush": func(s *Store, l *Log) error {
			_, err := l.Append(batchBy(t, 8, 0, 0, 1, false), clientAppend)
			if err == nil {
				err = l.Flush()
			}
			s.dirs[0].checkpoint(s.dirs[0].writeRecoveryPoints)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			cfg := testStoreConfig(t, mem, "/data")
			cfg.LogConfig = func(string) LogConfig { return LogConfig{Delete: true, RetentionMs: -1, RetentionBytes: 0} }
			cfg.Settings = func() Settings { return Settings{ProducerIDExpiration: forever} }
			s := openTestStore(t, cfg)
			l, err := s.Create(testTP, newUUID(), record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, producerBatch(t, 0, 0, 3, false))
			l.SetHighWatermark(3)
			if n, err := l.Retain(day0); n != 1 || err != nil {
				t.Fatalf("%d segments deleted: %v", n, err)
			}
			if err := stop(s, l); err != nil {
				t.Fatal(err)
			}
			cfg.FS = mem.Crash(nil)
			s = openTestStore(t, cfg)
			defer s.Close()
			l, ok := s.Log(testTP)
			if !ok {
				t.Fatal(s.Broken(testTP))
			}
			info, err := l.Append(producerBatch(t, 0, 0, 3, false), clientAppend)
			if err != nil || !info.Duplicate || info.BaseOffset != 0 {
				t.Errorf("the repeated batch: %+v, %v", info, err)
			}
		})
	}
}

// Between the read of a range and the look at its transaction indexes, retention may take both away.
func TestRetentionDuringAReadDoesNotHideThatRecordsWereAborted(t *testing.T) {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/log", LogConfig{Delete: true, RetentionMs: -1, RetentionBytes: 0, IndexIntervalBytes: 1})
	for _, b := range [][]byte{producerBatch(t, 0, 0, 2, true), producerBatch(t, 0, 2, 2, true), marker(7, 0, false, 0)} {
		if _, err := l.Append(b, coordinatorAppend); err != nil {
			t.Fatal(err)
		}
	}
	l.SetHighWatermark(5)
	l.writeMu.Lock()
	err := l.roll(5, l.cfg.Load(), day0)
	l.writeMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1, "later"))
	l.SetHighWatermark(6)
	begun := false
	mem.InjectFreely(func(op fs.Op, name string) error {
		if op == fs.OpRead && strings.HasSuffix(name, "0.log") && !begun {
			begun = true
			if n, err := l.Retain(day0); n == 0 || err != nil {
				t.Errorf("%d segments deleted: %v", n, err)
			}
		}
		return nil
	})
	s, err := l.Read(1, 1<<20, ReadCommitted, true)
	defer s.Release()
	if !begun {
		t.Fatal("the read did not touch the file")
	}
	if err == nil && s.Len() > 0 && len(s.Aborted) == 0 {
		t.Errorf("%d bytes of an aborted transaction are read as if committed", s.Len())
	}
	if !errors.Is(err, ErrOffsetOutOfRange) {
		t.Errorf("read: %v", err)
	}
}

// A checkpoint that waits its turn must not bring back a log that was deleted meanwhile: its successor would be taken for damaged.
func TestACheckpointThatHadToWaitKnowsNothingOfADeletedLog(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1, "old"))
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	d := s.dirs[0]
	d.checkpointMu.Lock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.checkpoint(d.writeRecoveryPoints)
	}()
	for stack := make([]byte, 1<<20); !waitsInCheckpoint(string(stack[:runtime.Stack(stack, true)])); {
		runtime.Gosched()
	}
	if _, err := s.takeOut("delete", testTP); err != nil { // as Delete begins; it goes on when the other checkpoint is written
		t.Fatal(err)
	}
	d.checkpointMu.Unlock()
	<-done
	points, err := readOffsets(mem, "/data/"+recoveryPointFile)
	if err != nil || len(points) > 0 {
		t.Errorf("recovery points %v, %v", points, err)
	}
	l.abandon()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func waitsInCheckpoint(stacks string) bool {
	for _, one := range strings.Split(stacks, "\n\n") {
		if strings.Contains(one, "(*logDir).checkpoint(") && strings.Contains(one, "[sync.Mutex.Lock") {
			return true
		}
	}
	return false
}

// The records of a log whose directory could not be renamed must not come back in the next topic of that name, nor be overwritten by it.
func TestATopicIsNotMadeInADirectoryThatCouldNotBeRenamed(t *testing.T) {
	for name, give := range map[string]func(*Store) error{
		"deleted":   func(s *Store) error { return s.Delete(testTP) },
		"set aside": func(s *Store) error { return s.SetAside(testTP) },
	} {
		t.Run(name, func(t *testing.T) {
			mem := fs.NewMem()
			cfg := testStoreConfig(t, mem, "/data")
			cfg.LogConfig = func(string) LogConfig { return LogConfig{SegmentBytes: 100} }
			s := openTestStore(t, cfg)
			l, err := s.Create(testTP, newUUID(), record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				mustAppend(t, l, batchOf(t, 1, "old"))
			}
			full := true
			mem.Inject(func(op fs.Op, _ string) error {
				if full && op == fs.OpRename {
					return syscall.ENOSPC
				}
				return nil
			})
			if err := give(s); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("with a full disk: %v", err)
			}
			if _, err := s.Create(testTP, newUUID(), record.UUID{}); !errors.Is(err, ErrDisk) {
				t.Errorf("create while the old directory is in the way: %v", err)
			}
			full = false
			l, err = s.Create(testTP, newUUID(), record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, batchOf(t, 1, "new"))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := openTestStore(t, cfg)
			defer again.Close()
			l, ok := again.Log(testTP)
			if !ok {
				t.Fatal(again.Broken(testTP))
			}
			if got := fmt.Sprint(readAll(t, l, 0, 1<<20, ReadLogEnd)); got != "[0=new]" {
				t.Errorf("the new topic holds %s", got)
			}
			if n := count(t, mem, "/data", "-stray"); name == "set aside" && n != 1 {
				t.Errorf("%d directories set aside", n)
			}
		})
	}
}

// Nobody knows which of two directories holds the records that were acknowledged, so that none of them is served.
func TestALogInTwoDirectoriesIsServedFromNeither(t *testing.T) {
	for _, full := range []string{"/a", "/b"} {
		for _, spoilt := range []bool{false, true} {
			t.Run(fmt.Sprint(full, " has the records, damaged: ", spoilt), func(t *testing.T) {
				mem := fs.NewMem()
				cfg := testStoreConfig(t, mem, "/a", "/b")
				s := openTestStore(t, cfg)
				id := newUUID()
				for _, d := range s.Dirs() {
					if d.Path == full {
						l, err := s.Create(testTP, id, d.ID)
						if err != nil {
							t.Fatal(err)
						}
						mustAppend(t, l, batchOf(t, 1, "a"))
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if spoilt {
					if err := fs.WriteFile(mem, full+"/orders-3/00000000000000000000.log", []byte("nonsense"), 0o644); err != nil {
						t.Fatal(err)
					}
					if err := removeCleanShutdown(mem, full); err != nil {
						t.Fatal(err)
					}
				}
				other := map[string]string{"/a": "/b", "/b": "/a"}[full] + "/orders-3"
				if err := mem.MkdirAll(other, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := writeUnsynced(mem, other+"/"+partitionMetaFile, formatPartitionMetadata(id)); err != nil {
					t.Fatal(err)
				}
				s = openTestStore(t, cfg)
				if l, err := s.Create(testTP, id, record.UUID{}); !errors.Is(err, ErrCorrupt) {
					t.Errorf("a log with offsets %+v is served: %v", l.Offsets(), err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				for _, dir := range []string{"/a", "/b"} {
					if clean, _, err := readCleanShutdown(mem, dir); clean || err != nil {
						t.Errorf("%s is marked as cleanly stopped: %v", dir, err)
					}
				}
			})
		}
	}
}

// Records that were deleted stay deleted, also if the log could not be opened in between.
func TestTheStartOfALogThatIsLeftOutIsRemembered(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/data")
	s := openTestStore(t, cfg)
	l, err := s.Create(testTP, newUUID(), record.UUID{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		mustAppend(t, l, batchOf(t, 1, "a"))
	}
	l.SetHighWatermark(3)
	if err := l.AdvanceLogStart(2); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const meta = "/data/orders-3/" + partitionMetaFile
	whole, err := fs.ReadFile(mem, meta)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range [][]byte{[]byte(strings.Repeat("nonsense: 1\n", 9)), whole} {
		if err := fs.WriteFile(mem, meta, content, 0o644); err != nil {
			t.Fatal(err)
		}
		s = openTestStore(t, cfg)
		if l, ok := s.Log(testTP); ok && l.Offsets().LogStart != 2 {
			t.Errorf("offsets %+v", l.Offsets())
		} else if ok != (len(content) == len(whole)) {
			t.Errorf("log opened: %v, %v", ok, s.Broken(testTP))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What is left of an attempt would be a second directory of the partition once it is made somewhere else.
func TestALogThatCouldNotBeMadeLeavesNothingBehind(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/a", "/b")
	s := openTestStore(t, cfg)
	id, a, b := newUUID(), s.Dirs()[0].ID, s.Dirs()[1].ID
	mem.Inject(func(op fs.Op, name string) error {
		if op == fs.OpCreate && strings.HasPrefix(name, "/a/") && strings.HasSuffix(name, logSuffix) {
			return syscall.ENOSPC
		}
		return nil
	})
	if _, err := s.Create(testTP, id, a); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("with a full disk: %v", err)
	}
	l, err := s.Create(testTP, id, b)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, l, batchOf(t, 1, "a"))
	mem.Inject(nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, cfg)
	defer s.Close()
	if l, ok := s.Log(testTP); !ok || l.Offsets().LogEnd != 1 {
		t.Errorf("opened %v: %v", ok, s.Broken(testTP))
	}
}

// A flush that was asked for before a topic was deleted must touch neither the directory's standing nor the next topic of that name.
func TestALateFlushOfADeletedLogDoesNothing(t *testing.T) {
	mem := fs.NewMem()
	s := openTestStore(t, testStoreConfig(t, mem, "/data"))
	defer s.Close()
	var old []*Log
	for epoch := range int32(2) {
		l, err := s.Create(testTP, newUUID(), record.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(batchOf(t, 1, "a"), AppendOptions{LeaderEpoch: 7 + epoch, Now: day0}); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(testTP); err != nil {
			t.Fatal(err)
		}
		old = append(old, l)
	}
	if err := old[0].Flush(); !isClosed(err) {
		t.Errorf("flush of a deleted log: %v", err)
	}
	if err := s.Dirs()[0].Offline; err != nil {
		t.Fatalf("the directory went offline: %v", err)
	}
	if _, err := s.Create(testTP, newUUID(), record.UUID{}); err != nil {
		t.Fatal(err)
	}
	if err := old[1].Flush(); !isClosed(err) {
		t.Errorf("flush of a deleted log: %v", err)
	}
	if b, err := fs.ReadFile(mem, "/data/orders-3/"+epochFile); err == nil {
		t.Errorf("the new log has the leader epochs of the old one: %q", b)
	}
}
