package stream

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// perfStats counts what was written, in whole milliseconds as Kafka's tool does.
type perfStats struct {
	out      io.Writer
	interval time.Duration
	start    time.Time
	sampling int64
	steady   bool

	mu        sync.Mutex // guards what follows
	latencies []int64
	all, last window
	silent    bool
}

// window is what was counted since a moment.
type window struct {
	start        time.Time
	count, bytes int64
	total, most  int64 // latencies in milliseconds
}

// samples are as many latencies as are kept.
const samples = 500_000

func newPerfStats(out io.Writer, records int64, interval time.Duration, steady bool) *perfStats {
	now := time.Now()
	return &perfStats{out: out, interval: interval, start: now, sampling: records / min(records, samples), steady: steady, all: window{start: now}, last: window{start: now}}
}

func (w *window) add(ms int64, bytes int) {
	w.count++
	w.bytes += int64(bytes)
	w.total += ms
	w.most = max(w.most, ms)
}

func (s *perfStats) record(latency time.Duration, bytes int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := latency.Milliseconds()
	if s.all.count%s.sampling == 0 {
		s.latencies = append(s.latencies, ms)
	}
	s.all.add(ms, bytes)
	s.last.add(ms, bytes)
	if now.Sub(s.last.start) < s.interval {
		return
	}
	if s.steady && s.all.count == s.last.count {
		fmt.Fprintln(s.out, "In steady state.")
	}
	if !s.silent {
		s.last.print(s.out)
	}
	s.last = window{start: time.Now()}
}

func (s *perfStats) silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

// rates are records and mebibytes in a second.
func (w *window) rates() (records, megabytes float64) {
	elapsed := float64(time.Since(w.start).Milliseconds())
	return 1000 * float64(w.count) / elapsed, 1000 * float64(w.bytes) / elapsed / (1024 * 1024)
}

func (w *window) print(out io.Writer) {
	records, megabytes := w.rates()
	fmt.Fprintf(out, "%d records sent, %s records/sec (%s MB/sec), %s ms avg latency, %s ms max latency.\n", w.count, decimal(records, 1), decimal(megabytes, 2),
		decimal(float64(w.total)/float64(w.count), 1), decimal(float64(w.most), 1))
}

func (s *perfStats) printTotal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	records, megabytes := s.all.rates()
	slices.Sort(s.latencies)
	at := func(share float64) int64 {
		if len(s.latencies) == 0 {
			return 0
		}
		return s.latencies[min(int(share*float64(len(s.latencies))), len(s.latencies)-1)]
	}
	steady := ""
	if s.steady {
		steady = " steady state"
	}
	fmt.Fprintf(s.out, "%d%s records sent, %s records/sec (%s MB/sec), %s ms avg latency, %s ms max latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n",
		s.all.count, steady, decimal(records, 6), decimal(megabytes, 2), decimal(float64(s.all.total)/float64(s.all.count), 2), decimal(float64(s.all.most), 2),
		at(0.5), at(0.95), at(0.99), at(0.999))
}

// throttle holds a sender back to a number of records a second; below zero it does not.
type throttle struct {
	rate  float64
	start time.Time
}

func newThrottle(rate float64) *throttle { return &throttle{rate, time.Now()} }

// wait waits until it is time for the record after the i-th.
func (t *throttle) wait(ctx context.Context, i int64, now time.Time) {
	if t.rate < 0 {
		return
	}
	if t.rate == 0 { // nothing is ever due
		<-ctx.Done()
		return
	}
	due := t.start.Add(time.Duration(float64(i+1) / t.rate * float64(time.Second)))
	if d := due.Sub(now); d > time.Millisecond {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}
