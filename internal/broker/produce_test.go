package broker

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/record"
)

// produceRequest asks to append records to partition 0 of a topic.
func produceRequest(topic string, acks int16, records []byte) *kmsg.ProduceRequest {
	rq := kmsg.NewPtrProduceRequest()
	rq.Acks, rq.TimeoutMillis = acks, 1000
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = topic, topicID(topic)
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = records
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	return rq
}

// produce appends and returns the answer for the one partition.
func (c *client) produce(version int16, rq *kmsg.ProduceRequest) kmsg.ProduceResponseTopicPartition {
	c.t.Helper()
	return ask[*kmsg.ProduceResponse](c, rq, version).Topics[0].Partitions[0]
}

func (c *client) mustProduce(topic string, values ...string) int64 {
	c.t.Helper()
	p := c.produce(11, produceRequest(topic, -1, plainBatch(values...)))
	if p.ErrorCode != 0 {
		c.t.Fatal(kerr.ErrorForCode(p.ErrorCode))
	}
	return p.BaseOffset
}

func TestProduceAndFetchInEveryVersion(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	for v := int16(3); v <= 13; v++ {
		for _, acks := range []int16{1, -1} {
			p := c.produce(v, produceRequest("orders", acks, plainBatch("x")))
			if want := 2*int64(v-3) + int64(acks&2>>1); p.ErrorCode != 0 || p.BaseOffset != want || p.LogAppendTime != -1 {
				t.Fatalf("v%d acks=%d: %+v, want base offset %d", v, acks, p, want)
			}
		}
	}
	for v := int16(4); v <= 18; v++ {
		p := c.fetchOne(v, fetchRequest("orders", 20))
		if diff := cmp.Diff([]string{"20:x", "21:x"}, valuesOf(t, p.RecordBatches)); diff != "" || p.ErrorCode != 0 || p.HighWatermark != 22 || p.LastStableOffset != 22 {
			t.Fatalf("v%d: %+v %s", v, p, diff)
		}
	}
}

func TestProduceWithoutAcksAnswersNothing(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	c.send(produceRequest("orders", 0, plainBatch("quiet")), 9)
	c.pending = nil
	if base := c.mustProduce("orders", "loud"); base != 1 {
		t.Fatalf("base offset %d, want 1 after the quiet record", base)
	}
	c.send(produceRequest("nowhere", 0, plainBatch("lost")), 9)
	if _, err := c.frame(); !errors.Is(err, io.EOF) {
		t.Fatalf("after a failure with acks=0: %v, want the end of the connection", err)
	}
}

func TestPipelinedProduceKeepsItsOrder(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	const depth = 5
	go func() {
		for range depth {
			c.send(produceRequest("orders", -1, plainBatch("a", "b")), 11)
		}
	}()
	for i := range depth {
		b, err := c.frame()
		if err != nil {
			t.Fatal(err)
		}
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = 11
		if err := resp.ReadFrom(b[5:]); err != nil {
			t.Fatal(err)
		}
		if got := resp.Topics[0].Partitions[0].BaseOffset; got != int64(2*i) {
			t.Fatalf("response %d has base offset %d", i, got)
		}
	}
}

