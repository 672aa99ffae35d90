package main

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// zombies are members and producers that others have taken the place of.
func zombies(s *side) {
	s.newProducer()
	k := s.oneOfEach("zombie")
	for _, kind := range kindNames {
		k.txnOffsets(kind)
	}
	s.staleProducers()
	s.unstableOffsets()
}

// txnOffsets commits offsets of each kind of group in a transaction, as members of now, of the past and of never.
func (k *kinds) txnOffsets(kind string) {
	name, member, epoch := k.names[kind], k.member[kind], k.epoch[kind]
	topic := "zombie-t"
	if kind == "streams" {
		topic = name + "-lines"
	}
	t := &transactional{side: k.side, name: "zombie-txn-" + kind}
	k.transactionsReady(t.name)
	t.init(kind+": init", 4, -1, -1)
	k.do(kind+": add the group", 3, t.addsGroup(name))
	for _, c := range []struct {
		step, member string
		epoch        int32
		instance     *string
	}{
		{"as member", member, epoch, nil}, {"with an epoch gone by", member, epoch - 1, nil}, {"with an epoch to come", member, epoch + 1, nil},
		{"as nobody", "nobody", epoch, nil}, {"without an epoch", member, -1, nil}, {"without a member", "", epoch, nil}, {"from outside", "", -1, nil},
		{"with an instance", member, epoch, ptr("i")},
	} {
		k.versions(kmsg.TxnOffsetCommit, func(v int16) {
			if v < 3 && c.step != "as member" || v > 5 {
				return // there are no members in those versions, or no names of topics
			}
			req := t.commitsOffset(name, topic, [16]byte{}, 0)
			req.MemberID, req.Generation, req.InstanceID = c.member, c.epoch, c.instance
			k.do(kind+": offsets "+c.step, v, req)
		})
	}
	t.end(kind+": commit", 4, true)
	k.do(kind+": offsets after the end", 8, fetching(name))
}

// staleProducers act with ids and epochs that are over.
func (s *side) staleProducers() {
	id := s.topic("stale-t", 2)
	old := &transactional{side: s, name: "stale"}
	s.transactionsReady(old.name)
	old.init("first init", 4, -1, -1)
	s.do("add", 3, old.adds(old.epoch, "stale-t", 0))
	s.do("write", 11, old.writes("stale-t", id, 0, 0))
	now := &transactional{side: s, name: "stale"}
	s.eventually("the next producer", func() bool {
		resp := s.quiet(4, now.initialising(60000, -1, -1)).(*kmsg.InitProducerIDResponse)
		now.id, now.epoch = resp.ProducerID, resp.ProducerEpoch
		return resp.ErrorCode == 0
	})
	s.do("the old one writes", 11, old.writes("stale-t", id, 0, 1))
	s.do("the old one writes elsewhere", 12, old.writes("stale-t", id, 1, 0))
	s.versions(kmsg.AddPartitionsToTxn, func(v int16) {
		s.do("the old one adds", v, old.adds(old.epoch, "stale-t", 0))
		if v >= 4 {
			s.do("a broker asks for the old one", v, old.asks("stale-t", 0))
			several := old.asks("stale-t", 0)
			several.Transactions = append(several.Transactions, (&transactional{side: s, name: "stale-none", id: 7}).asks("stale-t", 0).Transactions[0])
			s.do("a broker asks for several", v, several)
		}
	})
	s.versions(kmsg.AddOffsetsToTxn, func(v int16) { s.do("the old one adds a group", v, old.addsGroup("zombie-classic")) })
	s.versions(kmsg.EndTxn, func(v int16) {
		s.do("the old one commits", v, old.ending(old.id, old.epoch, true))
		s.do("the old one aborts", v, old.ending(old.id, old.epoch, false))
	})
	for v := int16(3); v <= s.last(kmsg.InitProducerID); v++ {
		s.do("the old one inits with what it has", v, old.initialising(60000, old.id, old.epoch))
	}
	s.do("the new one adds", 3, now.adds(now.epoch, "stale-t", 0))
	s.do("the new one writes", 11, now.writes("stale-t", id, 0, 0))
	now.end("the new one commits", 4, true)
	s.do("the new one commits twice", 4, now.ending(now.id, now.epoch, true))
	s.do("the new one aborts what it committed", 4, now.ending(now.id, now.epoch, false))
	s.do("what was read", 12, fetchOf("stale-t", id, 0, 0))
	marker := kmsg.NewPtrWriteTxnMarkersRequest()
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch, m.Committed = now.id, now.epoch, 100, false
	m.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "stale-t", Partitions: []int32{0}}}
	marker.Markers = append(marker.Markers, m)
	s.versions(kmsg.WriteTxnMarkers, func(v int16) {
		marker.Markers[0].CoordinatorEpoch = 100
		s.do("a marker of a coordinator to come", v, marker)
		marker.Markers[0].CoordinatorEpoch = 99
		s.do("a marker of the coordinator before", v, marker)
		marker.Markers[0].ProducerEpoch--
		s.do("a marker of an epoch gone by", v, marker)
		marker.Markers[0].ProducerEpoch++
	})
}

