package server

import (
	"testing"
	"time"
)

func TestSlowRequestsHaveFewLines(t *testing.T) {
	var s slowLog
	at, written := time.Unix(100, 0), 0
	for range 20 {
		if _, ok := s.take(at); ok {
			written++
		}
	}
	if left, ok := s.take(at.Add(time.Second)); written != slowLinesPerSecond || !ok || left != 20-slowLinesPerSecond {
		t.Errorf("%d lines in the first second, %d left out told in the next", written, left)
	}
}
