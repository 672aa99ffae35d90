package wire

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// ReplicaFetch is the fetch request of a follower, as it is sent to the leader of its partitions. It implements kmsg.Request; the slices are the
// caller's, so that a row of requests allocates nothing.
type ReplicaFetch struct {
	Version       int16
	ReplicaID     int32
	BrokerEpoch   int64 // v15+
	MaxWaitMillis int32
	MinBytes      int32
	MaxBytes      int32
	SessionID     int32
	SessionEpoch  int32
	Topics        []ReplicaFetchTopic
	Forgotten     []ReplicaFetchTopic // of their partitions, only the numbers are written
}

// ReplicaFetchTopic groups partitions. The same topic may come more than once.
type ReplicaFetchTopic struct {
	TopicID    record.UUID
	Partitions []ReplicaFetchPartition
}

// ReplicaFetchPartition says what a follower has of a partition.
type ReplicaFetchPartition struct {
	Partition          int32
	CurrentLeaderEpoch int32
	FetchOffset        int64
	LastFetchedEpoch   int32 // of the record before FetchOffset, -1: none
	LogStartOffset     int64
	MaxBytes           int32
}

const (
	// replicaFetchMin is the first version that names topics by id; every broker that a cluster of ours can have answers it.
	replicaFetchMin = fetchByID
	// replicaFetchMax: what came later concerns only the metadata log.
	replicaFetchMax = 17
	// replicaStateSince is the version from which on the broker epoch goes along (KIP-903).
	replicaStateSince = 15
)

// Key implements kmsg.Request.
func (*ReplicaFetch) Key() int16 { return keyFetch }

// MinVersion is the oldest version that it can be written in.
func (*ReplicaFetch) MinVersion() int16 { return replicaFetchMin }

// MaxVersion implements kmsg.Request.
func (*ReplicaFetch) MaxVersion() int16 { return replicaFetchMax }

// SetVersion implements kmsg.Request.
func (f *ReplicaFetch) SetVersion(version int16) { f.Version = version }

// GetVersion implements kmsg.Request.
func (f *ReplicaFetch) GetVersion() int16 { return f.Version }

// IsFlexible implements kmsg.Request.
func (*ReplicaFetch) IsFlexible() bool { return true }

// ResponseKind implements kmsg.Request. Who cares for the records reads the answer with ParseFetch instead.
func (f *ReplicaFetch) ResponseKind() kmsg.Response {
	return &kmsg.FetchResponse{Version: f.Version}
}

// ReadFrom implements kmsg.Request; it is only ever written.
func (*ReplicaFetch) ReadFrom([]byte) error {
	return errors.New("fetch request of a replica: it is read as kmsg.FetchRequest")
}

// AppendTo implements kmsg.Request.
func (f *ReplicaFetch) AppendTo(b []byte) []byte {
	if f.Version < replicaStateSince {
		b = appendInt32(b, f.ReplicaID)
	}
	b = appendInt32(b, f.MaxWaitMillis)
	b = appendInt32(b, f.MinBytes)
	b = appendInt32(b, f.MaxBytes)
	b = append(b, 0) // isolation: read_uncommitted
	b = appendInt32(b, f.SessionID)
	b = appendInt32(b, f.SessionEpoch)
	b = appendLength(b, true, len(f.Topics))
	for i := range f.Topics {
		b = f.Topics[i].append(b)
	}
	b = appendLength(b, true, len(f.Forgotten))
	for i := range f.Forgotten {
		t := &f.Forgotten[i]
		b = append(b, t.TopicID[:]...)
		b = appendLength(b, true, len(t.Partitions))
		for j := range t.Partitions {
			b = appendInt32(b, t.Partitions[j].Partition)
		}
		b = append(b, 0)
	}
	b = appendString(b, true, "") // rack
	if f.Version < replicaStateSince {
		return append(b, 0)
	}
	b = appendTagStart(append(b, 1), 1, 13)
	b = appendInt32(b, f.ReplicaID)
	return append(appendInt64(b, f.BrokerEpoch), 0)
}

func (t *ReplicaFetchTopic) append(b []byte) []byte {
	b = append(b, t.TopicID[:]...)
	b = appendLength(b, true, len(t.Partitions))
	for i := range t.Partitions {
		p := &t.Partitions[i]
		b = appendInt32(b, p.Partition)
		b = appendInt32(b, p.CurrentLeaderEpoch)
		b = appendInt64(b, p.FetchOffset)
		b = appendInt32(b, p.LastFetchedEpoch)
		b = appendInt64(b, p.LogStartOffset)
		b = append(appendInt32(b, p.MaxBytes), 0)
	}
	return append(b, 0)
}
