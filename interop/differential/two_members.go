package main

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// consumer is a member of a consumer group that does what it is told.
type consumer struct {
	*side
	v      int16
	group  string
	member string
	id     [16]byte // of the topic that the group reads
	epoch  int32
	has    []int32 // its partitions
	change []func(*kmsg.ConsumerGroupHeartbeatRequest)
}

// joins joins the group.
func (c *consumer) joins(step string, change ...func(*kmsg.ConsumerGroupHeartbeatRequest)) {
	c.change, c.has = change, nil
	c.took(c.do(step, c.v, consuming(c.group, c.member, 0, change...)))
}

// beats tells what it has, and takes up what it is told.
func (c *consumer) beats(step string, change ...func(*kmsg.ConsumerGroupHeartbeatRequest)) {
	all := append([]func(*kmsg.ConsumerGroupHeartbeatRequest){c.owning()}, change...)
	c.took(c.do(step, c.v, consuming(c.group, c.member, c.epoch, all...)))
}

// keepsOn beats without telling anything.
func (c *consumer) keepsOn(step string) {
	c.took(c.do(step, c.v, consuming(c.group, c.member, c.epoch)))
}

func (c *consumer) owning() func(*kmsg.ConsumerGroupHeartbeatRequest) {
	if len(c.has) == 0 {
		return func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{} }
	}
	return owns(c.id, c.has...)
}

func (c *consumer) took(answer kmsg.Response) {
	resp := answer.(*kmsg.ConsumerGroupHeartbeatResponse)
	if resp.ErrorCode != 0 {
		return
	}
	c.epoch = resp.MemberEpoch
	if resp.Assignment != nil {
		c.has = nil
		for _, t := range resp.Assignment.Topics {
			c.has = append(c.has, t.Partitions...)
		}
		slices.Sort(c.has)
	}
}

// leaves leaves for good.
func (c *consumer) leaves(step string) {
	c.do(step, c.v, consuming(c.group, c.member, -1, c.named()...))
	c.has = nil
}

// named keeps only the name of the instance of what the member said when it joined.
func (c *consumer) named() []func(*kmsg.ConsumerGroupHeartbeatRequest) {
	req := consuming(c.group, c.member, 0, c.change...)
	return []func(*kmsg.ConsumerGroupHeartbeatRequest){func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.InstanceID = req.InstanceID }}
}

// consumerPairs brings a second and a third member into consumer groups, step by step, and lets them go.
func consumerPairs(s *side) {
	s.versions(kmsg.ConsumerGroupHeartbeat, func(v int16) {
		group := fmt.Sprintf("pair-%d", v)
		s.coordinatorReady(group)
		s.configured(group, "consumer.assignment.interval.ms", "0")
		id := s.topic(group+"-t", 4)
		s.coordinatorKnows(group, group+"-t")
		described := func(step string) { s.do(step, min(v, 1), describingConsumers(group)) }
		a := &consumer{side: s, v: v, group: group, member: "a", id: id}
		b := &consumer{side: s, v: v, group: group, member: "b", id: id}
		c := &consumer{side: s, v: v, group: group, member: "c", id: id}
		a.joins("first joins")
		a.beats("first has all")
		b.joins("second joins")
		described("second waits")
		b.beats("second waits")
		a.keepsOn("first is told to revoke")
		described("first revokes")
		s.do("first revokes nothing", v, consuming(group, "a", a.epoch, owns(id, 0, 1, 2, 3)))
		b.beats("second still waits")
		before := a.epoch
		a.beats("first has revoked")
		s.do("first with the epoch before", v, consuming(group, "a", before, a.owning()))
		s.do("first with the epoch before and more than it has", v, consuming(group, "a", before, owns(id, 0, 1, 2, 3)))
		b.beats("second gets its part")
		b.beats("second has it")
		described("both have theirs")
		c.joins("third joins")
		s.do("one too many", v, consuming(group, "d", 0))
		s.do("one too many that was there before", v, consuming(group, "d", 3))
		a.beats("first is told of the third")
		b.beats("second is told of the third")
		a.beats("first has revoked for the third")
		b.beats("second has revoked for the third")
		c.beats("third gets its part")
		described("three have theirs")
		b.beats("second reads something else", func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{"pair-none"} })
		described("second reads something else")
		b.beats("second has nothing")
		a.beats("first hears of it")
		c.beats("third hears of it")
		described("two have it all")
		a.beats("first would like range", func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.ServerAssignor = ptr("range") })
		c.beats("third would like range", func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.ServerAssignor = ptr("range") })
		a.beats("first by range")
		c.beats("third by range")
		described("by range")
		b.leaves("second leaves")
		c.leaves("third leaves")
		a.beats("first is alone")
		a.beats("first is still alone")
		described("alone")
		s.do("offsets with its epoch", 9, committing(group, "a", a.epoch, group+"-t", 0, 3))
		s.do("offsets with an epoch gone by", 9, committing(group, "a", before, group+"-t", 0, 4))
		s.do("offsets with an old version", 8, committing(group, "a", before, group+"-t", 0, 5))
		s.do("offsets of who has left", 9, committing(group, "b", a.epoch, group+"-t", 0, 6))
		a.leaves("first leaves")
		described("nobody is left")
		s.staticPair(v, group+"-static")
	})
}

