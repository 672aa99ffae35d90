package consumer

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestWhatMembersSayIsReadAsItIs: what the library can read, and whose counts are true, is read the same; what it cannot read is refused.
func TestWhatMembersSayIsReadAsItIs(t *testing.T) {
	s := kmsg.NewConsumerMemberMetadata()
	s.Version, s.Topics, s.UserData, s.Rack = 3, []string{"orders", "", "payments"}, []byte("x"), new("a")
	s.OwnedPartitions = []kmsg.ConsumerMemberMetadataOwnedPartition{{Topic: "orders", Partitions: []int32{1, 2}}, {}}
	a := kmsg.NewConsumerMemberAssignment()
	a.Topics = []kmsg.ConsumerMemberAssignmentTopic{{Topic: "orders", Partitions: []int32{0}}}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20000 {
		said, given := s.AppendTo(nil), a.AppendTo(nil)
		for _, b := range []*[]byte{&said, &given} {
			for range i % 4 {
				(*b)[r.IntN(len(*b))] = [...]byte{0, 1, 2, 0x7f, 0xff}[r.IntN(5)]
			}
			if i%5 == 4 {
				*b = (*b)[:r.IntN(len(*b)+1)]
			}
		}
		var want, got kmsg.ConsumerMemberMetadata
		if wrong, err := want.ReadFrom(said), readSubscription(said, &got); wrong == nil != (err == nil) || err == nil && !reflect.DeepEqual(want, got) {
			t.Fatalf("%x: %v and %v: %+v and %+v", said, wrong, err, want, got)
		}
		var wantA, gotA kmsg.ConsumerMemberAssignment
		if wrong, err := wantA.ReadFrom(given), readAssignment(given, &gotA); wrong == nil != (err == nil) || err == nil && !reflect.DeepEqual(wantA, gotA) {
			t.Fatalf("%x: %v and %v: %+v and %+v", given, wrong, err, wantA, gotA)
		}
	}
}

// TestCountsAreNotBelieved: room is made for what is there.
func TestCountsAreNotBelieved(t *testing.T) {
	const size = 4 << 20
	claims := func(before ...byte) []byte {
		b := append([]byte{}, before...)
		return append(binary.BigEndian.AppendUint32(b, size), make([]byte, size)...)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, read := range map[string]func() error{
		"topics": func() error { return readSubscription(claims(0, 1), &kmsg.ConsumerMemberMetadata{}) },
		"owned": func() error {
			return readSubscription(claims(0, 1, 0, 0, 0, 0, 0, 0, 0, 0), &kmsg.ConsumerMemberMetadata{})
		},
		"assigned": func() error { return readAssignment(claims(0, 0), &kmsg.ConsumerMemberAssignment{}) },
	} {
		if err := read(); err == nil {
			t.Errorf("%s: %d elements are there in as many bytes", name, size)
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 8*size {
		t.Errorf("%d bytes for three messages of %d", took, size)
	}
}
