package listener

import (
	"testing"
	"time"
)

// TestALogIsNotFloodedByBadConnections: so many lines a second are written, and the next one says how many were not.
func TestALogIsNotFloodedByBadConnections(t *testing.T) {
	var l lines
	at := time.Unix(1000, 0)
	written := 0
	for range 10 * linesPerSecond {
		if _, ok := l.allow(at); ok {
			written++
		}
	}
	if written != linesPerSecond {
		t.Errorf("%d lines in a second", written)
	}
	if skipped, ok := l.allow(at.Add(time.Second)); !ok || skipped != 9*linesPerSecond {
		t.Errorf("%d were left out, %v", skipped, ok)
	}
	if skipped, ok := l.allow(at.Add(time.Second)); !ok || skipped != 0 {
		t.Errorf("%d were left out, %v", skipped, ok)
	}
}
