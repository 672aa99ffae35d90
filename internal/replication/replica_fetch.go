package replication

import (
	"fmt"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication/progress"
	"leat/internal/storage"
)

// Session epochs with a meaning of their own (KIP-227).
const (
	fullFetch    int32 = 0  // all partitions are named, and a session is wanted
	fetchOnce    int32 = -1 // all partitions are named
	firstSession int32 = 1
)

func nextEpoch(epoch int32) int32 {
	if epoch == 1<<31-1 {
		return firstSession
	}
	return epoch + 1
}

// ReplicaAnswer is the answer to a fetch of a replica. Parts are those that say something new.
type ReplicaAnswer struct {
	Err       error
	SessionID int32
	Parts     []ReplicaPart
}

// replicaCall is a request under way. It is guarded by its session's mu until it is answered.
type replicaCall struct {
	session  *replicaSession
	rq       *ReplicaFetch
	reply    func(*ReplicaAnswer)
	at       time.Time
	deadline deadline
	full     bool          // everything is answered
	eligible bool          // the follower may join in-sync sets
	held     time.Duration // how long records must not be sent that the follower lacks; 0: they may
	urgent   bool          // there is something to tell that must not wait for records
	answer   ReplicaAnswer
}

// FetchReplica answers another broker that replicates partitions led here, once there is enough to tell or its time is over. reply is called once, by
// whoever brought that about, and owns the answer; it must not wait.
func (n *Node) FetchReplica(rq *ReplicaFetch, reply func(*ReplicaAnswer)) {
	c := &replicaCall{rq: rq, reply: reply, at: time.Now()}
	s, err := n.sessionOf(c)
	if err != nil {
		c.refuse(err)
		return
	}
	c.session = s
	s.lastFetch.Store(c.at.UnixMilli())
	var ready wakeups
	done := false
	s.mu.Lock()
	earlier := s.call // a follower that has something new to say sends the next request before it has the answer to this one
	s.call = nil
	s.awaited.Store(false)
	if earlier != nil {
		s.settle(earlier)
	}
	if err = s.open(c); err == nil {
		done = s.proceed(c, rq.Wait <= 0, &ready)
	}
	s.mu.Unlock()
	if earlier != nil {
		earlier.after(true, &wakeups{})
	}
	if err != nil {
		c.refuse(err)
		return
	}
	c.after(done, &ready)
}

func (c *replicaCall) refuse(err error) { c.reply(&ReplicaAnswer{Err: err, SessionID: c.rq.SessionID}) }

// after makes the calls that dealing with a request led to, and answers it if it is done; if not, somebody else may be dealing with it already.
// No lock is held.
func (c *replicaCall) after(done bool, ready *wakeups) {
	ready.run()
	if !done {
		return
	}
	c.session.node.deadlines.remove(&c.deadline)
	c.reply(&c.answer)
}

// wake deals with a session whose list has grown.
func (s *replicaSession) wake() {
	if !s.awaited.CompareAndSwap(true, false) {
		return
	}
	var ready wakeups
	s.mu.Lock()
	c := s.call
	if c == nil {
		s.mu.Unlock()
		return
	}
	s.call = nil
	done := s.proceed(c, false, &ready)
	s.mu.Unlock()
	c.after(done, &ready)
}

// expire answers with what there is.
func (c *replicaCall) expire() {
	var ready wakeups
	s := c.session
	s.mu.Lock()
	if s.call != c {
		s.mu.Unlock()
		return
	}
	s.call = nil
	s.awaited.Store(false)
	done := s.proceed(c, true, &ready)
	s.mu.Unlock()
	c.after(done, &ready)
}

