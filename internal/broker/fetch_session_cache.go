package broker

import (
	"math/rand/v2"
	"sync"
	"time"
)

// sessionRest is how long a session is safe from eviction after its last use, and from larger ones after its creation.
const sessionRest = 2 * time.Minute

// fetchSessions is the cache of incremental fetch sessions (KIP-227), bounded by max.incremental.fetch.session.cache.slots.
//
// Locks: mu may be taken while a session's own lock is held, never the other way round.
type fetchSessions struct {
	slots func() int

	mu   sync.Mutex
	byID map[int32]*fetchSession

	evictions int // guarded by mu
}

func newFetchSessions(slots func() int) *fetchSessions {
	return &fetchSessions{slots: slots, byID: make(map[int32]*fetchSession)}
}

// sessionSlots is the configured size of the cache.
func (h *Handlers) sessionSlots() int {
	return h.Config().Int("max.incremental.fetch.session.cache.slots")
}

// Len is the number of sessions.
func (s *fetchSessions) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// FetchSessions is how many fetch sessions there are, and how many had to go for others.
func (h *Handlers) FetchSessions() (kept, evicted int) {
	h.sessions.mu.Lock()
	defer h.sessions.mu.Unlock()
	return len(h.sessions.byID), h.sessions.evictions
}

// find returns a session or nil.
func (s *fetchSessions) find(id int32) *fetchSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// remove closes a session.
func (s *fetchSessions) remove(id int32) {
	s.mu.Lock()
	delete(s.byID, id)
	s.mu.Unlock()
}

// used notes that a session with so many partitions was used.
func (s *fetchSessions) used(session *fetchSession, size int, now time.Time) {
	s.mu.Lock()
	session.lastUsed, session.size = now, size
	s.mu.Unlock()
}

// add gives a new session an id and a place, and reports whether there is one. The id is set before anybody else can find it.
func (s *fetchSessions) add(session *fetchSession, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= s.slots() && !s.evict(session, now) {
		return false
	}
	for session.id == 0 || s.byID[session.id] != nil {
		session.id = rand.Int32()
	}
	session.created, session.lastUsed, session.size = now, now, len(session.parts)
	s.byID[session.id] = session
	return true
}

// evict makes room for a new session: the one that was not used for longest goes if that is long ago, otherwise the least valuable if it is worth no more than the new
// one. Called with mu held.
func (s *fetchSessions) evict(fresh *fetchSession, now time.Time) bool {
	var stale, least *fetchSession
	for _, old := range s.byID {
		if stale == nil || old.lastUsed.Before(stale.lastUsed) {
			stale = old
		}
		settled := old.lastUsed.Sub(old.created) > sessionRest
		if (settled || fresh.privileged && !old.privileged) && (least == nil || lessValuable(old, old.size, least, least.size)) {
			least = old
		}
	}
	switch {
	case stale == nil:
		return false
	case now.Sub(stale.lastUsed) > sessionRest:
		delete(s.byID, stale.id)
	case least != nil && !lessValuable(fresh, len(fresh.parts), least, least.size):
		delete(s.byID, least.id)
	default:
		return false
	}
	s.evictions++
	return true
}

// lessValuable orders sessions: a follower's is worth more than a consumer's, and a large one more than a small one. Ids break ties.
func lessValuable(a *fetchSession, sizeA int, b *fetchSession, sizeB int) bool {
	switch {
	case a.privileged != b.privileged:
		return b.privileged
	case sizeA != sizeB:
		return sizeA < sizeB
	}
	return a.id < b.id
}
