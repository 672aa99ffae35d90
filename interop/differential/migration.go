package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// reads is the metadata of a classic member that reads a topic, as consumers write it.
func reads(version int16, topics ...string) []byte {
	m := kmsg.NewConsumerMemberMetadata()
	m.Version, m.Topics, m.Generation = version, topics, -1
	return m.AppendTo(nil)
}

// hasAll is the assignment of a classic member that reads so many partitions.
func hasAll(topic string, partitions ...int32) string {
	a := kmsg.NewConsumerMemberAssignment()
	a.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: topic, Partitions: partitions}}
	return string(a.AppendTo(nil))
}

// reading has a classic member read a topic.
func reading(topic string) func(*kmsg.JoinGroupRequest) {
	return func(r *kmsg.JoinGroupRequest) {
		r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: reads(1, topic)}}
	}
}

// classicConsumer brings one member with consumer metadata into a classic group.
func (s *side) classicConsumer(group string, change ...func(*kmsg.JoinGroupRequest)) (string, int32) {
	s.coordinatorReady(group)
	change = append([]func(*kmsg.JoinGroupRequest){reading(group + "-t")}, change...)
	first := s.quiet(9, joining(group, "", change...)).(*kmsg.JoinGroupResponse)
	member, generation := first.MemberID, first.Generation
	if first.ErrorCode == 79 { // the member id first
		resp := s.quiet(9, joining(group, member, change...)).(*kmsg.JoinGroupResponse)
		generation = resp.Generation
	}
	s.quiet(3, syncing(group, member, generation, member, hasAll(group+"-t", 0, 1)))
	s.names.text("MemberID", member)
	return member, generation
}

// migrations moves groups from the classic protocol to the new one and back while members are there.
func migrations(s *side) {
	s.upgradeAndBack("moved-1")
	s.upgradeInSteps("moved-2")
	s.unmovable("moved-3")
	s.staticMoves("moved-4")
}

// upgradeAndBack has a consumer join a classic group and leave again.
func (s *side) upgradeAndBack(group string) {
	v := s.last(kmsg.ConsumerGroupHeartbeat)
	s.coordinatorReady(group)
	s.configured(group, "consumer.assignment.interval.ms", "0")
	id := s.topic(group+"-t", 2)
	s.coordinatorKnows(group, group+"-t")
	classic, g := s.classicConsumer(group)
	described := func(step string) {
		s.do(step, 1, describingConsumers(group))
		s.do(step+" as a classic group", 6, describing(group))
	}
	s.quiet(8, committing(group, classic, g, group+"-t", 0, 5))
	described("classic")
	b := &consumer{side: s, v: v, group: group, member: "b", id: id}
	b.joins("a consumer joins")
	described("upgraded")
	s.do("classic member beats", 4, beating(group, classic, g))
	s.do("classic member commits", 8, committing(group, classic, g, group+"-t", 0, 6))
	s.do("classic member syncs with the old generation", 5, syncing(group, classic, g))
	s.do("classic member joins with another protocol", 9, joining(group, classic, func(r *kmsg.JoinGroupRequest) {
		r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte("metadata")}}
	}))
	again := s.do("classic member joins again", 9, joining(group, classic, reading(group+"-t"))).(*kmsg.JoinGroupResponse)
	s.do("classic member beats before it syncs", 4, beating(group, classic, again.Generation))
	s.do("classic member syncs", 5, syncing(group, classic, again.Generation))
	s.do("classic member beats again", 4, beating(group, classic, again.Generation))
	b.beats("the consumer gets its part")
	described("both have theirs")
	s.do("classic member commits with its generation", 8, committing(group, classic, again.Generation, group+"-t", 0, 6))
	s.do("consumer commits", 9, committing(group, "b", b.epoch, group+"-t", 1, 7))
	s.do("consumer asks as a classic member", 4, beating(group, "b", b.epoch))
	s.do("classic member asks as a consumer", v, consuming(group, classic, again.Generation))
	s.do("another classic member asks for an id", 9, joining(group, "", reading(group+"-t")))
	b.leaves("the consumer leaves")
	described("downgraded")
	s.do("classic member beats after that", 4, beating(group, classic, again.Generation))
	last := s.do("classic member joins after that", 9, joining(group, classic, reading(group+"-t"))).(*kmsg.JoinGroupResponse)
	s.do("classic member syncs after that", 5, syncing(group, classic, last.Generation, classic, hasAll(group+"-t", 0, 1)))
	s.do("offsets after that", 8, fetching(group))
	s.do("classic member leaves", 5, leaving(group, classic))
	described("empty")
}

