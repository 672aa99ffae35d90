package main

import (
	"strings"
	"testing"
	"time"

	"leat/interop/target"
)

func TestTableShowsMedianRangeAndRatio(t *testing.T) {
	r := newResults()
	for _, v := range []float64{30, 10, 20} {
		r.add(target.Leat, "start, ms", v)
		r.add(target.Kafka, "start, ms", v*100)
	}
	want := "| start, ms | 20.0 (10.0 to 30.0) | 2000 (1000 to 3000) | 0.01 |\n"
	if got := r.table(); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at the end\n%s", got, want)
	}
}

func TestQuantileOfOneThousand(t *testing.T) {
	var taken []time.Duration
	for i := range 1000 {
		taken = append(taken, time.Duration(i)*time.Millisecond)
	}
	for at, want := range map[float64]float64{0.5: 500, 0.99: 990, 0.999: 999} {
		if got := quantile(taken, at); got != want {
			t.Errorf("quantile %v is %v, want %v", at, got, want)
		}
	}
}

func TestPerfLineIsTheLastOne(t *testing.T) {
	out := "100 records sent, 20.0 records/sec (0.02 MB/sec), 1 ms avg latency\n200000 records sent, 51000.5 records/sec (48.64 MB/sec), 9 ms avg\n"
	found := perfLine.FindAllStringSubmatch(out, -1)
	if len(found) != 2 || found[1][2] != "48.64" {
		t.Errorf("found %v", found)
	}
}
