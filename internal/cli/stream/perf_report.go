package stream

import (
	"fmt"
	"time"
)

// result is what a measurement found, as -o json, yaml and template print it.
type result struct {
	Kind        string    `json:"kind"`
	Topic       string    `json:"topic"`
	Clients     int       `json:"clients"`
	RecordBytes int       `json:"record_bytes,omitempty"`
	TargetRate  float64   `json:"target_rate,omitempty"`
	Records     int64     `json:"records"`
	Failed      int64     `json:"failed"`
	Missing     int64     `json:"missing,omitempty"` // written, and did not come to the consumer
	Seconds     float64   `json:"seconds"`
	RecordRate  float64   `json:"records_per_second"`
	ByteRate    float64   `json:"bytes_per_second"`
	From        string    `json:"latency_from,omitempty"`
	Latency     *summary  `json:"latency_ms,omitempty"`
	Written     *summary  `json:"ack_latency_ms,omitempty"` // end-to-end: until the producer had its answer
	Bands       []band    `json:"histogram,omitempty"`
	Each        []float64 `json:"each_second"`
}

// summary is a histogram in a few numbers, in milliseconds.
type summary struct {
	Mean  float64 `json:"mean"`
	Min   float64 `json:"min"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	P9999 float64 `json:"p99_99"`
	Max   float64 `json:"max"`
}

func summarize(h *histogram) *summary {
	at := func(q float64) float64 { return rounded(h.quantile(q)) }
	return &summary{rounded(h.mean()), rounded(h.min), at(0.5), at(0.9), at(0.99), at(0.999), at(0.9999), rounded(h.max)}
}

// rounded is a duration in milliseconds, to the microsecond.
func rounded(d time.Duration) float64 { return millis(d.Round(time.Microsecond)) }

// report prints what was measured; sent is the producers' side of an end-to-end measurement.
func (f *perfFlags) report(kind string, m, sent *meter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	seconds := max((m.last - m.warmUp).Seconds(), 1e-9)
	r := result{Kind: kind, Topic: f.topic, Clients: f.clients, RecordBytes: f.size, TargetRate: f.rate, Records: m.records, Failed: m.failed, Seconds: seconds,
		RecordRate: float64(m.records) / seconds, ByteRate: float64(m.bytes) / seconds, Each: m.seconds}
	if m.latencies.n > 0 {
		r.Latency, r.Bands, r.From = summarize(&m.latencies), m.latencies.bands(), "intended send time"
		if f.rate == 0 {
			r.From = "send call"
		}
	}
	if sent != nil {
		r.Written, r.Failed, r.Missing = summarize(&sent.latencies), sent.failed, max(0, sent.records-m.records)
	}
	show := func() error { return f.shown.Show(r) }
	if f.shown.People() {
		show = func() error { return f.text(&r, m) }
	}
	switch err := show(); {
	case err != nil:
		return err
	case r.Missing > 0:
		return fmt.Errorf("%s did not come to the consumer", counted(r.Missing))
	case r.Failed > 0 && sent != nil:
		return fmt.Errorf("%s could not be written: %w", counted(r.Failed), sent.first)
	case r.Failed > 0:
		return fmt.Errorf("%s could not be written: %w", counted(r.Failed), m.first)
	}
	return nil
}

// text is the report for people.
func (f *perfFlags) text(r *result, m *meter) error {
	columns := width(f.Out)
	if columns == 0 {
		columns = 100
	}
	w := f.Out
	fmt.Fprintf(w, "%s records of %s in %.2f s: %s records/s, %s/s\n", thousands(r.Records), size(int64(r.ByteRate/max(r.RecordRate, 1e-9)+0.5)), r.Seconds,
		thousands(int64(r.RecordRate)), size(int64(r.ByteRate)))
	if r.TargetRate > 0 && r.RecordRate < 0.99*r.TargetRate {
		fmt.Fprintf(w, "that is less than the %s records/s that became due: the latencies count the waiting\n", thousands(int64(r.TargetRate)))
	}
	if len(r.Each) > 2 {
		_, err := fmt.Fprintf(w, "records each second  %s\n", spark(r.Each[:len(r.Each)-1], max(10, columns-21)))
		if err != nil {
			return err
		}
	}
	if r.Latency == nil {
		return nil
	}
	what := "until acknowledged"
	if r.Kind == "end-to-end" {
		what = "until a consumer had it"
	}
	fmt.Fprintf(w, "\nlatency %s, from the %s\n", what, r.From)
	if f.rate == 0 {
		fmt.Fprintln(w, "(as fast as possible: mostly the time in queues; --rate measures at a load)")
	}
	fmt.Fprintf(w, "%s\n", numbers(r.Latency))
	if r.Written != nil {
		fmt.Fprintf(w, "until acknowledged\n%s\n", numbers(r.Written))
	}
	_, err := fmt.Fprintf(w, "\n%s", m.latencies.draw(columns))
	return err
}

func numbers(s *summary) string {
	text := ""
	for _, n := range []struct {
		name string
		ms   float64
	}{{"mean", s.Mean}, {"p50", s.P50}, {"p90", s.P90}, {"p99", s.P99}, {"p99.9", s.P999}, {"p99.99", s.P9999}, {"max", s.Max}} {
		text += fmt.Sprintf("  %s %.3g ms", n.name, n.ms)
	}
	return text
}
