package txn

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// endTxn commits or aborts. The client hears of it as soon as the outcome is in the log; the markers follow.
func (m *Machine) endTxn(to machine.Ticket, rq *kmsg.EndTxnRequest) {
	id, who := rq.TransactionalID, identity{rq.ProducerID, rq.ProducerEpoch}
	var d ending
	switch {
	case !validID(id):
		d.code = codeInvalidRequest
	case rq.Version >= 5:
		d = m.endAndBump(id, who, rq.Commit)
	default:
		d = m.endSameEpoch(id, who, rq.Commit)
	}
	resp := rq.ResponseKind().(*kmsg.EndTxnResponse)
	resp.ErrorCode = olderCode(d.code, rq.Version, 2)
	resp.ProducerID, resp.ProducerEpoch = noProducer, noEpoch
	if d.code == noCode && rq.Version >= 5 {
		resp.ProducerID, resp.ProducerEpoch = d.now.producerID, d.now.epoch
	}
	m.reply(to, resp)
	if d.prepared != nil {
		m.sendMarkers(id, d.prepared)
	}
}

// ending is what becomes of a request to end a transaction.
type ending struct {
	code     int16
	now      identity     // what the producer goes on with
	prepared *Transaction // nil: there are no markers to be written
}

// endSameEpoch ends a transaction of a client below transaction version 2. The epoch stays, so a repeated request looks like the first.
func (m *Machine) endSameEpoch(id string, who identity, commit bool) ending {
	t, code := m.owned(id, who)
	switch {
	case code != noCode:
		return ending{code: code}
	case t.State.prepared():
		return ending{code: codeConcurrent}
	case t.State == Ongoing:
		return ending{prepared: m.prepare(id, t, commit, 0)}
	case t.State == CompleteCommit && commit, t.State == CompleteAbort && !commit:
		return ending{}
	}
	return ending{code: codeInvalidState}
}

// endAndBump ends a transaction and raises the epoch (KIP-890): a request with the epoch before the last end repeats it, and one with the
// epoch of now ends the next transaction. That one may be aborted without having begun, because a client whose first request got lost
// does not know whether it has.
func (m *Machine) endAndBump(id string, who identity, commit bool) ending {
	t := m.hard[id]
	switch {
	case t == nil:
		return ending{code: codeUnknownMapping}
	case t.State.prepared():
		return ending{code: codeConcurrent}
	}
	// The last epoch of the producer id before is repeated with a new producer id that begins at 0.
	afterRotation := t.PreviousProducerID == who.producerID && who.epoch == exhaustedEpoch && t.ProducerEpoch == 0
	afterBump := who.epoch < exhaustedEpoch && t.ProducerEpoch == who.epoch+1
	again := t.State.complete() && (afterBump || afterRotation)
	switch {
	case t.ProducerID != who.producerID && !afterRotation:
		return ending{code: codeUnknownMapping}
	case t.ProducerEpoch != who.epoch && !again || who.epoch == fenceEpoch:
		return ending{code: codeFenced}
	case again && commit == (t.State == CompleteCommit):
		return ending{now: identity{t.ProducerID, t.ProducerEpoch}}
	case again, commit && t.State != Ongoing:
		return ending{code: codeInvalidState}
	case t.ProducerEpoch >= exhaustedEpoch && len(m.live.spare) == 0:
		m.effect(NeedProducerID{})
		return ending{code: codeLoading}
	}
	next := m.prepare(id, t, commit, 2)
	after := next.completed(m.now.UnixMilli())
	return ending{now: identity{after.ProducerID, after.ProducerEpoch}, prepared: next}
}

// prepare decides the outcome of a transaction. With transaction version 2 the epoch of the markers is above that of everything the
// transaction wrote, and a producer id whose epochs run out is followed by another.
func (m *Machine) prepare(id string, t *Transaction, commit bool, clientVersion int16) *Transaction {
	next := *t
	next.State = PrepareAbort
	if commit {
		next.State = PrepareCommit
	}
	if clientVersion >= 2 {
		m.live.setLastEpoch(id, t.ProducerEpoch)
		next.ProducerEpoch = bumped(t.ProducerEpoch)
		if t.ProducerEpoch >= exhaustedEpoch {
			next.NextProducerID = m.live.takeSpare()
		}
	}
	if t.State != Ongoing {
		next.StartTimestamp = m.now.UnixMilli()
	}
	return m.writePrepared(id, t, &next, clientVersion)
}

// bumped is the epoch after another; the last one stays, which only happens to a producer that is fenced twice.
func bumped(epoch int16) int16 {
	if epoch == fenceEpoch {
		return epoch
	}
	return epoch + 1
}

// writePrepared writes the record that decides, from which on the transaction can no longer time out.
func (m *Machine) writePrepared(id string, t, next *Transaction, clientVersion int16) *Transaction {
	next.PreviousProducerID, next.ClientVersion = t.ProducerID, clientVersion
	next.UpdateTimestamp = m.now.UnixMilli()
	m.live.clock.stop(timerKey{timeoutTimer, id})
	next = m.versioned(*next)
	m.write(id, next)
	return next
}

// fence aborts an open transaction whose producer has to stop: another one came, or it took too long. Its epoch is raised, so that it is
// fenced here at once and at the partitions with the marker.
func (m *Machine) fence(id string, t *Transaction) {
	if m.set.TransactionVersion >= 2 {
		m.sendMarkers(id, m.prepare(id, t, false, 2))
		return
	}
	m.live.setLastEpoch(id, noEpoch)
	next := *t
	next.State, next.ProducerEpoch = PrepareAbort, bumped(t.ProducerEpoch)
	m.sendMarkers(id, m.writePrepared(id, t, &next, 0))
}

// timeOut aborts a transaction that was open for longer than its producer promised.
func (m *Machine) timeOut(id string) {
	t := m.hard[id]
	if t == nil || t.State != Ongoing || t.neverTimesOut() {
		return
	}
	m.effect(Notice{Message: "transaction timed out and is aborted", TransactionalID: id, ProducerID: t.ProducerID, ProducerEpoch: t.ProducerEpoch})
	m.fence(id, t)
}
