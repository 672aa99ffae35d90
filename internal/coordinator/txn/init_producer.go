package txn

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	codeInvalidRequest       = kerr.InvalidRequest.Code
	codeFenced               = kerr.ProducerFenced.Code
	codeInvalidEpoch         = kerr.InvalidProducerEpoch.Code
	codeUnknownMapping       = kerr.InvalidProducerIDMapping.Code
	codeInvalidTimeout       = kerr.InvalidTransactionTimeout.Code
	codeConcurrent           = kerr.ConcurrentTransactions.Code
	codeInvalidState         = kerr.InvalidTxnState.Code
	codeLoading              = kerr.CoordinatorLoadInProgress.Code
	codeAbortable            = kerr.TransactionAbortable.Code
	codeIDUnauthorized       = kerr.TransactionalIDAuthorizationFailed.Code
	codeUnsupported          = kerr.UnsupportedVersion.Code
	codeIDNotFound           = kerr.TransactionalIDNotFound.Code
	codeInvalidRegex         = kerr.InvalidRegularExpression.Code
	noCode             int16 = 0
)

const (
	noProducer int64 = -1
	noEpoch    int16 = -1
	// exhaustedEpoch is the first epoch after which no client gets another: the last one is kept to fence whoever has this one.
	exhaustedEpoch = math.MaxInt16 - 1
	// fenceEpoch is that last one. No client is given it, so whoever comes with it is an impostor.
	fenceEpoch = math.MaxInt16
	// maxIDLength is what the key of a record can hold.
	maxIDLength = math.MaxInt16
)

// olderCode is the code that a client of an old version knows.
func olderCode(code, version, since int16) int16 {
	if code == codeFenced && version < since {
		return codeInvalidEpoch
	}
	return code
}

// validID reports whether a transactional id can be one.
func validID(id string) bool { return id != "" && len(id) <= maxIDLength }

// identity is a producer id with its epoch.
type identity struct {
	producerID int64
	epoch      int16
}

// initProducer gives a producer its id and epoch, and fences all who had the id before (KIP-98). A producer that says which id and epoch it
// has goes on after an error, and is told if another one came in between (KIP-360).
func (m *Machine) initProducer(e *Event, rq *kmsg.InitProducerIDRequest) kmsg.Response {
	resp := rq.ResponseKind().(*kmsg.InitProducerIDResponse)
	got, code := m.decideInit(e, rq)
	resp.ProducerID, resp.ProducerEpoch = noProducer, noEpoch
	if code == noCode {
		resp.ProducerID, resp.ProducerEpoch = got.producerID, got.epoch
	}
	resp.ErrorCode = olderCode(code, rq.Version, 4)
	return resp
}

func (m *Machine) decideInit(e *Event, rq *kmsg.InitProducerIDRequest) (identity, int16) {
	none := identity{noProducer, noEpoch}
	expected := identity{rq.ProducerID, rq.ProducerEpoch}
	if rq.TransactionalID == nil || !validID(*rq.TransactionalID) || (expected.producerID == noProducer) != (expected.epoch == noEpoch) {
		return none, codeInvalidRequest
	}
	id, timeout := *rq.TransactionalID, rq.TransactionTimeoutMillis
	switch {
	case e.TwoPhaseCommit && !m.set.TwoPhaseCommit:
		return none, codeIDUnauthorized
	case e.KeepPrepared: // Kafka 4.4 has the field and refuses it
		return none, codeUnsupported
	case e.TwoPhaseCommit:
		timeout = math.MaxInt32
	case timeout <= 0 || int64(timeout) > m.set.MaxTimeout.Milliseconds():
		return none, codeInvalidTimeout
	}
	t := m.hard[id]
	switch {
	case t == nil:
		return m.newID(id, timeout)
	case t.State.prepared():
		return none, codeConcurrent
	case expected.producerID != noProducer && !t.mayGoOn(expected):
		return none, codeFenced
	case t.State == Ongoing:
		m.fence(id, t)
		return none, codeConcurrent // the producer comes again, and then gets an epoch
	}
	return m.nextEpoch(id, t, timeout, expected)
}

// mayGoOn reports whether a producer that says it is the expected one can be the last that was initialised: by its id, or by the id before
// if that had run out of epochs and the answer with the new one was lost. The epoch is looked at later.
func (t *Transaction) mayGoOn(expected identity) bool {
	return expected.producerID == t.ProducerID || expected.producerID == t.PreviousProducerID && expected.epoch >= exhaustedEpoch
}

// newID makes a transactional id known.
func (m *Machine) newID(id string, timeout int32) (identity, int16) {
	pid := m.live.takeSpare()
	if pid == noProducer {
		m.effect(NeedProducerID{})
		return identity{}, codeLoading
	}
	m.live.setLastEpoch(id, noEpoch)
	m.write(id, m.versioned(Transaction{ProducerID: pid, PreviousProducerID: pid, NextProducerID: noProducer, TimeoutMillis: timeout,
		State: Empty, UpdateTimestamp: m.now.UnixMilli(), StartTimestamp: -1}))
	return identity{pid, 0}, noCode
}

// nextEpoch raises the epoch of an id that has no transaction, or gives it a new producer id once the epochs have run out.
func (m *Machine) nextEpoch(id string, t *Transaction, timeout int32, expected identity) (identity, int16) {
	next, anybody, last := *t, expected.producerID == noProducer, noEpoch
	lastEpoch, recent := m.live.lastEpoch[id]
	switch {
	case anybody || expected.epoch == t.ProducerEpoch && expected.epoch != fenceEpoch:
		if !anybody {
			last = t.ProducerEpoch
		}
		if t.ProducerEpoch < exhaustedEpoch {
			next.ProducerEpoch++
			break
		}
		pid := m.live.takeSpare()
		if pid == noProducer {
			m.effect(NeedProducerID{})
			return identity{}, codeLoading
		}
		next.ProducerID, next.ProducerEpoch = pid, 0
	case recent && expected.epoch == lastEpoch && t.ProducerEpoch != fenceEpoch:
		last = lastEpoch // the request was answered already, and it gets the same answer
	default:
		return identity{}, codeFenced
	}
	m.live.setLastEpoch(id, last)
	next.PreviousProducerID, next.NextProducerID = t.ProducerID, noProducer
	next.State, next.Partitions, next.TimeoutMillis = Empty, nil, timeout
	next.StartTimestamp, next.UpdateTimestamp = -1, m.now.UnixMilli()
	m.write(id, m.versioned(next))
	return identity{next.ProducerID, next.ProducerEpoch}, noCode
}

// versioned gives the record of a transaction its form. Below transaction.version 1 some fields have no place, and are forgotten at once, so
// that the state is what a replay gives; unless somebody already used what they are for.
func (m *Machine) versioned(t Transaction) *Transaction {
	t.ValueVersion = 1
	if m.set.TransactionVersion < 1 && t.NextProducerID == noProducer && t.ClientVersion == 0 {
		t.ValueVersion, t.PreviousProducerID = 0, noProducer
	}
	return &t
}
