package main

import (
	"bytes"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func fetchOf(topic string, id [16]byte, partition int32, offset int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MaxBytes, req.SessionEpoch, req.MaxWaitMillis, req.MinBytes = -1, 1<<20, -1, 0, 1
	req.Topics = append(req.Topics, fetchTopic(topic, id, fetchPartition(partition, offset)))
	return req
}

func fetchTopic(topic string, id [16]byte, partitions ...kmsg.FetchRequestTopicPartition) kmsg.FetchRequestTopic {
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = topic, id, partitions
	return t
}

func fetchPartition(partition int32, offset int64) kmsg.FetchRequestTopicPartition {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, 1<<20
	return p
}

func fetch(s *side) {
	id := s.topic("fetch-1", 3)
	for i := range 5 {
		s.fill("fetch-1", 0, plain(fmt.Sprint("a", i), fmt.Sprint("b", i)))
	}
	s.fill("fetch-1", 1, plain(string(bytes.Repeat([]byte("large"), 500))), plain("small"))
	base := func() *kmsg.FetchRequest { return fetchOf("fetch-1", id, 0, 0) }
	with := func(change func(*kmsg.FetchRequest)) func() kmsg.Request {
		return func() kmsg.Request {
			req := base()
			change(req)
			return req
		}
	}
	first := func(change func(*kmsg.FetchRequestTopicPartition)) func() kmsg.Request {
		return with(func(r *kmsg.FetchRequest) { change(&r.Topics[0].Partitions[0]) })
	}
	asks := []ask{
		{"all", with(func(*kmsg.FetchRequest) {})},
		{"read committed", with(func(r *kmsg.FetchRequest) { r.IsolationLevel = 1 })},
		{"isolation level 7", with(func(r *kmsg.FetchRequest) { r.IsolationLevel = 7 })},
		{"max bytes 0", with(func(r *kmsg.FetchRequest) { r.MaxBytes = 0 })},
		{"max bytes 1", with(func(r *kmsg.FetchRequest) { r.MaxBytes = 1 })},
		{"max bytes 100", with(func(r *kmsg.FetchRequest) { r.MaxBytes = 100 })},
		{"max bytes -1", with(func(r *kmsg.FetchRequest) { r.MaxBytes = -1 })},
		{"min bytes 0", with(func(r *kmsg.FetchRequest) { r.MinBytes = 0 })},
		{"min bytes of more than there is", with(func(r *kmsg.FetchRequest) { r.MinBytes, r.MaxWaitMillis = 1<<30, 5 })},
		{"negative wait", with(func(r *kmsg.FetchRequest) { r.MaxWaitMillis = -1 })},
		{"from the end", first(func(p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = 10 })},
		{"beyond the end", first(func(p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = 11 })},
		{"before the beginning", first(func(p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = -1 })},
		{"very negative", first(func(p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = -7 })},
		{"in the middle of a batch", first(func(p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = 3 })},
		{"unknown partition", first(func(p *kmsg.FetchRequestTopicPartition) { p.Partition = 9 })},
		{"negative partition", first(func(p *kmsg.FetchRequestTopicPartition) { p.Partition = -1 })},
		{"partition bytes 0", first(func(p *kmsg.FetchRequestTopicPartition) { p.PartitionMaxBytes = 0 })},
		{"partition bytes 1", first(func(p *kmsg.FetchRequestTopicPartition) { p.PartitionMaxBytes = 1 })},
		{"partition bytes 100", first(func(p *kmsg.FetchRequestTopicPartition) { p.PartitionMaxBytes = 100 })},
		{"partition bytes of a batch and a half", first(func(p *kmsg.FetchRequestTopicPartition) { p.PartitionMaxBytes = 120 })},
		{"leader epoch", first(func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 0 })},
		{"leader epoch ahead", first(func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 5 })},
		{"last fetched epoch", first(func(p *kmsg.FetchRequestTopicPartition) { p.LastFetchedEpoch, p.FetchOffset = 0, 4 })},
		{"last fetched epoch beyond the end", first(func(p *kmsg.FetchRequestTopicPartition) { p.LastFetchedEpoch, p.FetchOffset = 0, 40 })},
		{"last fetched epoch unknown", first(func(p *kmsg.FetchRequestTopicPartition) { p.LastFetchedEpoch, p.FetchOffset = 5, 4 })},
		{"several partitions", with(func(r *kmsg.FetchRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, fetchPartition(1, 0), fetchPartition(2, 0), fetchPartition(9, 0))
		})},
		{"several partitions and few bytes", with(func(r *kmsg.FetchRequest) {
			r.MaxBytes = 200
			r.Topics[0].Partitions = append([]kmsg.FetchRequestTopicPartition{fetchPartition(1, 0)}, r.Topics[0].Partitions...)
		})},
		{"no topics", with(func(r *kmsg.FetchRequest) { r.Topics = nil })},
		{"no partitions", with(func(r *kmsg.FetchRequest) { r.Topics[0].Partitions = nil })},
		{"unknown topic", func() kmsg.Request { return fetchOf("fetch-none", unknownTopicID, 0, 0) }},
		{"unknown beside known topic", with(func(r *kmsg.FetchRequest) {
			r.Topics = append(r.Topics, fetchTopic("fetch-none", unknownTopicID, fetchPartition(0, 0)))
		})},
		{"zero topic id, empty name", func() kmsg.Request { return fetchOf("", [16]byte{}, 0, 0) }},
		{"invalid name", func() kmsg.Request { return fetchOf("bad name", unknownTopicID, 0, 0) }},
		{"metadata log", func() kmsg.Request { return fetchOf("__cluster_metadata", unknownTopicID, 0, 0) }},
		{"rack", with(func(r *kmsg.FetchRequest) { r.Rack = "r1" })},
	}
	s.askAll(kmsg.Fetch, asks...)
	s.fetchWithoutSession(base)
}

