package txn

import (
	"slices"

	"leat/internal/metadata"
	"leat/internal/record"
)

// sendMarkers has the markers of a prepared transaction written. One without partitions is complete at once.
func (m *Machine) sendMarkers(id string, t *Transaction) {
	w := &marking{token: m.cfg.Rand.Uint64(), pending: m.existing(t.Partitions)}
	m.live.marking[id] = w
	if len(w.pending) == 0 {
		m.complete(id, t)
		return
	}
	m.effect(WriteMarkers{
		TransactionalID: id, Token: w.token, ProducerID: t.ProducerID, ProducerEpoch: t.ProducerEpoch, CoordinatorEpoch: m.cfg.CoordinatorEpoch,
		Commit: t.State == PrepareCommit, TransactionVersion: t.ClientVersion, Partitions: w.pending,
	})
}

// completed is what becomes of a prepared transaction when all its markers are written.
func (t *Transaction) completed(now int64) Transaction {
	next := *t
	next.State = CompleteAbort
	if t.State == PrepareCommit {
		next.State = CompleteCommit
	}
	if t.ClientVersion >= 2 && t.NextProducerID != noProducer {
		next.ProducerID, next.ProducerEpoch = t.NextProducerID, 0
	}
	next.PreviousProducerID, next.NextProducerID = t.ProducerID, noProducer
	next.Partitions, next.UpdateTimestamp = nil, now
	return next
}

func (m *Machine) complete(id string, t *Transaction) {
	delete(m.live.marking, id)
	m.write(id, m.versioned(t.completed(m.now.UnixMilli())))
}

// markersWritten takes note of markers. What belongs to another transaction, or to the time before a load, is passed over: after a load
// all markers are written again.
func (m *Machine) markersWritten(e *MarkersWritten) {
	w := m.live.marking[e.TransactionalID]
	if w == nil || w.token != e.Token {
		return
	}
	done := sortPartitions(slices.Clone(e.Partitions))
	w.pending = without(w.pending, func(p record.TopicPartition) bool {
		_, ok := slices.BinarySearchFunc(done, p, comparePartitions)
		return ok
	})
	m.completeIfMarked(e.TransactionalID)
}

// completeIfMarked completes a transaction that waits for no marker any more.
func (m *Machine) completeIfMarked(id string) {
	t, w := m.hard[id], m.live.marking[id]
	if w == nil || len(w.pending) > 0 {
		return
	}
	if t == nil || !t.State.prepared() {
		delete(m.live.marking, id)
		return
	}
	m.complete(id, t)
}

// without copies what is left of partitions.
func without(ps []record.TopicPartition, gone func(record.TopicPartition) bool) []record.TopicPartition {
	var rest []record.TopicPartition
	for _, p := range ps {
		if !gone(p) {
			rest = append(rest, p)
		}
	}
	return rest
}

// existing leaves out partitions that no longer exist.
func (m *Machine) existing(ps []record.TopicPartition) []record.TopicPartition {
	if m.live.image == nil || !m.live.settled || !slices.ContainsFunc(ps, m.missing) {
		return ps
	}
	return without(ps, m.missing)
}

// missing reports whether the image lacks a partition.
func (m *Machine) missing(p record.TopicPartition) bool {
	t, ok := m.live.image.Topic(p.Topic)
	return !ok || p.Partition < 0 || int(p.Partition) >= len(t.Partitions)
}

// imageChanged gives up the markers of topics that were deleted. Soon after a load only those count that were there before.
func (m *Machine) imageChanged(image *metadata.Image) {
	before := m.live.image
	m.live.image = image
	if m.live.settled {
		m.dropMissing()
		return
	}
	m.dropWhere(func(p record.TopicPartition) bool {
		if before == nil || !m.missing(p) {
			return false
		}
		_, was := before.Topic(p.Topic)
		return was
	})
}

// dropMissing gives up the markers of all partitions that do not exist.
func (m *Machine) dropMissing() {
	if m.live.image != nil {
		m.dropWhere(m.missing)
	}
}

func (m *Machine) dropWhere(gone func(record.TopicPartition) bool) {
	if len(m.live.marking) == 0 {
		return
	}
	for _, id := range sortedKeys(m.live.marking) {
		w := m.live.marking[id]
		if slices.ContainsFunc(w.pending, gone) {
			w.pending = without(w.pending, gone)
			m.completeIfMarked(id)
		}
	}
}
