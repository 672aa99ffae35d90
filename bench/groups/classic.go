package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The settings of Kafka's own consumer.
const (
	classicHeartbeat = 3 * time.Second
	classicSession   = 45 * time.Second
	rebalanceTimeout = 5 * time.Minute
)

// classic is a member of a classic group with the range assignor, Kafka's first choice: everything is given up before a join.
func classic(m *member) error {
	for {
		joined, err := m.join()
		if err != nil {
			return err
		}
		stable, err := m.sync(joined)
		if err != nil {
			return err
		}
		if stable {
			if _, err := m.catchUp(false); err != nil {
				return err
			}
			left, err := m.beat()
			if err != nil || left {
				return err
			}
		}
		m.give(m.owned)
	}
}

// join joins the group, with a member id from the second attempt on.
func (m *member) join() (*kmsg.JoinGroupResponse, error) {
	for {
		rq := kmsg.NewPtrJoinGroupRequest()
		rq.Version = 9
		rq.Group, rq.MemberID, rq.ProtocolType = m.group, m.id, "consumer"
		rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis = int32(classicSession.Milliseconds()), int32(rebalanceTimeout.Milliseconds())
		meta := kmsg.NewConsumerMemberMetadata()
		meta.Version, meta.Topics, meta.Generation = 3, []string{m.topic}, m.epoch
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = "range", meta.AppendTo(nil)
		rq.Protocols = append(rq.Protocols, p)
		got, err := m.conn.Do(rq)
		if err != nil {
			return nil, err
		}
		resp := got.(*kmsg.JoinGroupResponse)
		switch err := kerr.ErrorForCode(resp.ErrorCode); {
		case err == nil:
			m.id, m.epoch = resp.MemberID, resp.Generation
			return resp, nil
		case errors.Is(err, kerr.MemberIDRequired):
			m.id = resp.MemberID
		case errors.Is(err, kerr.RebalanceInProgress):
		default:
			return nil, fmt.Errorf("join: %w", err)
		}
	}
}

// sync gets the assignment, which the leader works out. It reports false if another rebalance has begun.
func (m *member) sync(joined *kmsg.JoinGroupResponse) (bool, error) {
	rq := kmsg.NewPtrSyncGroupRequest()
	rq.Version = 5
	rq.Group, rq.Generation, rq.MemberID = m.group, joined.Generation, m.id
	rq.ProtocolType, rq.Protocol = joined.ProtocolType, joined.Protocol
	if joined.LeaderID == m.id {
		rq.GroupAssignment = ranges(joined.Members, m.topic, m.partitions)
	}
	got, err := m.conn.Do(rq)
	if err != nil {
		return false, err
	}
	resp := got.(*kmsg.SyncGroupResponse)
	switch err := kerr.ErrorForCode(resp.ErrorCode); {
	case err == nil:
	case errors.Is(err, kerr.RebalanceInProgress):
		return false, nil
	default:
		return false, fmt.Errorf("sync: %w", err)
	}
	var a kmsg.ConsumerMemberAssignment
	if len(resp.MemberAssignment) > 0 {
		if err := a.ReadFrom(resp.MemberAssignment); err != nil {
			return false, fmt.Errorf("assignment: %w", err)
		}
	}
	var mine []int32
	for _, t := range a.Topics {
		mine = append(mine, t.Partitions...)
	}
	m.own(mine)
	return true, nil
}

// ranges is the range assignor for one topic.
func ranges(members []kmsg.JoinGroupResponseMember, topic string, partitions int) []kmsg.SyncGroupRequestGroupAssignment {
	members = slices.SortedFunc(slices.Values(members), func(a, b kmsg.JoinGroupResponseMember) int { return strings.Compare(a.MemberID, b.MemberID) })
	var all []kmsg.SyncGroupRequestGroupAssignment
	next := 0
	for i, member := range members {
		share := partitions / len(members)
		if i < partitions%len(members) {
			share++
		}
		var a kmsg.ConsumerMemberAssignment
		t := kmsg.NewConsumerMemberAssignmentTopic()
		t.Topic = topic
		for range share {
			t.Partitions = append(t.Partitions, int32(next))
			next++
		}
		if share > 0 {
			a.Topics = append(a.Topics, t)
		}
		one := kmsg.NewSyncGroupRequestGroupAssignment()
		one.MemberID, one.MemberAssignment = member.MemberID, a.AppendTo(nil)
		all = append(all, one)
	}
	return all
}

// beat sends heartbeats until a rebalance begins, or the member has left. The time until the next one counts from the sending of the last.
func (m *member) beat() (left bool, err error) {
	for sent := time.Now(); ; {
		if m.rest(sent, classicHeartbeat) {
			if err := m.conn.Send(m.leaveFrame()); err != nil {
				return false, err
			}
			return true, m.skip()
		}
		sent = time.Now()
		rq := kmsg.NewPtrHeartbeatRequest()
		rq.Version = 4
		rq.Group, rq.Generation, rq.MemberID = m.group, m.epoch, m.id
		got, left, err := m.askOrLeave(rq)
		if err != nil || left {
			return left, err
		}
		switch err := kerr.ErrorForCode(got.(*kmsg.HeartbeatResponse).ErrorCode); {
		case err == nil:
		case errors.Is(err, kerr.RebalanceInProgress):
			return false, nil
		default:
			return false, fmt.Errorf("heartbeat: %w", err)
		}
	}
}

// askOrLeave waits for an answer, and leaves the group meanwhile if that is wanted: on the same connection, as Kafka's client does.
func (m *member) askOrLeave(rq kmsg.Request) (got kmsg.Response, left bool, err error) {
	answered, sent := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(sent)
		select {
		case <-m.leave:
			sent <- m.conn.Send(m.leaveFrame())
		case <-answered:
		}
	}()
	got, err = m.conn.Do(rq)
	close(answered)
	failed, left := <-sent
	if err = errors.Join(err, failed); err == nil && left {
		err = m.skip()
	}
	return got, left, err
}

var formatter = kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))

func (m *member) leaveFrame() []byte {
	rq := kmsg.NewPtrLeaveGroupRequest()
	rq.Version = 5
	rq.Group = m.group
	one := kmsg.NewLeaveGroupRequestMember()
	one.MemberID = m.id
	rq.Members = append(rq.Members, one)
	return formatter.AppendRequest(nil, rq, 1)
}

// skip takes the answer to the leave.
func (m *member) skip() error {
	_, _, err := m.conn.Next()
	return err
}
