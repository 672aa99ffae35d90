package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// shareFetching asks for records of partitions, with acknowledgements for partition 0.
func shareFetching(group, member string, epoch int32, id [16]byte, partitions []int32, acks ...kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch) *kmsg.ShareFetchRequest {
	req := kmsg.NewPtrShareFetchRequest()
	req.GroupID, req.MemberID, req.ShareSessionEpoch = &group, &member, epoch
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.MaxRecords, req.BatchSize = 500, 1, 1<<20, 100, 100
	t := kmsg.NewShareFetchRequestTopic()
	t.TopicID = id
	for _, n := range partitions {
		p := kmsg.NewShareFetchRequestTopicPartition()
		p.Partition = n
		if n == 0 {
			p.AcknowledgementBatches = acks
		}
		t.Partitions = append(t.Partitions, p)
	}
	if len(partitions) > 0 {
		req.Topics = append(req.Topics, t)
	}
	return req
}

func fetchAck(first, last int64, types ...int8) kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch {
	b := kmsg.NewShareFetchRequestTopicPartitionAcknowledgementBatch()
	b.FirstOffset, b.LastOffset, b.AcknowledgeTypes = first, last, types
	return b
}

// forgetting leaves partitions out from now on.
func forgetting(req *kmsg.ShareFetchRequest, id [16]byte, partitions ...int32) *kmsg.ShareFetchRequest {
	req.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: id, Partitions: partitions}}
	return req
}

// shareAcknowledging says something of records of one partition.
func shareAcknowledging(group, member string, epoch int32, id [16]byte, partition int32, first, last int64, types ...int8) *kmsg.ShareAcknowledgeRequest {
	req := kmsg.NewPtrShareAcknowledgeRequest()
	req.GroupID, req.MemberID, req.ShareSessionEpoch = &group, &member, epoch
	t := kmsg.NewShareAcknowledgeRequestTopic()
	t.TopicID = id
	p := kmsg.NewShareAcknowledgeRequestTopicPartition()
	p.Partition = partition
	p.AcknowledgementBatches = append(p.AcknowledgementBatches, ackBatch(first, last, types...))
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

func ackBatch(first, last int64, types ...int8) kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch {
	b := kmsg.NewShareAcknowledgeRequestTopicPartitionAcknowledgementBatch()
	b.FirstOffset, b.LastOffset, b.AcknowledgeTypes = first, last, types
	return b
}

// shareReader is a member with a share session.
type shareReader struct {
	*side
	group, member string
	id            [16]byte
	epoch         int32
}

// opened begins a session and waits until the share partition with records is loaded; what it got on the way it gives back.
func (s *side) opened(group, member string, id [16]byte) *shareReader {
	r := &shareReader{side: s, group: group, member: member, id: id}
	v := s.last(kmsg.ShareFetch)
	s.eventually("a loaded share partition", func() bool {
		partitions := []int32{0, 1}
		if r.epoch > 0 {
			partitions = nil
		}
		req := shareFetching(group, member, r.epoch, id, partitions)
		req.MaxWaitMillis, req.MaxRecords = 100, 1
		resp := s.quiet(v, req).(*kmsg.ShareFetchResponse)
		if resp.ErrorCode != 0 {
			panic(fmt.Sprint("session of ", member, ": ", resp.ErrorCode))
		}
		r.epoch++
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				for _, a := range p.AcquiredRecords {
					s.quiet(s.last(kmsg.ShareAcknowledge), shareAcknowledging(group, member, r.epoch, id, p.Partition, a.FirstOffset, a.LastOffset, 2))
					r.epoch++
				}
				if len(p.AcquiredRecords) > 0 {
					return true
				}
			}
		}
		return false
	})
	forget := forgetting(shareFetching(group, member, r.epoch, id, nil), id, 0)
	forget.MaxWaitMillis = 0
	s.quiet(v, forget)
	r.epoch = 1 + r.epoch
	return r
}

