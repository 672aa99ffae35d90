package sharing

import (
	"context"
	"math"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/record"
)

// Epochs of share sessions that are no count.
const (
	firstEpoch int32 = 0
	finalEpoch int32 = -1
)

// Topic names a partition by topic id.
type Topic struct {
	ID        record.UUID
	Partition int32
}

// sessionKey is whose session it is.
type sessionKey struct{ group, member string }

// session is which partitions a member reads from this node, so that it does not have to say it each time. It lives as long as its connection.
type session struct {
	key     sessionKey
	epoch   int32
	parts   []Topic
	unnamed map[Topic]bool // those of parts whose topic id nobody knew whenever they were asked for
	unwatch func() bool
}

// sessions are those of this node.
type sessions struct {
	mu         sync.Mutex
	byKey      map[sessionKey]*session // guarded by mu, as all below and the sessions' fields
	groups     map[string]int          // sessions
	readers    map[SharePartition]int  // sessions that read it
	partitions int
}

// maxPartitions bounds the partitions of all sessions together. A member may name any, whether they exist or not.
const maxPartitions = 2_000_000

func newSessions() *sessions {
	return &sessions{byKey: make(map[sessionKey]*session), groups: make(map[string]int), readers: make(map[SharePartition]int)}
}

// of is the number of sessions of a group.
func (s *sessions) of(group string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups[group]
}

// reading is the number of sessions that read a share partition.
func (s *sessions) reading(p SharePartition) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readers[p]
}

// count takes up that a session reads a partition, or does not any more. Called with mu held.
func (s *sessions) count(one *session, t Topic, change int) {
	key := SharePartition{Group: one.key.group, TopicID: t.ID, Partition: t.Partition}
	s.partitions += change
	if s.readers[key] += change; s.readers[key] == 0 {
		delete(s.readers, key)
	}
}

func (s *sessions) counts() (sessions, partitions int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byKey), s.partitions
}

// begin makes a session in place of the one that there may be. named tells whose topic id is known.
func (s *sessions) begin(key sessionKey, parts []Topic, limit int, named func(Topic) bool) (*session, []Topic, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.byKey[key])
	if len(s.byKey) >= limit {
		return nil, nil, kerr.ShareSessionLimitReached
	}
	if s.partitions+len(parts) > maxPartitions {
		return nil, nil, kerr.ShareSessionLimitReached
	}
	one := &session{key: key, epoch: 1}
	s.byKey[key] = one
	s.groups[key.group]++
	s.add(one, parts, named)
	return one, slices.Clone(one.parts), nil
}

// add has a session read partitions that it did not, and returns those, and those whose topic id was unknown so far. Called with mu held.
func (s *sessions) add(one *session, parts []Topic, named func(Topic) bool) (fresh map[Topic]bool) {
	if len(parts) == 0 && len(one.unnamed) == 0 {
		return nil
	}
	known := make(map[Topic]bool, len(one.parts))
	for _, t := range one.parts {
		known[t] = true
	}
	fresh = make(map[Topic]bool)
	for t := range one.unnamed {
		fresh[t] = true
		if named(t) {
			delete(one.unnamed, t)
		}
	}
	for _, t := range parts {
		if known[t] {
			continue
		}
		known[t], fresh[t] = true, true
		one.parts = append(one.parts, t)
		s.count(one, t, 1)
		if named(t) {
			continue
		}
		if one.unnamed == nil {
			one.unnamed = make(map[Topic]bool)
		}
		one.unnamed[t] = true
	}
	return fresh
}

// drop takes a session out. Called with mu held.
func (s *sessions) drop(one *session) {
	if one == nil || s.byKey[one.key] != one {
		return
	}
	delete(s.byKey, one.key)
	if s.groups[one.key.group]--; s.groups[one.key.group] == 0 {
		delete(s.groups, one.key.group)
	}
	for _, t := range one.parts {
		s.count(one, t, -1)
	}
	if one.unwatch != nil {
		one.unwatch()
	}
}

// watch has fn called when the connection of a session is closed.
func (s *sessions) watch(one *session, gone context.Context, fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[one.key] == one && gone != nil {
		one.unwatch = context.AfterFunc(gone, fn)
	}
}

// at finds a session that is at an epoch.
func (s *sessions) at(key sessionKey, epoch int32) (*session, error) {
	one := s.byKey[key]
	switch {
	case one == nil:
		return nil, kerr.ShareSessionNotFound
	case epoch != finalEpoch && one.epoch != epoch:
		return nil, kerr.InvalidShareSessionEpoch
	}
	return one, nil
}

// next goes to the next epoch. Called with mu held.
func (one *session) next() {
	if one.epoch == math.MaxInt32 {
		one.epoch = 0
	}
	one.epoch++
}

// update changes what a session reads and returns its partitions, those first whose turn it is, and which of them were never answered.
func (s *sessions) update(key sessionKey, epoch int32, add, forget []Topic, named func(Topic) bool) (parts []Topic, fresh map[Topic]bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, err := s.at(key, epoch)
	if err != nil {
		return nil, nil, err
	}
	if s.partitions+len(add) > maxPartitions {
		return nil, nil, kerr.ShareSessionLimitReached
	}
	fresh = s.add(one, add, named)
	if len(forget) > 0 {
		s.forget(one, forget)
	}
	one.next()
	return slices.Clone(one.parts), fresh, nil
}

// forget ends that a session reads partitions. Called with mu held.
func (s *sessions) forget(one *session, parts []Topic) {
	gone := make(map[Topic]bool, len(parts))
	for _, t := range parts {
		gone[t] = true
	}
	one.parts = slices.DeleteFunc(one.parts, func(t Topic) bool {
		if gone[t] {
			s.count(one, t, -1)
			delete(one.unnamed, t)
		}
		return gone[t]
	})
}

// acknowledging goes to the next epoch for a request that only acknowledges.
func (s *sessions) acknowledging(key sessionKey, epoch int32) error {
	if epoch == firstEpoch {
		return kerr.InvalidShareSessionEpoch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, err := s.at(key, epoch)
	if err == nil && epoch != finalEpoch {
		one.next()
	}
	return err
}

// finish ends a session and returns the partitions that it had.
func (s *sessions) finish(key sessionKey) ([]Topic, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.byKey[key]
	if one == nil {
		return nil, kerr.ShareSessionNotFound
	}
	s.drop(one)
	return one.parts, nil
}

// gone ends a session whose connection was closed, and reports whether it was still there.
func (s *sessions) gone(one *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[one.key] != one {
		return false
	}
	s.drop(one)
	return true
}
