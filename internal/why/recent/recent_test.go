package recent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"leat/internal/why"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func memory() (*Memory, *clock) {
	c := &clock{time.Unix(1000, 0)}
	return New(func() time.Duration { return time.Minute }, func() time.Time { return c.now }), c
}

func TestEventsAreCountedAndForgotten(t *testing.T) {
	m, c := memory()
	e := why.Event{Kind: why.Refused, Code: "MESSAGE_TOO_LARGE", ClientID: "app", Detail: "first"}
	m.Note(e)
	c.now = c.now.Add(10 * time.Second)
	e.Detail, e.Amount = "second", 7
	m.Note(e)
	m.Note(why.Event{Kind: why.Refused, Code: "MESSAGE_TOO_LARGE", ClientID: "other"})
	list, left := m.Events()
	if len(list) != 2 || left != 0 || list[0].Count != 2 || list[0].Amount != 7 || list[0].Detail != "second" || list[0].Last.Sub(list[0].First) != 10*time.Second {
		t.Fatalf("%+v, %d", list, left)
	}
	c.now = c.now.Add(61 * time.Second)
	if list, _ := m.Events(); len(list) != 0 {
		t.Errorf("still there: %+v", list)
	}
}

func TestWhatGoesOnIsCountedOverTwoWindowsAtMost(t *testing.T) {
	m, c := memory()
	for range 600 {
		m.Note(why.Event{Kind: why.Rebalanced, Resource: "group:g"})
		c.now = c.now.Add(time.Second)
	}
	list, _ := m.Events()
	if len(list) != 1 || list[0].Count < 60 || list[0].Count > 122 {
		t.Errorf("%+v", list)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m, c := memory()
	for i := range 3 * Most {
		m.Note(why.Event{Kind: why.Denied, ClientID: fmt.Sprint(i), Detail: strings.Repeat("x", 10_000)})
	}
	list, left := m.Events()
	if len(list) != Most || left != 2*Most || len(list[0].Detail) > longest+3 {
		t.Errorf("%d events, %d left out, %d bytes", len(list), left, len(list[0].Detail))
	}
	c.now = c.now.Add(2 * time.Minute)
	m.Note(why.Event{Kind: why.Denied, ClientID: "new"})
	if list, _ := m.Events(); len(list) != 1 {
		t.Errorf("%d events when the old ones had ended", len(list))
	}
	var none *Memory
	none.Note(why.Event{})
}
