package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumer is a member of a consumer group (KIP-848): what it gives up and takes is told to the coordinator at once, and the coordinator says how
// long it may then be silent.
func consumer(m *member) error {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	m.id = base64.RawURLEncoding.EncodeToString(id[:])
	all := true
	for {
		if m.leaving() {
			m.epoch = -1
			_, err := m.say(false)
			return err
		}
		sent := time.Now()
		resp, err := m.say(all)
		if err != nil {
			return err
		}
		all, m.epoch = false, resp.MemberEpoch
		if resp.Assignment != nil {
			var mine []int32
			for _, t := range resp.Assignment.Topics {
				mine = append(mine, t.Partitions...)
			}
			if m.own(mine) {
				continue
			}
		}
		if known, err := m.catchUp(true); err != nil {
			return err
		} else if !known {
			continue
		}
		m.rest(sent, time.Duration(resp.HeartbeatIntervalMillis)*time.Millisecond)
	}
}

func (m *member) leaving() bool {
	select {
	case <-m.leave:
		return true
	default:
		return false
	}
}

// say sends a heartbeat, with everything or only with what the member owns.
func (m *member) say(all bool) (*kmsg.ConsumerGroupHeartbeatResponse, error) {
	rq := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	rq.Version = 1
	rq.Group, rq.MemberID, rq.MemberEpoch = m.group, m.id, m.epoch
	rq.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if len(m.owned) > 0 {
		t := kmsg.NewConsumerGroupHeartbeatRequestTopic()
		t.TopicID, t.Partitions = m.topicID, m.owned
		rq.Topics = append(rq.Topics, t)
	}
	rq.RebalanceTimeoutMillis = -1
	if all {
		rq.RebalanceTimeoutMillis = int32(rebalanceTimeout.Milliseconds())
		rq.SubscribedTopicNames = []string{m.topic}
	}
	got, err := m.conn.Do(rq)
	if err != nil {
		return nil, err
	}
	resp := got.(*kmsg.ConsumerGroupHeartbeatResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, fmt.Errorf("heartbeat with epoch %d: %w", m.epoch, err)
	}
	return resp, nil
}
