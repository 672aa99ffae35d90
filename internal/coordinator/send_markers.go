package coordinator

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// onePerProducer takes those markers that can go in one request: answers are found by producer id, so that of one producer there must be one
// transaction in it.
func onePerProducer(all []*marker) (now, later []*marker) {
	whose := make(map[int64]*ending)
	for _, k := range all {
		switch e := whose[k.ending.order.ProducerID]; e {
		case nil:
			whose[k.ending.order.ProducerID] = k.ending
			now = append(now, k)
		case k.ending:
			now = append(now, k)
		default:
			later = append(later, k)
		}
	}
	return now, later
}

// markedPartition is how an answer is found.
type markedPartition struct {
	producerID int64
	tp         record.TopicPartition
}

// sendRemote writes markers to another node's partitions and takes its answers.
func (m *markers) sendRemote(ctx context.Context, line Line, ks []*marker) {
	if line == nil {
		for _, k := range ks {
			m.outcome(k, errStopped)
		}
		return
	}
	answer, err := line.Do(ctx, markersRequest(ks))
	resp, ok := answer.(*kmsg.WriteTxnMarkersResponse)
	if err == nil && !ok {
		err = fmt.Errorf("answered with %T", answer)
	}
	if err != nil {
		for _, k := range ks {
			m.outcome(k, err)
		}
		return
	}
	codes := make(map[markedPartition]int16, len(ks))
	for _, rm := range resp.Markers {
		for _, t := range rm.Topics {
			for _, p := range t.Partitions {
				codes[markedPartition{rm.ProducerID, record.TopicPartition{Topic: t.Topic, Partition: p.Partition}}] = p.ErrorCode
			}
		}
	}
	for _, k := range ks {
		code, ok := codes[markedPartition{k.ending.order.ProducerID, k.tp}]
		if !ok {
			code = kerr.UnknownServerError.Code
		}
		m.outcome(k, kerr.ErrorForCode(code))
	}
}

// markersRequest has one marker per transaction.
func markersRequest(ks []*marker) *kmsg.WriteTxnMarkersRequest {
	rq := kmsg.NewPtrWriteTxnMarkersRequest()
	markerOf := make(map[*ending]int)
	type topicOf struct {
		e     *ending
		topic string
	}
	topics := make(map[topicOf]int)
	for _, k := range ks {
		i, ok := markerOf[k.ending]
		if !ok {
			i = len(rq.Markers)
			markerOf[k.ending] = i
			o := &k.ending.order
			rm := kmsg.NewWriteTxnMarkersRequestMarker()
			rm.ProducerID, rm.ProducerEpoch, rm.Committed = o.ProducerID, o.ProducerEpoch, o.Commit
			rm.CoordinatorEpoch, rm.TransactionVersion = o.CoordinatorEpoch, int8(o.TransactionVersion)
			rq.Markers = append(rq.Markers, rm)
		}
		rm := &rq.Markers[i]
		j, ok := topics[topicOf{k.ending, k.tp.Topic}]
		if !ok {
			j = len(rm.Topics)
			topics[topicOf{k.ending, k.tp.Topic}] = j
			rt := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
			rt.Topic = k.tp.Topic
			rm.Topics = append(rm.Topics, rt)
		}
		rm.Topics[j].Partitions = append(rm.Topics[j].Partitions, k.tp.Partition)
	}
	return rq
}
