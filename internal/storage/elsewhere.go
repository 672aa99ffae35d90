package storage

import "leat/internal/record"

// Elsewhere says up to which sequence a producer's records were taken by another log: delayed records wait in the timer log, and the
// partition's own log never has their sequences.
type Elsewhere struct {
	Epoch int16
	Last  int32
}

// before reports whether a batch follows what was taken elsewhere, and does not repeat what this log has. Records of transactions are taken
// nowhere else, so that a gap in them is one.
func (w *Elsewhere) before(e *producerEntry, b record.Batch) bool {
	if w == nil || b.Transactional() || b.ProducerEpoch() != w.Epoch || b.BaseSequence() != record.AddSequence(w.Last, 1) {
		return false
	}
	if e.epoch != b.ProducerEpoch() || e.count == 0 {
		return true
	}
	const half = 1 << 30
	ahead := (int64(b.BaseSequence()) - int64(e.last().lastSequence)) & (1<<31 - 1)
	return ahead > 0 && ahead < half
}

// LastSequence is the newest epoch and sequence of a producer in the log; record.NoProducerEpoch if it is not known, record.NoSequence
// if nothing of its epoch is.
func (l *Log) LastSequence(producerID int64) (epoch int16, sequence int32) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	e := l.producers.byID.find(producerID)
	if e == nil {
		return record.NoProducerEpoch, record.NoSequence
	}
	return e.epoch, e.last().lastSequence
}
