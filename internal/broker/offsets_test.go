package broker

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// listRequest asks for one offset of partition 0.
func listRequest(topic string, timestamp int64) *kmsg.ListOffsetsRequest {
	rq := kmsg.NewPtrListOffsetsRequest()
	rq.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp = timestamp
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	return rq
}

func (c *client) list(version int16, rq *kmsg.ListOffsetsRequest) kmsg.ListOffsetsResponseTopicPartition {
	c.t.Helper()
	return ask[*kmsg.ListOffsetsResponse](c, rq, version).Topics[0].Partitions[0]
}

func TestListOffsets(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.makeTopic("empty", 1)
	n.makeTopicOn("elsewhere", 1, []int32{2})
	n.produceTo("orders", 0, "a", "b", "c") // timestamps 1000000 to 1000002
	c := n.dial()
	defer c.close()
	for _, tc := range []struct {
		name      string
		version   int16
		topic     string
		timestamp int64
		want      [3]int64 // timestamp, offset, leader epoch
		err       *kerr.Error
	}{
		{"latest", 11, "orders", -1, [3]int64{-1, 3, 0}, nil},
		{"latest without epochs", 1, "orders", -1, [3]int64{-1, 3, -1}, nil},
		{"earliest", 11, "orders", -2, [3]int64{-1, 0, 0}, nil},
		{"earliest local", 8, "orders", -4, [3]int64{-1, 0, 0}, nil},
		{"greatest timestamp", 7, "orders", -3, [3]int64{1000002, 2, 0}, nil},
		{"latest tiered", 9, "orders", -5, [3]int64{-1, -1, -1}, nil},
		{"earliest pending upload", 11, "orders", -6, [3]int64{-1, -1, -1}, nil},
		{"by time", 4, "orders", 1000001, [3]int64{1000001, 1, 0}, nil},
		{"before everything", 4, "orders", 5, [3]int64{1000000, 0, 0}, nil},
		{"after everything", 4, "orders", 1000003, [3]int64{-1, -1, -1}, nil},
		{"latest of nothing", 11, "empty", -1, [3]int64{-1, 0, 0}, nil},
		{"greatest timestamp of nothing", 11, "empty", -3, [3]int64{-1, -1, -1}, nil},
		{"greatest timestamp too early", 6, "orders", -3, [3]int64{}, kerr.UnsupportedVersion},
		{"earliest local too early", 7, "orders", -4, [3]int64{}, kerr.UnsupportedVersion},
		{"latest tiered too early", 8, "orders", -5, [3]int64{}, kerr.UnsupportedVersion},
		{"pending upload too early", 10, "orders", -6, [3]int64{}, kerr.UnsupportedVersion},
		{"unknown special", 11, "orders", -7, [3]int64{}, kerr.UnsupportedVersion},
		{"unknown topic", 11, "nowhere", -1, [3]int64{}, kerr.UnknownTopicOrPartition},
		{"other leader", 11, "elsewhere", -1, [3]int64{}, kerr.NotLeaderForPartition},
	} {
		p := c.list(tc.version, listRequest(tc.topic, tc.timestamp))
		if tc.err != nil {
			if p.ErrorCode != tc.err.Code || p.Offset != -1 {
				t.Errorf("%s: %v at %d, want %v", tc.name, kerr.ErrorForCode(p.ErrorCode), p.Offset, tc.err)
			}
			continue
		}
		if got := [3]int64{p.Timestamp, p.Offset, int64(p.LeaderEpoch)}; got != tc.want || p.ErrorCode != 0 {
			t.Errorf("%s: %v %v, want %v", tc.name, got, kerr.ErrorForCode(p.ErrorCode), tc.want)
		}
	}
	fenced := listRequest("orders", -1)
	fenced.Topics[0].Partitions[0].CurrentLeaderEpoch = 5
	if p := c.list(4, fenced); p.ErrorCode != kerr.UnknownLeaderEpoch.Code {
		t.Errorf("newer leader epoch: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	twice := listRequest("orders", -1)
	twice.Topics = append(twice.Topics, twice.Topics[0])
	if p := c.list(4, twice); p.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("partition named twice: %v", kerr.ErrorForCode(p.ErrorCode))
	}
}

func TestFollowersListOffsetsToWhoeverDebugs(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopicOn("led by 2", 1, []int32{2, self})
	n.makeTopicOn("on 2 only", 1, []int32{2})
	c := n.dial()
	defer c.close()
	for _, tc := range []struct {
		topic   string
		replica int32
		err     *kerr.Error
	}{
		{"led by 2", -2, nil},
		{"led by 2", -1, kerr.NotLeaderForPartition},
		{"led by 2", 2, kerr.NotLeaderForPartition},
		{"on 2 only", -2, kerr.NotLeaderForPartition},
	} {
		rq := listRequest(tc.topic, -2)
		rq.ReplicaID = tc.replica
		p := c.list(11, rq)
		if tc.err == nil && (p.ErrorCode != 0 || p.Offset != 0) || tc.err != nil && p.ErrorCode != tc.err.Code {
			t.Errorf("%s, asked as replica %d: %v at %d, want %v", tc.topic, tc.replica, kerr.ErrorForCode(p.ErrorCode), p.Offset, tc.err)
		}
	}
}

func TestListOffsetsStaysWithinTheIsolation(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.produceTo("orders", 0, "a")
	spec := record.NewSpec()
	spec.Transactional, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = true, 9, 0, 0
	p, err := n.replicas.Leader(record.TopicPartition{Topic: "orders"}, -1)
	if err == nil {
		_, err = p.Append(batchOf(spec, "open", "open"), -1, storage.FromCoordinator, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := n.dial()
	defer c.close()
	for isolation, want := range []int64{3, 1} {
		rq := listRequest("orders", -1)
		rq.IsolationLevel = int8(isolation)
		if p := c.list(7, rq); p.Offset != want {
			t.Errorf("isolation %d: latest is %d, want %d", isolation, p.Offset, want)
		}
		rq = listRequest("orders", 1000001) // the second record of the open transaction
		rq.IsolationLevel = int8(isolation)
		if p, found := c.list(7, rq), isolation == 0; (p.Offset == 2) != found {
			t.Errorf("isolation %d: by time found %d", isolation, p.Offset)
		}
	}
}

func TestLatestIsUnknownWhileANewLeaderCatchesUp(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopicOn("orders", 1, []int32{self, 2})
	n.produceTo("orders", 0, "a")
	n.publish(&metadata.PartitionChangeRecord{TopicID: topicID("orders"), Leader: self, LeaderRecoveryState: -1})
	c := n.dial()
	defer c.close()
	if p := c.list(5, listRequest("orders", -1)); p.ErrorCode != kerr.OffsetNotAvailable.Code {
		t.Errorf("v5: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	if p := c.list(4, listRequest("orders", -1)); p.ErrorCode != kerr.LeaderNotAvailable.Code {
		t.Errorf("v4: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	if p := c.list(5, listRequest("orders", -2)); p.ErrorCode != 0 || p.Offset != 0 {
		t.Errorf("earliest: %v at %d", kerr.ErrorForCode(p.ErrorCode), p.Offset)
	}
}

func TestDeleteRecords(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.makeTopic("keyed", 1, "cleanup.policy", "compact")
	n.makeTopic("__consumer_offsets", 1)
	n.produceTo("orders", 0, "a", "b", "c", "d")
	c := n.dial()
	defer c.close()
	for _, tc := range []struct {
		name   string
		topic  string
		offset int64
		low    int64
		err    *kerr.Error
	}{
		{"some", "orders", 2, 2, nil},
		{"again", "orders", 1, 2, nil},
		{"beyond the end", "orders", 5, -1, kerr.OffsetOutOfRange},
		{"below zero", "orders", -2, -1, kerr.OffsetOutOfRange},
		{"compacted", "keyed", 0, -1, kerr.PolicyViolation},
		{"internal", "__consumer_offsets", 0, -1, kerr.InvalidTopicException},
		{"unknown", "nowhere", 0, -1, kerr.UnknownTopicOrPartition},
		{"all", "orders", -1, 4, nil},
	} {
		rq := kmsg.NewPtrDeleteRecordsRequest()
		rq.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: tc.topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: tc.offset}}}}
		p := ask[*kmsg.DeleteRecordsResponse](c, rq, 2).Topics[0].Partitions[0]
		if p.LowWatermark != tc.low || (tc.err == nil) != (p.ErrorCode == 0) || tc.err != nil && p.ErrorCode != tc.err.Code {
			t.Errorf("%s: %v, low watermark %d", tc.name, kerr.ErrorForCode(p.ErrorCode), p.LowWatermark)
		}
	}
	if p := c.fetchOne(12, fetchRequest("orders", 3)); p.ErrorCode != kerr.OffsetOutOfRange.Code {
		t.Errorf("fetch of a deleted record: %v", kerr.ErrorForCode(p.ErrorCode))
	}
}

func TestOffsetForLeaderEpoch(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.produceTo("orders", 0, "a", "b")
	n.publish(&metadata.PartitionChangeRecord{TopicID: topicID("orders"), Leader: self, LeaderRecoveryState: -1})
	n.produceTo("orders", 0, "c")
	c := n.dial()
	defer c.close()
	for _, tc := range []struct {
		name    string
		topic   string
		current int32
		epoch   int32
		want    [2]int64
		err     *kerr.Error
	}{
		{"ended", "orders", -1, 0, [2]int64{0, 2}, nil},
		{"present", "orders", 1, 1, [2]int64{1, 3}, nil},
		{"future", "orders", 1, 2, [2]int64{-1, -1}, nil},
		{"fenced", "orders", 0, 0, [2]int64{-1, -1}, kerr.FencedLeaderEpoch},
		{"unknown topic", "nowhere", -1, 0, [2]int64{-1, -1}, kerr.UnknownTopicOrPartition},
	} {
		for _, version := range []int16{2, 4} {
			rq := kmsg.NewPtrOffsetForLeaderEpochRequest()
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.CurrentLeaderEpoch, p.LeaderEpoch = tc.current, tc.epoch
			rq.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: tc.topic, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{p}}}
			got := ask[*kmsg.OffsetForLeaderEpochResponse](c, rq, version).Topics[0].Partitions[0]
			if [2]int64{int64(got.LeaderEpoch), got.EndOffset} != tc.want || (tc.err == nil) != (got.ErrorCode == 0) || tc.err != nil && got.ErrorCode != tc.err.Code {
				t.Errorf("%s v%d: %+v", tc.name, version, got)
			}
		}
	}
}

