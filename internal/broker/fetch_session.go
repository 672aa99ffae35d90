package broker

import (
	"sync"
	"time"

	"leat/internal/record"
)

// Session epochs with a meaning of their own (KIP-227).
const (
	fullFetchEpoch   int32 = 0  // a full fetch that would like a session
	noSessionEpoch   int32 = -1 // a full fetch without a session, which also closes the one it names
	firstIncremental int32 = 1
)

// nextSessionEpoch is the epoch of the request that follows one.
func nextSessionEpoch(epoch int32) int32 {
	if epoch == 1<<31-1 {
		return firstIncremental
	}
	return epoch + 1
}

// sessionKey names a partition within a session: by topic id from version 13 on, by name before.
type sessionKey struct {
	topicID   record.UUID
	topic     string
	partition int32
}

// fetchSession is what a client and this node both know of a row of fetches, so that requests and responses carry only what changed.
type fetchSession struct {
	id         int32
	privileged bool // of a follower
	byID       bool
	created    time.Time
	tenant     string // of the client, "": none

	mu    sync.Mutex
	epoch int32 // of the next request
	parts map[sessionKey]*sessionPart
	// Partitions are answered in the order of this list. One that gave records goes to its end, so that a busy one does not starve the others.
	first, last *sessionPart

	// Guarded by the lock of fetchSessions.
	lastUsed time.Time
	size     int // partitions, as of the last request
}

// sessionPart is a partition of a session: what the client asked for, and what it was told last.
type sessionPart struct {
	key        sessionKey
	ask        fetchAsk
	name       string // what the topic of an id is or was called; empty as long as nobody knew
	prev, next *sessionPart

	highWatermark int64
	logStart      int64
}

// fetchAsk is what a request says of one partition.
type fetchAsk struct {
	offset             int64
	maxBytes           int32
	currentLeaderEpoch int32
	lastFetchedEpoch   int32
}

// put adds a partition at the end of the order, or changes what is asked of it where it stands.
func (s *fetchSession) put(key sessionKey, ask fetchAsk) *sessionPart {
	if p := s.parts[key]; p != nil {
		p.ask = ask
		return p
	}
	p := &sessionPart{key: key, ask: ask, highWatermark: -1, logStart: -1}
	s.parts[key] = p
	s.append(p)
	return p
}

// drop forgets a partition.
func (s *fetchSession) drop(key sessionKey) {
	if p := s.parts[key]; p != nil {
		delete(s.parts, key)
		s.unlink(p)
	}
}

// toEnd moves a partition to the end of the order.
func (s *fetchSession) toEnd(p *sessionPart) {
	if s.last != p {
		s.unlink(p)
		s.append(p)
	}
}

func (s *fetchSession) append(p *sessionPart) {
	p.prev, p.next = s.last, nil
	if s.last == nil {
		s.first = p
	} else {
		s.last.next = p
	}
	s.last = p
}

func (s *fetchSession) unlink(p *sessionPart) {
	if p.prev == nil {
		s.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		s.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.prev, p.next = nil, nil
}

// told notes what a response says of a partition, and reports whether it says anything new. An error is new each time; it tells no high watermark, so
// that the next answer without an error is news, too.
func (p *sessionPart) told(errorCode int16, highWatermark, logStart int64, records, more bool) bool {
	changed := errorCode != 0 || records || more || highWatermark != p.highWatermark || logStart != p.logStart
	p.highWatermark, p.logStart = highWatermark, logStart
	return changed
}