// sessionOf finds or makes the session of a request.
func (n *Node) sessionOf(c *replicaCall) (*replicaSession, error) {
	rq := c.rq
	if rq.SessionEpoch != fullFetch && rq.SessionEpoch != fetchOnce {
		s := n.replicas.find(rq.SessionID)
		if s == nil || s.replica != rq.Replica || s.brokerEpoch != rq.BrokerEpoch {
			return nil, fmt.Errorf("session %d of replica %d: %w", rq.SessionID, rq.Replica, ErrNoSession)
		}
		return s, nil
	}
	if rq.SessionID != 0 {
		n.replicas.remove(rq.SessionID)
	}
	c.full = true
	s := &replicaSession{node: n, replica: rq.Replica, brokerEpoch: rq.BrokerEpoch, epoch: rq.SessionEpoch,
		parts: make(map[ReplicaKey]*sessionPart, len(rq.Asks))}
	s.lastFetch.Store(c.at.UnixMilli())
	if rq.SessionEpoch == fullFetch && len(rq.Asks) > 0 {
		n.replicas.add(s)
	}
	return s, nil
}

// open takes up what a request changes in its session. Called with mu held.
func (s *replicaSession) open(c *replicaCall) error {
	switch {
	case s.ended:
		return ErrNoSession
	case s.epoch != c.rq.SessionEpoch:
		return fmt.Errorf("session %d: epoch %d, expected %d: %w", s.id, c.rq.SessionEpoch, s.epoch, ErrSessionEpoch)
	case s.epoch >= 0:
		s.epoch = nextEpoch(s.epoch)
	}
	for i := range c.rq.Asks {
		s.put(c.rq.Asks[i])
	}
	for _, key := range c.rq.Forgotten {
		s.drop(key)
	}
	c.rq.Asks, c.rq.Forgotten = nil, nil // the session has them
	return nil
}

// proceed deals with the list, and lets the request wait if that is not enough and it may. It reports whether the request is done. Called with mu held.
func (s *replicaSession) proceed(c *replicaCall, last bool, ready *wakeups) (done bool) {
	for {
		if s.pass(c, ready) || last {
			s.settle(c)
			return true
		}
		c.takeBack()
		if c.deadline.who == nil {
			wait := c.rq.Wait
			if c.held > 0 { // then there may be something to send
				wait = min(wait, c.held)
			}
			s.node.deadlines.add(&c.deadline, c.at.Add(wait), c)
		}
		s.call = c
		s.awaited.Store(true)
		if !s.hasGrown() || !s.awaited.CompareAndSwap(true, false) { // who grows it from now on wakes the request
			return false
		}
		s.call = nil
	}
}

// pass looks at what is on the list, as far as the request's bytes go, and reports whether that is enough for an answer. Called with mu held.
func (s *replicaSession) pass(c *replicaCall, ready *wakeups) (enough bool) {
	stale := s.node.standing(s, c)
	taken := s.take()
	left, got := c.rq.MaxBytes, 0
	for i, sp := range taken {
		if left <= 0 && got > 0 {
			for _, rest := range taken[i:] {
				s.list(rest, false)
			}
			break
		}
		part, say := s.look(c, sp, stale, left, got == 0, ready)
		if !say {
			continue
		}
		n := part.Records.Len()
		got += n
		left -= n
		enough = enough || part.Err != nil || part.DivergingEpoch >= 0
		c.answer.Parts = append(c.answer.Parts, part)
	}
	s.giveBack(taken)
	return enough || c.urgent || got >= c.rq.MinBytes || len(s.parts) == 0
}

// takeBack undoes a pass that is not answered.
func (c *replicaCall) takeBack() {
	for i := range c.answer.Parts {
		part := &c.answer.Parts[i]
		if part.Records.Len() > 0 {
			part.Records.Release()
		}
		c.session.list(part.part, false)
		*part = ReplicaPart{}
	}
	c.answer.Parts = c.answer.Parts[:0]
}

