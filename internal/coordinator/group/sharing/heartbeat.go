package sharing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/epochs"
	"leat/internal/coordinator/group/kind"
	"leat/internal/record"
)

// leaving is the member epoch by which a member says that it goes.
const leaving = -1

// refuse is a heartbeat's answer with an error.
func refuse(err *kerr.Error, format string, args ...any) *kmsg.ShareGroupHeartbeatResponse {
	resp := kmsg.NewPtrShareGroupHeartbeatResponse()
	message := fmt.Sprintf(format, args...)
	resp.ErrorCode, resp.ErrorMessage = err.Code, &message
	return resp
}

// maxMemberID is how long the id of a member may be.
const maxMemberID = 36

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// check refuses what no group would take.
func check(rq *kmsg.ShareGroupHeartbeatRequest) *kmsg.ShareGroupHeartbeatResponse {
	switch {
	case rq.MemberID == "" || len(rq.MemberID) > maxMemberID: // Kafka says no more of this
		return &kmsg.ShareGroupHeartbeatResponse{ErrorCode: kerr.InvalidRequest.Code}
	case blank(rq.MemberID):
		return refuse(kerr.InvalidRequest, "MemberId can't be empty.")
	case blank(rq.GroupID):
		return refuse(kerr.InvalidRequest, "GroupId can't be empty.")
	case rq.RackID != nil && blank(*rq.RackID):
		return refuse(kerr.InvalidRequest, "RackId can't be empty.")
	case rq.MemberEpoch == 0 && len(rq.SubscribedTopicNames) == 0:
		return refuse(kerr.InvalidRequest, "SubscribedTopicNames must be set in first request.")
	case rq.MemberEpoch < leaving:
		return refuse(kerr.InvalidRequest, "MemberEpoch is invalid.")
	}
	return nil
}

// heartbeat decides on a member that joins, is there, or leaves.
func (s *Groups) heartbeat(d kind.Desk, e kind.Event, rq *kmsg.ShareGroupHeartbeatRequest) *kmsg.ShareGroupHeartbeatResponse {
	if refused := check(rq); refused != nil {
		return refused
	}
	known := s.hard[rq.GroupID] != nil
	if !known && rq.MemberEpoch == 0 && d.TypeOf(rq.GroupID) != kind.None {
		return refuse(kerr.GroupIDNotFound, "Group %s is not a share group.", rq.GroupID)
	}
	if !known && rq.MemberEpoch != 0 {
		return refuse(kerr.GroupIDNotFound, "Share group %s not found.", rq.GroupID)
	}
	c := s.decide(d, rq.GroupID)
	member, joined := c.group.Members[rq.MemberID]
	if rq.MemberEpoch == leaving {
		return s.goodbye(c, rq, joined)
	}
	if refused := c.admit(rq, joined); refused != nil {
		return refused
	}
	s.subscribe(c, e, rq, member, joined)
	s.initialize(c)
	s.assign(c)
	told := c.reconcile(rq.MemberID)
	set := settingsOf(d, rq.GroupID)
	d.Timer(rq.GroupID, rq.MemberID, d.Now().Add(set.SessionTimeout))
	s.schedule(c)
	return c.answer(rq, told, set.HeartbeatInterval)
}

// goodbye lets a member go.
func (s *Groups) goodbye(c *decision, rq *kmsg.ShareGroupHeartbeatRequest, joined bool) *kmsg.ShareGroupHeartbeatResponse {
	if !joined {
		return refuse(kerr.UnknownMemberID, "Member %s is not a member of group %s.", rq.MemberID, rq.GroupID)
	}
	c.Note(kind.Notice{Message: "member removed", Group: c.id, Member: rq.MemberID, Generation: c.group.Epoch, Reason: "it left"})
	s.leave(c, rq.MemberID)
	resp := kmsg.NewPtrShareGroupHeartbeatResponse()
	resp.MemberID, resp.MemberEpoch = &rq.MemberID, leaving
	return resp
}

