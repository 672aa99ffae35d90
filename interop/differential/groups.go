package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// joining is a request to join with one protocol.
func joining(group, member string, change ...func(*kmsg.JoinGroupRequest)) *kmsg.JoinGroupRequest {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.ProtocolType = group, member, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 120000, 120000 // nobody beats while a scenario goes on
	req.Protocols = []kmsg.JoinGroupRequestProtocol{protocol("range", "metadata")}
	for _, c := range change {
		c(req)
	}
	return req
}

func protocol(name, metadata string) kmsg.JoinGroupRequestProtocol {
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = name, []byte(metadata)
	return p
}

// syncing hands out assignments, pairs of member and assignment, or asks for the own one.
func syncing(group, member string, generation int32, pairs ...string) *kmsg.SyncGroupRequest {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = group, member, generation
	req.ProtocolType, req.Protocol = ptr("consumer"), ptr("range")
	for i := 0; i+1 < len(pairs); i += 2 {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = pairs[i], []byte(pairs[i+1])
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	return req
}

func beating(group, member string, generation int32) *kmsg.HeartbeatRequest {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = group, member, generation
	return req
}

func leaving(group string, members ...string) *kmsg.LeaveGroupRequest {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	for _, member := range members {
		req.MemberID = member
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = member
		req.Members = append(req.Members, m)
	}
	return req
}

func describing(groups ...string) *kmsg.DescribeGroupsRequest {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = groups
	return req
}

// joined brings one member into a group that is new or empty, with an assignment, and returns its id and generation.
func (s *side) joined(group string) (string, int32) {
	s.coordinatorReady(group)
	member := s.quiet(4, joining(group, "")).(*kmsg.JoinGroupResponse).MemberID
	resp := s.quiet(4, joining(group, member)).(*kmsg.JoinGroupResponse)
	s.quiet(3, syncing(group, member, resp.Generation, member, "assignment"))
	return member, resp.Generation
}

// groupLife follows one member from its first to its last request, in every version.
func groupLife(s *side) {
	s.versions(kmsg.JoinGroup, func(v int16) {
		group := fmt.Sprintf("life-%d", v)
		s.coordinatorReady(group)
		resp := s.do("first join", v, joining(group, "")).(*kmsg.JoinGroupResponse)
		member := resp.MemberID
		if v >= 4 {
			resp = s.do("join with the id given", v, joining(group, member)).(*kmsg.JoinGroupResponse)
		}
		g := resp.Generation
		s.do("described while it syncs", 5, describing(group))
		s.do("heartbeat before the sync", 3, beating(group, member, g))
		s.do("sync", min(v, 5), syncing(group, member, g, member, "mine"))
		s.do("sync again", min(v, 5), syncing(group, member, g))
		s.do("heartbeat", min(v, 4), beating(group, member, g))
		s.do("described", 5, describing(group))
		again := s.do("join again with the same metadata", v, joining(group, member)).(*kmsg.JoinGroupResponse)
		s.do("sync after that", 3, syncing(group, member, again.Generation, member, "mine again"))
		changed := s.do("join with other metadata", v, joining(group, member, func(r *kmsg.JoinGroupRequest) {
			r.Protocols = []kmsg.JoinGroupRequestProtocol{protocol("range", "other"), protocol("roundrobin", "")}
		})).(*kmsg.JoinGroupResponse)
		s.do("heartbeat with the old generation", 3, beating(group, member, g))
		s.do("sync without assignment", 3, syncing(group, member, changed.Generation))
		s.do("leave", min(v, 5), leaving(group, member))
		s.do("described when empty", 5, describing(group))
		s.do("leave again", min(v, 5), leaving(group, member))
		s.do("heartbeat after leaving", 3, beating(group, member, changed.Generation))
	})
}

// groupErrors sends what does not fit, with a live group and without.
func groupErrors(s *side) {
	member, g := s.joined("errors-live")
	s.askAll(kmsg.Heartbeat,
		ask{"good", func() kmsg.Request { return beating("errors-live", member, g) }},
		ask{"old generation", func() kmsg.Request { return beating("errors-live", member, g-1) }},
		ask{"future generation", func() kmsg.Request { return beating("errors-live", member, g+1) }},
		ask{"unknown member", func() kmsg.Request { return beating("errors-live", "nobody", g) }},
		ask{"empty member", func() kmsg.Request { return beating("errors-live", "", g) }},
		ask{"unknown group", func() kmsg.Request { return beating("errors-none", member, g) }},
		ask{"empty group", func() kmsg.Request { return beating("", member, g) }},
		ask{"unknown instance", func() kmsg.Request {
			req := beating("errors-live", member, g)
			if s.asked >= 3 {
				req.InstanceID = ptr("i")
			}
			return req
		}},
	)
	s.askAll(kmsg.SyncGroup,
		ask{"good", func() kmsg.Request { return syncing("errors-live", member, g) }},
		ask{"old generation", func() kmsg.Request { return syncing("errors-live", member, g-1) }},
		ask{"unknown member", func() kmsg.Request { return syncing("errors-live", "nobody", g) }},
		ask{"empty member", func() kmsg.Request { return syncing("errors-live", "", g) }},
		ask{"unknown group", func() kmsg.Request { return syncing("errors-none", member, g) }},
		ask{"empty group", func() kmsg.Request { return syncing("", member, g) }},
		ask{"other protocol type", func() kmsg.Request {
			req := syncing("errors-live", member, g)
			req.ProtocolType = ptr("connect")
			return req
		}},
		ask{"other protocol", func() kmsg.Request {
			req := syncing("errors-live", member, g)
			req.Protocol = ptr("sticky")
			return req
		}},
		ask{"no protocol", func() kmsg.Request {
			req := syncing("errors-live", member, g)
			req.Protocol, req.ProtocolType = nil, nil
			return req
		}},
	)
	join := func(change func(*kmsg.JoinGroupRequest)) func() kmsg.Request {
		return func() kmsg.Request { return joining("errors-live", "nobody", change) }
	}
	s.coordinatorReady("errors-new")
	s.askAll(kmsg.JoinGroup,
		ask{"unknown member", join(func(*kmsg.JoinGroupRequest) {})},
		ask{"unknown member of an unknown group", join(func(r *kmsg.JoinGroupRequest) { r.Group = "errors-none" })},
		ask{"empty group", join(func(r *kmsg.JoinGroupRequest) { r.Group = "" })},
		ask{"session timeout too short", join(func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis, r.MemberID = 1, "" })},
		ask{"session timeout too long", join(func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis, r.MemberID = 1<<30, "" })},
		ask{"negative session timeout", join(func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis, r.MemberID = -1, "" })},
		ask{"other protocol type", join(func(r *kmsg.JoinGroupRequest) { r.ProtocolType, r.MemberID = "connect", "" })},
		ask{"other protocols", join(func(r *kmsg.JoinGroupRequest) {
			r.Protocols, r.MemberID = []kmsg.JoinGroupRequestProtocol{protocol("sticky", "x")}, ""
		})},
		ask{"no protocols", join(func(r *kmsg.JoinGroupRequest) { r.Protocols, r.MemberID = nil, "" })},
		ask{"no protocols for a new group", join(func(r *kmsg.JoinGroupRequest) { r.Group, r.Protocols, r.MemberID = "errors-new", nil, "" })},
		ask{"no protocol type for a new group", join(func(r *kmsg.JoinGroupRequest) { r.Group, r.ProtocolType, r.MemberID = "errors-new", "", "" })},
	)
	s.askAll(kmsg.LeaveGroup,
		ask{"unknown member", func() kmsg.Request { return leaving("errors-live", "nobody") }},
		ask{"empty member", func() kmsg.Request { return leaving("errors-live", "") }},
		ask{"unknown group", func() kmsg.Request { return leaving("errors-none", member) }},
		ask{"empty group", func() kmsg.Request { return leaving("", member) }},
		ask{"nobody", func() kmsg.Request { return leaving("errors-live") }},
	)
	s.do("still there", 3, beating("errors-live", member, g))
}

