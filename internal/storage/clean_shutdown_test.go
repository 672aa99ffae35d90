package storage

import (
	"testing"

	"leat/internal/fs"
	"leat/internal/record"
)

func TestThePreviousBrokerEpochIsThatOfACleanStopOfAllDirectories(t *testing.T) {
	mem := fs.NewMem()
	cfg := testStoreConfig(t, mem, "/a", "/b")
	reopen := func(want int64, use func(*Store)) {
		t.Helper()
		s := openTestStore(t, cfg)
		if got := s.PreviousBrokerEpoch(); got != want {
			t.Errorf("previous broker epoch %d, want %d", got, want)
		}
		if use != nil {
			use(s)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	reopen(-1, nil)
	reopen(-1, func(s *Store) { s.SetBrokerEpoch(41) })
	reopen(41, nil) // never registered: nothing was acknowledged in between
	reopen(41, func(s *Store) { s.SetBrokerEpoch(57) })
	if err := writeCleanShutdown(mem, "/b", 41); err != nil {
		t.Fatal(err)
	}
	reopen(-1, func(s *Store) { s.SetBrokerEpoch(60) })
	if err := removeCleanShutdown(mem, "/b"); err != nil {
		t.Fatal(err)
	}
	reopen(-1, func(s *Store) {
		s.SetBrokerEpoch(61)
		if _, err := s.Create(testTP, newUUID(), record.UUID{}); err != nil {
			t.Fatal(err)
		}
		cfg.FS = mem.Kill()
	})
	reopen(-1, nil)
}

func TestMarkersOfOtherVersionsNameNoBrokerEpoch(t *testing.T) {
	for content, want := range map[string]int64{
		`{"version":0,"brokerEpoch":12}`: 12, ``: -1, `{"version":0}`: -1, `{"version":1,"brokerEpoch":12}`: -1, `{"version":0,"brokerEpoch":"x"}`: -1,
	} {
		mem := fs.NewMem()
		if err := writeUnsynced(mem, "/"+cleanShutdownFile, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if clean, epoch, err := readCleanShutdown(mem, "/"); !clean || epoch != want || err != nil {
			t.Errorf("%q: clean %v, broker epoch %d, want %d (%v)", content, clean, epoch, want, err)
		}
	}
}