// upgradeInSteps lets the classic member go first.
func (s *side) upgradeInSteps(group string) {
	v := s.last(kmsg.ConsumerGroupHeartbeat)
	s.coordinatorReady(group)
	s.configured(group, "consumer.assignment.interval.ms", "0")
	id := s.topic(group+"-t", 2)
	s.coordinatorKnows(group, group+"-t")
	classic, g := s.classicConsumer(group)
	b := &consumer{side: s, v: v, group: group, member: "b", id: id}
	b.joins("a consumer joins a group of one")
	s.do("the classic member leaves", 5, leaving(group, classic))
	s.do("the classic member leaves again", 5, leaving(group, classic))
	s.do("the classic member is gone", 4, beating(group, classic, g))
	b.beats("the consumer gets all")
	s.do("described without classic members", 1, describingConsumers(group))
	first := s.do("a classic member comes", 9, joining(group, "", reading(group+"-t"))).(*kmsg.JoinGroupResponse)
	s.names.text("MemberID", first.MemberID)
	resp := s.do("a classic member joins", 9, joining(group, first.MemberID, reading(group+"-t"))).(*kmsg.JoinGroupResponse)
	s.do("it syncs", 5, syncing(group, first.MemberID, resp.Generation))
	b.keepsOn("the consumer revokes")
	b.beats("the consumer has revoked")
	s.do("it beats", 4, beating(group, first.MemberID, resp.Generation))
	resp = s.do("it joins again", 9, joining(group, first.MemberID, reading(group+"-t"))).(*kmsg.JoinGroupResponse)
	s.do("it syncs again", 5, syncing(group, first.MemberID, resp.Generation))
	s.do("described with a classic member", 1, describingConsumers(group))
	b.leaves("the consumer leaves it alone")
	s.do("described as classic", 6, describing(group))
	s.do("it leaves", 5, leaving(group, first.MemberID))
}

// unmovable are classic groups that no consumer can join, and empty ones that turn into what joins.
func (s *side) unmovable(group string) {
	v := s.last(kmsg.ConsumerGroupHeartbeat)
	s.topic(group+"-t", 2)
	for _, name := range []string{group, group + "-connect", group + "-simple"} {
		s.coordinatorKnows(name, group+"-t")
	}
	s.joined(group)
	s.do("a consumer joins a group of strange members", v, consuming(group, "b", 0))
	s.coordinatorReady(group + "-connect")
	connect := func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "connect" }
	member := s.quiet(9, joining(group+"-connect", "", connect)).(*kmsg.JoinGroupResponse).MemberID
	s.quiet(9, joining(group+"-connect", member, connect))
	s.do("a consumer joins workers", v, consuming(group+"-connect", "b", 0))
	s.do("a classic consumer joins workers", 9, joining(group+"-connect", "", reading(group+"-t")))
	s.coordinatorReady(group + "-simple")
	s.quiet(8, committing(group+"-simple", "", -1, group+"-t", 0, 4))
	s.do("a consumer joins a group with offsets only", v, consuming(group+"-simple", "b", 0))
	s.do("its offsets", 8, fetching(group+"-simple"))
	s.do("the consumer leaves", v, consuming(group+"-simple", "b", -1))
	s.do("described when empty", 1, describingConsumers(group+"-simple"))
	s.do("a classic member comes into an empty consumer group", 9, joining(group+"-simple", "", reading(group+"-t")))
	s.coordinatorWrote(group+"-simple", group+"-t")
	s.do("described after that", 6, describing(group+"-simple"))
	s.do("offsets after that", 8, fetching(group+"-simple"))
}

// staticMoves moves a static member from one protocol to the other.
func (s *side) staticMoves(group string) {
	v := s.last(kmsg.ConsumerGroupHeartbeat)
	s.coordinatorReady(group)
	s.configured(group, "consumer.assignment.interval.ms", "0")
	s.topic(group+"-t", 2)
	s.coordinatorKnows(group, group+"-t")
	classic, g := s.classicConsumer(group, func(r *kmsg.JoinGroupRequest) { r.InstanceID = ptr("i") })
	s.do("a consumer takes the place of the instance", v, consuming(group, "b", 0, instance("i")))
	s.do("described with the instance", 1, describingConsumers(group))
	beat := beating(group, classic, g)
	beat.InstanceID = ptr("i")
	s.do("the classic one beats", 4, beat)
	back := joining(group, "", reading(group+"-t"), func(r *kmsg.JoinGroupRequest) { r.InstanceID = ptr("i") })
	s.do("a classic one takes the place of a consumer that is there", 9, back)
	s.replacedByClassic(group+"-alone", false)
	s.replacedByClassic(group+"-beside", true)
}

