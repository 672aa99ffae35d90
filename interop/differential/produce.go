package main

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// produced is a request with one partition.
func (s *side) produced(acks int16, topic string, id [16]byte, partition int32, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = acks, 5000
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, records
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// fill writes batches and wants no error.
func (s *side) fill(topic string, partition int32, batches ...batch) {
	for _, b := range batches {
		resp := s.quiet(12, s.produced(-1, topic, [16]byte{}, partition, b.bytes())).(*kmsg.ProduceResponse)
		if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
			panic(fmt.Sprintf("fill %s-%d: error %d", topic, partition, code))
		}
	}
}

func produce(s *side) {
	id := s.topic("produce-1", 2)
	hole := s.topic("produce-hole", 2)
	cases := badBatches()
	s.versions(kmsg.Produce, func(v int16) {
		one := plain("hello").bytes()
		for _, acks := range []int16{1, -1, 2, -2} {
			s.do(fmt.Sprintf("acks %d", acks), v, s.produced(acks, "produce-1", id, 0, one))
		}
		s.do("acks 0", v, s.produced(0, "produce-1", id, 0, one))
		s.do("after acks 0", v, s.produced(1, "produce-1", id, 0, one))
		for _, records := range []struct {
			step  string
			bytes []byte
		}{
			{"acks 0 with a bad checksum", cases[0].bytes},
			{"acks 0 to an unknown partition", nil},
		} {
			partition := int32(0)
			if records.bytes == nil {
				partition, records.bytes = 99, one
			}
			s.do(records.step, v, s.produced(0, "produce-1", id, partition, records.bytes))
			body, err := s.receive(answerWithin)
			s.note(records.step+": what comes", fmt.Sprint(len(body), err))
			s.hangUp()
		}
		s.do("unknown partition", v, s.produced(1, "produce-1", id, 99, one))
		s.do("negative partition", v, s.produced(1, "produce-1", id, -1, one))
		s.do("unknown topic", v, s.produced(1, "produce-none", unknownTopicID, 0, one))
		s.do("invalid topic", v, s.produced(1, "bad name", [16]byte{}, 0, one))
		s.do("empty topic", v, s.produced(1, "", [16]byte{}, 0, one))
		s.do("internal topic", v, s.produced(1, "__consumer_offsets", unknownTopicID, 0, one))
		s.do("metadata topic", v, s.produced(1, "__cluster_metadata", unknownTopicID, 0, one))
		nothing := kmsg.NewPtrProduceRequest()
		nothing.Acks = 1
		s.do("no topics", v, nothing)
		transactional := s.produced(-1, "produce-1", id, 0, one)
		transactional.TransactionID = ptr("produce-transaction")
		s.do("transactional id with a plain batch", v, transactional)
		several := s.produced(1, "produce-1", id, 0, one)
		for _, p := range []int32{1, 99} {
			other := kmsg.NewProduceRequestTopicPartition()
			other.Partition, other.Records = p, plain("other").bytes()
			several.Topics[0].Partitions = append(several.Topics[0].Partitions, other)
		}
		s.do("good partitions and a bad one", v, several)
		for _, c := range cases {
			if c.bytes == nil && v < s.last(kmsg.Produce) {
				continue // Kafka never answers it, and the wait is long
			}
			topic, topicID := "produce-1", id
			if c.step == "record offsets with a hole" {
				topic, topicID = "produce-hole", hole // what becomes of it differs: offsets behind it would, too
			}
			s.do(c.step, v, s.produced(1, topic, topicID, 1, c.bytes))
		}
	})
	s.do("what was written", 12, fetchOf("produce-1", id, 1, 0))
}

type badBatch struct {
	step  string
	bytes []byte
}

// badBatches are record sets that a broker must look at twice; some are good.
func badBatches() []badBatch {
	flip := plain("x")
	flip.flipCRC = true
	magics := make([][]byte, 4)
	for i := range magics {
		b := plain("x")
		b.magic = int8(i)
		magics[i] = b.bytes()
	}
	zipped, squeezed := plain("zipped", "zipped"), plain("squeezed")
	zipped.codec, squeezed.codec = 1, 4
	codec7, broken := plain("x"), plain("x")
	codec7.attributes = 7
	broken.codec, broken.raw = 1, []byte("no gzip at all")
	more, fewer, delta, offsets := plain("x", "y"), plain("x", "y"), plain("x"), plain("x", "y")
	more.count, fewer.count, delta.lastDelta = 1, -1, 5
	offsets.records[1].offset, offsets.records[1].offsetSet = 7, true
	noRecords := plain()
	noRecords.lastDelta = 1
	torn := plain("torn").bytes()
	short := plain("x").bytes()
	short[11] = 3
	cases := []badBatch{
		{"bad checksum", flip.bytes()},
		{"null records", nil},
		{"empty records", []byte{}},
		{"two batches", slices.Concat(plain("x").bytes(), plain("y").bytes())},
		{"magic 0 in a batch", magics[0]},
		{"magic 1 in a batch", magics[1]},
		{"magic 3", magics[3]},
		{"message of format 0", oldMessage(0, "old")},
		{"message of format 1", oldMessage(1, "old")},
		{"old message behind a batch", slices.Concat(plain("x").bytes(), oldMessage(1, "old"))},
		{"gzip", zipped.bytes()},
		{"zstd", squeezed.bytes()},
		{"codec 7", codec7.bytes()},
		{"gzip that is none", broken.bytes()},
		{"more records claimed", more.bytes()},
		{"fewer records claimed", fewer.bytes()},
		{"last offset delta too large", delta.bytes()},
		{"record offsets with a hole", offsets.bytes()},
		{"no records in the batch", noRecords.bytes()},
		{"torn in the records", torn[:len(torn)-3]},
		{"torn in the header", torn[:30]},
		{"torn in the length", torn[:9]},
		{"length too short for a batch", short},
	}
	return append(cases, oddBatches()...)
}

