package main

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// transactional is a producer with a transactional id, as its broker knows it.
type transactional struct {
	*side
	name  string
	id    int64
	epoch int16
}

// transactionsReady waits until the broker coordinates transactions.
func (s *side) transactionsReady(id string) {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKey, req.CoordinatorType = id, 1
	s.eventually("a coordinator of "+id, func() bool {
		return s.quiet(2, req).(*kmsg.FindCoordinatorResponse).ErrorCode == 0
	})
	s.eventually("a machine of "+id, func() bool {
		code := s.quiet(0, describingTransactions(id)).(*kmsg.DescribeTransactionsResponse).TransactionStates[0].ErrorCode
		return code != 14 && code != 15 && code != 16
	})
}

func describingTransactions(ids ...string) *kmsg.DescribeTransactionsRequest {
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = ids
	return req
}

func (t *transactional) initialising(timeout int32, id int64, epoch int16) *kmsg.InitProducerIDRequest {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = &t.name, timeout, id, epoch
	return req
}

// init asks for an id and epoch, and goes on with what it gets.
func (t *transactional) init(step string, v int16, id int64, epoch int16) {
	resp := t.do(step, v, t.initialising(60000, id, epoch)).(*kmsg.InitProducerIDResponse)
	if resp.ErrorCode == 0 {
		t.id, t.epoch = resp.ProducerID, resp.ProducerEpoch
	}
}

// adds names partitions, in the form of clients and in that of brokers.
func (t *transactional) adds(epoch int16, topic string, partitions ...int32) *kmsg.AddPartitionsToTxnRequest {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = t.name, t.id, epoch
	req.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: topic, Partitions: partitions}}
	one := kmsg.NewAddPartitionsToTxnRequestTransaction()
	one.TransactionalID, one.ProducerID, one.ProducerEpoch = t.name, t.id, epoch
	one.Topics = []kmsg.AddPartitionsToTxnRequestTransactionTopic{{Topic: topic, Partitions: partitions}}
	req.Transactions = append(req.Transactions, one)
	return req
}

// asks is the question of a broker whether partitions are part of the transaction.
func (t *transactional) asks(topic string, partitions ...int32) *kmsg.AddPartitionsToTxnRequest {
	req := t.adds(t.epoch, topic, partitions...)
	req.Transactions[0].VerifyOnly = true
	return req
}

func (t *transactional) addsGroup(group string) *kmsg.AddOffsetsToTxnRequest {
	req := kmsg.NewPtrAddOffsetsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = t.name, t.id, t.epoch, group
	return req
}

func (t *transactional) ending(id int64, epoch int16, commit bool) *kmsg.EndTxnRequest {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = t.name, id, epoch, commit
	return req
}

// end ends a transaction and waits until it is complete.
func (t *transactional) end(step string, v int16, commit bool) {
	resp := t.do(step, v, t.ending(t.id, t.epoch, commit)).(*kmsg.EndTxnResponse)
	if resp.ErrorCode == 0 && v >= 5 {
		t.id, t.epoch = resp.ProducerID, resp.ProducerEpoch
	}
	t.complete()
}

// complete waits until the markers are written.
func (t *transactional) complete() {
	t.eventually("the end of "+t.name, func() bool {
		state := t.quiet(0, describingTransactions(t.name)).(*kmsg.DescribeTransactionsResponse).TransactionStates[0].State
		return !strings.HasPrefix(state, "Prepare")
	})
}

// writes is a produce request with a batch of the transaction.
func (t *transactional) writes(topic string, id [16]byte, partition, sequence int32) *kmsg.ProduceRequest {
	b := idempotent(t.id, t.epoch, sequence, "x")
	b.attributes = 0x10
	req := t.produced(-1, topic, id, partition, b.bytes())
	req.TransactionID = &t.name
	return req
}

func (t *transactional) commitsOffset(group, topic string, id [16]byte, partition int32) *kmsg.TxnOffsetCommitRequest {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = t.name, group, t.id, t.epoch, -1
	rt := kmsg.NewTxnOffsetCommitRequestTopic()
	rt.Topic, rt.TopicID = topic, id
	rt.Partitions = []kmsg.TxnOffsetCommitRequestTopicPartition{{Partition: partition, Offset: 7, LeaderEpoch: -1}}
	req.Topics = append(req.Topics, rt)
	return req
}

// shown describes and lists the transaction.
func (t *transactional) shown(step string) {
	t.do(step+": described", 0, describingTransactions(t.name))
	req := kmsg.NewPtrListTransactionsRequest()
	req.DurationFilterMillis, req.ProducerIDFilters = -1, []int64{t.id}
	t.do(step+": listed", min(1, t.last(kmsg.ListTransactions)), req)
}

