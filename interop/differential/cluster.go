package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// cluster asks about brokers, controllers, and topics page by page.
func cluster(s *side) {
	describe := func(endpoints int8, operations, fenced bool) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrDescribeClusterRequest()
			req.EndpointType, req.IncludeClusterAuthorizedOperations, req.IncludeFencedBrokers = endpoints, operations, fenced
			return req
		}
	}
	s.askAll(kmsg.DescribeCluster,
		ask{"brokers", describe(1, false, false)},
		ask{"authorized operations", describe(1, true, false)},
		ask{"fenced brokers", describe(1, false, true)},
		ask{"controllers", describe(2, false, false)},
		ask{"unknown kind of endpoint", describe(3, false, false)},
		ask{"endpoint 0", describe(0, false, false)},
	)
	s.describeQuorum()
	s.topic("cluster-a", 4)
	s.topic("cluster-b", 2)
	s.topic("cluster-c", 1)
	page := func(limit int32, cursor *kmsg.DescribeTopicPartitionsRequestCursor, names ...string) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrDescribeTopicPartitionsRequest()
			req.ResponsePartitionLimit, req.Cursor = limit, cursor
			for _, name := range names {
				t := kmsg.NewDescribeTopicPartitionsRequestTopic()
				t.Topic = name
				req.Topics = append(req.Topics, t)
			}
			return req
		}
	}
	cursor := func(topic string, partition int32) *kmsg.DescribeTopicPartitionsRequestCursor {
		c := kmsg.NewDescribeTopicPartitionsRequestCursor()
		c.Topic, c.Partition = topic, partition
		return &c
	}
	asks := []ask{
		{"one", page(2000, nil, "cluster-a")},
		{"three", page(2000, nil, "cluster-c", "cluster-a", "cluster-b")},
		{"twice the same", page(2000, nil, "cluster-a", "cluster-a")},
		{"unknown", page(2000, nil, "cluster-a", "cluster-none")},
		{"invalid name", page(2000, nil, "bad name")},
		{"limit 0", page(0, nil, "cluster-a")},
		{"limit -1", page(-1, nil, "cluster-a")},
		{"all", page(2000, nil)},
		{"all from a cursor on", page(2000, cursor("cluster-b", 1))},
		{"cursor in a topic that was not asked for", page(2000, cursor("cluster-b", 0), "cluster-a")},
		{"cursor at a topic that does not exist", page(2000, cursor("cluster-aa", 0), "cluster-a", "cluster-b")},
		{"cursor at an unknown topic that was asked for", page(2000, cursor("cluster-aa", 0), "cluster-a", "cluster-aa", "cluster-b")},
		{"cursor beyond the partitions", page(2000, cursor("cluster-a", 9), "cluster-a", "cluster-b")},
		{"negative cursor", page(2000, cursor("cluster-a", -1), "cluster-a", "cluster-b")},
		{"cursor with an empty name", page(2000, cursor("", 0), "cluster-a")},
	}
	for limit := int32(1); limit <= 8; limit++ {
		asks = append(asks,
			ask{fmt.Sprintf("limit %d", limit), page(limit, nil, "cluster-a", "cluster-b", "cluster-c")},
			ask{fmt.Sprintf("limit %d from a cursor on", limit), page(limit, cursor("cluster-a", 2), "cluster-a", "cluster-b", "cluster-c")},
			ask{fmt.Sprintf("limit %d with an unknown one", limit), page(limit, nil, "cluster-a", "cluster-aa", "cluster-b")})
	}
	s.askAll(kmsg.DescribeTopicPartitions, asks...)
}

func (s *side) describeQuorum() {
	about := func(topic string, partitions ...int32) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrDescribeQuorumRequest()
			t := kmsg.NewDescribeQuorumRequestTopic()
			t.Topic = topic
			for _, p := range partitions {
				tp := kmsg.NewDescribeQuorumRequestTopicPartition()
				tp.Partition = p
				t.Partitions = append(t.Partitions, tp)
			}
			req.Topics = append(req.Topics, t)
			return req
		}
	}
	s.askAll(kmsg.DescribeQuorum,
		ask{"metadata log", about("__cluster_metadata", 0)},
		ask{"another topic", about("orders", 0)},
		ask{"partition that does not exist", about("__cluster_metadata", 1)},
		ask{"two partitions", about("__cluster_metadata", 0, 1)},
		ask{"no partitions", about("__cluster_metadata")},
		ask{"nothing", func() kmsg.Request { return kmsg.NewPtrDescribeQuorumRequest() }},
	)
}
