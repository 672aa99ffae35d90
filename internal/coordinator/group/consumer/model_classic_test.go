package consumer_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// anyNew reports whether a client of the new protocol lives.
func (m *model) anyNew() bool {
	return slices.ContainsFunc(m.clients, func(c *client) bool { return !c.classic && c.epoch > 0 })
}

// joinClassic has a classic client join, or join again with what it owns, as one that rebalances step by step does.
func (m *model) joinClassic(c *client) {
	if c.id == "" && !m.anyNew() { // it would make a classic group; it waits
		c.heard = m.now
		return
	}
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version, meta.Topics = 1, c.names
	for id, ps := range c.owned {
		if t, ok := m.image.TopicByID(id); ok {
			meta.OwnedPartitions = append(meta.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{Topic: t.Name, Partitions: ps})
		}
	}
	rq := kmsg.NewPtrJoinGroupRequest()
	rq.Version, rq.Group, rq.MemberID, rq.ProtocolType, rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis = 3, "g", c.id, "consumer", 45_000, 60_000
	rq.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: meta.AppendTo(nil)}}
	resp := m.ask(rq).(*kmsg.JoinGroupResponse)
	c.heard = m.now
	if resp.ErrorCode != 0 {
		m.abandon(c)
		return
	}
	c.id, c.epoch = resp.MemberID, resp.Generation
	if c.late = m.rand.IntN(8) == 0; !c.late {
		m.syncClassic(c)
	}
}

// syncClassic asks for the assignment. A client that gives something up joins again at once.
func (m *model) syncClassic(c *client) {
	rq := kmsg.NewPtrSyncGroupRequest()
	rq.Group, rq.MemberID, rq.Generation = "g", c.id, c.epoch
	resp := m.ask(rq).(*kmsg.SyncGroupResponse)
	switch resp.ErrorCode {
	case 0:
	case kerr.RebalanceInProgress.Code:
		return // it hears of it again
	default:
		m.abandon(c)
		return
	}
	var a kmsg.ConsumerMemberAssignment
	if err := a.ReadFrom(resp.MemberAssignment); err != nil {
		m.t.Fatal(err)
	}
	had := c.owned
	c.owned = map[record.UUID][]int32{}
	for _, t := range a.Topics {
		topic, _ := m.image.Topic(t.Topic)
		c.owned[topic.ID] = t.Partitions
	}
	for id, ps := range had {
		for _, p := range ps {
			if !slices.Contains(c.owned[id], p) {
				m.joinClassic(c)
				return
			}
		}
	}
}

// abandon is a client that was told that it is no member: it owns nothing, and joins anew when it next speaks.
func (m *model) abandon(c *client) { c.owned, c.id, c.epoch = nil, "", -1 }

// beatClassic is a heartbeat of a classic client, and what it makes of the answer.
func (m *model) beatClassic(c *client) {
	if c.id == "" {
		m.joinClassic(c)
		return
	}
	rq := kmsg.NewPtrHeartbeatRequest()
	rq.Group, rq.MemberID, rq.Generation = "g", c.id, c.epoch
	code := m.ask(rq).(*kmsg.HeartbeatResponse).ErrorCode
	c.heard = m.now
	switch code {
	case 0:
		if c.late || m.rand.IntN(4) == 0 { // the answer of a sync got lost
			c.late = false
			m.syncClassic(c)
		}
	case kerr.RebalanceInProgress.Code:
		m.joinClassic(c)
	default:
		m.abandon(c)
	}
}

func (m *model) leaveClassic(c *client) {
	rq := kmsg.NewPtrLeaveGroupRequest()
	rq.Version, rq.Group = 3, "g"
	rq.Members = []kmsg.LeaveGroupRequestMember{{MemberID: c.id}}
	m.ask(rq)
}

// TestClassicMembersAloneAreAssignedAnew leaves a classic member alone in a group that may not become a classic one: it gets all.
func TestClassicMembersAloneAreAssignedAnew(t *testing.T) {
	m := &model{story: newStory(t), rand: rand.New(rand.NewPCG(1, 848)), mixed: true}
	m.set.Consumer.MigrationPolicy = "upgrade"
	m.command([]string{"topics", "b:4"})
	lost := &client{id: "lost", heard: m.now, names: []string{"b"}, regex: new(string)}
	stays := &client{classic: true, epoch: -1, heard: m.now, names: []string{"b"}, regex: new(string)}
	m.clients = []*client{lost, stays}
	m.beat(lost, 0)
	for range 4 {
		m.now = m.now.Add(2 * time.Second)
		m.beat(stays, 0)
		m.beat(lost, lost.epoch)
	}
	if len(stays.owned[topicID("b")]) != 2 {
		t.Fatalf("the classic member has %v, not two", stays.owned)
	}
	m.clients = m.clients[1:]
	for range 30 {
		m.now = m.now.Add(2 * time.Second)
		m.driver.Tick(m.now)
		m.beat(stays, 0)
	}
	if len(stays.owned[topicID("b")]) != 4 {
		t.Errorf("the classic member has %v, not all", stays.owned)
	}
}
