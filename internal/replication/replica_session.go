package replication

import (
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/storage"
)

// replicaSession is what a follower's fetcher and this node both know of a row of fetches (KIP-227).
//
// What happens to a partition puts it on the session's list; a request deals with what it names and what is on the list. So a partition to which nothing
// happens costs neither side anything, however many there are and however often is fetched.
//
// Locks: mu is outside of Partition.role, news inside of Partition.mu.
type replicaSession struct {
	node        *Node
	id          int32 // 0: for one request only
	replica     int32
	brokerEpoch int64
	lastFetch   atomic.Int64 // when the newest request came, ms
	awaited     atomic.Bool  // a request waits for records

	mu    sync.Mutex // held over dealing with a request
	epoch int32      // of the next request
	parts map[ReplicaKey]*sessionPart
	call  *replicaCall // the request that waits, if any
	ended bool

	news  sync.Mutex
	dirty []*sessionPart // guarded by news, as the next two
	spare []*sessionPart // an empty list with room
	grown bool           // a partition on the list has got records since the list was last taken
}

// sessionPart is a partition of a session.
type sessionPart struct {
	session   *replicaSession
	ask       ReplicaAsk
	partition *Partition // that it watches, nil: there is none
	listed    bool       // in session.dirty; guarded by session.news

	// Guarded by partition.mu while it watches one.
	offset   int64 // up to where the follower has the log, or will when it has got the last answer
	toldMark int64 // the high watermark of the last answer
	toldFrom int64 // the log start offset of the last answer
	asked    bool  // the follower is to say where its log begins: it is told of the partition even if nothing is new
}

// list puts a partition on the list, and reports whether somebody waits for just that.
func (s *replicaSession) list(sp *sessionPart, grown bool) (awaited bool) {
	s.news.Lock()
	if !sp.listed {
		sp.listed = true
		s.dirty = append(s.dirty, sp)
	}
	s.grown = s.grown || grown
	s.news.Unlock()
	return grown && s.awaited.Load()
}

// take returns what is on the list, which is empty afterwards.
func (s *replicaSession) take() []*sessionPart {
	s.news.Lock()
	defer s.news.Unlock()
	taken := s.dirty
	s.dirty, s.spare, s.grown = s.spare[:0], nil, false
	for _, sp := range taken {
		sp.listed = false
	}
	return taken
}

// giveBack lets the memory of a list be used again.
func (s *replicaSession) giveBack(taken []*sessionPart) {
	clear(taken)
	s.news.Lock()
	s.spare = taken[:0]
	s.news.Unlock()
}

func (s *replicaSession) hasGrown() bool {
	s.news.Lock()
	defer s.news.Unlock()
	return s.grown
}

// put takes up what a request asks of a partition. Called with mu held.
func (s *replicaSession) put(ask ReplicaAsk) {
	sp := s.parts[ask.ReplicaKey]
	if sp == nil {
		sp = &sessionPart{session: s, toldMark: -1, toldFrom: -1}
		s.parts[ask.ReplicaKey] = sp
	}
	sp.ask = ask
	s.list(sp, false)
}

// drop forgets a partition. Called with mu held.
func (s *replicaSession) drop(key ReplicaKey) {
	if sp := s.parts[key]; sp != nil {
		delete(s.parts, key)
		sp.watch(nil)
	}
}

// end forgets all partitions. Called with mu held.
func (s *replicaSession) end() {
	s.ended = true
	for _, sp := range s.parts {
		sp.watch(nil)
	}
	clear(s.parts)
	s.take()
}

// watch changes which partition sp looks at. Called with the session's mu held.
func (sp *sessionPart) watch(p *Partition) {
	if old := sp.partition; old != nil {
		old.mu.Lock()
		for i, w := range old.watchers {
			if w == sp {
				last := len(old.watchers) - 1
				old.watchers[i], old.watchers[last] = old.watchers[last], nil
				old.watchers = old.watchers[:last]
				break
			}
		}
		if len(old.watchers) == 0 {
			old.watchers = nil
		}
		old.mu.Unlock()
	}
	sp.partition = p
	if p != nil {
		p.mu.Lock()
		p.watchers = append(p.watchers, sp)
		p.mu.Unlock()
	}
}

