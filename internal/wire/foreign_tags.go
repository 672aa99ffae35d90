package wire

import (
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// clearForeignTags resets tagged fields that the message's version does not have. kmsg writes them whatever the version, and Kafka's
// parsers then refuse the whole message. A test fills every message and fails for one that is missing here.
func clearForeignTags(msg any) {
	switch m := msg.(type) {
	case *kmsg.ProduceResponse:
		clearProduceResponse(m)
	case *kmsg.FetchRequest:
		clearFetchRequest(m)
	case *kmsg.FetchResponse:
		if m.Version < 16 {
			m.Brokers = nil
		}
	case *kmsg.VoteResponse:
		if m.Version < 1 {
			m.NodeEndpoints = nil
		}
	case *kmsg.FetchSnapshotRequest:
		clearFetchSnapshotRequest(m)
	case *kmsg.FetchSnapshotResponse:
		if m.Version < 1 {
			m.NodeEndpoints = nil
		}
	case *kmsg.BrokerHeartbeatRequest:
		if m.Version < 1 {
			m.OfflineLogDirs = nil
		}
		if m.Version < 2 {
			m.CordonedLogDirs = nil
		}
	}
}

func clearProduceResponse(m *kmsg.ProduceResponse) {
	if m.Version >= 10 {
		return
	}
	m.Brokers = nil
	for i := range m.Topics {
		for j := range m.Topics[i].Partitions {
			m.Topics[i].Partitions[j].CurrentLeader.Default()
		}
	}
}

func clearFetchRequest(m *kmsg.FetchRequest) {
	if m.Version < 15 {
		m.ReplicaState.Default()
	}
	if m.Version >= 18 {
		return
	}
	for i := range m.Topics {
		for j := range m.Topics[i].Partitions {
			p := &m.Topics[i].Partitions[j]
			p.HighWatermark = math.MaxInt64
			if m.Version < 17 {
				p.ReplicaDirectoryID = [16]byte{}
			}
		}
	}
}

func clearFetchSnapshotRequest(m *kmsg.FetchSnapshotRequest) {
	if m.Version >= 1 {
		return
	}
	for i := range m.Topics {
		for j := range m.Topics[i].Partitions {
			m.Topics[i].Partitions[j].ReplicaDirectoryID = [16]byte{}
		}
	}
}