// patiently waits for records, which are there, for as long as a slow machine takes to hand them out.
func patiently(req *kmsg.ShareFetchRequest) {
	req.MaxWaitMillis = int32(answerWithin.Milliseconds()) / 2
}

// fetch fetches in the session, and goes to its next epoch.
func (r *shareReader) fetch(step string, v int16, change ...func(*kmsg.ShareFetchRequest)) *kmsg.ShareFetchResponse {
	req := shareFetching(r.group, r.member, r.epoch, r.id, nil)
	for _, c := range change {
		c(req)
	}
	resp := r.do(step, v, req).(*kmsg.ShareFetchResponse)
	if resp.ErrorCode == 0 {
		r.epoch++
	}
	return resp
}

// acks acknowledges in the session, and goes to its next epoch.
func (r *shareReader) acks(step string, v int16, partition int32, batches ...kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch) {
	req := shareAcknowledging(r.group, r.member, r.epoch, r.id, partition, 0, 0)
	req.Topics[0].Partitions[0].AcknowledgementBatches = batches
	if r.do(step, v, req).(*kmsg.ShareAcknowledgeResponse).ErrorCode == 0 {
		r.epoch++
	}
}

// adds names partition 0, which the session does not read until then.
func adds(id [16]byte, acks ...kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch) func(*kmsg.ShareFetchRequest) {
	return func(r *kmsg.ShareFetchRequest) { r.Topics = shareFetching("", "", 0, id, []int32{0}, acks...).Topics }
}

// shareRecords hands records of share groups out and takes them back.
func shareRecords(s *side) {
	s.versions(kmsg.ShareFetch, func(v int16) {
		group := fmt.Sprintf("shared-%d", v)
		id := s.shareGroup(group, "a", "b", "c", "d", "e", "f", "g", "h")
		s.shares(group, sharer)
		s.shareSessionsRefused(group, id, v)
		r := s.opened(group, sharer, id)
		r.fetch("all", v, adds(id), patiently)
		r.fetch("nothing left", v)
		for _, refused := range []struct {
			step    string
			batches []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch
		}{
			{"the wrong way round", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(1, 0, 1)}},
			{"no type", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 0)}},
			{"too many types", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 0, 1, 1)}},
			{"too few types", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 3, 1, 1)}},
			{"an unknown type", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 0, 9)}},
			{"a negative type", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 0, -1)}},
			{"a renewal by the way", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 0, 4)}},
			{"overlapping batches", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 1, 1), ackBatch(1, 2, 1)}},
			{"batches out of order", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(1, 1, 1), ackBatch(0, 0, 1)}},
			{"negative offsets", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(-2, -1, 1)}},
			{"past the end", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(7, 9, 1)}},
			{"far past the end", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(70, 79, 1)}},
			{"good and past the end", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 0, 1), ackBatch(8, 9, 1)}},
			{"accepted", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 1, 1)}},
			{"accepted again", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(0, 1, 1)}},
			{"accepted in part", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(1, 2, 1)}},
			{"released and rejected", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(2, 3, 2, 3)}},
			{"a gap", []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(4, 4, 0)}},
			{"nothing", nil},
		} {
			r.acks("acknowledge "+refused.step, min(v, s.last(kmsg.ShareAcknowledge)), 0, refused.batches...)
		}
		r.fetch("what was released", v)
		r.fetch("with an acknowledgement", v, adds(id, fetchAck(2, 2, 1)))
		r.fetch("with a bad acknowledgement", v, adds(id, fetchAck(2, 2, 7)))
		r.fetch("with an acknowledgement of nothing", v, adds(id, fetchAck(0, 0, 1)))
		s.shareStrangers(group, id, v, r)
		s.renewed(r, v)
		r.fetch("without partition 0", v, func(req *kmsg.ShareFetchRequest) { forgetting(req, id, 0) })
		s.do("last fetch", v, shareFetching(group, sharer, -1, id, []int32{0}, fetchAck(5, 5, 1)))
		s.do("after the last fetch", v, shareFetching(group, sharer, r.epoch, id, nil))
	})
	s.shareLimits()
}

