package load

import (
	"math"
	"testing"
	"time"
)

func TestQuantileIsTheSmallestThatEnoughDoNotExceed(t *testing.T) {
	var taken []time.Duration
	for i := range 1000 {
		taken = append(taken, time.Duration(i+1)*time.Millisecond)
	}
	for at, want := range map[float64]float64{0: 1, 0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		if got := Quantile(taken, at); got != want {
			t.Errorf("quantile %v is %v, want %v", at, got, want)
		}
	}
	if got := Quantile(taken[:1], 0.999); got != 1 {
		t.Errorf("of one: %v", got)
	}
	if got := Quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("of none: %v", got)
	}
}

func TestProcessTimesAreReadBehindTheName(t *testing.T) {
	got, err := parseStat([]byte("12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0\n"))
	if err != nil || got != 2 {
		t.Errorf("%v s, %v; want 2", got, err)
	}
	if _, err := parseStat([]byte("12 (short) S 1 2")); err == nil {
		t.Error("a line without times passed")
	}
}

func TestMemoryIsReadInMegabytes(t *testing.T) {
	if got := megabytes([]byte("Name:\tx\nVmHWM:\t  1000 kB\nVmRSS:\t  500 kB\n"), "VmRSS"); got != 0.512 {
		t.Errorf("%v MB, want 0.512", got)
	}
}
