package replication

import (
	"testing"
	"time"

	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/wire"
)

// The hot paths of replication one by one, with a file system in memory: what is left is this package, storage and their allocations.

// benchPartition is a partition of a bench node.
func benchPartition(b *testing.B, n *Node) *Partition {
	p, err := n.Replica(record.TopicPartition{Topic: "orders"})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkFollowerAppend is what a follower does with a batch that has come.
func BenchmarkFollowerAppend(b *testing.B) {
	_, f := benchRounds(b, 1)
	p := benchPartition(b, f.node)
	at, err := p.beginFollowing(0)
	if err != nil {
		b.Fatal(err)
	}
	records := record.Batch(batch(1))
	records.SetLeaderEpoch(0)
	b.ReportAllocs()
	for b.Loop() {
		records.SetBaseOffset(at.offset)
		part := wire.FetchedPartition{HighWatermark: at.offset, LogStartOffset: 0, DivergingEpoch: -1, Records: records}
		if at, err = p.takeFetched(0, at, &part); err != nil {
			b.Fatal(err)
		}
	}
}

// benchSession begins a follower's session with a leader, and returns what sends its next request.
func benchSession(b *testing.B, leader *Node, p *Partition) func(offset int64) *ReplicaAnswer {
	epoch, id := fullFetch, int32(0)
	key := ReplicaKey{TopicID: p.topicID}
	return func(offset int64) (answer *ReplicaAnswer) {
		rq := &ReplicaFetch{Replica: 2, BrokerEpoch: 7, SessionID: id, SessionEpoch: epoch, MaxBytes: 10 << 20,
			Asks: []ReplicaAsk{{ReplicaKey: key, LeaderEpoch: 0, Offset: offset, LastEpoch: -1, MaxBytes: 1 << 20}}}
		leader.FetchReplica(rq, func(a *ReplicaAnswer) { answer = a })
		if answer == nil || answer.Err != nil || len(answer.Parts) > 0 && answer.Parts[0].Err != nil {
			b.Fatalf("%+v", answer)
		}
		id, epoch = answer.SessionID, nextEpoch(epoch)
		return answer
	}
}

// BenchmarkAnswerToAFollower is a leader's answer with one batch, up to its bytes but for the records, which are sent from the file.
func BenchmarkAnswerToAFollower(b *testing.B) {
	leader := benchNode(b, 1, 1, nil)
	p := benchPartition(b, leader)
	if _, err := p.Append(batch(1), -1, storage.FromClient, true); err != nil {
		b.Fatal(err)
	}
	fetch := benchSession(b, leader, p)
	header := wire.RequestHeader{Key: 1, Version: 17}
	b.ReportAllocs()
	for b.Loop() {
		answer := fetch(0)
		if len(answer.Parts) != 1 || answer.Parts[0].Records.Len() == 0 {
			b.Fatalf("%+v", answer)
		}
		answer.Encode(header, testCode, nil).Release()
	}
}

// BenchmarkCommit is an append for which a producer waits, and the request of the follower that commits it.
func BenchmarkCommit(b *testing.B) {
	leader := benchNode(b, 1, 1, nil)
	p := benchPartition(b, leader)
	fetch := benchSession(b, leader, p)
	fetch(0)
	records := batch(1)
	scratch, end := make([]byte, len(records)), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		copy(scratch, records) // which an append changes
		if _, err := p.Append(scratch, -1, storage.FromClient, true); err != nil {
			b.Fatal(err)
		}
		end++
		committed := false
		p.WhenCommitted(end, time.Now().Add(time.Minute), func(err error) { committed = err == nil })
		fetch(end)
		if !committed {
			b.Fatalf("offset %d is not committed", end)
		}
	}
}