// shareSessionsRefused asks without a session, or for what no session gives.
func (s *side) shareSessionsRefused(group string, id [16]byte, v int16) {
	ack := min(v, s.last(kmsg.ShareAcknowledge))
	both := []int32{0, 1}
	s.do("acknowledge without session", ack, shareAcknowledging(group, sharer, 1, id, 0, 0, 0, 1))
	s.do("acknowledge with first epoch", ack, shareAcknowledging(group, sharer, 0, id, 0, 0, 0, 1))
	s.do("acknowledge at the end of no session", ack, shareAcknowledging(group, sharer, -1, id, 0, 0, 0, 1))
	s.do("acknowledge without a member", ack, shareAcknowledging(group, "", 1, id, 0, 0, 0, 1))
	s.do("acknowledge without a group", ack, shareAcknowledging("", sharer, 1, id, 0, 0, 0, 1))
	s.do("fetch with an epoch and no session", v, shareFetching(group, sharer, 3, id, both))
	s.do("fetch with an impossible epoch", v, shareFetching(group, sharer, -2, id, both))
	s.do("end no session", v, shareFetching(group, sharer, -1, id, nil))
	s.do("first fetch with acknowledgements", v, shareFetching(group, sharer, 0, id, both, fetchAck(0, 0, 1)))
	s.do("no member", v, shareFetching(group, "", 0, id, both))
	s.do("a long member", v, shareFetching(group, sharer+sharer, 0, id, both))
	null := shareFetching(group, sharer, 0, id, both)
	null.GroupID = nil
	s.do("null group", v, null)
	null = shareFetching(group, sharer, 0, id, both)
	null.MemberID = nil
	s.do("null member", v, null)
}

// shareStrangers come to a group whose records another member holds.
func (s *side) shareStrangers(group string, id [16]byte, v int16, r *shareReader) {
	ack := min(v, s.last(kmsg.ShareAcknowledge))
	s.do("fetch with an epoch gone by", v, shareFetching(group, sharer, r.epoch-1, id, nil))
	s.do("fetch with an epoch to come", v, shareFetching(group, sharer, r.epoch+1, id, nil))
	s.do("acknowledge with an epoch gone by", ack, shareAcknowledging(group, sharer, r.epoch-1, id, 0, 5, 5, 1))
	o := &shareReader{side: s, group: group, member: second, id: id}
	o.fetch("somebody else", v, adds(id))
	o.acks("acknowledge what another has", ack, 0, ackBatch(5, 5, 1))
	req := shareAcknowledging(group, second, o.epoch, unknownTopicID, 0, 5, 5, 1)
	s.do("acknowledge of no such topic", ack, req)
	o.epoch++
	s.do("acknowledge of no such partition", ack, shareAcknowledging(group, second, o.epoch, id, 9, 5, 5, 1))
	o.epoch++
	s.do("acknowledge of a partition below 0", ack, shareAcknowledging(group, second, o.epoch, id, -1, 5, 5, 1))
	o.epoch++
	o.fetch("of no such topic", v, func(req *kmsg.ShareFetchRequest) {
		req.Topics = shareFetching("", "", 0, unknownTopicID, []int32{0}).Topics
	})
	o.fetch("of no such partition", v, func(req *kmsg.ShareFetchRequest) { req.Topics = shareFetching("", "", 0, id, []int32{9}).Topics })
	s.do("last acknowledgement", ack, shareAcknowledging(group, second, -1, id, 0, 5, 5, 1))
	s.do("after the last acknowledgement", ack, shareAcknowledging(group, second, o.epoch, id, 0, 5, 5, 1))
}