// groupStatic is about members with an instance id.
func groupStatic(s *side) {
	for v := int16(5); v <= s.last(kmsg.JoinGroup); v++ {
		group := fmt.Sprintf("static-%d", v)
		s.coordinatorReady(group)
		instance := func(id string) func(*kmsg.JoinGroupRequest) {
			return func(r *kmsg.JoinGroupRequest) { r.InstanceID = ptr(id) }
		}
		sync := func(member string, generation int32, instance string, pairs ...string) *kmsg.SyncGroupRequest {
			req := syncing(group, member, generation, pairs...)
			req.InstanceID = ptr(instance)
			return req
		}
		first := s.do("first join", v, joining(group, "", instance("i1"))).(*kmsg.JoinGroupResponse)
		s.do("sync", 5, sync(first.MemberID, first.Generation, "i1", first.MemberID, "mine"))
		s.do("described", 5, describing(group))
		second := s.do("the instance comes back", v, joining(group, "", instance("i1"))).(*kmsg.JoinGroupResponse)
		s.do("its old member", v, joining(group, first.MemberID, instance("i1")))
		s.do("its old member syncs", 5, sync(first.MemberID, second.Generation, "i1"))
		old := beating(group, first.MemberID, second.Generation)
		old.InstanceID = ptr("i1")
		s.do("its old member beats", 4, old)
		s.do("its old member without the instance", 4, beating(group, first.MemberID, second.Generation))
		s.do("it syncs", 5, sync(second.MemberID, second.Generation, "i1", second.MemberID, "mine"))
		beat := beating(group, second.MemberID, second.Generation)
		beat.InstanceID = ptr("i1")
		s.do("it beats", 4, beat)
		beat.InstanceID = ptr("i2")
		s.do("it beats under another name", 4, beat)
		s.do("unknown member with the instance", v, joining(group, "nobody", instance("i1")))
		s.do("unknown member with a new instance", v, joining(group, "nobody", instance("i9")))
		changed := s.do("it comes back with other metadata", v, joining(group, "", instance("i1"), func(r *kmsg.JoinGroupRequest) {
			r.Protocols = []kmsg.JoinGroupRequestProtocol{protocol("range", "changed")}
		})).(*kmsg.JoinGroupResponse)
		s.do("sync of what changed", 5, sync(changed.MemberID, changed.Generation, "i1", changed.MemberID, "mine"))
		leave := leaving(group, changed.MemberID)
		leave.Members[0].InstanceID = ptr("i2")
		s.do("leave under another name", min(v, 5), leave)
		leave.Members[0].MemberID, leave.Members[0].InstanceID = first.MemberID, ptr("i1")
		s.do("leave with the old member", min(v, 5), leave)
		leave.Members[0].MemberID = ""
		s.do("leave by instance alone", min(v, 5), leave)
		s.do("described when empty", 5, describing(group))
	}
}

