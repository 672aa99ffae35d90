package main

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func committing(group, member string, generation int32, topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = group, member, generation
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = topic
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.Metadata = partition, offset, ptr("m")
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

func offsetsCommit(s *side) {
	id := s.topic("commit-1", 2)
	member, g := s.joined("commit-live")
	s.coordinatorReady("commit-simple")
	s.versions(kmsg.OffsetCommit, func(v int16) {
		commit := func(group, member string, generation int32) *kmsg.OffsetCommitRequest {
			req := committing(group, member, generation, "commit-1", 0, int64(v))
			req.Topics[0].TopicID = id
			return req
		}
		with := func(change func(*kmsg.OffsetCommitRequest)) *kmsg.OffsetCommitRequest {
			req := commit("commit-simple", "", -1)
			change(req)
			return req
		}
		s.do("member", v, commit("commit-live", member, g))
		s.do("old generation", v, commit("commit-live", member, g-1))
		s.do("future generation", v, commit("commit-live", member, g+1))
		s.do("unknown member", v, commit("commit-live", "nobody", g))
		s.do("outside of the group", v, commit("commit-live", "", -1))
		s.do("without group", v, commit("commit-simple", "", -1))
		s.do("member of a group without members", v, commit("commit-simple", "nobody", 1))
		s.do("member without generation", v, commit("commit-simple", "nobody", -1))
		s.do("empty group", v, commit("", "", -1))
		s.do("unknown group with a generation", v, commit(fmt.Sprintf("commit-none-%d", v), "x", 5))
		s.do("unknown topic", v, with(func(r *kmsg.OffsetCommitRequest) {
			r.Topics[0].Topic, r.Topics[0].TopicID = "commit-none", unknownTopicID
		}))
		s.do("invalid topic", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Topic, r.Topics[0].TopicID = "bad name", [16]byte{} }))
		s.do("unknown partition", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Partition = 9 }))
		s.do("negative offset", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Offset = -1 }))
		s.do("very negative offset", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Offset = -5 }))
		s.do("large metadata", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Metadata = ptr(strings.Repeat("m", 4096)) }))
		s.do("too large metadata", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Metadata = ptr(strings.Repeat("m", 4097)) }))
		s.do("null metadata", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Metadata = nil }))
		s.do("leader epoch", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].LeaderEpoch = 3 }))
		s.do("no topics", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics = nil }))
		s.do("no partitions", v, with(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions = nil }))
		s.do("one good and one bad", v, with(func(r *kmsg.OffsetCommitRequest) {
			p := r.Topics[0].Partitions[0]
			p.Partition = 9
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
		}))
		if v >= 7 {
			s.do("unknown instance", v, with(func(r *kmsg.OffsetCommitRequest) {
				r.Group, r.InstanceID, r.MemberID, r.Generation = "commit-live", ptr("i"), member, g
			}))
		}
		s.do("what is stored", 7, fetching("commit-simple"))
	})
}

func fetching(group string, topics ...kmsg.OffsetFetchRequestTopic) *kmsg.OffsetFetchRequest {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group, req.Topics = group, topics
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	for _, t := range topics {
		gt := kmsg.NewOffsetFetchRequestGroupTopic()
		gt.Topic, gt.Partitions = t.Topic, t.Partitions
		g.Topics = append(g.Topics, gt)
	}
	req.Groups = append(req.Groups, g)
	return req
}

func offsetTopic(name string, partitions ...int32) kmsg.OffsetFetchRequestTopic {
	t := kmsg.NewOffsetFetchRequestTopic()
	t.Topic, t.Partitions = name, partitions
	return t
}

