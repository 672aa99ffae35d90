package broker

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/machine"
	"leat/internal/record"
)

// whenAll begins n pieces of work, each of which calls done once, and calls finish when all are done.
func whenAll(n int, begin func(i int, done func()), finish func()) {
	var left atomic.Int64
	left.Store(int64(n) + 1)
	done := func() {
		if left.Add(-1) == 0 {
			finish()
		}
	}
	for i := range n {
		begin(i, done)
	}
	done()
}

// markedPartition is one marker for one partition of a WriteTxnMarkers.
type markedPartition struct {
	marker machine.Control
	tp     record.TopicPartition
	answer *kmsg.WriteTxnMarkersResponseMarkerTopicPartition
}

// writeTxnMarkers ends transactions in partitions that this node leads, for their coordinators and for administrators.
func (h *Handlers) writeTxnMarkers(c *Call) {
	rq := c.Body.(*kmsg.WriteTxnMarkersRequest)
	resp := kmsg.NewPtrWriteTxnMarkersResponse()
	var all []markedPartition
	for i := range rq.Markers {
		rm := &rq.Markers[i]
		m := machine.Control{Producer: machine.Producer{ID: rm.ProducerID, Epoch: rm.ProducerEpoch}, Marker: machine.AbortMarker,
			CoordinatorEpoch: rm.CoordinatorEpoch, TransactionVersion: int16(rm.TransactionVersion)}
		if rm.Committed {
			m.Marker = machine.CommitMarker
		}
		answer := kmsg.NewWriteTxnMarkersResponseMarker()
		answer.ProducerID = rm.ProducerID
		for _, t := range rm.Topics {
			rt := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
			rt.Topic = t.Topic
			rt.Partitions = make([]kmsg.WriteTxnMarkersResponseMarkerTopicPartition, len(t.Partitions))
			for j, p := range t.Partitions {
				rt.Partitions[j].Partition = p
				all = append(all, markedPartition{m, record.TopicPartition{Topic: t.Topic, Partition: p}, &rt.Partitions[j]})
			}
			answer.Topics = append(answer.Topics, rt)
		}
		resp.Markers = append(resp.Markers, answer)
	}
	whenAll(len(all), func(i int, done func()) {
		p := &all[i]
		if !exists(c.Image, p.tp) {
			p.answer.ErrorCode = kerr.UnknownTopicOrPartition.Code
			done()
			return
		}
		h.Transactions.WriteMarker(p.tp, p.marker, func(err error) {
			p.answer.ErrorCode = h.markerCode(p.tp, err)
			done()
		})
	}, func() { c.Respond(resp) })
}

// markerCode is what coordinators of transactions understand.
func (h *Handlers) markerCode(tp record.TopicPartition, err error) int16 {
	if tp.Topic != offsetsTopic {
		return h.partitionCode(afterAppend(err), tp)
	}
	switch code := coordinator.CodeOf(err); code {
	case kerr.CoordinatorNotAvailable.Code, kerr.CoordinatorLoadInProgress.Code, kerr.NotCoordinator.Code:
		return kerr.NotLeaderForPartition.Code
	default:
		return code
	}
}