// unstableOffsets fetches offsets of several groups while a transaction holds some of one of them.
func (s *side) unstableOffsets() {
	topic := s.topic("unstable-t", 3)
	for _, g := range []string{"unstable-1", "unstable-2", "unstable-none"} {
		s.coordinatorReady(g)
	}
	s.quiet(8, committing("unstable-1", "", -1, "unstable-t", 1, 4))
	s.quiet(8, committing("unstable-2", "", -1, "unstable-t", 0, 5))
	t := &transactional{side: s, name: "unstable"}
	s.transactionsReady(t.name)
	t.init("init", 4, -1, -1)
	s.quiet(3, t.addsGroup("unstable-1"))
	s.quiet(3, t.commitsOffset("unstable-1", "unstable-t", [16]byte{}, 0))
	all := func(when string) {
		s.versions(kmsg.OffsetFetch, func(v int16) {
			for _, stable := range []bool{false, true} {
				req := fetching("unstable-1", offsetTopic("unstable-t", 0, 1, 2))
				if v >= 8 {
					req.Groups = append(req.Groups, fetching("unstable-1").Groups[0], fetching("unstable-2").Groups[0], fetching("unstable-none", offsetTopic("unstable-t", 0)).Groups[0])
					req.Groups = req.Groups[1:]
				}
				for i := range req.Groups {
					for j := range req.Groups[i].Topics {
						req.Groups[i].Topics[j].TopicID = topic
					}
				}
				req.RequireStable = stable
				s.do(fmt.Sprintf("%s, stable %v", when, stable), v, req)
				if v >= 8 {
					some := fetching("unstable-1", offsetTopic("unstable-t", 0, 1, 2))
					some.Groups[0].Topics[0].TopicID, some.RequireStable = topic, stable
					s.do(fmt.Sprintf("%s, some, stable %v", when, stable), v, some)
				}
			}
		})
	}
	all("open")
	s.do("deleted while open", 0, offsetDeletion("unstable-1", "unstable-t", 0, 1))
	s.do("group deleted while open", 2, deletingGroups("unstable-1"))
	s.do("committed outside of the transaction", 8, committing("unstable-1", "", -1, "unstable-t", 0, 3))
	all("committed outside")
	t.end("abort", 4, false)
	all("aborted")
}

func offsetDeletion(group, topic string, partitions ...int32) *kmsg.OffsetDeleteRequest {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = group
	t := kmsg.NewOffsetDeleteRequestTopic()
	t.Topic = topic
	for _, p := range partitions {
		t.Partitions = append(t.Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: p})
	}
	req.Topics = append(req.Topics, t)
	return req
}