func TestDescribeLogDirs(t *testing.T) {
	n := newNode(t, "cordoned.log.dirs", "/data", "log.dirs", "/data")
	defer n.stop()
	n.makeTopic("orders", 2)
	n.makeTopic("other", 1)
	n.produceTo("orders", 1, "a")
	c := n.dial()
	defer c.close()
	rq := kmsg.NewPtrDescribeLogDirsRequest()
	resp := ask[*kmsg.DescribeLogDirsResponse](c, rq, 5)
	if len(resp.Dirs) != 1 || resp.Dirs[0].Dir != "/data" || resp.Dirs[0].TotalBytes <= 0 || resp.Dirs[0].UsableBytes <= 0 || !resp.Dirs[0].IsCordoned {
		t.Fatalf("%+v", resp.Dirs)
	}
	sizes := map[string][]int64{}
	for _, topic := range resp.Dirs[0].Topics {
		for _, p := range topic.Partitions {
			sizes[topic.Topic] = append(sizes[topic.Topic], p.Size)
		}
	}
	if diff := cmp.Diff(map[string][]int64{"orders": {0, int64(len(plainBatch("a")))}, "other": {0}}, sizes); diff != "" {
		t.Fatal(diff)
	}
	rq.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: "orders", Partitions: []int32{1}}}
	resp = ask[*kmsg.DescribeLogDirsResponse](c, rq, 1)
	if topics := resp.Dirs[0].Topics; len(topics) != 1 || len(topics[0].Partitions) != 1 || topics[0].Partitions[0].Partition != 1 {
		t.Fatalf("limited: %+v", topics)
	}
}

