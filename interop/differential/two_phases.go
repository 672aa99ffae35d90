package main

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// inTwoPhases asks for an id and epoch in the version with two-phase commit, which Kafka 4.4 offers as unstable only.
func (t *transactional) inTwoPhases(step string, timeout int32, id int64, epoch int16, enable, keep bool) {
	rq := &wire.InitProducerIDRequest{Enable2PC: enable, KeepPreparedTxn: keep}
	rq.TransactionalID, rq.TransactionTimeoutMillis, rq.ProducerID, rq.ProducerEpoch = &t.name, timeout, id, epoch
	if t.name == "" {
		rq.TransactionalID = nil
	}
	resp := t.do(step, t.last(kmsg.InitProducerID), rq).(*wire.InitProducerIDResponse)
	if resp.ErrorCode == 0 {
		t.id, t.epoch = resp.ProducerID, resp.ProducerEpoch
	}
}

// producerIDsReady waits until the broker has producer ids to give.
func (s *side) producerIDsReady() {
	s.eventually("producer ids", func() bool {
		rq := kmsg.NewPtrInitProducerIDRequest()
		rq.ProducerID, rq.ProducerEpoch = -1, -1
		return s.quiet(4, rq).(*kmsg.InitProducerIDResponse).ErrorCode == 0
	})
}

// twoPhasesDisabled runs on brokers that know the version and do not allow what it is for.
func twoPhasesDisabled(s *side) {
	t := &transactional{side: s, name: "txn-phases"}
	s.transactionsReady(t.name)
	s.producerIDsReady()
	t.inTwoPhases("neither", 60000, -1, -1, false, false)
	t.inTwoPhases("enable", 60000, -1, -1, true, false)
	t.inTwoPhases("keep", 60000, -1, -1, false, true)
	t.inTwoPhases("both", 60000, -1, -1, true, true)
	t.inTwoPhases("timeout too long", 900001, t.id, t.epoch, false, false)
	nobody := &transactional{side: s}
	nobody.inTwoPhases("without a transactional id", 60000, -1, -1, true, true)
}

// twoPhases runs on brokers that allow two-phase commit to those who may.
func twoPhases(s *side) {
	g := newGuarded(s)
	defer g.hangUp()
	g.grant(nil)
	t := &transactional{side: g.admin, name: "txn-phases"}
	t.transactionsReady(t.name)
	t.producerIDsReady()
	t.inTwoPhases("enable", 60000, -1, -1, true, false)
	t.inTwoPhases("keep", 60000, -1, -1, true, true)
	t.inTwoPhases("a timeout does not matter", 0, -1, -1, true, false)
	t.do("described", 0, describingTransactions(t.name))
	t.inTwoPhases("go on", -1, t.id, t.epoch, true, false)
	t.inTwoPhases("go on again", -1, t.id, t.epoch-1, true, false)
	t.inTwoPhases("zombie", -1, t.id, t.epoch-2, true, false)
	t.inTwoPhases("not any more", 60000, t.id, t.epoch, false, false)
	t.do("described again", 0, describingTransactions(t.name))
	t.topic("txn-phases", 1)
	t.do("add", 3, t.adds(t.epoch, "txn-phases", 0))
	t.inTwoPhases("keep one that is open", 60000, t.id, t.epoch, true, true)
	t.inTwoPhases("fence one that is open", 60000, -1, -1, true, false)
	s.entries = append(s.entries, g.admin.entries...)
}