// offsetsByID commits and fetches by topic id, also of a topic that was made anew.
func offsetsByID(s *side) {
	const group, name = "by-id", "by-id-t"
	s.coordinatorReady(group)
	before := s.topic(name, 2)
	commit := func(step string, id [16]byte, name string, partition int32) {
		for v := int16(9); v <= s.last(kmsg.OffsetCommit); v++ {
			req := committing(group, "", -1, name, partition, 7)
			req.Topics[0].TopicID = id
			s.do("commit "+step, v, req)
		}
	}
	fetch := func(step string, ids ...[16]byte) {
		for v := int16(9); v <= s.last(kmsg.OffsetFetch); v++ {
			req := fetching(group)
			for _, id := range ids {
				t := kmsg.NewOffsetFetchRequestGroupTopic()
				t.Topic, t.TopicID, t.Partitions = name, id, []int32{0, 1, 9}
				req.Groups[0].Topics = append(req.Groups[0].Topics, t)
			}
			s.do("fetch "+step, v, req)
		}
	}
	commit("known", before, name, 0)
	commit("unknown", unknownTopicID, "by-id-none", 0)
	commit("without id", [16]byte{}, name, 0)
	commit("unknown partition", before, name, 9)
	commit("another name", before, "by-id-none", 0)
	fetch("known", before)
	fetch("known and unknown", before, unknownTopicID, [16]byte{})
	fetch("all")
	gone := kmsg.NewPtrDeleteTopicsRequest()
	gone.TopicNames, gone.TimeoutMillis = []string{name}, 10000
	s.quiet(5, gone)
	s.awaitGone(name)
	s.eventually("the end of its offsets", func() bool {
		return s.quiet(8, fetching(group, offsetTopic(name, 0))).(*kmsg.OffsetFetchResponse).Groups[0].Topics[0].Partitions[0].Offset == -1
	})
	commit("gone", before, name, 0)
	fetch("gone", before)
	s.names.topics[before] = "before"
	after := s.topic(name, 2)
	commit("of before", before, name, 0)
	fetch("anew", after)
	fetch("of before", before)
	commit("anew", after, name, 1)
	fetch("all anew")
}

// expressions are regular expressions of all sorts that a member may subscribe to.
var expressions = []string{
	"", "regex-.*", "regex-(a|b)", "^regex-a$", "(?i)REGEX-A", "regex-[ab]", `regex-\w`, `\Qregex-a\E`, "(?P<name>regex)-a", "(?<name>regex)-a", "regex-[[:alpha:]]", `\pLegex-a`,
	"(", "[", "a)", "*", "a**", "a++", "a{2,1}", "a{1001}", "a{1000}", "(a{100}){10}", "(?=a)a", "(?<=a)a", `(a)\1`, `\8`, "[z-a]", "[[:nothing:]]", `\p{Nothing}`, "(?x)a", `\`, "(?:",
	"(a*)*b", "(a|aa)+$", "(?s).", `\x{110000}`, `\C`, `\z`, `\Z`, `\A.*\z`, "a{,2}", "x{2}{3}", "(?P<n>a)(?P<n>b)",
	strings.Repeat("(", 1001) + strings.Repeat(")", 1001), strings.Repeat("a", 20000), strings.Repeat("a?", 500) + strings.Repeat("a", 500),
}

// regularExpressions subscribes to them.
func regularExpressions(s *side) {
	s.coordinatorReady("regex")
	for n, e := range expressions {
		group := fmt.Sprintf("regex-%d", n)
		s.do(fmt.Sprintf("%d: %.30q", n, e), 1, consuming(group, "a", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.SubscribedTopicNames, r.SubscribedTopicRegex = nil, &e
		}))
	}
	const group = "regex-life"
	s.coordinatorReady(group)
	s.configured(group, "consumer.assignment.interval.ms", "0")
	id := s.topic("expressed-a", 1)
	s.topic("expressed-b", 1)
	pattern := func(e string) func(*kmsg.ConsumerGroupHeartbeatRequest) {
		return func(r *kmsg.ConsumerGroupHeartbeatRequest) {
			r.SubscribedTopicNames, r.SubscribedTopicRegex, r.RebalanceTimeoutMillis = nil, &e, 30000
		}
	}
	a := &consumer{side: s, v: 1, group: group, member: "a", id: id}
	a.took(s.quiet(1, consuming(group, "a", 0, pattern("expressed-a"))))
	s.eventually("what matches", func() bool {
		a.took(s.quiet(1, consuming(group, "a", a.epoch)))
		return len(a.has) == 1
	})
	s.do("described with an expression", 1, describingConsumers(group))
	s.do("a bad one later", 1, consuming(group, "a", a.epoch, owns(id, 0), pattern("(")))
	s.do("names besides", 1, consuming(group, "a", a.epoch, owns(id, 0), pattern("expressed-a"), func(r *kmsg.ConsumerGroupHeartbeatRequest) {
		r.SubscribedTopicNames = []string{"expressed-a"}
	}))
	s.do("names that are too long", 1, consuming(group, "a", a.epoch, owns(id, 0), func(r *kmsg.ConsumerGroupHeartbeatRequest) {
		r.SubscribedTopicNames, r.RebalanceTimeoutMillis = []string{strings.Repeat("n", 300), "bad name"}, 30000
	}))
	s.do("no expression any more", 1, consuming(group, "a", a.epoch, owns(id, 0), pattern("")))
	s.do("described at last", 1, describingConsumers(group))
}