func groupLeave(s *side) {
	s.versions(kmsg.LeaveGroup, func(v int16) {
		group := fmt.Sprintf("leave-%d", v)
		member, _ := s.joined(group)
		if v < 3 {
			s.do("leave", v, leaving(group, member))
			s.do("leave again", v, leaving(group, member))
			return
		}
		s.do("several, one of them known", v, leaving(group, "nobody", member, member))
		s.do("described", 5, describing(group))
		static := s.quiet(5, joining(group, "", func(r *kmsg.JoinGroupRequest) { r.InstanceID = ptr("i") })).(*kmsg.JoinGroupResponse)
		req := leaving(group, static.MemberID)
		s.do("static member by its id alone", v, req)
		req = leaving(group, "")
		req.Members[0].InstanceID = ptr("i")
		s.do("static member by its instance, perhaps again", v, req)
	})
	// A member that has been promised an id but has not joined can leave, too.
	s.coordinatorReady("leave-pending")
	pending := s.quiet(4, joining("leave-pending", "")).(*kmsg.JoinGroupResponse).MemberID
	s.do("pending member", 5, leaving("leave-pending", pending))
	s.do("described without pending", 5, describing("leave-pending"))
}

// groupRebalance brings a second member into a group while the first is there.
func groupRebalance(s *side) {
	for _, v := range []int16{0, 3, 4, 5, 6, 7, 8, 9} {
		group := fmt.Sprintf("rebalance-%d", v)
		first, g := s.joined(group)
		s.names.text("", first) // the first member is the first that gets a name
		second := ""
		if v >= 4 {
			second = s.do("second asks for an id", v, joining(group, "")).(*kmsg.JoinGroupResponse).MemberID
		}
		wait := s.later("second joins", v, joining(group, second, func(r *kmsg.JoinGroupRequest) {
			r.Protocols = []kmsg.JoinGroupRequestProtocol{protocol("sticky", "s"), protocol("range", "r2")}
		}))
		s.eventually("a rebalance", func() bool {
			return s.quiet(3, beating(group, first, g)).(*kmsg.HeartbeatResponse).ErrorCode == 27
		})
		s.do("heartbeat in the rebalance", 3, beating(group, first, g))
		s.do("sync in the rebalance", 3, syncing(group, first, g))
		s.do("described in the rebalance", 5, describing(group))
		s.do("offsets committed in the rebalance", 8, committing(group, first, g, "rebalance-topic", 0, 5))
		leader := s.do("first joins again", v, joining(group, first)).(*kmsg.JoinGroupResponse)
		second = wait().(*kmsg.JoinGroupResponse).MemberID
		wait = s.later("second syncs", 3, syncing(group, second, leader.Generation))
		// The second member's sync may come before or behind the leader's: the answer is the same.
		s.do("offsets committed before the sync", 8, committing(group, first, leader.Generation, "rebalance-topic", 0, 5))
		s.do("first syncs", 3, syncing(group, first, leader.Generation, first, "one", second, "two"))
		wait()
		s.do("described with two", 5, describing(group))
		s.do("first leaves", 3, leaving(group, first))
		s.do("second is told", 3, beating(group, second, leader.Generation))
		third := s.do("second joins alone", v, joining(group, second)).(*kmsg.JoinGroupResponse)
		s.do("sync of a member that is not there", 3, syncing(group, second, third.Generation, "nobody", "x"))
		s.do("second leaves", 3, leaving(group, second))
	}
}