// staticPair replaces a static member of two.
func (s *side) staticPair(v int16, group string) {
	s.coordinatorReady(group)
	s.configured(group, "consumer.assignment.interval.ms", "0")
	id := s.topic(group+"-t", 4)
	s.coordinatorKnows(group, group+"-t")
	described := func(step string) { s.do(step, min(v, 1), describingConsumers(group)) }
	a := &consumer{side: s, v: v, group: group, member: "a", id: id}
	b := &consumer{side: s, v: v, group: group, member: "b", id: id}
	b2 := &consumer{side: s, v: v, group: group, member: "b2", id: id}
	a.joins("static: first joins")
	b.joins("static: second joins", instance("i"))
	a.keepsOn("static: first revokes")
	a.beats("static: first has revoked")
	b.beats("static: second gets its part", instance("i"))
	s.do("static: another with its instance", v, consuming(group, "b2", 0, instance("i")))
	s.do("static: second is away", v, consuming(group, "b", -2, instance("i")))
	described("static: second is away")
	s.do("static: second is away again", v, consuming(group, "b", -2, instance("i")))
	s.do("static: second beats while away", v, consuming(group, "b", b.epoch, instance("i")))
	b2.joins("static: second is back", instance("i"))
	described("static: second is back")
	s.do("static: the old second beats", v, consuming(group, "b", b.epoch, instance("i")))
	s.do("static: the old second leaves", v, consuming(group, "b", -1, instance("i")))
	a.beats("static: first has nothing new")
	b2.beats("static: the new second beats", instance("i"))
	s.do("static: away and back with another subscription", v, consuming(group, "b2", -2, instance("i")))
	b.joins("static: second reads something else", instance("i"), func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{"pair-none"} })
	a.beats("static: first gets all")
	described("static: first has all")
	b.leaves("static: second leaves")
	a.leaves("static: first leaves")
}

