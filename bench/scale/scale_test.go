package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func results(t *testing.T) measured {
	t.Helper()
	m, err := load("measured.json")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestThePageHasWhatWasMeasured(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", pageFile))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := fill(page, results(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, fresh) {
		t.Error("the page differs from measured.json: go run ./bench/scale writes it")
	}
	if _, err := fill([]byte("no place"), results(t)); err == nil {
		t.Error("a page without marks was filled")
	}
}

// The bounds are wide: memory after much has changed is up to twice that of a quiet node, and the model is of quiet ones.
func TestTheModelFitsWhatWasMeasuredElsewhere(t *testing.T) {
	m := results(t)
	for _, c := range []struct {
		size
		least, most float64 // MB of a node
	}{
		{size{1, 19_000, 1, 0}, 90, 127}, {size{1, 100_000, 1, 0}, 370, 721}, {size{3, 100_000, 1, 0}, 133, 293}, {size{3, 33_000, 3, 0}, 126, 303}, {size{3, 100_000, 3, 0}, 359, 837},
	} {
		if got := m.needs(c.size).memory / megabyte; got < c.least || got > c.most {
			t.Errorf("%s: the model says %.0f MB, measured were %.0f to %.0f", name(c.size), got, c.least, c.most)
		}
	}
}

func TestNeedsGrowWithWhatCausesThem(t *testing.T) {
	m := results(t)
	small, large, wide := m.needs(size{3, 1000, 3, 0}), m.needs(size{3, 100_000, 3, 0}), m.needs(size{300, 100_000, 3, 0})
	if large.memory <= small.memory || large.cpu != small.cpu || large.peers != 2 {
		t.Errorf("partitions: %+v, %+v", small, large)
	}
	if wide.memory >= large.memory || wide.cpu <= large.cpu || wide.active <= large.active || wide.logs != 1000 {
		t.Errorf("brokers: %+v, %+v", large, wide)
	}
}
