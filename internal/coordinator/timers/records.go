package timers

import (
	"errors"
	"fmt"

	"leat/internal/coordinator/field"
	"leat/internal/record"
)

// The kinds of keys in __leat_timers.
const (
	timerKey    int8 = 1
	stateKey    int8 = 2
	accountKey  int8 = 3
	identityKey int8 = 4
)

// valueVersion begins every value.
const valueVersion int8 = 0

// Target is a partition that delayed records become visible in.
type Target struct {
	TopicID   record.UUID
	Partition int32
}

// String is the form by which the coordinator of a target is looked for.
func (t Target) String() string { return fmt.Sprintf("%s:%d", t.TopicID, t.Partition) }

// Record is a record of __leat_timers: *Timer, *Gone, *State, *Account or *Identity.
type Record interface {
	// Encode gives the key and value as they stand in the log; a nil value is a tombstone.
	Encode() (key, value []byte)
	// Size bounds the bytes of key and value.
	Size() int
}

// Timer is a record that waits.
type Timer struct {
	Target  Target
	N       int64 // its number, which no other timer of the partition has
	Due     int64 // ms
	ID      string
	Payload []byte // the record: see AppendPayload
}

// Gone removes a timer: it was delivered, cancelled or replaced.
type Gone struct {
	Target Target
	N      int64
}

// State is how far deliveries to a target are.
type State struct {
	Target   Target
	Forget   bool // the target is no more: a tombstone
	Epoch    int16
	Sequence int32 // of the first record of the flight, or of the next one
	Flight   []Ref // nil: none
}

// Ref is where a timer's record stands.
type Ref struct {
	Due, N, Offset int64
	Size           int32
}

// Account is what a producer has had delayed: the target's leader does not see these sequences in its log.
type Account struct {
	Target     Target
	ProducerID int64
	Forget     bool
	Epoch      int16
	At         int64 // ms
	Recent     []Range
}

// Range is the sequences of one batch, both inclusive.
type Range struct{ First, Last int32 }

// Identity is the producer id by which the partition delivers.
type Identity struct{ ProducerID int64 }

const keyBytes = 1 + 16 + 4 + 8

func key(kind int8, t Target, n int64) []byte {
	w := field.Writer{B: make([]byte, 0, keyBytes)}
	w.Int8(kind)
	w.UUID(t.TopicID)
	w.Int32(t.Partition)
	w.Int64(n)
	return w.B
}

// Size bounds the bytes of key and value.
func (t *Timer) Size() int { return keyBytes + 24 + len(t.ID) + len(t.Payload) }

// Encode gives key and value.
func (t *Timer) Encode() (k, v []byte) {
	w := field.Writer{B: make([]byte, 0, t.Size())}
	w.Int8(valueVersion)
	w.Int64(t.Due)
	w.Int32(int32(len(t.ID)))
	w.B = append(append(w.B, t.ID...), t.Payload...)
	return key(timerKey, t.Target, t.N), w.B
}

// Size bounds the bytes of key and value.
func (g *Gone) Size() int { return keyBytes }

// Encode gives key and value.
func (g *Gone) Encode() (k, v []byte) { return key(timerKey, g.Target, g.N), nil }

const refBytes = 8 + 8 + 8 + 4

// Size bounds the bytes of key and value.
func (s *State) Size() int { return keyBytes + 16 + refBytes*len(s.Flight) }

// Encode gives key and value.
func (s *State) Encode() (k, v []byte) {
	k = key(stateKey, s.Target, 0)
	if s.Forget {
		return k, nil
	}
	w := field.Writer{B: make([]byte, 0, s.Size())}
	w.Int8(valueVersion)
	w.Int16(s.Epoch)
	w.Int32(s.Sequence)
	w.Int32(int32(len(s.Flight)))
	for _, r := range s.Flight {
		w.Int64(r.Due)
		w.Int64(r.N)
		w.Int64(r.Offset)
		w.Int32(r.Size)
	}
	return k, w.B
}

// Size bounds the bytes of key and value.
func (a *Account) Size() int { return keyBytes + 16 + 8*len(a.Recent) }

// Encode gives key and value.
func (a *Account) Encode() (k, v []byte) {
	k = key(accountKey, a.Target, a.ProducerID)
	if a.Forget {
		return k, nil
	}
	w := field.Writer{B: make([]byte, 0, a.Size())}
	w.Int8(valueVersion)
	w.Int16(a.Epoch)
	w.Int64(a.At)
	w.Int32(int32(len(a.Recent)))
	for _, r := range a.Recent {
		w.Int32(r.First)
		w.Int32(r.Last)
	}
	return k, w.B
}

// Size bounds the bytes of key and value.
func (i *Identity) Size() int { return keyBytes + 16 }

// Encode gives key and value.
func (i *Identity) Encode() (k, v []byte) {
	w := field.Writer{}
	w.Int8(valueVersion)
	w.Int64(i.ProducerID)
	return key(identityKey, Target{}, 0), w.B
}

var errVersion = errors.New("version is not known")

// Decode reads a record. foreign names the kind of one that is of a later version of leat.
func Decode(k, v []byte) (rec Record, foreign string, err error) {
	kr, vr := field.Reader{B: k}, field.Reader{B: v}
	kind := kr.Int8()
	t := Target{TopicID: kr.UUID(), Partition: kr.Int32()}
	n := kr.Int64()
	if err := kr.Done("timer key"); err != nil {
		return nil, "", err
	}
	if v != nil && vr.Int8() != valueVersion {
		vr.Fail(errVersion)
	}
	switch kind {
	case timerKey:
		if v == nil {
			return &Gone{t, n}, "", nil
		}
		rec = decodeTimer(&vr, t, n)
	case stateKey:
		rec = decodeState(&vr, t, v == nil)
	case accountKey:
		rec = decodeAccount(&vr, t, n, v == nil)
	case identityKey:
		if v == nil {
			return nil, "tombstone of an identity", nil
		}
		rec = &Identity{vr.Int64()}
	default:
		return nil, fmt.Sprintf("kind %d", kind), nil
	}
	if v == nil {
		return rec, "", nil
	}
	return rec, "", vr.Done("timer value")
}

func decodeTimer(r *field.Reader, t Target, n int64) *Timer {
	d := &Timer{Target: t, N: n, Due: r.Int64()}
	d.ID = string(r.Take(int(r.Int32())))
	d.Payload = r.Take(len(r.B))
	return d
}

func decodeState(r *field.Reader, t Target, tombstone bool) *State {
	if tombstone {
		return &State{Target: t, Forget: true}
	}
	s := &State{Target: t, Epoch: r.Int16(), Sequence: r.Int32()}
	for range bounded(r, refBytes) {
		s.Flight = append(s.Flight, Ref{r.Int64(), r.Int64(), r.Int64(), r.Int32()})
	}
	return s
}

func decodeAccount(r *field.Reader, t Target, producerID int64, tombstone bool) *Account {
	a := &Account{Target: t, ProducerID: producerID, Forget: tombstone}
	if tombstone {
		return a
	}
	a.Epoch, a.At = r.Int16(), r.Int64()
	for range bounded(r, 8) {
		a.Recent = append(a.Recent, Range{r.Int32(), r.Int32()})
	}
	return a
}

var errCount = errors.New("more items than bytes")

// bounded reads the length of a list whose items have a fixed size.
func bounded(r *field.Reader, size int) int {
	n := int(r.Int32())
	if n < 0 || n > len(r.B)/size {
		r.Fail(errCount)
		return 0
	}
	return n
}
