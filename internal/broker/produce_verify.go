package broker

import (
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/config"
	"leat/internal/coordinator"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
	"leat/internal/wire"
)

// Versions of Produce by which clients say what they understand of transactions (KIP-890).
const (
	produceAbortable  = 11 // TRANSACTION_ABORTABLE is understood
	produceAddsItself = 12 // transaction version 2: the leader adds the partition to the transaction
)

// leave is a partition of a produce request in which a transaction would begin.
type leave struct {
	index        int // in results
	tp           record.TopicPartition
	verification *storage.Verification
	code         int16 // why there is none
}

// mustVerify looks for partitions in which the request would begin a transaction, so that the coordinator has to be asked first.
func (p *produceCall) mustVerify() bool {
	if !p.h.Config().Bool("transaction.partition.verification.enable") || p.h.Transactions == nil {
		return false
	}
	index := -1
	for part := range p.rq.Partitions {
		index++
		batch, rest, err := record.Split(part.Records)
		if p.mayNot(index) || err != nil || len(rest) > 0 || !batch.Transactional() || batch.Control() || batch.ProducerID() < 0 {
			continue // or it is refused
		}
		name, known := p.topicName(part)
		if !known {
			continue
		}
		tp := record.TopicPartition{Topic: name, Partition: part.Partition}
		partition, err := p.h.Replicas.Leader(tp, -1)
		if err != nil || isInternal(tp.Topic) && p.c.Header.ClientID != adminClient {
			continue
		}
		if v := partition.Log().Verify(batch.ProducerID(), batch.ProducerEpoch(), batch.BaseSequence()); v != nil {
			p.leaves = append(p.leaves, leave{index: index, tp: tp, verification: v})
		}
	}
	return len(p.leaves) > 0
}

// verify asks the coordinator about all partitions at once. The turn of the connection stays with the request.
func (p *produceCall) verify(producerID int64, producerEpoch int16) {
	p.line.held.Store(true)
	p.left = true
	ask := coordinator.Membership{TransactionalID: *p.rq.TransactionalID, ProducerID: producerID, ProducerEpoch: producerEpoch,
		Add: p.c.Header.Version >= produceAddsItself}
	for i := range p.leaves {
		ask.Partitions = append(ask.Partitions, p.leaves[i].tp)
	}
	p.h.askMembership(p.c, ask, p.leaves, p.resume)
}

// askMembership asks the coordinator about the partitions of leaves, and again while the transaction before is not quite complete. A marker that
// arrives meanwhile, which is the end of just that transaction, takes the leave back, so that a new one has to be taken and the question
// asked once more. then is called with the codes in place, on a goroutine of its own.
func (h *Handlers) askMembership(c *Call, ask coordinator.Membership, leaves []leave, then func()) {
	v := h.Config()
	pause, deadline := firstPause(v), time.Now().Add(addPatience(v))
	var try func()
	again := func() {
		for i := range leaves {
			leaves[i].verification = leaves[i].verification.Renew()
		}
		try()
	}
	try = func() {
		h.Transactions.Membership(ask, func(codes []int16) {
			if ask.Add && slices.Contains(codes, kerr.ConcurrentTransactions.Code) && time.Now().Before(deadline) {
				time.AfterFunc(pause, again)
				pause = min(2*pause, v.Millis("add.partitions.to.txn.retry.backoff.ms"))
				return
			}
			go h.run(route{handle: func(*Handlers, *Call) {
				if takenBack(leaves, codes) && time.Now().Before(deadline) {
					again()
					return
				}
				for i := range leaves {
					leaves[i].code = codes[i]
				}
				then()
			}}, c)
		})
	}
	try()
}

// takenBack reports whether a partition to which the coordinator consented lost its leave meanwhile.
func takenBack(leaves []leave, codes []int16) bool {
	for i := range leaves {
		if v := leaves[i].verification; codes[i] == 0 && v != nil && !v.Good() {
			return true
		}
	}
	return false
}

