package controller

import (
	"maps"
	"slices"
	"time"

	"leat/internal/metadata"
)

// session is what a controller remembers of one broker's heartbeats.
type session struct {
	deadline time.Time
	// heard tells whether the broker was heard of by this controller. A broker that was unfenced before this controller became active
	// has a deadline, but nobody is refused in its place until it speaks: after a crash of a node that is broker and controller at once, the
	// new incarnation registers at once instead of after a whole session.
	heard bool
	// hungUp tells that the connection closed on which the broker was last heard of.
	hungUp bool
	// offset is how far the broker had read the metadata log at its last heartbeat.
	offset int64
	// registered is the offset of the broker's newest registration, which it must have read before it may serve.
	registered int64
	// leaving is the offset of the last record that all active brokers must have read before the broker may stop: they must know that it leads nothing
	// any more. -1 while it does not want to.
	leaving int64
}

// sessions is the soft state: by broker id.
type sessions struct {
	timeout time.Duration
	of      map[int32]*session
}

func newSessions(timeout time.Duration, now time.Time, im *metadata.Image) sessions {
	s := sessions{timeout: timeout, of: map[int32]*session{}}
	for _, b := range im.Brokers() {
		s.of[b.ID] = &session{deadline: now.Add(timeout), offset: -1, registered: b.Epoch, leaving: -1}
	}
	return s
}

// apply follows registrations, so that every registered broker has a session.
func (s *sessions) apply(r Record, offset int64) {
	switch r := r.(type) {
	case *metadata.RegisterBrokerRecord:
		if s.of[r.BrokerID] == nil {
			s.of[r.BrokerID] = &session{offset: -1}
		}
		s.of[r.BrokerID].registered, s.of[r.BrokerID].leaving = offset, -1
	case *metadata.UnregisterBrokerRecord:
		delete(s.of, r.BrokerID)
	}
}

// touch notes that a broker was heard of.
func (s *sessions) touch(id int32, now time.Time) *session {
	if s.of[id] == nil {
		s.of[id] = &session{offset: -1, leaving: -1}
	}
	s.of[id].deadline, s.of[id].heard, s.of[id].hungUp = now.Add(s.timeout), true, false
	return s.of[id]
}

// valid reports whether the broker was heard of by this controller within a session.
func (s *sessions) valid(id int32, now time.Time) bool {
	b := s.of[id]
	return b != nil && b.heard && now.Before(b.deadline)
}

// due is the first deadline of a broker that could be fenced.
func (s *sessions) due(im *metadata.Image) time.Time {
	var first time.Time
	for _, b := range im.Brokers() {
		if ses := s.of[b.ID]; !b.Fenced && ses != nil && (first.IsZero() || ses.deadline.Before(first)) {
			first = ses.deadline
		}
	}
	return first
}

// expired finds the broker that should be fenced first.
func (s *sessions) expired(now time.Time, im *metadata.Image) (*metadata.Broker, bool) {
	first := s.due(im)
	if first.IsZero() || now.Before(first) {
		return nil, false
	}
	for _, b := range im.Brokers() {
		if ses := s.of[b.ID]; !b.Fenced && ses != nil && ses.deadline.Equal(first) {
			return b, true
		}
	}
	return nil, false
}

// lowestActiveOffset is how far the slowest broker that is neither fenced nor leaving has read the log.
func (s *sessions) lowestActiveOffset(im *metadata.Image) int64 {
	lowest := int64(1<<63 - 1)
	for _, id := range slices.Sorted(maps.Keys(s.of)) {
		if b, ok := im.Broker(id); ok && b.Active() {
			lowest = min(lowest, s.of[id].offset)
		}
	}
	return lowest
}