// admit refuses members who may not join, or whose epoch is none of theirs.
func (c *decision) admit(rq *kmsg.ShareGroupHeartbeatRequest, joined bool) *kmsg.ShareGroupHeartbeatResponse {
	current := c.group.Current[rq.MemberID]
	switch {
	case !joined && len(c.group.Members) >= c.Settings().Share.MaxSize:
		return refuse(kerr.GroupMaxSizeReached, "The share group has reached its maximum capacity of %d members.", c.Settings().Share.MaxSize)
	case rq.MemberEpoch == 0:
		return nil
	case !joined:
		return refuse(kerr.UnknownMemberID, "Member %s is not a member of group %s.", rq.MemberID, rq.GroupID)
	case rq.MemberEpoch > current.MemberEpoch:
		return refuse(kerr.FencedMemberEpoch, "The share group member has a greater member epoch (%d) than the one known by the group coordinator (%d). "+
			"The member must abandon all its partitions and rejoin.", rq.MemberEpoch, current.MemberEpoch)
	case rq.MemberEpoch < current.MemberEpoch && rq.MemberEpoch != current.PreviousMemberEpoch:
		return refuse(kerr.FencedMemberEpoch, "The share group member has a smaller member epoch (%d) than the one known by the group coordinator (%d). "+
			"The member must abandon all its partitions and rejoin.", rq.MemberEpoch, current.MemberEpoch)
	}
	return nil
}