// transactions follows transactions from their beginning to their end, in each version of what ends them.
func transactions(s *side) {
	group := "txn-group"
	s.newProducer() // so that there are ids
	s.transactionsReady("txn-0")
	s.coordinatorReady(group)
	id := s.topic("txn-t", 2)
	s.versions(kmsg.EndTxn, func(v int16) {
		t := &transactional{side: s, name: fmt.Sprintf("txn-%d", v)}
		vInit, vAdd, vGroup := min(v, s.last(kmsg.InitProducerID)), min(v, 3), min(v, s.last(kmsg.AddOffsetsToTxn))
		vCommit := min(v, s.last(kmsg.TxnOffsetCommit))
		vProduce := int16(11)
		if v >= 5 {
			vProduce = 12 // the leader adds partitions to the transaction
		}
		t.init("init", vInit, -1, -1)
		t.shown("new")
		t.end("commit what has not begun", v, true)
		t.end("abort what has not begun", v, false)
		t.init("init again", vInit, -1, -1)
		s.do("write what was not added", 11, t.writes("txn-t", id, 0, 0))
		s.do("offsets that were not added", min(vCommit, 4), t.commitsOffset(group, "txn-t", id, 0))
		s.do("add an unknown partition", vAdd, t.adds(t.epoch, "txn-t", 0, 9))
		s.do("add to an unknown topic", vAdd, t.adds(t.epoch, "txn-none", 0))
		s.do("add by an old epoch", vAdd, t.adds(t.epoch-1, "txn-t", 0))
		s.do("add by an epoch to come", vAdd, t.adds(t.epoch+1, "txn-t", 0))
		if vProduce < 12 {
			s.do("add", vAdd, t.adds(t.epoch, "txn-t", 0, 1))
			s.do("add again", vAdd, t.adds(t.epoch, "txn-t", 0))
			s.do("add a group", vGroup, t.addsGroup(group))
		}
		s.do("write", vProduce, t.writes("txn-t", id, 0, 0))
		s.do("write more", vProduce, t.writes("txn-t", id, 0, 1))
		s.do("write to the other partition", vProduce, t.writes("txn-t", id, 1, 0))
		t.shown("open")
		s.do("ask of a broker", s.last(kmsg.AddPartitionsToTxn), t.asks("txn-t", 0, 1))
		s.do("ask about what is not part", s.last(kmsg.AddPartitionsToTxn), t.asks("txn-t", 0, 5))
		s.do("offsets", vCommit, t.commitsOffset(group, "txn-t", id, 0))
		s.do("offsets of an unknown partition", vCommit, t.commitsOffset(group, "txn-t", id, 9))
		s.do("offsets of an unknown topic", vCommit, t.commitsOffset(group, "txn-none", unknownTopicID, 0))
		stable := fetching(group)
		stable.RequireStable = true
		s.do("offsets that are not stable", 7, stable)
		t.endsRefused(v)
		t.end("commit", v, true)
		t.shown("committed")
		s.do("offsets after the end", 7, stable)
		s.do("write behind the end", 11, t.writes("txn-t", id, 0, 2))
		if v < 5 {
			s.do("commit again", v, t.ending(t.id, t.epoch, true))
			s.do("abort after commit", v, t.ending(t.id, t.epoch, false))
		} else {
			s.do("commit again", v, t.ending(t.id, t.epoch-1, true))
			s.do("abort after commit", v, t.ending(t.id, t.epoch-1, false))
		}
		if v >= 3 {
			t.init("init with id and epoch", vInit, t.id, t.epoch)
			s.do("init with an epoch to come", vInit, t.initialising(60000, t.id, t.epoch+3))
			s.do("init with another id", vInit, t.initialising(60000, t.id+1000000, t.epoch))
		}
	})
	s.transactionsRefused(id)
	s.twoProducers(id)
	s.markersWritten(id)
}

// endsRefused tries to end an open transaction by others than its producer.
func (t *transactional) endsRefused(v int16) {
	t.do("end by another producer", v, t.ending(t.id+1000000, t.epoch, true))
	t.do("end by an epoch to come", v, t.ending(t.id, t.epoch+1, true))
	if t.epoch > 0 && v < 5 {
		t.do("end by an old epoch", v, t.ending(t.id, t.epoch-1, true))
	}
}

