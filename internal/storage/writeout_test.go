package storage

import (
	"testing"
	"time"

	"leat/internal/record"
)

// pass runs the writing out of a moment to its end.
func pass(s *Store, now time.Time) {
	s.tasks.writeOutDue(now)
	s.dirs[0].writeouts.wg.Wait()
}

func TestLogsAreWrittenOutByAgeAndBySize(t *testing.T) {
	for name, c := range map[string]struct {
		set    Settings
		after  time.Duration
		synced bool
	}{
		"young":        {Settings{WriteOutAfter: time.Minute}, 20 * time.Second, false},
		"old":          {Settings{WriteOutAfter: time.Minute}, 70 * time.Second, true},
		"much":         {Settings{WriteOutBytes: 100}, time.Second, true},
		"little":       {Settings{WriteOutBytes: 1 << 20}, time.Hour, false},
		"turned off":   {Settings{WriteOutAfter: -1, WriteOutBytes: -1}, time.Hour, false},
		"both allowed": {Settings{WriteOutAfter: time.Hour, WriteOutBytes: 1 << 20}, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMidwayLog(t, LogConfig{})
			defer m.s.Close()
			idle, err := m.s.Create(record.TopicPartition{Topic: "idle"}, record.UUID{2}, record.UUID{})
			if err != nil {
				t.Fatal(err)
			}
			set := c.set
			m.s.cfg.Settings = func() Settings { return set }
			for round := range 2 { // a log that was synced is listed again
				before := m.l.recoveryPoint()
				m.fill(t, 3, 1)
				m.fill(t, 3, 1)
				if n := len(m.s.dirs[0].writeouts.waiting); n != 1 {
					t.Fatalf("round %d: %d logs listed", round, n)
				}
				pass(m.s, time.Now().Add(c.after))
				want := before
				if c.synced {
					want = m.l.Offsets().LogEnd
				}
				if got := m.l.recoveryPoint(); got != want {
					t.Errorf("round %d: recovery point %d, expected %d", round, got, want)
				}
			}
			if idle.listed {
				t.Error("a log without records is listed")
			}
		})
	}
}

// A log that is gone does not stay in the list.
func TestWriteOutsForgetDeletedLogs(t *testing.T) {
	m := newMidwayLog(t, LogConfig{})
	defer m.s.Close()
	m.fill(t, 3, 1)
	if err := m.s.Delete(testTP); err != nil {
		t.Fatal(err)
	}
	pass(m.s, time.Now())
	if n := len(m.s.dirs[0].writeouts.waiting); n != 0 {
		t.Errorf("%d logs listed", n)
	}
}

// What a crash left unsynced is written out without another append.
func TestARecoveredLogIsWrittenOut(t *testing.T) {
	m := newMidwayLog(t, LogConfig{})
	m.fill(t, 3, 1)
	left := m.mem.Kill()
	_ = m.s.Close() // of a process that is gone
	m.cfg.FS = left
	s := openTestStore(t, m.cfg)
	defer s.Close()
	s.cfg.Settings = func() Settings { return Settings{WriteOutAfter: time.Minute} }
	pass(s, time.Now().Add(2*time.Minute))
	l, _ := s.Log(testTP)
	if got, want := l.recoveryPoint(), l.Offsets().LogEnd; got != want || want == 0 {
		t.Errorf("recovery point %d, expected %d", got, want)
	}
}
