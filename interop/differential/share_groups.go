package main

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Members of share groups are named by what looks like an id of Kafka's clients.
const (
	sharer = "AAAAAAAAAAAAAAAAAAAAAQ"
	second = "AAAAAAAAAAAAAAAAAAAAAg"
	third  = "AAAAAAAAAAAAAAAAAAAAAw"
	fourth = "AAAAAAAAAAAAAAAAAAAABA"
)

// sharingBeat is a heartbeat of a member of a share group.
func sharingBeat(group, member string, epoch int32, topics ...string) *kmsg.ShareGroupHeartbeatRequest {
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.GroupID, req.MemberID, req.MemberEpoch = group, member, epoch
	req.SubscribedTopicNames = topics
	if epoch == 0 && topics == nil {
		req.SubscribedTopicNames = []string{group + "-t"}
	}
	return req
}

func describingShares(groups ...string) *kmsg.ShareGroupDescribeRequest {
	req := kmsg.NewPtrShareGroupDescribeRequest()
	req.GroupIDs, req.IncludeAuthorizedOperations = groups, true
	return req
}

// sharer joins a share group, and beats until it has partitions. It returns the epoch that it is at then.
func (s *side) shares(group, member string) int32 {
	v := s.last(kmsg.ShareGroupHeartbeat)
	epoch := s.quiet(v, sharingBeat(group, member, 0)).(*kmsg.ShareGroupHeartbeatResponse).MemberEpoch
	return s.assigned(group, member, epoch)
}

// assigned beats until a member of a share group has partitions.
func (s *side) assigned(group, member string, epoch int32) int32 {
	v := s.last(kmsg.ShareGroupHeartbeat)
	s.eventually("partitions of "+group, func() bool {
		resp := s.quiet(v, sharingBeat(group, member, epoch)).(*kmsg.ShareGroupHeartbeatResponse)
		if resp.ErrorCode == 0 {
			epoch = resp.MemberEpoch
		}
		return resp.Assignment != nil && len(resp.Assignment.TopicPartitions) > 0
	})
	return epoch
}

// shareGroup makes a group that reads a topic of two partitions from its beginning, with records in the first.
func (s *side) shareGroup(group string, records ...string) [16]byte {
	s.coordinatorReady(group)
	s.configured(group, "share.auto.offset.reset", "earliest")
	s.configured(group, "share.assignment.interval.ms", "0")
	id := s.topic(group+"-t", 2)
	s.coordinatorKnows(group, group+"-t")
	if len(records) > 0 {
		s.fill(group+"-t", 0, plain(records...))
	}
	return id
}

// shareGroups follows a share group with several members from its beginning to its end, and asks for what is refused.
func shareGroups(s *side) {
	s.versions(kmsg.ShareGroupHeartbeat, func(v int16) {
		group := fmt.Sprintf("share-%d", v)
		s.shareGroup(group)
		described := func(step string) {
			s.do(step, s.last(kmsg.ShareGroupDescribe), describingShares(group, "share-unknown"))
		}
		beat := func(step, member string, epoch int32, topics ...string) *kmsg.ShareGroupHeartbeatResponse {
			return s.do(step, v, sharingBeat(group, member, epoch, topics...)).(*kmsg.ShareGroupHeartbeatResponse)
		}
		beat("member of no group", sharer, 1)
		beat("leave no group", sharer, -1)
		described("described before")
		joined := beat("join", sharer, 0)
		epoch := s.assigned(group, sharer, joined.MemberEpoch)
		beat("nothing new", sharer, epoch)
		beat("all of itself", sharer, epoch, group+"-t")
		beat("an epoch gone by", sharer, epoch-1)
		beat("an epoch long gone by", sharer, epoch-2)
		beat("an epoch to come", sharer, epoch+1)
		beat("join again", sharer, 0)
		described("described")
		two := beat("second joins", second, 0).MemberEpoch
		described("described with two")
		epoch = beat("first is told", sharer, epoch).MemberEpoch
		beat("second has nothing new", second, two)
		beat("a stranger", third, two)
		three := beat("third joins", third, 0).MemberEpoch
		beat("one too many", fourth, 0)
		beat("one too many that is there", fourth, 7)
		epoch = beat("first is told again", sharer, epoch).MemberEpoch
		two = beat("second is told", second, two).MemberEpoch
		described("described with three")
		three = beat("third reads nothing that is there", third, three, "share-none").MemberEpoch
		beat("first hears of it", sharer, epoch)
		described("described with different topics")
		s.do("deleted with members", 2, deletingGroups(group))
		beat("third leaves", third, -1)
		beat("third leaves again", third, -1)
		beat("third is still there", third, three)
		two = beat("second stays", second, two).MemberEpoch
		beat("first leaves", sharer, -1)
		two = beat("second is alone", second, two).MemberEpoch
		described("described alone")
		beat("second leaves", second, -1)
		described("described when empty")
		beat("back again", second, two)
		s.do("deleted", 2, deletingGroups(group))
		described("described when gone")
	})
	s.versions(kmsg.ShareGroupDescribe, func(v int16) { s.do("described nothing", v, describingShares()) })
	s.shareGroupsRefused()
}