// streamsPairs brings a second member into a streams group, with and without instance ids.
func streamsPairs(s *side) {
	s.versions(kmsg.StreamsGroupHeartbeat, func(v int16) {
		group := fmt.Sprintf("streams-pair-%d", v)
		s.coordinatorReady(group)
		s.promptStreams(group)
		s.topic(group+"-lines", 4)
		s.coordinatorKnows(group, group+"-lines")
		a, b := &streamer{side: s, v: v, group: group, member: "a"}, &streamer{side: s, v: v, group: group, member: "b"}
		a.took(s.quiet(v, streaming(group, "a", 0)))
		s.awaitTopic(group+"-words-repartition", 4)
		s.awaitTopic(group+"-counts-changelog", 4)
		described := func(step string) { s.do(step, s.last(kmsg.StreamsGroupDescribe), describingStreams(group)) }
		s.eventually("tasks", func() bool {
			a.took(s.quiet(v, streaming(group, "a", a.epoch, runs(a.zero, a.one))))
			return len(a.zero) > 0 && len(a.one) > 0
		})
		a.beats("first has all")
		b.joins("second joins")
		described("second waits")
		b.beats("second waits")
		a.keepsOn("first is told to revoke")
		described("first revokes")
		before := a.epoch
		a.beats("first has revoked")
		s.do("first with the epoch before", v, streaming(group, "a", before, runs(a.zero, a.one)))
		b.beats("second gets its part")
		b.beats("second has it")
		described("both have theirs")
		b.leaves("second leaves")
		a.beats("first gets all")
		a.beats("first has all again")
		described("alone")
		b.joins("static second joins", instanceOfStreams("i"))
		a.beats("first revokes for it")
		a.beats("first has revoked for it")
		b.beats("static second gets its part", instanceOfStreams("i"))
		s.do("another with its instance", v, streaming(group, "b2", 0, instanceOfStreams("i")))
		s.do("static second is away", v, streaming(group, "b", -2, instanceOfStreams("i")))
		described("static second is away")
		c := &streamer{side: s, v: v, group: group, member: "b2"}
		c.joins("static second is back", instanceOfStreams("i"))
		s.do("the old second beats", v, streaming(group, "b", b.epoch, instanceOfStreams("i")))
		described("static second is back")
		s.do("another topology epoch", v, streaming(group, "c", 0, func(r *kmsg.StreamsGroupHeartbeatRequest) { r.Topology.Epoch = 1 }))
		s.do("offsets with its epoch", 9, committing(group, "a", a.epoch, group+"-lines", 0, 3))
		s.do("offsets with an epoch gone by", 9, committing(group, "a", before, group+"-lines", 0, 3))
		s.do("static second leaves", v, streaming(group, "b2", -1, instanceOfStreams("i")))
		a.leaves("first leaves")
		described("nobody is left")
	})
}

func instanceOfStreams(id string) func(*kmsg.StreamsGroupHeartbeatRequest) {
	return func(r *kmsg.StreamsGroupHeartbeatRequest) { r.InstanceID = &id }
}

// streamer is a member of a streams group that does what it is told.
type streamer struct {
	*side
	v         int16
	group     string
	member    string
	epoch     int32
	zero, one []int32 // partitions of the tasks that it runs
}

func (m *streamer) joins(step string, change ...func(*kmsg.StreamsGroupHeartbeatRequest)) {
	m.zero, m.one = nil, nil
	m.took(m.do(step, m.v, streaming(m.group, m.member, 0, change...)))
}

func (m *streamer) beats(step string, change ...func(*kmsg.StreamsGroupHeartbeatRequest)) {
	all := append([]func(*kmsg.StreamsGroupHeartbeatRequest){runs(m.zero, m.one)}, change...)
	m.took(m.do(step, m.v, streaming(m.group, m.member, m.epoch, all...)))
}

func (m *streamer) keepsOn(step string) {
	m.took(m.do(step, m.v, streaming(m.group, m.member, m.epoch)))
}

func (m *streamer) leaves(step string) { m.do(step, m.v, streaming(m.group, m.member, -1)) }

func (m *streamer) took(answer kmsg.Response) {
	resp := answer.(*kmsg.StreamsGroupHeartbeatResponse)
	if resp.ErrorCode != 0 {
		return
	}
	m.epoch = resp.MemberEpoch
	if resp.ActiveTasks == nil {
		return
	}
	m.zero, m.one = nil, nil
	for _, t := range resp.ActiveTasks {
		if t.SubtopologyID == "0" {
			m.zero = t.Partitions
		} else {
			m.one = t.Partitions
		}
	}
}
