package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/wire"
)

// open finds out which partitions the fetch is about: those of the request, or those of its session as the request changes it. It returns an error code for the
// whole response if the session does not fit.
func (f *fetchCall) open() int16 {
	version := f.c.Header.Version
	id, epoch := f.rq.SessionID, f.rq.SessionEpoch
	if version < 7 {
		id, epoch = 0, noSessionEpoch
	}
	if epoch == fullFetchEpoch || epoch == noSessionEpoch {
		if id != 0 {
			f.closeSession(id) // a full fetch closes the session that it names
		}
		f.create = epoch == fullFetchEpoch
		f.takeAll()
		return 0
	}
	s := f.h.sessions.find(id)
	if s == nil || s.tenant != f.c.tenantName() {
		return kerr.FetchSessionIDNotFound.Code
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.epoch != epoch:
		return kerr.InvalidFetchSessionEpoch.Code
	case s.byID != (version >= fetchByID):
		return kerr.FetchSessionTopicIDError.Code
	}
	f.update(s)
	switch n := len(s.parts); {
	case n == 0: // nothing left to follow: the session ends
		f.h.sessions.remove(id)
		return 0
	case n > f.sessionLimit():
		f.h.sessions.remove(id)
		return kerr.FetchSessionIDNotFound.Code
	}
	f.h.sessions.used(s, len(s.parts), time.Now())
	s.epoch = nextSessionEpoch(s.epoch)
	f.session = s
	f.takeSession(s)
	return 0
}

// sessionLimit is how many partitions a session may have: all there are, and some that may come. Whoever asks for more is answered, but nothing of it
// is remembered, so that the memory of sessions is bounded by what the cluster has and not by what clients make up.
func (f *fetchCall) sessionLimit() int { return f.c.Image.PartitionCount() + 1000 }

// takeAll takes the partitions of the request itself.
func (f *fetchCall) takeAll() {
	for i := range f.rq.Topics {
		t := &f.rq.Topics[i]
		topic := f.topic(t.TopicID, t.Topic)
		for j := range t.Partitions {
			key, ask := f.asked(i, j)
			f.parts = append(f.parts, fetchPart{key: key, ask: ask, topic: topic})
		}
	}
}

// asked is what the request says of a partition.
func (f *fetchCall) asked(topic, partition int) (sessionKey, fetchAsk) {
	t := &f.rq.Topics[topic]
	p := &t.Partitions[partition]
	return sessionKey{t.TopicID, t.Topic, p.Partition},
		fetchAsk{p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch, p.LastFetchedEpoch}
}

// topic finds a topic that is asked for by name or, from version 13 on, by id; nil if there is none.
func (f *fetchCall) topic(id record.UUID, name string) *metadata.Topic {
	var t *metadata.Topic
	if f.c.Header.Version < fetchByID {
		t, _ = f.c.Image.Topic(f.c.innerTopic(name))
	} else {
		t, _ = f.c.topicByID(id)
	}
	return t
}

// update changes the session as the request says. Called with the session's lock held.
func (f *fetchCall) update(s *fetchSession) {
	for i := range f.rq.Topics {
		for j := range f.rq.Topics[i].Partitions {
			s.put(f.asked(i, j))
		}
	}
	for i := range f.rq.ForgottenTopics {
		t := &f.rq.ForgottenTopics[i]
		for _, p := range t.Partitions {
			s.drop(sessionKey{t.TopicID, t.Topic, p})
		}
	}
}

// takeSession takes the session's partitions in its order. Called with the session's lock held.
func (f *fetchCall) takeSession(s *fetchSession) {
	var topic *metadata.Topic
	for p := s.first; p != nil; p = p.next {
		if p == s.first || p.key.topicID != p.prev.key.topicID || p.key.topic != p.prev.key.topic {
			topic = f.topic(p.key.topicID, p.key.topic)
		}
		p.called(topic)
		part := fetchPart{key: p.key, ask: p.ask, topic: topic, name: p.name, cached: p}
		if topic == nil && p.name != "" {
			part.topic, _ = f.c.Image.Topic(p.name) // another one of that name: reading it tells that the ids differ
		}
		f.parts = append(f.parts, part)
	}
}

// called keeps the name of the partition's topic, which outlives the topic: whoever goes on asking by the id is told what became of the name.
func (p *sessionPart) called(topic *metadata.Topic) {
	if topic != nil && !p.key.topicID.IsZero() {
		p.name = topic.Name
	}
}

// closing chooses what the response says: everything after a full fetch, only what changed in a session.
func (f *fetchCall) closing(now time.Time) {
	if f.session != nil {
		f.answerChanges()
		return
	}
	for i := range f.answers {
		f.include(i)
	}
	if f.create {
		f.resp.SessionID = f.newSession(now)
	}
}

// newSession makes a session of a full fetch and what it was answered; 0 if there is no place for it.
func (f *fetchCall) newSession(now time.Time) int32 {
	if len(f.parts) > f.sessionLimit() {
		return 0
	}
	s := &fetchSession{privileged: f.follower(), byID: f.c.Header.Version >= fetchByID, epoch: firstIncremental, tenant: f.c.tenantName(),
		parts: make(map[sessionKey]*sessionPart, len(f.parts))}
	for i := range f.parts {
		p := s.put(f.parts[i].key, f.parts[i].ask)
		p.called(f.parts[i].topic)
		p.tell(&f.answers[i])
	}
	if !f.h.sessions.add(s, now) {
		return 0
	}
	return s.id
}

// tell notes an answer in the session and reports whether the client has to see it.
func (p *sessionPart) tell(a *wire.FetchPartition) bool {
	return p.told(a.ErrorCode, a.HighWatermark, a.LogStartOffset, a.Records != nil, a.DivergingEpoch >= 0 || a.PreferredReadReplica >= 0)
}

// answerChanges fills an incremental response. If the session went on without this request, nothing of it can be told any more.
func (f *fetchCall) answerChanges() {
	s := f.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != nextSessionEpoch(f.rq.SessionEpoch) {
		f.letGo()
		f.resp.ErrorCode = kerr.InvalidFetchSessionEpoch.Code
		f.resp.SessionID = s.id
		return
	}
	f.resp.SessionID = s.id
	for i := range f.answers {
		cached := f.parts[i].cached
		records := f.answers[i].Records != nil
		if cached.tell(&f.answers[i]) {
			f.include(i)
		}
		if records {
			s.toEnd(cached)
		}
	}
}