// settle notes what the follower is told. What it will have to ask again for stays on the list. Called with mu held.
func (s *replicaSession) settle(c *replicaCall) {
	c.answer.SessionID = s.id
	for i := range c.answer.Parts {
		part := &c.answer.Parts[i]
		sp := part.part
		part.part = nil
		if part.Err != nil || part.DivergingEpoch >= 0 || part.Records.Len() > 0 {
			s.list(sp, false)
		}
		if p := sp.partition; p != nil {
			p.mu.Lock()
			sp.toldMark, sp.toldFrom, sp.asked = part.HighWatermark, part.LogStart, sp.asked && part.Err != nil
			p.mu.Unlock()
		}
	}
	if s.id == 0 {
		s.end()
	}
}

// look finds out what there is to say of one partition. Called with mu held.
func (s *replicaSession) look(c *replicaCall, sp *sessionPart, stale error, left int, minOne bool, ready *wakeups) (part ReplicaPart, say bool) {
	if s.parts[sp.ask.ReplicaKey] != sp { // forgotten meanwhile
		return part, false
	}
	part = ReplicaPart{ReplicaKey: sp.ask.ReplicaKey, HighWatermark: -1, LastStable: -1, LogStart: -1, DivergingEpoch: -1, DivergingEnd: -1, part: sp}
	err := stale
	if err == nil {
		err = s.resolve(sp)
	}
	if err == nil {
		say, err = sp.partition.answerReplica(c, &part, left, minOne, ready)
	}
	if err != nil {
		part.Err, part.HighWatermark, part.LastStable, part.LogStart = err, -1, -1, -1
	}
	return part, say || c.full || err != nil
}

// resolve finds the partition, anew if the one that was watched is gone.
func (s *replicaSession) resolve(sp *sessionPart) error {
	if sp.partition != nil && sp.partition.failure() == nil {
		return nil
	}
	p, err := s.node.byKey(sp.ask.ReplicaKey)
	if err != nil {
		p = nil
	}
	if p != sp.partition {
		sp.watch(p)
	}
	return err
}

// byKey finds the replica here that a request names.
func (n *Node) byKey(key ReplicaKey) (*Partition, error) {
	tp := record.TopicPartition{Topic: key.Topic, Partition: key.Partition}
	if !key.TopicID.IsZero() {
		topic, ok := n.topicByID(key.TopicID)
		if !ok {
			return nil, fmt.Errorf("topic id %s: %w", key.TopicID, ErrUnknownTopicID)
		}
		tp.Topic = topic.Name
	}
	p, err := n.Replica(tp)
	if err == nil && !key.TopicID.IsZero() && p.topicID != key.TopicID {
		err = fmt.Errorf("%s: topic id %s, here %s: %w", tp, key.TopicID, p.topicID, ErrInconsistentID)
	}
	return p, err
}

func (n *Node) topicByID(id record.UUID) (*metadata.Topic, bool) {
	im := n.image.Load()
	if im == nil {
		return nil, false
	}
	return im.TopicByID(id)
}

// standing looks up what the newest image says of the follower: whether it may join in-sync sets, and an error if it speaks under a broker epoch that
// has been replaced, for then it does not have what it says (KIP-903).
func (n *Node) standing(s *replicaSession, c *replicaCall) error {
	c.eligible = false
	im := n.image.Load()
	if im == nil {
		return nil
	}
	b, ok := im.Broker(s.replica)
	if !ok {
		return nil
	}
	if s.brokerEpoch >= 0 && s.brokerEpoch < b.Epoch {
		return fmt.Errorf("replica %d fetches under broker epoch %d, registered is %d: %w", s.replica, s.brokerEpoch, b.Epoch, ErrNotLeader)
	}
	c.eligible = b.Active() && (s.brokerEpoch < 0 || s.brokerEpoch == b.Epoch)
	return nil
}