// shareGroupsRefused asks for what is wrong in itself.
func (s *side) shareGroupsRefused() {
	s.coordinatorReady("share-x")
	change := func(change func(*kmsg.ShareGroupHeartbeatRequest)) func() kmsg.Request {
		return func() kmsg.Request {
			req := sharingBeat("share-x", sharer, 0)
			change(req)
			return req
		}
	}
	s.askAll(kmsg.ShareGroupHeartbeat,
		ask{"no group", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.GroupID = "" })},
		ask{"a blank group", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.GroupID = " " })},
		ask{"no member", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.MemberID = "" })},
		ask{"a long member id", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.MemberID += sharer })},
		ask{"an empty rack", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.RackID = ptr("") })},
		ask{"a blank rack", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.RackID = ptr(" ") })},
		ask{"an impossible epoch", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.MemberEpoch = -2 })},
		ask{"no topics", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.SubscribedTopicNames = nil })},
		ask{"an empty list of topics", change(func(r *kmsg.ShareGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{} })},
	)
}

// shareLosesTopic deletes and changes topics that a share group reads.
func shareLosesTopic(s *side) {
	const group = "share-changed"
	s.shareGroup(group, "a", "b")
	v := s.last(kmsg.ShareGroupHeartbeat)
	epoch := s.shares(group, sharer)
	s.do("with a topic", v, sharingBeat(group, sharer, epoch, group+"-t"))
	more := kmsg.NewPtrCreatePartitionsRequest()
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = group+"-t", 3
	more.Topics, more.TimeoutMillis = append(more.Topics, t), 10000
	s.quiet(3, more)
	s.awaitTopic(group+"-t", 3)
	s.eventually("the third partition", func() bool {
		resp := s.quiet(v, sharingBeat(group, sharer, epoch)).(*kmsg.ShareGroupHeartbeatResponse)
		epoch = resp.MemberEpoch
		return resp.Assignment != nil && len(resp.Assignment.TopicPartitions) > 0 && len(resp.Assignment.TopicPartitions[0].Partitions) == 3
	})
	resp := s.quiet(v, sharingBeat(group, sharer, epoch, group+"-t")).(*kmsg.ShareGroupHeartbeatResponse)
	slices.Sort(resp.Assignment.TopicPartitions[0].Partitions)
	s.note("partitions", fmt.Sprint(resp.Assignment.TopicPartitions[0].Partitions))
	s.do("offsets with a partition more", s.last(kmsg.DescribeShareGroupOffsets), describingShareOffsets(group, group+"-t"))
	gone := kmsg.NewPtrDeleteTopicsRequest()
	gone.TopicNames, gone.TimeoutMillis = []string{group + "-t"}, 10000
	s.quiet(5, gone)
	s.awaitGone(group + "-t")
	s.eventually("no partitions", func() bool {
		resp := s.quiet(v, sharingBeat(group, sharer, epoch)).(*kmsg.ShareGroupHeartbeatResponse)
		epoch = resp.MemberEpoch
		return resp.Assignment != nil && len(resp.Assignment.TopicPartitions) == 0
	})
	s.do("offsets of what is gone", s.last(kmsg.DescribeShareGroupOffsets), describingShareOffsets(group, group+"-t"))
	s.do("leave", v, sharingBeat(group, sharer, -1))
}
