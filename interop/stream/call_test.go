package main

import "testing"

func TestSpeedsAreMaskedHoweverFastTheyWere(t *testing.T) {
	c := comparison{speeds: true}
	const done = "200 records sent, 66.7 records/sec (0.01 MB/sec), 8.10 ms avg latency, 20.00 ms max latency, 7 ms 50th, 9 ms 95th, 9 ms 99th, 9 ms 99.9th.\n"
	want := c.masked("k", done)
	for _, text := range []string{
		"100 records sent, 20.0 records/sec (0.00 MB/sec), 9.1 ms avg latency, 20.0 ms max latency.\n" + done,
		"200 records sent, Infinity records/sec (NaN MB/sec), 0.00 ms avg latency, 0.00 ms max latency, 0 ms 50th, 0 ms 95th, 0 ms 99th, 0 ms 99.9th.\n",
	} {
		if got := c.masked("k", text); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if other := c.masked("k", "no "+done); other == want {
		t.Error("words are masked, too")
	}
}
