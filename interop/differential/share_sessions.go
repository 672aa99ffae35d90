package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// shareSessionsEnd ends share sessions in every way. What the member held comes to another one, and how often it was delivered is compared.
func shareSessionsEnd(s *side) {
	v, ack := s.last(kmsg.ShareFetch), s.last(kmsg.ShareAcknowledge)
	for _, way := range []struct {
		name    string
		end     func(r *shareReader)
		notices bool // the broker does by itself, when it gets to it
	}{
		{"a last fetch", func(r *shareReader) { s.quiet(v, shareFetching(r.group, r.member, -1, r.id, nil)) }, false},
		{"a last fetch that releases", func(r *shareReader) {
			s.quiet(v, shareFetching(r.group, r.member, -1, r.id, []int32{0}, fetchAck(0, 3, 2)))
		}, false},
		{"a last acknowledgement", func(r *shareReader) {
			req := shareAcknowledging(r.group, r.member, -1, r.id, 0, 0, 0)
			req.Topics = nil
			s.quiet(ack, req)
		}, false},
		{"a session in its place", func(r *shareReader) { s.quiet(v, shareFetching(r.group, r.member, 0, r.id, []int32{1})) }, false},
		{"the end of its connection", func(r *shareReader) { r.hangUp() }, true},
	} {
		group := fmt.Sprintf("ended-%d", len(s.entries))
		id := s.shareGroup(group, "a", "b", "c", "d")
		s.shares(group, sharer)
		s.opened(group, second, id)
		s.quiet(v, shareFetching(group, second, -1, id, nil))
		own := &side{kind: s.kind, addr: s.addr, names: s.names, ranges: s.ranges}
		first := &shareReader{side: own, group: group, member: sharer, id: id}
		takes := shareFetching(group, sharer, 0, id, []int32{0})
		patiently(takes)
		own.quiet(v, takes)
		way.end(first)
		next := &shareReader{side: s, group: group, member: second, id: id}
		next.fetch("after "+way.name, v, adds(id), func(req *kmsg.ShareFetchRequest) {
			if way.notices { // Kafka may hand out what has come free only when the wait is over
				req.MaxWaitMillis = 5000
			}
		})
		s.quiet(v, shareFetching(group, second, -1, id, nil))
		own.hangUp()
		s.quiet(s.last(kmsg.ShareGroupHeartbeat), sharingBeat(group, sharer, -1))
	}
}

// shareReadsDeleted goes on with sessions that read a topic which is deleted, and then made again under its name.
func shareReadsDeleted(s *side) {
	const group = "share-deleted"
	v, ack := s.last(kmsg.ShareFetch), s.last(kmsg.ShareAcknowledge)
	id := s.shareGroup(group, "a", "b", "c", "d")
	s.shares(group, sharer)
	r := s.opened(group, sharer, id)
	r.fetch("before it is deleted", v, adds(id), patiently)
	gone := kmsg.NewPtrDeleteTopicsRequest()
	gone.TopicNames, gone.TimeoutMillis = []string{group + "-t"}, 10000
	s.quiet(5, gone)
	s.awaitGone(group + "-t")
	s.eventually("an answer about what is gone", func() bool { // metadata is ahead of replicas, and those of sessions
		resp := s.quiet(v, shareFetching(group, sharer, r.epoch, id, nil)).(*kmsg.ShareFetchResponse)
		if resp.ErrorCode == 0 {
			r.epoch++
		}
		told := 0
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 && p.ErrorCode != 6 { // NOT_LEADER_OR_FOLLOWER of a replica that is about to go
					told++
				}
			}
		}
		return told == 2 && s.offsets(group+"-t", 1, -1)[0].ErrorCode != 0
	})
	r.fetch("deleted", v)
	r.acks("of what is deleted", ack, 0, ackBatch(0, 0, 1))
	r.fetch("deleted, with an acknowledgement", v, adds(id, fetchAck(1, 1, 1)))
	s.topic(group+"-t", 2)
	r.fetch("made again", v)
	r.acks("of what was made again", ack, 0, ackBatch(0, 0, 1))
	r.fetch("made again, and not read any more", v, func(req *kmsg.ShareFetchRequest) { forgetting(req, id, 0, 1) })
	r.fetch("made again, named by its old id", v, adds(id))
	r.fetch("made again, as before by its old id", v)
	s.quiet(v, shareFetching(group, sharer, -1, id, nil))
}