func offsetsFetch(s *side) {
	id := s.topic("fetched-1", 3)
	other := s.topic("fetched-2", 1)
	s.coordinatorReady("fetched")
	member, g := s.joined("fetched-live")
	for p := range int32(2) {
		req := committing("fetched", "", -1, "fetched-1", p, 40+int64(p))
		req.Topics[0].Partitions[0].LeaderEpoch = p
		s.quiet(8, req)
	}
	s.quiet(8, committing("fetched-live", member, g, "fetched-2", 0, 7))
	ids := map[string][16]byte{"fetched-1": id, "fetched-2": other, "fetched-none": unknownTopicID}
	s.versions(kmsg.OffsetFetch, func(v int16) {
		do := func(step string, req *kmsg.OffsetFetchRequest) {
			for i := range req.Groups {
				for j := range req.Groups[i].Topics {
					req.Groups[i].Topics[j].TopicID = ids[req.Groups[i].Topics[j].Topic]
				}
			}
			s.do(step, v, req)
		}
		stable := func(req *kmsg.OffsetFetchRequest) *kmsg.OffsetFetchRequest {
			req.RequireStable = true
			return req
		}
		do("some", fetching("fetched", offsetTopic("fetched-1", 0, 1, 2, 9), offsetTopic("fetched-2", 0)))
		do("require stable", stable(fetching("fetched", offsetTopic("fetched-1", 0, 2))))
		if v >= 2 {
			do("all", fetching("fetched"))
			do("all of a group that does not exist", fetching("fetched-none"))
			do("all, stable", stable(fetching("fetched")))
		}
		do("unknown topic", fetching("fetched", offsetTopic("fetched-none", 0)))
		do("invalid topic", fetching("fetched", offsetTopic("bad name", 0)))
		do("unknown group", fetching("fetched-none", offsetTopic("fetched-1", 0)))
		do("empty group", fetching("", offsetTopic("fetched-1", 0)))
		do("no partitions", fetching("fetched", offsetTopic("fetched-1")))
		do("the same partition twice", fetching("fetched", offsetTopic("fetched-1", 0, 0)))
		empty := fetching("fetched")
		empty.Topics, empty.Groups[0].Topics = []kmsg.OffsetFetchRequestTopic{}, []kmsg.OffsetFetchRequestGroupTopic{}
		do("an empty list of topics", empty)
		if v >= 8 {
			several := fetching("fetched", offsetTopic("fetched-1", 1))
			several.Groups = append(several.Groups, fetching("fetched-live").Groups[0], fetching("fetched-none", offsetTopic("fetched-1", 0)).Groups[0], fetching("").Groups[0])
			do("several groups", several)
			nobody := fetching("fetched")
			nobody.Groups = nil
			do("no groups", nobody)
			twice := fetching("fetched")
			twice.Groups = append(twice.Groups, twice.Groups...)
			do("the same group twice", twice)
		}
		if v >= 9 {
			s.fetchAsMembers(do, member, g)
		}
	})
}

// fetchAsMembers names a member and its epoch in the request.
func (s *side) fetchAsMembers(do func(string, *kmsg.OffsetFetchRequest), member string, g int32) {
	for _, of := range []struct {
		step, group string
		member      *string
		epoch       int32
	}{
		{"as member", "fetched-live", &member, g},
		{"as member with an old epoch", "fetched-live", &member, g - 1},
		{"as unknown member", "fetched-live", ptr("nobody"), g},
		{"as member of no group", "fetched-none", ptr("nobody"), 3},
		{"as member without a name", "fetched-live", nil, 3},
		{"as member with an empty name", "fetched-live", ptr(""), 3},
	} {
		req := fetching(of.group, offsetTopic("fetched-2", 0))
		req.Groups[0].MemberID, req.Groups[0].MemberEpoch = of.member, of.epoch
		do(of.step, req)
	}
}

func offsetsDelete(s *side) {
	s.topic("deleted-1", 2)
	s.coordinatorReady("deleted-simple")
	member, g := s.joined("deleted-live")
	s.quiet(8, committing("deleted-simple", "", -1, "deleted-1", 0, 4))
	s.quiet(8, committing("deleted-simple", "", -1, "deleted-1", 1, 5))
	s.quiet(8, committing("deleted-live", member, g, "deleted-1", 0, 5))
	s.versions(kmsg.OffsetDelete, func(v int16) {
		do := func(step, group, topic string, partitions ...int32) {
			req := kmsg.NewPtrOffsetDeleteRequest()
			req.Group = group
			t := kmsg.NewOffsetDeleteRequestTopic()
			t.Topic = topic
			for _, p := range partitions {
				tp := kmsg.NewOffsetDeleteRequestTopicPartition()
				tp.Partition = p
				t.Partitions = append(t.Partitions, tp)
			}
			req.Topics = append(req.Topics, t)
			s.do(step, v, req)
		}
		do("unknown group", "deleted-none", "deleted-1", 0)
		do("empty group", "", "deleted-1", 0)
		do("unknown topic", "deleted-simple", "deleted-none", 0)
		do("unknown partition", "deleted-simple", "deleted-1", 9)
		do("live group", "deleted-live", "deleted-1", 0)
		do("live group, topic without offsets", "deleted-live", "deleted-none", 0)
		do("one", "deleted-simple", "deleted-1", 0)
		do("again", "deleted-simple", "deleted-1", 0)
		do("no partitions", "deleted-simple", "deleted-1")
		s.do("what is left", 7, fetching("deleted-simple"))
		nothing := kmsg.NewPtrOffsetDeleteRequest()
		nothing.Group = "deleted-simple"
		s.do("nothing", v, nothing)
		do("the last one", "deleted-simple", "deleted-1", 1)
		s.do("described without offsets", 5, describing("deleted-simple"))
		do("group without offsets", "deleted-simple", "deleted-1", 1)
	})
}

