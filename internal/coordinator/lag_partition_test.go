package coordinator

import (
	"testing"
	"time"

	"leat/internal/telemetry"
)

func TestAgesAreEstimatedFromSightings(t *testing.T) {
	begin := time.Unix(1000, 0)
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	var p lagPartition
	p.see(at(0), 100, 100)
	p.see(at(10), 200, 150)
	p.see(at(20), 200, 150) // nothing was written
	p.see(at(30), 200, 200)
	p.see(at(40), 300, 300)
	for offset, want := range map[int64]time.Duration{
		50:  100 * time.Second, // was there at the first sight: at least as old
		100: 100 * time.Second,
		150: 95 * time.Second,
		200: 70 * time.Second, // the first record after the pause, seen to be missing at 30
		250: 65 * time.Second,
		300: 0, // not written
	} {
		if got := p.age(offset, at(100)); got != want {
			t.Errorf("record %d is %v old, want %v", offset, got, want)
		}
	}
	if len(p.sightings) != 4 {
		t.Errorf("%d sightings kept of five, of which one says nothing", len(p.sightings))
	}
	p.see(at(50), 10, 10)
	if len(p.sightings) != 1 {
		t.Error("an end that moved back did not end what was known")
	}
}

func TestSightingsAreBounded(t *testing.T) {
	begin := time.Unix(0, 0)
	var p lagPartition
	for i := range 10_000 {
		p.see(begin.Add(time.Duration(i)*time.Second), int64(100*i), int64(100*i))
	}
	now := begin.Add(10_000 * time.Second)
	if len(p.sightings) > maxSightings {
		t.Fatalf("%d sightings", len(p.sightings))
	}
	for _, offset := range []int64{0, 123_456, 900_000, 999_000} {
		want := now.Sub(begin.Add(time.Duration(offset/100) * time.Second))
		if got := p.age(offset, now); got < want-time.Second || got > want+time.Second {
			t.Errorf("record %d is %v old, want %v", offset, got, want)
		}
	}
}

func TestLagIsNeverNegative(t *testing.T) {
	p := lagPartition{known: true, highWatermark: 10, lastStable: 5}
	p.see(time.Unix(0, 0), 10, 5)
	for committed, want := range map[int64][2]int64{3: {7, 2}, 7: {3, 0}, 10: {0, 0}, 12: {0, 0}} {
		var lag telemetry.GroupLag
		p.lag(committed, time.Unix(60, 0), &lag)
		if got := [2]int64{lag.Records, lag.StableRecords}; got != want || (want[1] == 0) != (lag.StableSeconds == 0) {
			t.Errorf("committed %d: behind by %v, %v s and %v s", committed, got, lag.Seconds, lag.StableSeconds)
		}
	}
}
