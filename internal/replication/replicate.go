package replication

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/wire"
)

// Cluster is what a node needs to replicate with others. Without it nothing is fetched, and no ISR changes.
type Cluster struct {
	// Connect returns a connection to a broker that belongs to the caller alone. It does not wait: the first exchange connects.
	Connect func(nodeID int32) Source
	// AlterPartition asks the active controller to change in-sync replicas.
	AlterPartition func(ctx context.Context, rq *kmsg.AlterPartitionRequest) (*kmsg.AlterPartitionResponse, error)
	// BrokerEpoch is the one under which this node is registered, -1: it is not.
	BrokerEpoch func() int64
	// Settings are those of now.
	Settings func() Settings
}

// Source is a connection to another broker; *peer.Peer is one. It may have a method Interrupt, which is called after there is something to interrupt
// a Pending.Wait.
type Source interface {
	// Begin writes a request; what is begun after it arrives after it.
	Begin(ctx context.Context, rq kmsg.Request) (peer.Pending, error)
	Do(ctx context.Context, rq kmsg.Request) (kmsg.Response, error)
	Close()
}

// Settings are the configs of replication.
type Settings struct {
	LagTimeMax       time.Duration // replica.lag.time.max.ms
	FetchWaitMax     time.Duration // replica.fetch.wait.max.ms
	FetchBackoff     time.Duration // replica.fetch.backoff.ms
	SocketTimeout    time.Duration // replica.socket.timeout.ms
	FetchMinBytes    int           // replica.fetch.min.bytes
	FetchMaxBytes    int           // replica.fetch.max.bytes: of one partition
	ResponseMaxBytes int           // replica.fetch.response.max.bytes
	Fetchers         int           // num.replica.fetchers: per source
	LeaderThrottle   int64         // leader.replication.throttled.rate: bytes a second
	FollowerThrottle int64         // follower.replication.throttled.rate: bytes a second
	BalanceThrottle  int64         // leat.balance.throttle.rate: bytes a second, either way
	Tenants          Tenants       // nil: none; two that are equal know the same tenants
}

// Tenants tells whose topics are whose. What implements it must be comparable.
type Tenants interface {
	// Owner is the name of the tenant that a topic belongs to, "" if to none.
	Owner(topic string) string
}

// spreading is by what partitions are spread over fetchers.
func (s *Settings) spreading() spreading { return spreading{max(1, s.Fetchers), s.Tenants} }

// Refusals of a whole fetch request of a replica.
var (
	ErrNoSession    = errors.New("fetch session not found")             // FETCH_SESSION_ID_NOT_FOUND
	ErrSessionEpoch = errors.New("fetch session epoch is not the next") // INVALID_FETCH_SESSION_EPOCH
)

// ReplicaKey names a partition as a request does: by topic id, or by name with a zero id.
type ReplicaKey struct {
	TopicID   record.UUID
	Topic     string
	Partition int32
}

// ReplicaAsk is what a follower asks of one partition.
type ReplicaAsk struct {
	ReplicaKey
	LeaderEpoch int32 // that the follower knows, -1: none
	Offset      int64 // it has everything below
	LastEpoch   int32 // of the record before Offset, -1: none
	LogStart    int64
	MaxBytes    int
}

// ReplicaFetch is a fetch request of another broker.
type ReplicaFetch struct {
	Replica      int32
	BrokerEpoch  int64 // -1: the request has none
	SessionID    int32
	SessionEpoch int32
	MinBytes     int
	MaxBytes     int
	Wait         time.Duration
	Asks         []ReplicaAsk
	Forgotten    []ReplicaKey
}

// ReadReplicaFetch takes the request of another broker out of its message; false: it is a consumer's.
func ReadReplicaFetch(rq *kmsg.FetchRequest) (*ReplicaFetch, bool) {
	replica, brokerEpoch := rq.ReplicaID, int64(-1)
	if rq.Version >= 15 {
		replica, brokerEpoch = rq.ReplicaState.ID, rq.ReplicaState.Epoch
	}
	if replica < 0 {
		return nil, false
	}
	f := &ReplicaFetch{
		Replica: replica, BrokerEpoch: brokerEpoch, SessionID: rq.SessionID, SessionEpoch: rq.SessionEpoch,
		MinBytes: int(rq.MinBytes), MaxBytes: int(rq.MaxBytes), Wait: time.Duration(rq.MaxWaitMillis) * time.Millisecond,
	}
	if rq.Version < 7 {
		f.SessionID, f.SessionEpoch = 0, fetchOnce
	}
	for i := range rq.Topics {
		t := &rq.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			f.Asks = append(f.Asks, ReplicaAsk{
				ReplicaKey:  ReplicaKey{t.TopicID, t.Topic, p.Partition},
				LeaderEpoch: p.CurrentLeaderEpoch, Offset: p.FetchOffset, LastEpoch: p.LastFetchedEpoch, LogStart: p.LogStartOffset,
				MaxBytes: int(p.PartitionMaxBytes),
			})
		}
	}
	for i := range rq.ForgottenTopics {
		t := &rq.ForgottenTopics[i]
		for _, p := range t.Partitions {
			f.Forgotten = append(f.Forgotten, ReplicaKey{t.TopicID, t.Topic, p})
		}
	}
	return f, true
}

// Encode makes the response of an answer, and gives its records over to it. code turns what went wrong into Kafka's code; decorate, if not nil, may
// add to the answer of a partition.
func (a *ReplicaAnswer) Encode(h wire.RequestHeader, code func(error) int16, decorate func(key *ReplicaKey, p *wire.FetchPartition)) *wire.Frame {
	resp := wire.FetchResponse{SessionID: a.SessionID, ErrorCode: code(a.Err)}
	for i := range a.Parts {
		part := &a.Parts[i]
		p := wire.NewFetchPartition(part.Partition)
		p.AbortedNull = true
		p.ErrorCode = code(part.Err)
		p.HighWatermark, p.LastStableOffset, p.LogStartOffset = part.HighWatermark, part.LastStable, part.LogStart
		p.DivergingEpoch, p.DivergingEndOffset = part.DivergingEpoch, part.DivergingEnd
		if part.Records.Len() > 0 {
			p.Records = part.Records
		}
		if decorate != nil {
			decorate(&part.ReplicaKey, &p)
		}
		n := len(resp.Topics)
		if n == 0 || resp.Topics[n-1].TopicID != part.TopicID || resp.Topics[n-1].Topic != part.Topic {
			resp.Topics = append(resp.Topics, wire.FetchTopic{Topic: part.Topic, TopicID: part.TopicID})
			n++
		}
		resp.Topics[n-1].Partitions = append(resp.Topics[n-1].Partitions, p)
	}
	return wire.EncodeFetch(h, &resp)
}
