package sharing

import (
	"context"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/replication"
	"leat/internal/sharing/acquire"
)

// Acknowledgements are a member's for one partition.
type Acknowledgements struct {
	Topic Topic
	List  []acquire.Acknowledgement
}

// Acknowledged is what became of them.
type Acknowledged struct {
	Topic Topic
	Err   error
}

// Open begins a share session, or goes on with one, and returns the partitions to be read, and those of them that the answer must have: the session did not read them before, or
// nobody knew their topic id so far. gone ends when the connection of the session's member does.
func (n *Node) Open(group, member string, epoch int32, add, forget []Topic, gone context.Context) (parts []Topic, fresh map[Topic]bool, err error) {
	key := sessionKey{group, member}
	im := n.cfg.Image()
	named := func(t Topic) bool {
		_, ok := im.TopicByID(t.ID)
		return ok
	}
	if epoch != firstEpoch {
		return n.sessions.update(key, epoch, add, forget, named)
	}
	one, parts, err := n.sessions.begin(key, add, n.cfg.MaxSessions(), named)
	if err != nil {
		return nil, nil, err
	}
	n.sessions.watch(one, gone, func() {
		if !n.sessions.gone(one) {
			return
		}
		n.cfg.Meter.SessionEvicted()
		n.release(key, one.parts, func([]Acknowledged) {})
	})
	fresh = make(map[Topic]bool)
	for _, t := range parts {
		fresh[t] = true
	}
	return parts, fresh, nil
}

// Acknowledging goes on with a session for a request that only acknowledges.
func (n *Node) Acknowledging(group, member string, epoch int32) error {
	return n.sessions.acknowledging(sessionKey{group, member}, epoch)
}

// Known reports whether a member has a share session.
func (n *Node) Known(group, member string) error {
	n.sessions.mu.Lock()
	defer n.sessions.mu.Unlock()
	_, err := n.sessions.at(sessionKey{group, member}, finalEpoch)
	return err
}

// Acknowledge takes up acknowledgements; done hears of each partition, in their order, once all are durable or refused.
func (n *Node) Acknowledge(group, member string, acks []Acknowledgements, done func([]Acknowledged)) {
	results := make([]Acknowledged, len(acks))
	var left atomic.Int64
	left.Store(int64(len(acks)) + 1)
	ended := func() {
		if left.Add(-1) == 0 {
			done(results)
		}
	}
	for i, a := range acks {
		results[i].Topic = a.Topic
		p := n.find(SharePartition{Group: group, TopicID: a.Topic.ID, Partition: a.Topic.Partition})
		if p == nil {
			results[i].Err = n.unknown(a.Topic)
			ended()
			continue
		}
		p.acknowledge(member, a.List, func(err error) {
			results[i].Err = err
			if err == nil {
				n.meter(a.List)
			}
			ended()
		})
	}
	ended()
}

// unknown is why nothing is loaded of a partition that somebody acknowledges.
func (n *Node) unknown(t Topic) error {
	if topic, ok := n.cfg.Image().TopicByID(t.ID); ok && int(t.Partition) < len(topic.Partitions) && t.Partition >= 0 {
		return replication.ErrNotLeader
	}
	return kerr.UnknownTopicOrPartition
}

// meter counts acknowledged records.
func (n *Node) meter(acks []acquire.Acknowledgement) {
	for i := range acks {
		if a := &acks[i]; len(a.Types) == 1 {
			n.cfg.Meter.Acknowledged(a.Types[0], a.Last-a.First+1)
			continue
		}
		for _, t := range acks[i].Types {
			n.cfg.Meter.Acknowledged(t, 1)
		}
	}
}

// CloseSession ends a member's session and gives back what it holds.
func (n *Node) CloseSession(group, member string, done func([]Acknowledged, error)) {
	key := sessionKey{group, member}
	parts, err := n.sessions.finish(key)
	if err != nil {
		done(nil, err)
		return
	}
	n.release(key, parts, func(results []Acknowledged) { done(results, nil) })
}

// release gives back what a member holds of partitions, because its session has ended in order or with its connection. Both count as delivered, as in Kafka since 4.2:
// an application that ends because of a record would else be handed it for ever.
func (n *Node) release(key sessionKey, parts []Topic, done func([]Acknowledged)) {
	results := make([]Acknowledged, len(parts))
	var left atomic.Int64
	left.Store(int64(len(parts)) + 1)
	ended := func() {
		if left.Add(-1) == 0 {
			done(results)
			n.left(key.group)
		}
	}
	for i, t := range parts {
		results[i].Topic = t
		p := n.find(SharePartition{Group: key.group, TopicID: t.ID, Partition: t.Partition})
		if p == nil {
			ended()
			continue
		}
		p.release(key.member, func(err error) {
			results[i].Err = err
			ended()
		})
	}
	ended()
}
