// Package statestest has durable state of share partitions in memory, for tests. Its answers come at once, or, while it is told to hold them, when it is
// told to let them go.
package statestest

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
)

// Memory is sharing.States in memory.
type Memory struct {
	mu     sync.Mutex
	states map[sharing.SharePartition]*state // guarded by mu, as all below
	fail   func(op string) error             // nil: nothing fails
	held   []func()                          // answers that wait
	hold   bool
}

type state struct {
	durable     acquire.Durable
	leaderEpoch int32
	complete    int32
}

var _ sharing.States = (*Memory)(nil)

// New is an empty memory.
func New() *Memory { return &Memory{states: make(map[sharing.SharePartition]*state)} }

// Fail has operations (initialize, read, write, delete, summary) refused with what fn returns for them, if that is not nil.
func (m *Memory) Fail(fn func(op string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fn
}

// Hold keeps answers back until Release. What was asked has happened all the same.
func (m *Memory) Hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hold = true
}

// Release gives the answers that were held, and holds no more.
func (m *Memory) Release() {
	m.mu.Lock()
	held := m.held
	m.hold, m.held = false, nil
	m.mu.Unlock()
	for _, answer := range held {
		answer()
	}
}

// State is what is stored of a share partition.
func (m *Memory) State(p sharing.SharePartition) (acquire.Durable, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.states[p]
	if !ok {
		return acquire.Durable{}, false
	}
	return s.durable, true
}

// refused is the failure that a test asked for. Called with mu held.
func (m *Memory) refused(op string) error {
	if m.fail == nil {
		return nil
	}
	return m.fail(op)
}

// answer gives an answer now or later. Called without mu.
func (m *Memory) answer(fn func()) {
	m.mu.Lock()
	if m.hold {
		m.held = append(m.held, fn)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	fn()
}

// Initialize implements sharing.States.
func (m *Memory) Initialize(p sharing.SharePartition, stateEpoch int32, startOffset int64, done func(error)) {
	m.mu.Lock()
	err := m.refused("initialize")
	s := m.states[p]
	switch {
	case err != nil:
	case s != nil && s.durable.StateEpoch > stateEpoch:
		err = kerr.FencedStateEpoch
	default:
		m.states[p] = &state{durable: acquire.Durable{StateEpoch: stateEpoch, StartOffset: startOffset}, leaderEpoch: -1, complete: -1}
	}
	m.mu.Unlock()
	m.answer(func() { done(err) })
}

// Read implements sharing.States.
func (m *Memory) Read(p sharing.SharePartition, leaderEpoch int32, done func(acquire.Durable, error)) {
	m.mu.Lock()
	err := m.refused("read")
	s := m.states[p]
	var d acquire.Durable
	switch {
	case err != nil:
	case s == nil:
		err = kerr.UnknownTopicOrPartition
	case leaderEpoch < s.leaderEpoch:
		err = kerr.FencedLeaderEpoch
	default:
		s.leaderEpoch = leaderEpoch
		d = s.durable
		d.Batches = append([]acquire.Batch(nil), s.durable.Batches...)
	}
	m.mu.Unlock()
	m.answer(func() { done(d, err) })
}

// Write implements sharing.States.
func (m *Memory) Write(p sharing.SharePartition, c sharing.Change, done func(error)) {
	m.mu.Lock()
	err := m.refused("write")
	if err == nil {
		err = m.write(p, c)
	}
	m.mu.Unlock()
	m.answer(func() { done(err) })
}

// write does what Write does. Called with mu held.
func (m *Memory) write(p sharing.SharePartition, c sharing.Change) error {
	s := m.states[p]
	switch {
	case s == nil:
		return kerr.UnknownTopicOrPartition
	case c.StateEpoch < s.durable.StateEpoch:
		return kerr.FencedStateEpoch
	case c.LeaderEpoch < s.leaderEpoch:
		return kerr.FencedLeaderEpoch
	}
	if c.StartOffset >= 0 {
		s.durable.StartOffset = c.StartOffset
	}
	s.leaderEpoch, s.complete = c.LeaderEpoch, c.DeliveryCompleteCount
	s.durable.Batches = acquire.Merge(s.durable.Batches, c.Batches, s.durable.StartOffset)
	return nil
}

// Delete implements sharing.States.
func (m *Memory) Delete(p sharing.SharePartition, done func(error)) {
	m.mu.Lock()
	err := m.refused("delete")
	if err == nil {
		delete(m.states, p)
	}
	m.mu.Unlock()
	m.answer(func() { done(err) })
}

// Summary implements sharing.States.
func (m *Memory) Summary(p sharing.SharePartition, _ int32, done func(sharing.Summary, error)) {
	m.mu.Lock()
	err := m.refused("summary")
	sum := sharing.Summary{StartOffset: -1, DeliveryCompleteCount: -1}
	if s := m.states[p]; err == nil && s != nil {
		sum = sharing.Summary{StateEpoch: s.durable.StateEpoch, LeaderEpoch: s.leaderEpoch, StartOffset: s.durable.StartOffset, DeliveryCompleteCount: s.complete}
	}
	m.mu.Unlock()
	m.answer(func() { done(sum, err) })
}