// renewed keeps records for longer.
func (s *side) renewed(r *shareReader, v int16) {
	if v < 2 {
		return
	}
	renew := func(step string, wait, bytes int32) {
		r.fetch(step, v, adds(r.id, fetchAck(5, 5, 4)), func(req *kmsg.ShareFetchRequest) {
			req.IsRenewAck, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.MaxRecords = true, wait, bytes, bytes, bytes
		})
	}
	renew("renewal that asks for records, too", 500, 1)
	renew("renewal", 0, 0)
	r.fetch("renewal that is not said", v, adds(r.id, fetchAck(5, 5, 4)))
	alone := shareAcknowledging(r.group, r.member, r.epoch, r.id, 0, 5, 5, 4)
	alone.IsRenewAck = true
	s.do("acknowledge by renewal", 2, alone)
	r.epoch++
	req := shareAcknowledging(r.group, r.member, r.epoch, r.id, 0, 0, 0)
	req.IsRenewAck = true
	req.Topics[0].Partitions[0].AcknowledgementBatches = []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{ackBatch(5, 6, 4, 1), ackBatch(0, 0, 4)}
	s.do("acknowledge by renewal of what is over", 2, req)
	r.epoch++
}

// shareStanding follows where a group stands while it acknowledges.
func shareStanding(s *side) {
	const group = "share-standing"
	id := s.shareGroup(group, "a", "b", "c", "d", "e", "f", "g", "h")
	s.shares(group, sharer)
	r := s.opened(group, sharer, id)
	v, ack := s.last(kmsg.ShareFetch), s.last(kmsg.ShareAcknowledge)
	stands := func(when string) {
		s.do("stands "+when, s.last(kmsg.DescribeShareGroupOffsets), describingShareOffsets(group, group+"-t"))
	}
	stands("at first")
	r.fetch("all", v, adds(id), patiently)
	stands("with all handed out")
	r.acks("the first accepted", ack, 0, ackBatch(0, 0, 1))
	stands("after the first")
	r.acks("the third and the fourth accepted", ack, 0, ackBatch(2, 3, 1))
	stands("with a hole")
	r.acks("the second rejected", ack, 0, ackBatch(1, 1, 3))
	stands("without a hole")
	r.acks("mixed", ack, 0, ackBatch(4, 7, 1, 2, 3, 1))
	stands("after a mixture")
	r.fetch("again", v, patiently)
	r.acks("the rest", ack, 0, ackBatch(5, 5, 1))
	stands("with everything done")
}

// shareLimits reaches what a group and its members may have at most.
func (s *side) shareLimits() {
	const group = "shared-limits"
	v := s.last(kmsg.ShareFetch)
	id := s.shareGroup(group, "a", "b", "c", "d", "e", "f", "g", "h")
	s.shares(group, sharer)
	r := s.opened(group, sharer, id)
	few := func(most, batch int32, mode int8) func(*kmsg.ShareFetchRequest) {
		return func(req *kmsg.ShareFetchRequest) {
			req.MaxRecords, req.BatchSize, req.ShareAcquireMode = most, batch, mode
		}
	}
	if v >= 2 {
		r.fetch("three and no more", v, adds(id), few(3, 3, 1), patiently)
		r.fetch("one more", v, few(1, 1, 1), patiently)
		r.fetch("none", v, few(0, 0, 1))
	}
	r.fetch("two or as many as lie together", v, adds(id), few(2, 2, 0), patiently)
	r.fetch("the rest", v, few(100, 2, 0))
	r.acks("all of it released", s.last(kmsg.ShareAcknowledge), 0, ackBatch(0, 7, 2))
	// Five deliveries are what a record gets, and towards the end fewer at a time.
	for n := range 4 {
		for _, t := range r.fetch(fmt.Sprintf("delivery %d", n+2), v, few(100, 100, 0), patiently).Topics {
			for _, a := range t.Partitions[0].AcquiredRecords {
				r.acks(fmt.Sprintf("released %d", n+2), s.last(kmsg.ShareAcknowledge), 0, ackBatch(a.FirstOffset, a.LastOffset, 2))
			}
		}
	}
	for _, member := range []string{second, third, fourth} {
		s.do("session of "+member, v, shareFetching(group, member, 0, id, []int32{1}))
	}
	if v >= 2 {
		r.fetch("a mode that is none", v, few(2, 2, 7))
	}
}