// transactionsRefused asks for what is wrong in itself.
func (s *side) transactionsRefused(topicID [16]byte) {
	none := &transactional{side: s, name: "txn-none", id: 5}
	empty := &transactional{side: s, name: "", id: 5}
	long := &transactional{side: s, name: "txn-long"}
	for _, n := range []string{none.name, long.name} {
		s.transactionsReady(n)
	}
	s.versions(kmsg.InitProducerID, func(v int16) {
		s.do("empty id", v, empty.initialising(60000, -1, -1))
		s.do("timeout 0", v, long.initialising(0, -1, -1))
		s.do("timeout below 0", v, long.initialising(-1, -1, -1))
		s.do("timeout too long", v, long.initialising(900001, -1, -1))
		if v >= 3 {
			s.do("epoch without id", v, long.initialising(60000, -1, 3))
			s.do("id without epoch", v, long.initialising(60000, 3, -1))
			s.do("id that is not known", v, none.initialising(60000, 3, 0))
		}
	})
	s.versions(kmsg.EndTxn, func(v int16) {
		s.do("unknown id", v, (&transactional{side: s, name: "txn-unknown"}).ending(5, 0, true))
		s.do("empty id", v, empty.ending(5, 0, true))
	})
	unknown := &transactional{side: s, name: "txn-unknown", id: 987654}
	s.versions(kmsg.AddPartitionsToTxn, func(v int16) {
		s.do("unknown id", v, unknown.adds(0, "txn-t", 0))
		s.do("empty id", v, empty.adds(0, "txn-t", 0))
		if v >= 4 {
			s.do("ask about an unknown id", v, unknown.asks("txn-t", 0))
		}
	})
	s.versions(kmsg.AddOffsetsToTxn, func(v int16) {
		s.do("unknown id", v, unknown.addsGroup("txn-group"))
		s.do("empty id", v, empty.addsGroup("txn-group"))
	})
	s.versions(kmsg.TxnOffsetCommit, func(v int16) {
		s.do("unknown id", v, unknown.commitsOffset("txn-group", "txn-t", topicID, 0))
		s.do("empty group", v, unknown.commitsOffset("", "txn-t", topicID, 0))
	})
	s.do("described unknown ids", 0, describingTransactions("txn-unknown", ""))
}

// twoProducers writes batches of two producers in one request.
func (s *side) twoProducers(id [16]byte) {
	t := &transactional{side: s, name: "txn-two"}
	s.transactionsReady(t.name)
	t.init("init", 4, -1, -1)
	for _, v := range []int16{10, 11, 12} {
		for step, change := range [...]func(*batch){func(b *batch) { b.producer++ }, func(b *batch) { b.epoch++ }} {
			rq := t.writes("txn-t", id, 0, 0)
			b := idempotent(t.id, t.epoch, 0, "y")
			b.attributes = 0x10
			change(&b)
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = 1, b.bytes()
			rq.Topics[0].Partitions = append(rq.Topics[0].Partitions, p)
			s.do([]string{"batches of two producers", "batches of two epochs"}[step], v, rq)
		}
	}
}

// markersWritten ends transactions as coordinators and administrators do.
func (s *side) markersWritten(id [16]byte) {
	s.versions(kmsg.WriteTxnMarkers, func(v int16) {
		topic := fmt.Sprintf("txn-marked-%d", v)
		s.topic(topic, 1)
		marker := func(producer int64, epoch int16, coordinator int32, topic string, partition int32) *kmsg.WriteTxnMarkersRequest {
			req := kmsg.NewPtrWriteTxnMarkersRequest()
			m := kmsg.NewWriteTxnMarkersRequestMarker()
			m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch = producer, epoch, coordinator
			m.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: topic, Partitions: []int32{partition}}}
			req.Markers = append(req.Markers, m)
			return req
		}
		t := &transactional{side: s, name: "txn-marked"}
		s.transactionsReady(t.name)
		t.init("init", 4, -1, -1)
		t.init("init again", 4, -1, -1)
		s.do("of no transaction", v, marker(t.id, t.epoch, 5, topic, 0))
		s.do("of an older coordinator", v, marker(t.id, t.epoch, 4, topic, 0))
		s.do("of an older epoch", v, marker(t.id, t.epoch-1, 5, topic, 0))
		s.do("of the next epoch", v, marker(t.id, t.epoch+1, 6, topic, 0))
		s.do("for an unknown partition", v, marker(t.id, t.epoch+1, 6, topic, 7))
		s.do("for an unknown topic", v, marker(t.id, t.epoch+1, 6, "txn-none", 0))
		s.do("nothing", v, kmsg.NewPtrWriteTxnMarkersRequest())
	})
	s.do("what was written", 12, fetchOf("txn-t", id, 0, 0))
}