// fetchWithoutSession names sessions that were never begun.
func (s *side) fetchWithoutSession(base func() *kmsg.FetchRequest) {
	s.versions(kmsg.Fetch, func(v int16) {
		if v < 7 {
			return
		}
		for _, epoch := range []int32{1, 0, -1, -2} {
			for _, session := range []int32{0, 12345} {
				req := base()
				req.SessionID, req.SessionEpoch = session, epoch
				if req.SessionEpoch == 0 && session == 0 {
					continue
				}
				s.do(fmt.Sprintf("session %d epoch %d", session, epoch), v, req)
			}
		}
	})
}

// fetchSessions lives through whole sessions.
func fetchSessions(s *side) {
	s.versions(kmsg.Fetch, func(v int16) {
		if v < 7 {
			return
		}
		name := fmt.Sprintf("sessions-%d", v)
		id := s.topic(name, 3)
		second := s.topic(name+"-b", 1)
		s.fill(name, 0, plain("a"))
		req := func(session, epoch int32, topics ...kmsg.FetchRequestTopic) *kmsg.FetchRequest {
			r := fetchOf(name, id, 0, 0)
			r.SessionID, r.SessionEpoch, r.Topics, r.MinBytes = session, epoch, topics, 0
			return r
		}
		full := s.do("full", v, req(0, 0, fetchTopic(name, id, fetchPartition(0, 0), fetchPartition(1, 0)))).(*kmsg.FetchResponse)
		session := full.SessionID
		s.do("nothing new asked, the same again", v, req(session, 1))
		s.do("moved on", v, req(session, 2, fetchTopic(name, id, fetchPartition(0, 1))))
		s.do("nothing there", v, req(session, 3))
		s.fill(name, 1, plain("b"))
		s.do("something there", v, req(session, 4))
		s.do("a third partition", v, req(session, 5, fetchTopic(name, id, fetchPartition(2, 0), fetchPartition(1, 1))))
		s.do("an unknown partition", v, req(session, 6, fetchTopic(name, id, fetchPartition(9, 0))))
		s.do("it stays unknown", v, req(session, 7))
		s.do("an unknown topic", v, req(session, 8, fetchTopic("sessions-none", unknownTopicID, fetchPartition(0, 0))))
		s.do("it stays unknown, too", v, req(session, 9))
		forgetting := req(session, 10)
		f := kmsg.NewFetchRequestForgottenTopic()
		f.Topic, f.TopicID, f.Partitions = name, id, []int32{0, 9}
		g := kmsg.NewFetchRequestForgottenTopic()
		g.Topic, g.TopicID, g.Partitions = "sessions-none", unknownTopicID, []int32{0}
		forgetting.ForgottenTopics = append(forgetting.ForgottenTopics, f, g)
		s.do("forgotten", v, forgetting)
		s.fill(name, 0, plain("c"))
		s.do("what is forgotten is not read", v, req(session, 11))
		s.do("another topic", v, req(session, 12, fetchTopic(name+"-b", second, fetchPartition(0, 0))))
		s.do("out of range", v, req(session, 13, fetchTopic(name+"-b", second, fetchPartition(0, 50))))
		s.do("still out of range", v, req(session, 14))
		s.do("wrong epoch", v, req(session, 77))
		s.do("old epoch", v, req(session, 3))
		s.do("right epoch after wrong ones", v, req(session, 15))
		s.do("closed", v, req(session, -1, fetchTopic(name, id, fetchPartition(0, 0))))
		s.do("after the end", v, req(session, 16))
		again := s.do("full again", v, req(0, 0, fetchTopic(name, id, fetchPartition(0, 0)))).(*kmsg.FetchResponse)
		replaced := s.do("full in place of the old one", v, req(again.SessionID, 0, fetchTopic(name, id, fetchPartition(0, 0)))).(*kmsg.FetchResponse)
		s.do("the old one", v, req(again.SessionID, 1))
		s.do("the new one", v, req(replaced.SessionID, 1))
		if v >= 13 {
			s.do("topic by a name that does not count", v, req(replaced.SessionID, 2, fetchTopic("other", id, fetchPartition(1, 0))))
		}
		// A session of a version with names, continued in one with ids, and the other way round.
		if v == 12 || v == 13 {
			s.do("session in the other kind of version", 25-v, req(replaced.SessionID, 3, fetchTopic(name, id, fetchPartition(1, 0))))
		}
		empty := s.do("full of nothing", v, req(0, 0)).(*kmsg.FetchResponse)
		s.do("after nothing", v, req(empty.SessionID, 1, fetchTopic(name, id, fetchPartition(0, 0))))
	})
}
