package audit

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Same is what accesses or refusals have in common that are told together.
type Same struct {
	Kind                Kind
	Outcome             Outcome
	PrincipalType, Name string
	Mechanism           string
	Token               bool
	Client              netip.Addr
	Listener, ClientID  string
	API, Operation      string
	ResourceType        string
	Resource            string
}

// tally is how often the same happened since it was last told.
type tally struct {
	count       int64
	first, last time.Time
}

// summaries tells the first of what is the same at once, and then how often it happened in each interval. It is a pure core: time is given to it.
type summaries struct {
	most    int // that are kept at once
	open    map[Same]*tally
	refused int64 // that were not counted, because most were open
}

func newSummaries(most int) *summaries { return &summaries{most: most, open: map[Same]*tally{}} }

// seen counts, and reports whether this is the first and is to be told at once. Where too many different ones are open, nothing is told: it is counted
// as lost.
func (s *summaries) seen(same Same, now time.Time) bool {
	same.Name, same.ClientID, same.Resource = cut(same.Name), cut(same.ClientID), cut(same.Resource)
	if t, known := s.open[same]; known {
		if t.count++; t.count == 1 {
			t.first = now
		}
		t.last = now
		return false
	}
	if len(s.open) >= s.most {
		s.refused++
		return false
	}
	same.ClientID, same.Resource = strings.Clone(same.ClientID), strings.Clone(same.Resource) // they may lie in a request
	s.open[same] = &tally{}
	return true
}

// told is one summary.
type told struct {
	Same
	tally
}

// close ends an interval: it returns what happened in it beyond what was told at once, in the order of the first of each, and forgets what did not happen
// in it.
func (s *summaries) close() (all []told, refused int64) {
	for same, t := range s.open {
		if t.count == 0 {
			delete(s.open, same)
			continue
		}
		all = append(all, told{same, *t})
		*t = tally{}
	}
	slices.SortFunc(all, func(a, b told) int {
		if c := a.first.Compare(b.first); c != 0 {
			return c
		}
		return strings.Compare(a.Name+"\x00"+a.Resource, b.Name+"\x00"+b.Resource)
	})
	refused, s.refused = s.refused, 0
	return all, refused
}

// event is what the same looks like when it is told.
func (s *Same) event() Event {
	e := Event{
		Kind: s.Kind, Outcome: s.Outcome, Principal: s.PrincipalType + ":" + s.Name, Mechanism: s.Mechanism, Token: s.Token,
		Listener: s.Listener, ClientID: s.ClientID, API: s.API, Operation: s.Operation, Resources: []Resource{{s.ResourceType, s.Resource}},
	}
	if s.Client.IsValid() {
		e.Client = s.Client.Unmap().String()
	}
	return e
}