func TestProduceRefusals(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.makeTopic("small", 1, "max.message.bytes", "200")
	n.makeTopic("__consumer_offsets", 1)
	n.makeTopicOn("elsewhere", 1, []int32{2})
	c := n.dial()
	defer c.close()

	flipped := plainBatch("x")
	flipped[len(flipped)-1] ^= 1
	zstd, transactional := record.NewSpec(), record.NewSpec()
	zstd.Codec = record.Zstd
	transactional.Transactional, transactional.ProducerID, transactional.ProducerEpoch, transactional.BaseSequence = true, 5, 0, 0
	named := produceRequest("orders", -1, batchOf(transactional, "x"))
	named.TransactionID = kmsg.StringPtr("pay")
	late, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Timestamp: time.Now().Add(48 * time.Hour).UnixMilli(), Value: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		version int16
		rq      *kmsg.ProduceRequest
		want    *kerr.Error
	}{
		{"unknown topic", 9, produceRequest("nowhere", 1, plainBatch("x")), kerr.UnknownTopicOrPartition},
		{"unknown topic id", 13, produceRequest("nowhere", 1, plainBatch("x")), kerr.UnknownTopicID},
		{"unknown acks", 9, produceRequest("orders", 2, plainBatch("x")), kerr.InvalidRequiredAcks},
		{"internal topic", 9, produceRequest("__consumer_offsets", 1, plainBatch("x")), kerr.InvalidTopicException},
		{"null records", 9, produceRequest("orders", 1, nil), kerr.InvalidRecord},
		{"no records", 9, produceRequest("orders", 1, []byte{}), kerr.InvalidRecord},
		{"two batches", 9, produceRequest("orders", 1, append(plainBatch("x"), plainBatch("y")...)), kerr.InvalidRecord},
		{"half a batch", 9, produceRequest("orders", 1, plainBatch("x")[:30]), kerr.InvalidRecord},
		{"flipped bit", 9, produceRequest("orders", 1, flipped), kerr.CorruptMessage},
		{"zstd before version 7", 6, produceRequest("orders", 1, batchOf(zstd, "x")), kerr.UnsupportedCompressionType},
		{"too large", 9, produceRequest("small", 1, plainBatch(strings.Repeat("x", 300))), kerr.MessageTooLarge},
		{"timestamp in the future", 9, produceRequest("orders", 1, late), kerr.InvalidTimestamp},
		{"transactional batch", 9, named, kerr.InvalidTxnState},
		{"transactional batch without an id", 9, produceRequest("orders", -1, batchOf(transactional, "x")), kerr.TransactionalIDAuthorizationFailed},
		{"other leader", 9, produceRequest("elsewhere", 1, plainBatch("x")), kerr.NotLeaderForPartition},
	} {
		p := c.produce(tc.version, tc.rq)
		if p.ErrorCode != tc.want.Code || p.BaseOffset != -1 {
			t.Errorf("%s: %v at offset %d, want %v", tc.name, kerr.ErrorForCode(p.ErrorCode), p.BaseOffset, tc.want)
		}
	}
	if base := c.mustProduce("orders", "x"); base != 0 {
		t.Fatalf("base offset %d: something refused was written", base)
	}
}

func TestProduceTellsWhoLeads(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopicOn("elsewhere", 1, []int32{2})
	c := n.dial()
	defer c.close()
	resp := ask[*kmsg.ProduceResponse](c, produceRequest("elsewhere", 1, plainBatch("x")), 10)
	if got := resp.Topics[0].Partitions[0].CurrentLeader; got.LeaderID != 2 || got.LeaderEpoch != 0 {
		t.Fatalf("current leader %+v", got)
	}
	if len(resp.Brokers) != 1 || resp.Brokers[0].NodeID != 2 || resp.Brokers[0].Host != "two" {
		t.Fatalf("brokers %+v", resp.Brokers)
	}
}

func TestProduceNamesTheBadRecords(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("keyed", 1, "cleanup.policy", "compact")
	c := n.dial()
	defer c.close()
	b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{
		{Offset: 0, Key: []byte("k"), Value: []byte("v")}, {Offset: 1, Value: []byte("no key")}, {Offset: 2, Value: []byte("neither")}})
	if err != nil {
		t.Fatal(err)
	}
	p := c.produce(8, produceRequest("keyed", 1, b))
	var bad []int32
	for _, r := range p.ErrorRecords {
		bad = append(bad, r.RelativeOffset)
	}
	if diff := cmp.Diff([]int32{1, 2}, bad); diff != "" || p.ErrorCode != kerr.InvalidRecord.Code || p.ErrorMessage == nil || p.LogStartOffset != 0 {
		t.Fatalf("%+v %s", p, diff)
	}
}

func TestProduceWithLogAppendTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("timed", 1, "message.timestamp.type", "LogAppendTime")
		c := n.dial()
		defer c.close()
		now := time.Now().UnixMilli()
		p := c.produce(9, produceRequest("timed", 1, plainBatch("x")))
		if p.ErrorCode != 0 || p.LogAppendTime != now {
			t.Fatalf("%+v, want log append time %d", p, now)
		}
		batch := record.Batch(c.fetchOne(12, fetchRequest("timed", 0)).RecordBatches)
		if !batch.LogAppendTime() || batch.MaxTimestamp() != now || batch.Check() != nil {
			t.Fatalf("stored timestamp %d, log append time %v, check %v", batch.MaxTimestamp(), batch.LogAppendTime(), batch.Check())
		}
	})
}

func TestIdempotentProducerIsAnsweredWithTheFirstOffset(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	batch := func(sequence int32) []byte {
		spec := record.NewSpec()
		spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = 7, 0, sequence
		return batchOf(spec, "a", "b")
	}
	for i, want := range []struct {
		sequence int32
		base     int64
		err      *kerr.Error
	}{{0, 0, nil}, {2, 2, nil}, {0, 0, nil}, {2, 2, nil}, {6, -1, kerr.OutOfOrderSequenceNumber}, {4, 4, nil}} {
		p := c.produce(9, produceRequest("orders", -1, batch(want.sequence)))
		if p.BaseOffset != want.base || (want.err == nil) != (p.ErrorCode == 0) || want.err != nil && p.ErrorCode != want.err.Code {
			t.Fatalf("batch %d: %v at %d", i, kerr.ErrorForCode(p.ErrorCode), p.BaseOffset)
		}
	}
}

func TestProduceWaitsForReplicasUntilItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopicOn("orders", 1, []int32{self, 2})
		c := n.dial()
		defer c.close()
		started := time.Now()
		p := c.produce(9, produceRequest("orders", -1, plainBatch("x")))
		if p.ErrorCode != kerr.RequestTimedOut.Code || time.Since(started) != time.Second {
			t.Fatalf("%v after %v, want REQUEST_TIMED_OUT after 1s", kerr.ErrorForCode(p.ErrorCode), time.Since(started))
		}
		c.send(produceRequest("orders", -1, plainBatch("y")), 9)
		synctest.Wait()
		n.publish(&metadata.PartitionChangeRecord{TopicID: topicID("orders"), ISR: []int32{self}, Leader: metadata.NoLeaderChange, LeaderRecoveryState: -1})
		if p := c.receive().(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != 1 {
			t.Fatalf("after the in-sync set shrank: %+v", p)
		}
	})
}

func TestProduceNeedsEnoughReplicas(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopicOn("orders", 1, []int32{self, 2}, "min.insync.replicas", "2")
	n.publish(&metadata.PartitionChangeRecord{TopicID: topicID("orders"), ISR: []int32{self}, Leader: metadata.NoLeaderChange, LeaderRecoveryState: -1})
	n.makeTopic("single", 1, "min.insync.replicas", "2") // more than there are replicas: one is enough
	c := n.dial()
	defer c.close()
	if p := c.produce(9, produceRequest("orders", -1, plainBatch("x"))); p.ErrorCode != kerr.NotEnoughReplicas.Code {
		t.Errorf("acks=all: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	if p := c.produce(9, produceRequest("orders", 1, plainBatch("x"))); p.ErrorCode != 0 {
		t.Errorf("acks=1: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	if p := c.produce(9, produceRequest("single", -1, plainBatch("x"))); p.ErrorCode != 0 {
		t.Errorf("one replica: %v", kerr.ErrorForCode(p.ErrorCode))
	}
}

func TestFullDiskIsAStorageError(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	c := n.dial()
	defer c.close()
	c.mustProduce("orders", "kept")
	n.fs.Inject(func(op fs.Op, _ string) error {
		if op == fs.OpWrite {
			return syscall.ENOSPC
		}
		return nil
	})
	if p := c.produce(9, produceRequest("orders", 1, plainBatch("lost"))); p.ErrorCode != kerr.KafkaStorageError.Code {
		t.Fatalf("full disk: %v", kerr.ErrorForCode(p.ErrorCode))
	}
	n.fs.Inject(nil)
	if p := c.fetchOne(12, fetchRequest("orders", 0)); len(valuesOf(t, p.RecordBatches)) != 1 {
		t.Fatalf("after the failure: %+v", p)
	}
}
