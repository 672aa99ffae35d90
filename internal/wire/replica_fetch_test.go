package wire

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// replicaFetch is a request with everything in it, and the same as kmsg writes it.
func replicaFetch(version int16) (*ReplicaFetch, *kmsg.FetchRequest) {
	ids := []record.UUID{{1, 15: 1}, {2, 15: 2}}
	own := &ReplicaFetch{Version: version, ReplicaID: 3, BrokerEpoch: 77, MaxWaitMillis: 500, MinBytes: 1, MaxBytes: 10 << 20, SessionID: 9, SessionEpoch: 4}
	theirs := kmsg.NewPtrFetchRequest()
	theirs.Version, theirs.MaxWaitMillis, theirs.MinBytes, theirs.MaxBytes, theirs.SessionID, theirs.SessionEpoch = version, 500, 1, 10<<20, 9, 4
	if version >= replicaStateSince {
		theirs.ReplicaState.ID, theirs.ReplicaState.Epoch = 3, 77
	} else {
		theirs.ReplicaID = 3
	}
	for i, id := range ids {
		topic, kt := ReplicaFetchTopic{TopicID: id}, kmsg.NewFetchRequestTopic()
		kt.TopicID = id
		for p := range int32(i + 1) {
			topic.Partitions = append(topic.Partitions, ReplicaFetchPartition{p, 5, 1000 + int64(p), 4, 10, 1 << 20})
			kp := kmsg.NewFetchRequestTopicPartition()
			kp.Partition, kp.CurrentLeaderEpoch, kp.FetchOffset, kp.LastFetchedEpoch, kp.LogStartOffset, kp.PartitionMaxBytes = p, 5, 1000+int64(p), 4, 10, 1<<20
			kt.Partitions = append(kt.Partitions, kp)
		}
		own.Topics, theirs.Topics = append(own.Topics, topic), append(theirs.Topics, kt)
		forgotten := kmsg.NewFetchRequestForgottenTopic()
		forgotten.TopicID, forgotten.Partitions = id, []int32{6, 7}
		own.Forgotten = append(own.Forgotten, ReplicaFetchTopic{id, []ReplicaFetchPartition{{Partition: 6}, {Partition: 7}}})
		theirs.ForgottenTopics = append(theirs.ForgottenTopics, forgotten)
	}
	return own, theirs
}

func TestReplicaFetchHasTheBytesOfAFetchRequest(t *testing.T) {
	for version := int16(replicaFetchMin); version <= replicaFetchMax; version++ {
		own, theirs := replicaFetch(version)
		got, want := AppendRequest(nil, 1, "leat", own), AppendRequest(nil, 1, "leat", theirs)
		if !bytes.Equal(got, want) {
			t.Errorf("v%d:\n%x, want\n%x", version, got, want)
		}
	}
	own, _ := replicaFetch(17)
	b := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() { own.AppendTo(b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// fetchedByKmsg is what kmsg reads, as ParseFetch gives it.
func fetchedByKmsg(resp *kmsg.FetchResponse) []FetchedPartition {
	var all []FetchedPartition
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			f := FetchedPartition{TopicID: t.TopicID, Partition: p.Partition, ErrorCode: p.ErrorCode, HighWatermark: p.HighWatermark,
				LogStartOffset: p.LogStartOffset, DivergingEpoch: p.DivergingEpoch.Epoch, DivergingEndOffset: p.DivergingEpoch.EndOffset,
				LeaderID: p.CurrentLeader.LeaderID, LeaderEpoch: p.CurrentLeader.LeaderEpoch}
			if len(p.RecordBatches) > 0 {
				f.Records = p.RecordBatches
			}
			all = append(all, f)
		}
	}
	return all
}

func TestParseFetchReadsWhatKafkaWrote(t *testing.T) {
	read := 0
	for _, r := range recordedFrames(t) {
		if r.key != keyFetch || r.side != "response" || r.version < replicaFetchMin || r.version > replicaFetchMax {
			continue
		}
		body, err := AfterTags(r.frame[4:])
		if err != nil {
			t.Fatal(err)
		}
		theirs := kmsg.NewPtrFetchResponse()
		theirs.Version = r.version
		if err := theirs.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		own, err := ParseFetch(r.version, body)
		if err != nil {
			t.Errorf("%v: %v", r, err)
			continue
		}
		var got []FetchedPartition
		for p := range own.Partitions {
			got = append(got, p)
		}
		if diff := cmp.Diff(fetchedByKmsg(theirs), got); diff != "" || own.Len != len(got) {
			t.Errorf("%v: %d partitions\n%s", r, own.Len, diff)
		}
		if own.ErrorCode != theirs.ErrorCode || own.SessionID != theirs.SessionID || own.ThrottleMillis != theirs.ThrottleMillis {
			t.Errorf("%v: %+v", r, own)
		}
		read++
	}
	if read < 10 {
		t.Errorf("only %d recorded responses", read)
	}
}

func TestParseFetchReadsWhatEncodeFetchWrites(t *testing.T) {
	p := NewFetchPartition(3)
	p.HighWatermark, p.DivergingEpoch, p.DivergingEndOffset, p.LeaderID, p.LeaderEpoch = 9, 4, 70, 2, 6
	f := EncodeFetch(RequestHeader{Key: keyFetch, Version: 17}, &FetchResponse{SessionID: 5, Topics: []FetchTopic{{TopicID: record.UUID{8}, Partitions: []FetchPartition{p}}}})
	defer f.Release()
	body, err := AfterTags(f.Parts[0].Bytes[8:])
	if err != nil {
		t.Fatal(err)
	}
	own, err := ParseFetch(17, body)
	if err != nil || own.Len != 1 || own.SessionID != 5 {
		t.Fatalf("%+v, %v", own, err)
	}
	for got := range own.Partitions {
		want := FetchedPartition{TopicID: record.UUID{8}, Partition: 3, HighWatermark: 9, LogStartOffset: -1,
			DivergingEpoch: 4, DivergingEndOffset: 70, LeaderID: 2, LeaderEpoch: 6}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		own, _ := ParseFetch(17, body)
		for p := range own.Partitions {
			_ = p
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseFetch(f *testing.F) {
	for _, r := range recordedFrames(f) {
		if r.key == keyFetch && r.side == "response" && r.version >= replicaFetchMin && r.version <= replicaFetchMax {
			body, _ := AfterTags(r.frame[4:])
			f.Add(r.version, body)
		}
	}
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		own, err := ParseFetch(version, body)
		if err != nil {
			return
		}
		n, records := 0, 0
		for p := range own.Partitions {
			n++
			records += len(p.Records)
		}
		if n != own.Len || records > len(body) || n > math.MaxInt32 {
			t.Fatalf("%d partitions, said %d; %d bytes of records", n, own.Len, records)
		}
	})
}
