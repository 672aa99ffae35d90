package main

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kinds are groups with a member each, one of each kind.
type kinds struct {
	*side
	names map[string]string
	// member and epoch are of the member of each kind.
	member map[string]string
	epoch  map[string]int32
}

var kindNames = []string{"classic", "consumer", "share", "streams"}

// oneOfEach makes a live group of each kind that reads one topic.
func (s *side) oneOfEach(prefix string) *kinds {
	k := &kinds{side: s, names: map[string]string{}, member: map[string]string{}, epoch: map[string]int32{}}
	for _, kind := range kindNames {
		k.names[kind] = prefix + "-" + kind
		s.coordinatorReady(k.names[kind])
	}
	s.topic(prefix+"-t", 2)
	for _, kind := range kindNames {
		s.coordinatorKnows(k.names[kind], prefix+"-t")
	}
	member, g := s.joined(k.names["classic"])
	s.names.text("", member)
	k.member["classic"], k.epoch["classic"] = member, g
	resp := s.quiet(1, consuming(k.names["consumer"], "a", 0, func(r *kmsg.ConsumerGroupHeartbeatRequest) { r.SubscribedTopicNames = []string{prefix + "-t"} }))
	k.member["consumer"], k.epoch["consumer"] = "a", resp.(*kmsg.ConsumerGroupHeartbeatResponse).MemberEpoch
	k.member["share"] = sharer
	k.epoch["share"] = s.quiet(1, sharingBeat(k.names["share"], sharer, 0, prefix+"-t")).(*kmsg.ShareGroupHeartbeatResponse).MemberEpoch
	streams := k.names["streams"]
	s.promptStreams(streams)
	s.topic(streams+"-lines", 2)
	s.coordinatorKnows(streams, streams+"-lines")
	k.epoch["streams"] = s.quiet(1, streaming(streams, "a", 0)).(*kmsg.StreamsGroupHeartbeatResponse).MemberEpoch
	s.awaitTopic(streams+"-words-repartition", 2)
	s.awaitTopic(streams+"-counts-changelog", 2)
	s.coordinatorKnows(streams, streams+"-words-repartition")
	s.coordinatorKnows(streams, streams+"-counts-changelog")
	k.member["streams"] = "a"
	return k
}

// groupKinds asks groups of each kind for what the other kinds do.
func groupKinds(s *side) {
	k := s.oneOfEach("kinds")
	k.askedAsOthers("live")
	for _, kind := range kindNames {
		k.offsetsOf(kind)
	}
	k.described("live")
	s.versions(kmsg.DeleteGroups, func(v int16) {
		s.do("all deleted while live", v, deletingGroups(k.names["classic"], k.names["consumer"], k.names["share"], k.names["streams"]))
	})
	s.do("classic leaves", 5, leaving(k.names["classic"], k.member["classic"]))
	s.do("consumer leaves", 1, consuming(k.names["consumer"], "a", -1))
	s.do("sharer leaves", 1, sharingBeat(k.names["share"], sharer, -1))
	s.do("streams member leaves", 1, streaming(k.names["streams"], "a", -1))
	k.described("empty")
	s.do("all deleted", 2, deletingGroups(k.names["classic"], k.names["consumer"], k.names["share"], k.names["streams"], "kinds-none"))
	k.described("gone")
	k.takenOver()
}

// askedAsOthers sends each kind of group what members of the other kinds send.
func (k *kinds) askedAsOthers(when string) {
	for _, kind := range kindNames {
		name, member, epoch := k.names[kind], k.member[kind], k.epoch[kind]
		do := func(step string, v int16, req kmsg.Request) { k.do(when+" "+kind+": "+step, v, req) }
		if kind != "classic" {
			k.versions(kmsg.JoinGroup, func(v int16) {
				if kind != "consumer" { // migrations are a scenario of their own
					do("join as classic", v, joining(name, ""))
				}
				do("join as classic with a name", v, joining(name, "nobody"))
			})
			do("sync as classic", 5, syncing(name, member, epoch))
			do("beat as classic", 4, beating(name, member, epoch))
			do("leave as classic", 5, leaving(name, member))
			do("leave as classic, alone", 2, leaving(name, member))
		}
		if kind != "consumer" {
			if kind != "classic" {
				do("join as consumer", 1, consuming(name, "x", 0))
			}
			do("beat as consumer", 1, consuming(name, member, epoch))
			do("leave as consumer", 1, consuming(name, member, -1))
		}
		if kind != "share" {
			do("join as sharer", 1, sharingBeat(name, second, 0))
			do("beat as sharer", 1, sharingBeat(name, member, epoch))
			do("leave as sharer", 1, sharingBeat(name, member, -1))
		}
		if kind != "streams" {
			do("join as streams", 1, streaming(name, "x", 0))
			do("beat as streams", 1, streaming(name, member, epoch))
			do("leave as streams", 1, streaming(name, member, -1))
		}
	}
}

