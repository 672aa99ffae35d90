package coordinator

import (
	"time"

	"leat/internal/machine"
	"leat/internal/record"
	"leat/internal/replication"
)

// markerWriter writes markers into partitions that this node leads.
type markerWriter struct {
	replicas func() *replication.Node
	groups   *Groups
	timeout  func() time.Duration // request.timeout.ms
}

// WriteMarker ends a producer's transaction in a partition that this node leads. done is called once, perhaps before the method returns: when the
// marker is committed, or the reason is known why it is not.
func (w *markerWriter) WriteMarker(tp record.TopicPartition, m machine.Control, done func(error)) {
	if tp.Topic == OffsetsTopic {
		w.groups.WriteMarker(tp.Partition, m, done)
		return
	}
	p, err := w.replicas().Leader(tp, -1)
	if err != nil {
		done(err)
		return
	}
	spec := record.NewSpec()
	spec.ProducerID, spec.ProducerEpoch, spec.Transactional, spec.Control = m.ID, m.Epoch, true, true
	now := time.Now()
	batch := record.AppendEndTxnMarker(nil, spec, now.UnixMilli(), m.Marker == machine.CommitMarker, m.CoordinatorEpoch)
	info, err := p.AppendMarker(batch, -1, m.TransactionVersion)
	if err != nil {
		done(err)
		return
	}
	p.WhenCommitted(info.LastOffset+1, now.Add(w.timeout()), done)
}