// answerReplica takes note of how far a follower is and reads what it lacks. It reports whether there is something to say.
func (p *Partition) answerReplica(c *replicaCall, part *ReplicaPart, left int, minOne bool, ready *wakeups) (say bool, err error) {
	p.role.RLock() // over the comparison of epochs and what follows from it
	defer p.role.RUnlock()
	say, out, err := p.position(c, part, ready)
	if err != nil || part.DivergingEpoch >= 0 {
		return true, err
	}
	ask := &part.part.ask
	if ask.Offset >= p.log.Offsets().LogEnd {
		return say, nil
	}
	if out {
		if held := p.heldBack(); held > 0 {
			c.session.list(part.part, false)
			c.held = held
			return say, nil
		}
	}
	part.Records, err = p.log.Read(ask.Offset, max(0, min(ask.MaxBytes, left)), storage.ReadLogEnd, minOne)
	p.sent(part.Records.Len(), out)
	if part.Records.Len() == 0 && err == nil { // no room left in this answer
		c.session.list(part.part, false)
	}
	return say || part.Records.Len() > 0, err
}

// position notes a follower's position, and what follows for high watermark and ISR. out: the follower is out of sync. Called with role held.
func (p *Partition) position(c *replicaCall, part *ReplicaPart, ready *wakeups) (say, out bool, err error) {
	s, sp := c.session, part.part
	ask := &sp.ask
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.leadsAt(ask.LeaderEpoch); err != nil {
		return true, false, err
	}
	if !p.progress.Assigned(s.replica) { // perhaps the follower knows a newer assignment
		kind := ErrUnknownEpoch
		if ask.LeaderEpoch < 0 {
			kind = ErrNotLeader
		}
		return true, false, fmt.Errorf("%s: node %d is none of its replicas here: %w", p.tp, s.replica, kind)
	}
	o := p.log.Offsets()
	if err := p.compare(ask, o, part); err != nil || part.DivergingEpoch >= 0 {
		part.HighWatermark, part.LastStable, part.LogStart = o.HighWatermark, o.LastStable, o.LogStart
		return true, false, err
	}
	// An append is in the log before it counts here, and a quick follower has it by then: it is looked at again when it counts.
	sp.offset = min(ask.Offset, p.progress.LogEnd())
	moved, _ := p.progress.Fetched(progress.Fetch{Replica: s.replica, Offset: ask.Offset, LogStart: ask.LogStart,
		BrokerEpoch: s.brokerEpoch, Eligible: c.eligible, At: c.at})
	if moved {
		p.advanced(true, ready)
		o = p.log.Offsets()
	}
	p.deleted(ready)
	if proposal := p.progress.Expand(s.replica, c.eligible); proposal != nil {
		p.node.isr.submit(p, proposal)
	}
	part.HighWatermark, part.LastStable, part.LogStart = o.HighWatermark, o.LastStable, o.LogStart
	say = o.HighWatermark != sp.toldMark || o.LogStart != sp.toldFrom || sp.asked
	c.urgent = c.urgent || sp.asked || sp.toldFrom >= 0 && o.LogStart > sp.toldFrom || p.node.cfg.RackAware && sp.toldMark >= 0 && o.HighWatermark > sp.toldMark
	return say, !p.progress.InISR(s.replica), nil
}

// compare makes sure that the follower's log is a prefix of this one, or says where the two diverge (KIP-595).
func (p *Partition) compare(ask *ReplicaAsk, o storage.Offsets, part *ReplicaPart) error {
	if ask.LastEpoch >= 0 {
		epoch, end := p.log.EndOffsetForEpoch(ask.LastEpoch)
		switch {
		case epoch < 0 || ask.Offset < o.LogStart:
			return fmt.Errorf("%s: replica at offset %d of epoch %d: %w", p.tp, ask.Offset, ask.LastEpoch, storage.ErrOffsetOutOfRange)
		case epoch < ask.LastEpoch || end < ask.Offset:
			part.DivergingEpoch, part.DivergingEnd = epoch, end
			return nil
		}
	}
	if ask.Offset < o.LogStart || ask.Offset > o.LogEnd {
		return fmt.Errorf("%s: replica at offset %d, the log has %d to %d: %w", p.tp, ask.Offset, o.LogStart, o.LogEnd, storage.ErrOffsetOutOfRange)
	}
	return nil
}