func TestDescribeProducers(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = 7, 3, 0
	c := n.dial()
	defer c.close()
	if p := c.produce(9, produceRequest("orders", 1, batchOf(spec, "a", "b"))); p.ErrorCode != 0 {
		t.Fatal(kerr.ErrorForCode(p.ErrorCode))
	}
	rq := kmsg.NewPtrDescribeProducersRequest()
	rq.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "orders", Partitions: []int32{0, 1}}, {Topic: "nowhere", Partitions: []int32{0}},
		{Topic: "bad name", Partitions: []int32{0}}}
	topics := ask[*kmsg.DescribeProducersResponse](c, rq, 0).Topics
	parts := topics[0].Partitions
	for i, want := range []*kerr.Error{kerr.UnknownTopicOrPartition, kerr.InvalidTopicException} {
		if p := topics[i+1].Partitions[0]; p.ErrorCode != want.Code || p.ErrorMessage == nil {
			t.Errorf("%s: %+v", topics[i+1].Topic, p)
		}
	}
	if len(parts[0].ActiveProducers) != 1 {
		t.Fatalf("%+v", parts[0])
	}
	if p := parts[0].ActiveProducers[0]; p.ProducerID != 7 || p.ProducerEpoch != 3 || p.LastSequence != 1 || p.CurrentTxnStartOffset != -1 {
		t.Errorf("%+v", p)
	}
	if parts[1].ErrorCode != kerr.UnknownTopicOrPartition.Code || parts[1].ErrorMessage != nil {
		t.Errorf("%+v", parts[1])
	}
}

