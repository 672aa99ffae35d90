package group

import (
	"testing"

	"leat/internal/machine"
)

func TestAMarkerWithARaisedEpochEndsTheTransaction(t *testing.T) {
	for _, c := range []struct {
		marker machine.Marker
		want   bool
	}{{machine.CommitMarker, true}, {machine.AbortMarker, false}} {
		s := newState()
		s.apply(machine.Entry[Record]{Offset: 3, ProducerID: 7, ProducerEpoch: 1, Record: &OffsetRecord{Group: "g", Topic: "t", Offset: &Offset{Offset: 42}}})
		if !s.unstable("g", "t", 0) {
			t.Fatal("no transaction is open")
		}
		s.apply(machine.Entry[Record]{Offset: 4, ProducerID: 7, ProducerEpoch: 2, Marker: c.marker})
		if s.unstable("g", "t", 0) {
			t.Errorf("marker %d: the transaction is still open", c.marker)
		}
		if got := s.offset("g", "t", 0); (got != nil) != c.want {
			t.Errorf("marker %d: offset %v", c.marker, got)
		}
	}
}