// oddBatches are whole, and yet say something that a producer should not.
func oddBatches() []badBatch {
	control, transactional, zippedMore := plain("x"), plain("x"), plain("zipped", "zipped")
	control.attributes = 0x20
	transactional.attributes = 0x10
	zippedMore.codec, zippedMore.count = 1, 1
	based := plain("based")
	based.base = 77
	badTail := plain("tail")
	badTail.raw = slices.Concat(row{value: []byte("tail"), at: longAgo}.bytes(0, longAgo), []byte{1, 2, 3})
	wrongMax := plain("wrong", "max")
	wrongMax.max = longAgo + 500
	logAppend := plain("x")
	logAppend.attributes = 8
	negative := plain("x")
	negative.first, negative.max, negative.records[0].at = -1, -1, -1
	producerWithoutSequence := plain("x")
	producerWithoutSequence.producer, producerWithoutSequence.epoch = 4711, 0
	return []badBatch{
		{"gzip with fewer records than claimed", zippedMore.bytes()},
		{"base offset that is not 0", based.bytes()},
		{"bytes behind the last record", badTail.bytes()},
		{"wrong largest timestamp", wrongMax.bytes()},
		{"control batch", control.bytes()},
		{"transactional batch without id", transactional.bytes()},
		{"log append time from a client", logAppend.bytes()},
		{"no timestamp", negative.bytes()},
		{"producer without sequence", producerWithoutSequence.bytes()},
		{"too large", plain(string(bytes.Repeat([]byte("l"), 1100000))).bytes()},
	}
}

// produceByConfig writes to topics whose settings forbid or change something.
func produceByConfig(s *side) {
	compacted := s.topic("produce-compacted", 1, "cleanup.policy", "compact")
	stamped := s.topic("produce-stamped", 1, "message.timestamp.type", "LogAppendTime")
	bounded := s.topic("produce-bounded", 1, "message.timestamp.before.max.ms", "3600000", "message.timestamp.after.max.ms", "3600000")
	small := s.topic("produce-small", 1, "max.message.bytes", "200")
	zipped := s.topic("produce-zipped", 1, "compression.type", "gzip")
	unzipped := s.topic("produce-unzipped", 1, "compression.type", "uncompressed")
	strict := s.topic("produce-strict", 1, "min.insync.replicas", "2")
	future := plain("x")
	future.first, future.max, future.records[0].at = 32503680000000, 32503680000000, 32503680000000
	gzip := plain("zipped", "zipped")
	gzip.codec = 1
	mixed := keyed("k", "v")
	mixed.records = append(mixed.records, row{value: []byte("no key"), at: longAgo}, row{value: []byte("none here"), at: longAgo})
	s.versions(kmsg.Produce, func(v int16) {
		do := func(step, topic string, id [16]byte, b []byte) { s.do(step, v, s.produced(-1, topic, id, 0, b)) }
		do("compacted, with key", "produce-compacted", compacted, keyed("k", "v").bytes())
		do("compacted, without key", "produce-compacted", compacted, plain("x").bytes())
		do("compacted, with and without key", "produce-compacted", compacted, mixed.bytes())
		do("log append time", "produce-stamped", stamped, plain("x", "y").bytes())
		do("log append time, gzip", "produce-stamped", stamped, gzip.bytes())
		do("too old", "produce-bounded", bounded, plain("x", "y").bytes())
		do("too far ahead", "produce-bounded", bounded, future.bytes())
		do("larger than the topic allows", "produce-small", small, plain(string(bytes.Repeat([]byte("l"), 300))).bytes())
		do("gzip to gzip", "produce-zipped", zipped, gzip.bytes())
		do("plain to gzip", "produce-zipped", zipped, plain("x", "x").bytes())
		do("gzip to plain", "produce-unzipped", unzipped, gzip.bytes())
		do("too few in-sync replicas", "produce-strict", strict, plain("x").bytes())
		s.do("too few in-sync replicas, acks 1", v, s.produced(1, "produce-strict", strict, 0, plain("x").bytes()))
	})
	s.do("stamped, as read", 12, fetchOf("produce-stamped", stamped, 0, 0))
	s.do("unzipped, as read", 12, fetchOf("produce-unzipped", unzipped, 0, 0))
	s.do("compacted, as read", 12, fetchOf("produce-compacted", compacted, 0, 0))
}

