package main

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func metadata(s *side) {
	id := s.topic("metadata-1", 3)
	s.topic("metadata-2", 1)
	named := func(names ...string) func() kmsg.Request {
		return func() kmsg.Request {
			req := metadataOf(names...)
			req.AllowAutoTopicCreation = false
			return req
		}
	}
	by := func(id [16]byte, name *string) func() kmsg.Request {
		return func() kmsg.Request {
			req := metadataOf()
			t := kmsg.NewMetadataRequestTopic()
			t.TopicID, t.Topic = id, name
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	s.askAll(kmsg.Metadata,
		ask{"two topics", named("metadata-1", "metadata-2")},
		ask{"the same topic twice", named("metadata-1", "metadata-1")},
		ask{"authorized operations", func() kmsg.Request {
			req := metadataOf("metadata-1")
			req.IncludeClusterAuthorizedOperations, req.IncludeTopicAuthorizedOperations = true, true
			return req
		}},
	)
	// Before version 4 a request always creates what it asks for, so these begin there.
	for v := int16(4); v <= s.last(kmsg.Metadata); v++ {
		s.do("unknown topic", v, named("metadata-none")())
		s.do("invalid names", v, named("bad name", "", ".", "..", strings.Repeat("x", 250), "a/b", strings.Repeat("y", 249))())
		s.do("invalid names, may create", v, metadataOf("bad name", "..", strings.Repeat("x", 250)))
	}
	for v := int16(0); v <= s.last(kmsg.Metadata); v++ {
		s.do("invalid names beside a good one", v, metadataOf("bad name", "metadata-1"))
	}
	for v := int16(1); v <= s.last(kmsg.Metadata); v++ {
		s.do("no topics", v, metadataOf())
	}
	for v := int16(10); v <= s.last(kmsg.Metadata); v++ {
		s.do("by id", v, by(id, nil)())
		s.do("by id and name", v, by(id, ptr("metadata-1"))())
		s.do("by id and a wrong name", v, by(id, ptr("metadata-2"))())
		s.do("by unknown id", v, by(unknownTopicID, nil)())
		s.do("neither id nor name", v, by([16]byte{}, nil)())
		s.do("null name and zero id beside a good name", v, func() kmsg.Request {
			req := by([16]byte{}, nil)().(*kmsg.MetadataRequest)
			req.Topics = append(req.Topics, metadataOf("metadata-1").Topics...)
			return req
		}())
	}
	s.versions(kmsg.Metadata, func(v int16) {
		req := metadataOf()
		if v > 0 {
			req.Topics = nil
		}
		s.do("all topics", v, req)
	})
	s.metadataCreates()
}

// metadataCreates asks for topics that do not exist, with leave to create them.
func (s *side) metadataCreates() {
	s.versions(kmsg.Metadata, func(v int16) {
		name := "metadata-auto-" + string(rune('a'+v))
		req := metadataOf(name)
		req.AllowAutoTopicCreation = true
		s.do("first request for a topic to be created", v, req)
		s.awaitTopic(name, 3)
		s.do("created by itself", v, req)
	})
	req := metadataOf("metadata.auto_collides")
	req.AllowAutoTopicCreation = true
	s.do("first request for a topic to be created", s.last(kmsg.Metadata), req)
	s.awaitTopic("metadata.auto_collides", 3)
	req = metadataOf("metadata_auto.collides")
	req.AllowAutoTopicCreation = true
	s.do("name collides with one that is there", s.last(kmsg.Metadata), req)
	req = metadataOf("__consumer_offsets", "__transaction_state", "__share_group_state")
	req.AllowAutoTopicCreation = false
	s.do("internal topics that are not there", 12, req)
}
