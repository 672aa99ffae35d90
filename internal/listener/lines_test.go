package listener

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/security/sasl"
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

// TestALogIsNotFloodedByClientsThatStay: who asks for an authentication that there is not need not come again for each line.
func TestALogIsNotFloodedByClientsThatStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, book := newMemListener(), &logBook{closed: make(chan struct{}, 1)}
		s := Serve(Config{Name: "CLIENTS", Listener: ln, Limits: func() Limits { return Limits{} }, Shared: NewShared(), Handler: answerHeartbeat,
			Logger: slog.New(slog.NewTextHandler(book, nil))})
		defer s.Close()
		c := ln.dial()
		for range 10 * linesPerSecond {
			shake(t, c, 1, sasl.Plain)
		}
		if n := len(book.all()); n != linesPerSecond {
			t.Errorf("%d lines in a second, want %d", n, linesPerSecond)
		}
	})
}

// TestWhatUnknownClientsSendIsToldInFewWords: the name of a user may have half a megabyte.
func TestWhatUnknownClientsSendIsToldInFewWords(t *testing.T) {
	inSASLBubble(t, Limits{}, 0, func(t *testing.T, ln *memListener, book *logBook, seen *secrets) {
		for _, name := range []string{strings.Repeat("\x01", 900), strings.Repeat("\x02", 900)} {
			c := ln.dial()
			if resp := login(t, c, name); resp.ErrorCode == 0 {
				t.Fatal("it got in")
			}
			ended(t, c)
		}
		c := ln.dial()
		shake(t, c, 1, strings.Repeat("\x03", 900))
		ended(t, c)
		for _, line := range book.all() {
			if len(line) > 3*longestReason || !strings.Contains(line, "bytes)...") {
				t.Errorf("%d bytes: %.300s", len(line), line)
			}
		}
		if len(book.all()) != 3 || seen.failed != 3 || seen.longest > longestReason+100 {
			t.Errorf("%d lines, %d failures, the longest reason has %d bytes", len(book.all()), seen.failed, seen.longest)
		}
	})
}

// TestBriefKeepsBothEnds of a text, and is valid whatever it cuts.
func TestBriefKeepsBothEnds(t *testing.T) {
	text := "user " + strings.Repeat("é", 5000) + " is not known"
	if b := brief(text); len(b) > longestReason+40 || !strings.HasPrefix(b, "user é") || !strings.HasSuffix(b, " is not known") || strings.ToValidUTF8(b, "?") != b {
		t.Errorf("%d bytes: %q", len(b), b)
	}
	if short := strings.Repeat("x", longestReason); brief(short) != short {
		t.Error("a text that is not long is cut")
	}
}