func (s *side) newProducer() int64 {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionTimeoutMillis = 60000
	var id int64
	s.eventually("a producer id", func() bool {
		resp := s.quiet(4, req).(*kmsg.InitProducerIDResponse)
		id = resp.ProducerID
		return resp.ErrorCode == 0
	})
	remember(s.names.producers, id, "producer")
	return id
}

func produceIdempotent(s *side) {
	s.versions(kmsg.Produce, func(v int16) {
		topic := fmt.Sprintf("idempotent-%d", v)
		id := s.topic(topic, 2)
		p := s.newProducer()
		do := func(step string, b batch) { s.do(step, v, s.produced(-1, topic, id, 0, b.bytes())) }
		do("begins not at 0", idempotent(p, 0, 5, "a"))
		other := s.newProducer()
		do("first", idempotent(other, 0, 0, "a", "b"))
		do("second", idempotent(other, 0, 2, "c"))
		do("second again", idempotent(other, 0, 2, "c"))
		do("first again", idempotent(other, 0, 0, "a", "b"))
		do("first again with fewer records", idempotent(other, 0, 0, "a"))
		do("a gap", idempotent(other, 0, 9, "d"))
		for i := range 5 {
			do("one more", idempotent(other, 0, int32(3+i), "e"))
		}
		do("a duplicate that is forgotten", idempotent(other, 0, 0, "a", "b"))
		do("a duplicate that is remembered", idempotent(other, 0, 4, "e"))
		do("new epoch not at 0", idempotent(other, 1, 8, "f"))
		do("new epoch", idempotent(other, 1, 0, "f"))
		do("old epoch", idempotent(other, 0, 8, "g"))
		do("negative sequence", idempotent(other, 1, -5, "g"))
		do("negative epoch", idempotent(other, -1, 1, "g"))
		do("producer id alone", idempotent(other, -1, -1, "g"))
		do("sequence and no producer", idempotent(-1, 0, 0, "g"))
		do("producer that the broker never gave out", idempotent(123456789, 3, 0, "g"))
		do("epoch jumps ahead", idempotent(other, 30000, 0, "h"))
		two := slices.Concat(idempotent(other, 30000, 1, "i").bytes(), idempotent(other, 30000, 2, "i").bytes())
		s.do("two batches of a producer", v, s.produced(-1, topic, id, 0, two))
		transactional := idempotent(other, 30000, 1, "t")
		transactional.attributes = 0x10
		s.do("what was written", 12, fetchOf(topic, id, 0, 0))
		s.describeProducers(topic)
	})
	s.wraps()
}

// wraps goes over the end of the sequence numbers: the number behind the largest one is 0.
func (s *side) wraps() {
	id := s.topic("idempotent-wrap", 1)
	do := func(step string, b batch) { s.do(step, 11, s.produced(-1, "idempotent-wrap", id, 0, b.bytes())) }
	// A producer that the log does not know may begin anywhere above 0 only if the log knows nothing of it: see the first step.
	do("unknown producer begins near the end", idempotent(5, 0, 2147483645, "a"))
	do("over the end", idempotent(5, 0, 2147483646, "b", "c"))
	do("after the end", idempotent(5, 0, 0, "d"))
	do("over the end again", idempotent(5, 0, 2147483646, "b", "c"))
}

func (s *side) describeProducers(topic string) {
	s.versions(kmsg.DescribeProducers, func(v int16) {
		req := kmsg.NewPtrDescribeProducersRequest()
		for _, name := range []string{topic, "producers-none", "bad name"} {
			t := kmsg.NewDescribeProducersRequestTopic()
			t.Topic, t.Partitions = name, []int32{0, 1, 9}
			req.Topics = append(req.Topics, t)
		}
		s.do("producers", v, req)
	})
}

func producerIDs(s *side) {
	s.newProducer()
	get := func(transaction *string, timeout int32, producer int64, epoch int16) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrInitProducerIDRequest()
			req.TransactionalID, req.TransactionTimeoutMillis = transaction, timeout
			req.ProducerID, req.ProducerEpoch = producer, epoch
			return req
		}
	}
	s.askAll(kmsg.InitProducerID,
		ask{"new", get(nil, 60000, -1, -1)},
		ask{"timeout 0", get(nil, 0, -1, -1)},
		ask{"known id", get(nil, 60000, 3, 0)},
		ask{"id without epoch", get(nil, 60000, 3, -1)},
		ask{"epoch without id", get(nil, 60000, -1, 3)},
		ask{"empty transactional id", get(ptr(""), 60000, -1, -1)},
	)
}
