package timers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"leat/internal/record"
)

func fuzzTarget() Target { return Target{TopicID: record.UUID{1, 2, 3}, Partition: 7} }

func FuzzDecode(f *testing.F) {
	t := fuzzTarget()
	payload := AppendPayload(nil, &record.Record{Key: []byte("k"), Headers: []record.Header{{Key: "h"}}})
	for _, r := range []Record{
		&Timer{Target: t, N: 5, Due: 9, ID: "id", Payload: payload}, &Gone{Target: t, N: 5},
		&State{Target: t, Forget: true}, &State{Target: t, Epoch: 1, Sequence: 2, Flight: []Ref{{1, 2, 3, 4}}},
		&Account{Target: t, ProducerID: 8, Forget: true}, &Account{Target: t, ProducerID: 8, Epoch: 1, At: 3, Recent: []Range{{1, 2}, {3, 3}}},
		&Identity{ProducerID: 4},
	} {
		k, v := r.Encode()
		f.Add(k, v)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, foreign, err := Decode(key, value)
		if err != nil || foreign != "" {
			return
		}
		k, v := r.Encode()
		if len(k)+len(v) > r.Size() {
			t.Fatalf("record of %d bytes says it has at most %d", len(k)+len(v), r.Size())
		}
		again, foreign, err := Decode(k, v)
		if err != nil || foreign != "" {
			t.Fatalf("what was written does not read: %q, %v", foreign, err)
		}
		if diff := cmp.Diff(r, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-read +read again)\n%s", diff)
		}
		if d, ok := r.(*Timer); ok {
			checkPayload(t, d.Payload)
		}
	})
}

func checkPayload(t *testing.T, b []byte) {
	t.Helper()
	rec, err := Payload(b)
	if err != nil {
		return
	}
	again, err := Payload(AppendPayload(nil, &rec))
	if diff := cmp.Diff(rec, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Fatalf("payload: %v (-read +read again)\n%s", err, diff)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	c := Command{Target: fuzzTarget(), Producer: Producer{ID: 3, Epoch: 1, Range: Range{4, 5}, LogEpoch: -1, LogLast: -1}}
	f.Add(c.Encode())
	c.Entries = []Entry{{Due: 6, ID: "id", Payload: []byte("payload")}, {ID: "other"}}
	f.Add(c.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCommand(b)
		if err != nil {
			return
		}
		again, err := DecodeCommand(c.Encode())
		if diff := cmp.Diff(c, again); err != nil || diff != "" {
			t.Fatalf("%v (-read +read again)\n%s", err, diff)
		}
	})
}