func groupsDescribed(s *side) {
	s.topic("described-1", 1)
	s.joined("described-live")
	s.coordinatorReady("described-simple")
	s.quiet(8, committing("described-simple", "", -1, "described-1", 0, 4))
	of := func(operations bool, groups ...string) func() kmsg.Request {
		return func() kmsg.Request {
			req := describing(groups...)
			req.IncludeAuthorizedOperations = operations
			return req
		}
	}
	s.askAll(kmsg.DescribeGroups,
		ask{"several", of(false, "described-live", "described-simple", "described-none", "")},
		ask{"with operations", of(true, "described-live", "described-none")},
		ask{"twice the same", of(false, "described-live", "described-live")},
		ask{"nothing", of(false)},
	)
	// Groups of earlier scenarios may go on expiring: only those of this one are listed.
	s.versions(kmsg.ListGroups, func(v int16) {
		list := func(step string, states, types []string) {
			req := kmsg.NewPtrListGroupsRequest()
			req.StatesFilter, req.TypesFilter = states, types
			req.SetVersion(v)
			resp, extra, err := s.exchange(v, req)
			if r, ok := resp.(*kmsg.ListGroupsResponse); ok {
				var mine []kmsg.ListGroupsResponseGroup
				for _, g := range r.Groups {
					if strings.HasPrefix(g.Group, "described-") {
						mine = append(mine, g)
					}
				}
				r.Groups = mine
			}
			s.record(step, req, resp, extra, err)
		}
		list("all", nil, nil)
		if v >= 4 {
			list("stable", []string{"Stable"}, nil)
			list("empty and dead", []string{"Empty", "Dead"}, nil)
			list("small letters", []string{"stable"}, nil)
			list("all letters", []string{"PREPARING_REBALANCE", "STABLE"}, nil)
			list("unknown state", []string{"Confused"}, nil)
			list("empty state", []string{""}, nil)
		}
		if v >= 5 {
			list("classic", nil, []string{"classic"})
			list("Classic, Consumer", nil, []string{"Classic", "Consumer"})
			list("consumer", nil, []string{"consumer"})
			list("share", nil, []string{"share"})
			list("unknown type", nil, []string{"confused"})
			list("stable and classic", []string{"Stable"}, []string{"classic"})
		}
	})
}

func groupsDeleted(s *side) {
	s.topic("gone-1", 1)
	s.joined("gone-live")
	s.versions(kmsg.DeleteGroups, func(v int16) {
		group := fmt.Sprintf("gone-%d", v)
		s.coordinatorReady(group)
		s.quiet(8, committing(group, "", -1, "gone-1", 0, 4))
		of := func(groups ...string) *kmsg.DeleteGroupsRequest {
			req := kmsg.NewPtrDeleteGroupsRequest()
			req.Groups = groups
			return req
		}
		s.do("live", v, of("gone-live"))
		s.do("unknown", v, of("gone-none"))
		s.do("empty name", v, of(""))
		s.do("nothing", v, of())
		s.do("several", v, of(group, "gone-live", "gone-none"))
		s.do("again", v, of(group))
		s.do("offsets of what is gone", 7, fetching(group))
		s.do("twice in the request", v, of("gone-none", "gone-none"))
		s.do("described", 5, describing(group))
	})
}
