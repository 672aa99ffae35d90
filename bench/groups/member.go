package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/bench/load"
)

// member is one member of a group on a connection of its own. It does what a client must do and no more, at the times at which Kafka's own client
// does it: it answers at once, and is otherwise heard every heartbeat interval.
type member struct {
	group, topic string
	topicID      [16]byte
	partitions   int
	board        *board
	conn         *load.Line
	leave        chan struct{} // closed: leave the group
	left         chan struct{}

	id     string
	epoch  int32 // member epoch, or generation
	owned  []int32
	unread []int32 // owned partitions that were not read yet
}

// protocol is what members of a kind do until they are told to leave.
type protocol func(m *member) error

func (m *member) run(p protocol) {
	defer close(m.left)
	err := p(m)
	if err != nil {
		m.board.fail(fmt.Errorf("%s: member %s: %w", m.group, m.id, err))
	}
	m.give(m.owned)
	_ = m.conn.Close() // it has left, or failed
}

// own takes over an assignment, and reports whether it differs from what the member had.
func (m *member) own(partitions []int32) bool {
	var revoked, added []int32
	for _, p := range m.owned {
		if !slices.Contains(partitions, p) {
			revoked = append(revoked, p)
		}
	}
	for _, p := range partitions {
		if !slices.Contains(m.owned, p) {
			added = append(added, p)
		}
	}
	m.give(revoked)
	m.unread = append(m.unread, added...)
	m.owned = slices.Clone(partitions)
	return len(revoked)+len(added) > 0
}

// give stops reading partitions.
func (m *member) give(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	gone := slices.Clone(partitions)
	m.owned = slices.DeleteFunc(m.owned, func(p int32) bool { return slices.Contains(gone, p) })
	m.unread = slices.DeleteFunc(m.unread, func(p int32) bool { return slices.Contains(gone, p) })
	m.board.gone(m, gone)
}

// catchUp reads what is not read yet: it asks where the group stands and fetches from there. It reports whether the coordinator knows the member as it is;
// if not, the next heartbeat tells what is new.
func (m *member) catchUp(epochs bool) (bool, error) {
	if len(m.unread) == 0 {
		return true, nil
	}
	rq := kmsg.NewPtrOffsetFetchRequest()
	rq.Version = 9
	rq.RequireStable = true
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = m.group
	if epochs {
		g.MemberID, g.MemberEpoch = &m.id, m.epoch
	}
	g.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: m.topic, Partitions: m.unread}}
	rq.Groups = append(rq.Groups, g)
	resp, err := m.conn.Do(rq)
	if err != nil {
		return false, err
	}
	switch err := kerr.ErrorForCode(resp.(*kmsg.OffsetFetchResponse).Groups[0].ErrorCode); {
	case err == nil:
	case errors.Is(err, kerr.StaleMemberEpoch):
		return false, nil
	default:
		return false, fmt.Errorf("offset fetch: %w", err)
	}
	return true, m.fetch()
}

// fetch reads the first record of every partition that is not read yet.
func (m *member) fetch() error {
	for len(m.unread) > 0 {
		rq := kmsg.NewPtrFetchRequest()
		rq.Version = 12
		rq.ReplicaID, rq.MaxWaitMillis, rq.MinBytes, rq.MaxBytes = -1, 500, 1, 50<<20
		rq.SessionEpoch = -1
		t := kmsg.NewFetchRequestTopic()
		t.Topic = m.topic
		for _, p := range m.unread {
			one := kmsg.NewFetchRequestTopicPartition()
			one.Partition, one.CurrentLeaderEpoch, one.PartitionMaxBytes = p, -1, 1<<20
			t.Partitions = append(t.Partitions, one)
		}
		rq.Topics = append(rq.Topics, t)
		resp, err := m.conn.Do(rq)
		if err != nil {
			return err
		}
		var read []int32
		for _, t := range resp.(*kmsg.FetchResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("fetch %s-%d: %w", m.topic, p.Partition, err)
				}
				if len(p.RecordBatches) > 0 {
					read = append(read, p.Partition)
				}
			}
		}
		m.unread = slices.DeleteFunc(m.unread, func(p int32) bool { return slices.Contains(read, p) })
		m.board.read(m, read)
	}
	return nil
}

// rest waits, from a moment on, and reports whether the member should leave instead.
func (m *member) rest(from time.Time, d time.Duration) (leave bool) {
	timer := time.NewTimer(time.Until(from.Add(d)))
	defer timer.Stop()
	select {
	case <-m.leave:
		return true
	case <-timer.C:
		return false
	}
}