// firstPause is how long the coordinator is left alone before it is asked a second time. The transaction before is mostly complete within a
// millisecond or two, so that waiting for the whole backoff would cost a producer more than its transaction; from then on the pause doubles.
func firstPause(v *config.Values) time.Duration {
	return v.Millis("add.partitions.to.txn.retry.backoff.ms") / 16
}

// addPatience is how long the end of the transaction before is waited for.
func addPatience(v *config.Values) time.Duration {
	return min(v.Millis("add.partitions.to.txn.retry.backoff.max.ms"), v.Millis("request.timeout.ms"))
}

// producer is whose batches of a transaction the request holds; ok is false if they are not of one producer at one epoch.
func (p *produceCall) producer() (id int64, epoch int16, ok bool) {
	id = -1
	for part := range p.rq.Partitions {
		batch, _, err := record.Split(part.Records)
		switch {
		case err != nil || !batch.Transactional() || batch.ProducerID() < 0:
		case id < 0:
			id, epoch = batch.ProducerID(), batch.ProducerEpoch()
		case batch.ProducerID() != id || batch.ProducerEpoch() != epoch:
			return 0, 0, false
		}
	}
	return id, epoch, true
}

// resume goes on with a request that was verified, and with those behind it.
func (p *produceCall) resume() {
	line := p.line
	p.appendAll()
	for next := line.next(); next != nil; next = line.next() {
		if !next.begin() {
			return
		}
	}
}

// endLeaves gives the leaves back.
func (p *produceCall) endLeaves() {
	for i := range p.leaves {
		p.leaves[i].verification.End()
	}
	clear(p.leaves)
	p.leaves = p.leaves[:0]
}

// appendTo appends a client's batch. A transaction begins only with leave, unless nothing is to be verified.
func (p *produceCall) appendTo(partition *replication.Partition, records []byte, index int) (storage.AppendInfo, error) {
	if d := p.delayOf(index); d != nil {
		if d.rest != nil {
			records = d.rest
		}
		return partition.AppendAround(records, p.rq.Acks == -1, &p.line.sampling, d.elsewhere)
	}
	if p.rq.TransactionalID == nil || p.h.Transactions == nil || !p.h.Config().Bool("transaction.partition.verification.enable") {
		return partition.AppendSampled(records, p.rq.Acks == -1, &p.line.sampling)
	}
	var v *storage.Verification
	for i := range p.leaves {
		if p.leaves[i].index == index {
			v = p.leaves[i].verification
		}
	}
	return partition.AppendVerified(records, p.rq.Acks == -1, &p.line.sampling, v)
}

// unverified is the answer for a partition to which the coordinator did not consent.
func (p *produceCall) unverified(index int) *wire.ProduceResult {
	for i := range p.leaves {
		if l := &p.leaves[i]; l.index == index && l.code != 0 {
			r := refusedTransaction(l.code, p.c.Header.Version)
			return &r
		}
	}
	return nil
}

// refusedTransaction turns the coordinator's code into one that the client understands. What may pass becomes NOT_ENOUGH_REPLICAS, which all
// clients answer by asking again, without looking for another leader.
func refusedTransaction(code, version int16) wire.ProduceResult {
	const unable = "Unable to verify the partition has been added to the transaction. Underlying error: "
	e := kerr.UnknownServerError
	_ = errors.As(kerr.ErrorForCode(code), &e)
	if e == kerr.TransactionAbortable && version < produceAbortable {
		e = kerr.InvalidTxnState
	}
	message := ""
	switch e {
	case kerr.ProducerFenced:
		e = kerr.InvalidProducerEpoch
	case kerr.InvalidTxnState:
		message = "Partition was not added to the transaction"
	case kerr.NetworkException, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator:
		e, message = kerr.NotEnoughReplicas, unable+e.Message
	case kerr.ConcurrentTransactions:
		if version < produceAddsItself {
			e, message = kerr.NotEnoughReplicas, unable+e.Message
		}
	}
	r := refused(e)
	r.ErrorMessage = message
	return r
}
