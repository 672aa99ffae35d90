// Package recent remembers what happened lately, for package why: a bounded number of kinds of events, each with how often and since when.
//
// It is written to where something is refused, slowed or cut off, never on the way of what works. What is older than the window is forgotten.
//
// Invariant: no more than Most events are kept. When there is no room, what has ended goes first; then new ones are only counted.
package recent

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"leat/internal/why"
)

const (
	// Most is how many different events are kept.
	Most = 1000
	// longest is how much of a text is kept.
	longest = 400
)

// Memory is the events of one node. It may be used by many goroutines; the nil Memory remembers nothing.
type Memory struct {
	window func() time.Duration
	now    func() time.Time

	mu    sync.Mutex // guards what follows
	all   map[key]*event
	swept time.Time
	left  int
}

// key is what makes two events the same. detail is empty for kinds whose detail says something else each time.
type key struct {
	kind                                                           why.Kind
	client, principal, host, listener, api, code, resource, detail string
}

// event counts in the present window and the one before.
type event struct {
	detail                string
	first, last           time.Time // of the present window
	count, amount         int64
	before                time.Time // when the window before began; zero: there was none
	countBefore, amBefore int64
}

// New returns an empty memory. window is how long events count; now is the clock.
func New(window func() time.Duration, now func() time.Time) *Memory {
	return &Memory{window: window, now: now, all: make(map[key]*event)}
}

// told is for which kinds the detail is part of what happened.
var told = []why.Kind{why.Foreign, why.Unauthenticated, why.Denied, why.Throttled, why.TooMany, why.Left}

// Note counts an event. Its times are set here.
func (m *Memory) Note(e why.Event) {
	if m == nil {
		return
	}
	e.Detail = cut(e.Detail)
	k := key{e.Kind, cut(e.ClientID), cut(e.Principal), e.Host, e.Listener, e.API, e.Code, cut(e.Resource), ""}
	if slices.Contains(told, e.Kind) {
		k.detail = e.Detail
	}
	window, now := m.window(), m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.all[k]
	if x == nil {
		if len(m.all) >= Most && !m.sweep(now, window) {
			m.left++
			return
		}
		x = &event{first: now}
		m.all[k.clone()] = x
	}
	x.turn(now, window)
	x.count, x.amount = x.count+1, x.amount+e.Amount
	x.last, x.detail = now, strings.Clone(e.Detail)
}

// clone copies what may point into the memory of a request.
func (k key) clone() key {
	for _, s := range []*string{&k.client, &k.principal, &k.host, &k.listener, &k.api, &k.code, &k.resource, &k.detail} {
		*s = strings.Clone(*s)
	}
	return k
}

func cut(text string) string {
	if len(text) > longest {
		return strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}

// turn begins another window when the present one is over.
func (x *event) turn(now time.Time, window time.Duration) {
	switch age := now.Sub(x.first); {
	case age <= window:
		return
	case now.Sub(x.last) <= window:
		x.before, x.countBefore, x.amBefore = x.first, x.count, x.amount
	default:
		x.before, x.countBefore, x.amBefore = time.Time{}, 0, 0
	}
	x.first, x.count, x.amount = now, 0, 0
}

// sweep drops what is past, at most ten times in a window, and reports whether there is room. m.mu is held.
func (m *Memory) sweep(now time.Time, window time.Duration) bool {
	const often = 10
	if now.Sub(m.swept) < window/often {
		return false
	}
	m.swept = now
	for k, x := range m.all {
		if now.Sub(x.last) > window {
			delete(m.all, k)
		}
	}
	return len(m.all) < Most
}

// Events lists what happened within the window, in a fixed order, and how many there was no room for.
func (m *Memory) Events() (list []why.Event, left int) {
	if m == nil {
		return nil, 0
	}
	window, now := m.window(), m.now()
	m.mu.Lock()
	for k, x := range m.all {
		if now.Sub(x.last) > window {
			delete(m.all, k)
			continue
		}
		e := why.Event{Kind: k.kind, ClientID: k.client, Principal: k.principal, Host: k.host, Listener: k.listener, API: k.api, Code: k.code,
			Resource: k.resource, Detail: x.detail, First: x.first, Last: x.last, Count: x.count + x.countBefore, Amount: x.amount + x.amBefore}
		if !x.before.IsZero() {
			e.First = x.before
		}
		list = append(list, e)
	}
	left, m.left = m.left, 0
	m.mu.Unlock()
	slices.SortFunc(list, func(a, b why.Event) int {
		return cmp.Or(a.First.Compare(b.First), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Resource, b.Resource),
			strings.Compare(a.ClientID, b.ClientID), strings.Compare(a.Detail, b.Detail))
	})
	return list, left
}
