package wire

import (
	"errors"
	"testing"
)

// TestProduceRequestsOfNothingCostLittleMemory names very many partitions without records: answering each takes many times what it takes to ask.
func TestProduceRequestsOfNothingCostLittleMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes allocations larger, so their sizes say nothing")
	}
	for _, partitions := range []int{1000, 1 << 20} {
		h := RequestHeader{Key: keyProduce, Version: 9}
		body := []byte{0, 0, 1, 0, 0, 0, 100, 2, 2, 't'} // no transactional id, acks 1, timeout, one topic
		body = appendUvarint(body, partitions+1)
		for i := range partitions {
			body = append(appendInt32(body, int32(i)), 0, 0)
		}
		body = append(body, 0, 0)
		var err error
		cost := allocated(func() {
			var p ProduceRequest
			if p, err = ParseProduce(h, body); err == nil {
				EncodeProduce(h, &p, make([]ProduceResult, p.Len()), nil, 0).Release()
			}
		})
		if limit := (decodeFactor+2)*len(body) + decodeSlack*3/2; cost > uint64(limit) {
			t.Errorf("%d partitions: %d bytes allocated, limit %d", partitions, cost, limit)
		}
		if refused := errors.Is(err, ErrMalformed); refused != (partitions > 1000) {
			t.Errorf("%d partitions: %v", partitions, err)
		}
	}
}