// subscribe writes down what a member says of itself, and begins a new group epoch if that changes what the group reads.
func (s *Groups) subscribe(c *decision, e kind.Event, rq *kmsg.ShareGroupHeartbeatRequest, was Member, joined bool) {
	now := Member{RackID: was.RackID, ClientID: e.ClientID, ClientHost: e.ClientHost, Topics: was.Topics}
	if rq.RackID != nil {
		rack := *rq.RackID
		now.RackID = &rack
	}
	if rq.SubscribedTopicNames != nil {
		now.Topics = slices.Compact(slices.Sorted(slices.Values(rq.SubscribedTopicNames)))
	}
	changed := !joined || !slices.Equal(was.Topics, now.Topics)
	if changed || now.ClientID != was.ClientID || now.ClientHost != was.ClientHost || text(now.RackID) != text(was.RackID) {
		c.write(Record{Key: memberKey, Member: rq.MemberID, Info: &now})
	}
	hash := c.group.Hash
	if changed || s.stale[c.id] {
		hash = s.hasher.MetadataHash(c.Image(), c.group.topics())
		delete(s.stale, c.id)
	}
	if changed || hash != c.group.Hash || c.group.Epoch <= c.group.AssignmentEpoch && s.assignmentPending(c) {
		c.bump(hash)
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// bump begins a new group epoch.
func (c *decision) bump(hash int64) {
	c.write(Record{Key: epochKey, Epoch: &Epoch{Epoch: c.group.Epoch + 1, Hash: hash}})
	c.Effect(kind.Rebalanced{Type: kind.Share})
}

// assignable lists the initialized partitions of the topics that the members read.
func (c *decision) assignable() []TopicPartitions {
	var all []TopicPartitions
	read := make(map[record.UUID]bool)
	for _, name := range c.group.topics() {
		if t, ok := c.Image().Topic(name); ok {
			read[t.ID] = true
		}
	}
	for _, t := range c.group.States.Initialized {
		if read[t.TopicID] {
			all = append(all, TopicPartitions{TopicID: t.TopicID, Partitions: t.Partitions})
		}
	}
	return all
}

// assignmentPending reports whether partitions were initialized that nobody is to read yet.
func (s *Groups) assignmentPending(c *decision) bool {
	if len(c.group.States.Initialized) == 0 {
		return false
	}
	assigned := make(map[place]bool)
	for _, a := range c.group.Target {
		for _, t := range a {
			for _, p := range t.Partitions {
				assigned[place{t.TopicID, p}] = true
			}
		}
	}
	for _, t := range c.assignable() {
		for _, p := range t.Partitions {
			if !assigned[place{t.TopicID, p}] {
				return true
			}
		}
	}
	return false
}

// assign makes the assignment of the group epoch, unless there was one just now.
func (s *Groups) assign(c *decision) {
	g := c.group
	if g.AssignmentEpoch >= g.Epoch || !epochs.MayAssign(g.AssignedAt, settingsOf(c, c.id).AssignmentInterval, c.Now()) {
		return
	}
	var members []subscriber
	for _, id := range sorted(g.Members) {
		m := subscriber{id: id, topics: make(map[record.UUID]bool), had: g.Target[id]}
		for _, name := range g.Members[id].Topics {
			if t, ok := c.Image().Topic(name); ok {
				m.topics[t.ID] = true
			}
		}
		members = append(members, m)
	}
	target := assign(members, c.assignable())
	for _, id := range sorted(target) {
		if a := target[id]; !sameAssignment(a, g.Target[id]) {
			c.write(Record{Key: targetKey, Member: id, Target: &a})
		}
	}
	c.write(Record{Key: targetEpochKey, TargetEpoch: &TargetEpoch{Epoch: c.group.Epoch, Timestamp: c.Now().UnixMilli()}})
}

func sameAssignment(a, b Assignment) bool {
	return slices.EqualFunc(a, b, func(x, y TopicPartitions) bool {
		return x.TopicID == y.TopicID && slices.Equal(x.Partitions, y.Partitions)
	})
}

// reconcile brings a member to the epoch of the assignment, and reports whether other partitions are its now.
func (c *decision) reconcile(member string) (changed bool) {
	was, known := c.group.Current[member]
	target := c.group.Target[member]
	changed = !sameAssignment(was.Assigned, target)
	if known && was.MemberEpoch == c.group.AssignmentEpoch && !changed {
		return false
	}
	if known && was.MemberEpoch >= c.group.AssignmentEpoch {
		return false
	}
	c.write(Record{Key: currentKey, Member: member, Current: &Current{MemberEpoch: c.group.AssignmentEpoch, PreviousMemberEpoch: was.MemberEpoch, Assigned: target}})
	return changed
}

// answer tells a member where it stands: with its partitions when it joins and when they changed.
func (c *decision) answer(rq *kmsg.ShareGroupHeartbeatRequest, changed bool, interval time.Duration) *kmsg.ShareGroupHeartbeatResponse {
	resp := kmsg.NewPtrShareGroupHeartbeatResponse()
	current := c.group.Current[rq.MemberID]
	resp.MemberID, resp.MemberEpoch, resp.HeartbeatIntervalMillis = &rq.MemberID, current.MemberEpoch, int32(interval.Milliseconds())
	if rq.MemberEpoch != 0 && !changed && rq.SubscribedTopicNames == nil {
		return resp
	}
	resp.Assignment = &kmsg.ShareGroupHeartbeatResponseAssignment{TopicPartitions: []kmsg.ShareGroupHeartbeatResponseAssignmentTopicPartition{}}
	for _, t := range current.Assigned {
		resp.Assignment.TopicPartitions = append(resp.Assignment.TopicPartitions, kmsg.ShareGroupHeartbeatResponseAssignmentTopicPartition{TopicID: t.TopicID, Partitions: t.Partitions})
	}
	return resp
}

// leave takes a member off the group.
func (s *Groups) leave(c *decision, member string) {
	for _, key := range []int16{currentKey, targetKey, memberKey} {
		c.write(Record{Key: key, Member: member})
	}
	c.bump(s.hasher.MetadataHash(c.Image(), c.group.topics()))
	if len(c.group.Members) == 0 {
		c.write(Record{Key: targetEpochKey, TargetEpoch: &TargetEpoch{Epoch: c.group.Epoch}})
	}
	c.Timer(c.id, member, time.Time{})
	s.schedule(c)
}