// offsetsOf commits, fetches and deletes offsets of a live group.
func (k *kinds) offsetsOf(kind string) {
	name, member, epoch := k.names[kind], k.member[kind], k.epoch[kind]
	topic := "kinds-t"
	if kind == "streams" {
		topic = name + "-lines"
	}
	do := func(step string, v int16, req kmsg.Request) { k.do(kind+" offsets: "+step, v, req) }
	k.versions(kmsg.OffsetCommit, func(v int16) {
		if v >= 10 {
			return // by topic id is a scenario of its own
		}
		do("commit", v, committing(name, member, epoch, topic, 0, 5))
		do("commit with an epoch gone by", v, committing(name, member, epoch-1, topic, 0, 6))
		do("commit with an epoch to come", v, committing(name, member, epoch+1, topic, 0, 6))
		do("commit of nobody", v, committing(name, "nobody", epoch, topic, 0, 7))
		do("commit from outside", v, committing(name, "", -1, topic, 0, 8))
	})
	for v := int16(7); v <= 9; v++ {
		do("fetch", v, fetching(name))
		req := fetching(name, offsetTopic(topic, 0, 1))
		do("fetch some", v, req)
		if v == 9 {
			for _, m := range []struct {
				step   string
				member string
				epoch  int32
			}{{"fetch as member", member, epoch}, {"fetch as member of old", member, epoch - 1}, {"fetch as member to come", member, epoch + 1}, {"fetch as nobody", "nobody", epoch}} {
				req.Groups[0].MemberID, req.Groups[0].MemberEpoch = ptr(m.member), m.epoch
				do(m.step, v, req)
			}
		}
	}
	for _, of := range []string{topic, "kinds-none", "kinds-streams-words-repartition", "kinds-other"} {
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = name
		req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: of, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
		do("delete of "+of, 0, req)
	}
}

// described asks for all kinds by the questions for each of them.
func (k *kinds) described(when string) {
	all := []string{k.names["classic"], k.names["consumer"], k.names["share"], k.names["streams"]}
	for _, v := range []int16{5, 6} {
		k.do(when+": described as classic", v, describing(all...))
	}
	k.do(when+": described as consumers", 1, describingConsumers(all...))
	k.do(when+": described as sharers", 1, describingShares(all...))
	k.do(when+": described as streams", 1, describingStreams(all...))
	k.versions(kmsg.ListGroups, func(v int16) {
		k.lists(when+": listed", v, nil, nil)
		if v < 4 {
			return
		}
		for _, state := range []string{"Stable", "Empty", "Dead", "Assigning", "Reconciling", "NotReady", "CompletingRebalance", "preparingrebalance"} {
			k.lists(when+": listed "+state, v, []string{state}, nil)
		}
		if v < 5 {
			return
		}
		for _, kind := range []string{"classic", "consumer", "share", "streams", "Streams", "unknown"} {
			k.lists(when+": listed "+kind, v, nil, []string{kind})
		}
		k.lists(when+": listed stable sharers and streams", v, []string{"stable"}, []string{"share", "STREAMS"})
	})
}

// lists records only the groups of this scenario.
func (k *kinds) lists(step string, v int16, states, types []string) {
	req := kmsg.NewPtrListGroupsRequest()
	req.StatesFilter, req.TypesFilter = states, types
	req.SetVersion(v)
	resp, extra, err := k.exchange(v, req)
	if r, ok := resp.(*kmsg.ListGroupsResponse); ok {
		var mine []kmsg.ListGroupsResponseGroup
		for _, g := range r.Groups {
			if strings.HasPrefix(g.Group, "kinds-") {
				mine = append(mine, g)
			}
		}
		r.Groups = mine
	}
	k.record(step, req, resp, extra, err)
}

// takenOver gives the names of groups without members to other kinds.
func (k *kinds) takenOver() {
	joins := map[string]func(string, string){
		"classic":  func(step, group string) { k.do(step, 9, joining(group, "", reading("kinds-t"))) },
		"consumer": func(step, group string) { k.do(step, 1, consuming(group, "a", 0)) },
		"share":    func(step, group string) { k.do(step, 1, sharingBeat(group, sharer, 0)) },
		"streams":  func(step, group string) { k.do(step, 1, streaming(group, "a", 0)) },
	}
	for _, was := range kindNames {
		for _, is := range kindNames {
			if was == is {
				continue
			}
			group := "kinds-" + was + "-to-" + is
			k.coordinatorReady(group)
			switch was {
			case "classic":
				member, _ := k.joined(group)
				k.quiet(5, leaving(group, member))
			case "consumer":
				k.quiet(1, consuming(group, "a", 0))
				k.quiet(1, consuming(group, "a", -1))
			case "share":
				k.quiet(1, sharingBeat(group, sharer, 0))
				k.quiet(1, sharingBeat(group, sharer, -1))
			case "streams":
				k.quiet(1, streaming(group, "a", 0))
				k.quiet(1, streaming(group, "a", -1))
			}
			joins[is](group, group)
			k.coordinatorWrote(group, "kinds-t")
			k.lists(group+": listed", 5, nil, nil)
		}
		group := "kinds-offsets-to-" + was
		k.coordinatorReady(group)
		k.quiet(8, committing(group, "", -1, "kinds-t", 0, 4))
		joins[was](group, group)
		k.coordinatorWrote(group, "kinds-t")
		k.lists(group+": listed", 5, nil, nil)
		k.do(group+": offsets", 8, fetching(group))
	}
}
