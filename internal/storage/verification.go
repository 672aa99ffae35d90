package storage

import (
	"fmt"

	"leat/internal/record"
)

// Verification is a producer's leave to begin a transaction in one log (KIP-890). It is taken before the transaction coordinator is asked whether the
// transaction is open, and given with the append: if the transaction has ended meanwhile, the marker has put an end to the leave, and the late batch
// is refused instead of hanging open for ever. Once a batch is in the log, later ones of the transaction need none.
type Verification struct {
	log        *Log
	producerID int64
	// What follows is guarded by log.writeMu.
	epoch  int16
	lowest int32 // of the sequences that were to be verified: no other may come first
	users  int
}

// verifications are those under way in one log, by producer id.
type verifications map[int64]*Verification

// TransactionOpen reports whether the producer has a transaction open in this log at that epoch.
func (l *Log) TransactionOpen(producerID int64, producerEpoch int16) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.producers.open(producerID, producerEpoch)
}

// Verify takes the leave to begin a transaction with the batch of that sequence; nil: the producer's transaction is open here, so that none is needed.
// The caller ends it.
func (l *Log) Verify(producerID int64, producerEpoch int16, sequence int32) *Verification {
	if l.TransactionOpen(producerID, producerEpoch) {
		return nil
	}
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if l.producers.open(producerID, producerEpoch) {
		return nil
	}
	v := l.verifying[producerID]
	switch {
	case v == nil, v.epoch < producerEpoch:
		v = &Verification{log: l, producerID: producerID, epoch: producerEpoch, lowest: sequence}
		if l.verifying == nil {
			l.verifying = make(verifications)
		}
		l.verifying[producerID] = v
	case v.epoch > producerEpoch: // a producer that was fenced: the append will tell it so
		return &Verification{log: l, producerID: producerID, epoch: producerEpoch, lowest: sequence, users: 1}
	default:
		v.lowest = min(v.lowest, sequence)
	}
	v.users++
	return v
}

// End gives the leave back.
func (v *Verification) End() {
	if v == nil {
		return
	}
	l := v.log
	l.writeMu.Lock()
	defer l.writeMu.Unlock()
	if v.users--; v.users == 0 && l.verifying[v.producerID] == v {
		delete(l.verifying, v.producerID)
	}
}

// Good reports whether no marker has taken the leave back.
func (v *Verification) Good() bool {
	v.log.writeMu.Lock()
	defer v.log.writeMu.Unlock()
	return v.log.verifying[v.producerID] == v
}

// Renew gives the leave back and takes it again, for another question to the coordinator; nil as from Log.Verify.
func (v *Verification) Renew() *Verification {
	if v == nil {
		return nil
	}
	v.End()
	return v.log.Verify(v.producerID, v.epoch, v.lowest)
}

// open reports whether the producer has a transaction open at that epoch.
func (t *producerTable) open(producerID int64, producerEpoch int16) bool {
	e := t.byID.find(producerID)
	return e != nil && e.txnFirstOffset >= 0 && e.epoch == producerEpoch
}

// verified refuses a transactional batch that begins a transaction here without leave. Called with writeMu held.
func (l *Log) verified(b record.Batch, opts *AppendOptions) error {
	id, epoch, sequence := b.ProducerID(), b.ProducerEpoch(), b.BaseSequence()
	if e := l.producers.byID.find(id); e != nil && epoch < e.epoch || l.producers.open(id, epoch) {
		return nil // or the batch is refused for its epoch
	}
	v := l.verifying[id]
	if v == nil || v.epoch != epoch || opts.Verification != v {
		return fmt.Errorf("append to %s: producer %d: no transaction of epoch %d is known to be open: %w", l.tp, id, epoch, ErrTxnState)
	}
	if opts.Origin == FromClient && sequence > v.lowest {
		return fmt.Errorf("append to %s: producer %d: sequence %d comes before %d: %w", l.tp, id, sequence, v.lowest, ErrOutOfOrder)
	}
	return nil
}

// endVerifications takes back the leave of the producers whose markers were appended. Called with writeMu held.
func (l *Log) endVerifications(batches []byte) {
	for rest := batches; len(l.verifying) > 0 && len(rest) > 0; {
		b := record.Batch(rest[:record.Batch(rest).Size()])
		rest = rest[len(b):]
		if b.Control() {
			delete(l.verifying, b.ProducerID())
		}
	}
}
