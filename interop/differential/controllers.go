package main

import (
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// controllerListener asks at the address of the controllers, where other APIs are answered.
func controllerListener(s *side) {
	s.topic("controlled", 1)
	own := &side{kind: s.kind, addr: s.controllerAddress(), ranges: s.ranges, names: s.names}
	defer own.hangUp()
	defer func() { s.entries = append(s.entries, own.entries...) }()
	own.askAll(kmsg.ApiVersions, ask{"at a controller", func() kmsg.Request {
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "a", "1"
		return req
	}})
	own.askAll(kmsg.DescribeCluster, ask{"controllers at a controller", func() kmsg.Request {
		req := kmsg.NewPtrDescribeClusterRequest()
		req.EndpointType = 2
		return req
	}}, ask{"brokers at a controller", func() kmsg.Request { return kmsg.NewPtrDescribeClusterRequest() }})
	own.askAll(kmsg.CreateTopics,
		ask{"validated at a controller", func() kmsg.Request { return creation(true, newTopic("controlled-2", 2, 1, "retention.ms", "5")) }},
		ask{"refused at a controller", func() kmsg.Request {
			return creation(false, newTopic("controlled", 2, 1), newTopic("bad name", 1, 1))
		}})
	own.askAll(kmsg.IncrementalAlterConfigs, ask{"refused at a controller", func() kmsg.Request {
		return incremental(topicResource, "controlled", step(set, "no.such.key", "1"))
	}})
	own.askAll(kmsg.DescribeConfigs, ask{"broker at a controller", func() kmsg.Request { return description(brokerResource, "1", "node.id", "log.retention.ms") }},
		ask{"topic at a controller", func() kmsg.Request { return description(topicResource, "controlled") }})
	own.askAll(kmsg.UpdateRaftVoter, ask{"of another cluster", func() kmsg.Request {
		req := kmsg.NewPtrUpdateRaftVoterRequest()
		req.ClusterID = ptr("another")
		return req
	}})
	own.askAll(kmsg.DescribeQuorum, ask{"at a controller", func() kmsg.Request { return aboutMetadataLog() }})
	own.do("metadata at a controller", 12, metadataOf("controlled"))
	own.do("groups at a controller", 3, describing("g"))
}

func aboutMetadataLog() *kmsg.DescribeQuorumRequest {
	req := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, t)
	return req
}

// controllerAddress is where the broker says that its controller listens.
func (s *side) controllerAddress() string {
	l := s.quiet(2, aboutMetadataLog()).(*kmsg.DescribeQuorumResponse).Nodes[0].Listeners[0]
	return net.JoinHostPort(l.Host, fmt.Sprint(l.Port))
}