// replacedByClassic lets a static classic member take the place of the last consumer of a group.
func (s *side) replacedByClassic(group string, beside bool) {
	v := s.last(kmsg.ConsumerGroupHeartbeat)
	s.coordinatorReady(group)
	s.configured(group, "consumer.assignment.interval.ms", "0")
	id := s.topic(group+"-t", 2)
	s.coordinatorKnows(group, group+"-t")
	instanced := func(member string) *kmsg.JoinGroupRequest {
		return joining(group, member, reading(group+"-t"), func(r *kmsg.JoinGroupRequest) { r.InstanceID = ptr("i") })
	}
	b := &consumer{side: s, v: v, group: group, member: "b", id: id}
	b.joins("back: the consumer joins", instance("i"))
	if beside {
		first := s.quiet(9, joining(group, "", reading(group+"-t"))).(*kmsg.JoinGroupResponse)
		s.names.text("MemberID", first.MemberID)
		resp := s.do("back: a classic member joins", 9, joining(group, first.MemberID, reading(group+"-t"))).(*kmsg.JoinGroupResponse)
		s.do("back: the classic member syncs", 5, syncing(group, first.MemberID, resp.Generation))
		b.keepsOn("back: the consumer revokes")
		b.beats("back: the consumer has revoked", instance("i"))
		resp = s.do("back: the classic member joins again", 9, joining(group, first.MemberID, reading(group+"-t"))).(*kmsg.JoinGroupResponse)
		s.do("back: the classic member syncs again", 5, syncing(group, first.MemberID, resp.Generation))
	}
	s.do("back: the consumer is away", v, consuming(group, "b", -2, instance("i")))
	s.do("back: described", 1, describingConsumers(group))
	resp := s.do("back: a classic member is the instance", 9, instanced("")).(*kmsg.JoinGroupResponse)
	s.names.text("MemberID", resp.MemberID)
	s.do("back: described after that", 1, describingConsumers(group))
	s.do("back: described as classic", 6, describing(group))
	sync := syncing(group, resp.MemberID, resp.Generation)
	sync.InstanceID = ptr("i")
	s.do("back: it syncs", 5, sync)
	beat := beating(group, resp.MemberID, resp.Generation)
	beat.InstanceID = ptr("i")
	s.do("back: it beats", 4, beat)
	s.do("back: the old one beats", v, consuming(group, "b", b.epoch, instance("i")))
	s.do("back: it commits", 8, committing(group, resp.MemberID, resp.Generation, group+"-t", 0, 5))
	s.do("back: it leaves", 5, leaving(group, resp.MemberID))
	s.do("back: described as classic without it", 6, describing(group))
}

// migrationsDisabled asks for the same where groups keep the protocol that they have.
func migrationsDisabled(s *side) {
	v := s.last(kmsg.ConsumerGroupHeartbeat)
	for n, change := range []func(*kmsg.JoinGroupRequest){func(*kmsg.JoinGroupRequest) {}, func(r *kmsg.JoinGroupRequest) { r.InstanceID = ptr("i") }} {
		group := fmt.Sprintf("unmoved-%d", n)
		s.coordinatorReady(group)
		s.topic(group+"-t", 2)
		s.coordinatorKnows(group, group+"-t")
		classic, g := s.classicConsumer(group, change)
		s.do("a consumer joins", v, consuming(group, "b", 0))
		s.do("an instance joins", v, consuming(group, "b", 0, instance("i")))
		s.do("the classic member stays", 4, beating(group, classic, g))
		s.do("described", 6, describing(group))
		s.do("described as a consumer group", 1, describingConsumers(group))
		s.do("the classic member leaves", 5, leaving(group, classic))
		s.do("a consumer joins when it is empty", v, consuming(group, "b", 0))
		s.do("a classic member comes to a consumer", 9, joining(group, "", reading(group+"-t")))
		s.do("a classic member with a name comes to a consumer", 9, joining(group, "x", reading(group+"-t")))
		s.do("the consumer leaves", v, consuming(group, "b", -1))
		s.do("described as a consumer group again", 1, describingConsumers(group))
	}
}