func TestInitProducerIDs(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	c := n.dial()
	defer c.close()
	rq := kmsg.NewPtrInitProducerIDRequest()
	rq.ProducerID, rq.ProducerEpoch = -1, -1
	for i := range int64(25) { // two blocks and a half
		version := int16(i % 6)
		resp := ask[*kmsg.InitProducerIDResponse](c, rq, version)
		if resp.ErrorCode != 0 || resp.ProducerID != 1000+i || resp.ProducerEpoch != 0 {
			t.Fatalf("id %d: %+v", i, resp)
		}
	}
	rq.ProducerID, rq.ProducerEpoch = 1003, 4
	if resp := ask[*kmsg.InitProducerIDResponse](c, rq, 3); resp.ErrorCode != 0 || resp.ProducerID != 1025 || resp.ProducerEpoch != 0 {
		t.Errorf("producer that has an id: %+v", resp)
	}
	rq.ProducerEpoch = -1
	if resp := ask[*kmsg.InitProducerIDResponse](c, rq, 3); resp.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("id without epoch: %+v", resp)
	}
	rq.ProducerID = -1
	for id, want := range map[string]*kerr.Error{"": kerr.InvalidRequest, "tx": kerr.NotCoordinator} {
		rq.TransactionalID = &id
		if resp := ask[*kmsg.InitProducerIDResponse](c, rq, 3); resp.ErrorCode != want.Code || resp.ProducerID != -1 {
			t.Errorf("transactional id %q: %+v", id, resp)
		}
	}
}

func TestNoProducerIDsWithoutAController(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.broken = errors.New("no controller")
	c := n.dial()
	defer c.close()
	rq := kmsg.NewPtrInitProducerIDRequest()
	rq.ProducerID, rq.ProducerEpoch = -1, -1
	if resp := ask[*kmsg.InitProducerIDResponse](c, rq, 3); resp.ErrorCode != kerr.CoordinatorLoadInProgress.Code {
		t.Fatalf("%+v", resp)
	}
}