// beforeGrowth notes, before the log grows, that followers who had all of it went on asking until lately. Called with mu held.
func (p *Partition) beforeGrowth() {
	for _, sp := range p.watchers {
		p.progress.Heard(sp.session.replica, time.UnixMilli(sp.session.lastFetch.Load()))
	}
}

// tellFollowers puts the partition on the lists of the sessions to which it has something new to say. Called with mu held.
func (p *Partition) tellFollowers(ready *wakeups) {
	end, mark := p.progress.LogEnd(), p.progress.HighWatermark()
	for _, sp := range p.watchers {
		switch {
		case end > sp.offset:
			if sp.session.list(sp, true) {
				ready.sessions = append(ready.sessions, sp.session)
			}
		case mark != sp.toldMark:
			if sp.session.list(sp, p.node.cfg.RackAware) {
				ready.sessions = append(ready.sessions, sp.session)
			}
		}
	}
}

// lookAgain puts the partition on the lists of all its followers, and with wake has those answered who wait. Called with mu held.
func (p *Partition) lookAgain(wake bool, ready *wakeups) {
	for _, sp := range p.watchers {
		if sp.session.list(sp, wake) {
			ready.sessions = append(ready.sessions, sp.session)
		}
	}
}

// joiners puts the partition on the lists of its followers if one of its replicas is not in sync: it may be able to join now. Called with mu held.
func (p *Partition) joiners() {
	if len(p.watchers) == 0 || !p.progress.Leads() || !p.progress.UnderReplicated() {
		return
	}
	for _, sp := range p.watchers {
		sp.session.list(sp, false)
	}
}

const (
	// sessionRest is how long a session that is not used is kept.
	sessionRest = 2 * time.Minute
	// mostSessions bounds how many there are: enough for a thousand fetchers.
	mostSessions = 1000
)

// replicaSessions are the sessions of followers.
type replicaSessions struct {
	mu   sync.Mutex
	byID map[int32]*replicaSession // guarded by mu
}

func (t *replicaSessions) find(id int32) *replicaSession {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

// add gives a session an id, unless there are too many.
func (t *replicaSessions) add(s *replicaSession) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byID) >= mostSessions {
		return
	}
	if t.byID == nil {
		t.byID = map[int32]*replicaSession{}
	}
	for s.id == 0 || t.byID[s.id] != nil {
		s.id = rand.Int32() //nolint:gosec // nothing secret
	}
	t.byID[s.id] = s
}

// remove ends a session, which may not exist.
func (t *replicaSessions) remove(id int32) {
	t.mu.Lock()
	s := t.byID[id]
	delete(t.byID, id)
	t.mu.Unlock()
	if s != nil {
		s.close()
	}
}

// sweep ends those that were not used for long: their followers have gone, or begun others.
func (t *replicaSessions) sweep(now time.Time) {
	t.mu.Lock()
	var old []*replicaSession
	for id, s := range t.byID {
		if now.UnixMilli()-s.lastFetch.Load() > sessionRest.Milliseconds() {
			old = append(old, s)
			delete(t.byID, id)
		}
	}
	t.mu.Unlock()
	for _, s := range old {
		s.close()
	}
}

// all lists them.
func (t *replicaSessions) all() []*replicaSession {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*replicaSession, 0, len(t.byID))
	for s := range maps.Values(t.byID) {
		list = append(list, s)
	}
	return list
}

// close ends a session and whoever waits in it.
func (s *replicaSession) close() {
	s.mu.Lock()
	call := s.call
	s.call = nil
	s.awaited.Store(false)
	s.end()
	s.mu.Unlock()
	if call != nil {
		call.refuse(ErrNoSession)
	}
}

// ReplicaPart is the answer for one partition.
type ReplicaPart struct {
	ReplicaKey
	Err                       error // the offsets mean nothing then
	HighWatermark, LastStable int64
	LogStart                  int64
	DivergingEpoch            int32 // with DivergingEnd: the follower has to truncate; -1: it has not
	DivergingEnd              int64
	Records                   storage.Slice // to be released by whoever takes the answer, if it has a length

	part *sessionPart
}
