package sharing

import (
	"fmt"

	"leat/internal/coordinator/field"
	"leat/internal/coordinator/group/kind"
	"leat/internal/record"
)

// The key types of the records of share groups.
const (
	memberKey      int16 = 10
	epochKey       int16 = 11
	targetEpochKey int16 = 12
	targetKey      int16 = 13
	currentKey     int16 = 14
	statesKey      int16 = 15
)

// Member is what a member said of itself.
type Member struct {
	RackID     *string
	ClientID   string
	ClientHost string
	Topics     []string // sorted
}

// Epoch is the epoch of a group, and the hash of the topics that it reads.
type Epoch struct {
	Epoch int32
	Hash  int64
}

// TargetEpoch is the group epoch that the assignment is for.
type TargetEpoch struct {
	Epoch     int32
	Timestamp int64 // ms; 0: none
}

// Assignment is partitions, sorted by topic id.
type Assignment []TopicPartitions

// TopicPartitions is partitions of a topic, sorted.
type TopicPartitions struct {
	TopicID    record.UUID
	Partitions []int32
}

// Current is what a member has been told.
type Current struct {
	MemberEpoch         int32
	PreviousMemberEpoch int32
	State               int8 // 0: stable, the only one that there is
	Assigned            Assignment
}

// States says of which partitions the share coordinator keeps state for the group. Each list is sorted by topic id.
type States struct {
	Initializing []TopicState
	Initialized  []TopicState
	Deleting     []TopicState // without partitions
}

// TopicState is partitions of a topic.
type TopicState struct {
	TopicID    record.UUID
	Topic      string
	Partitions []int32 // sorted
}

// Record is one record of share groups. Exactly the field of its Key may be set, none: it removes.
type Record struct {
	Key    int16
	Group  string
	Member string // for memberKey, targetKey and currentKey

	Info        *Member
	Epoch       *Epoch
	TargetEpoch *TargetEpoch
	Target      *Assignment
	Current     *Current
	States      *States
}

// ofMember reports whether keys of a type name a member.
func ofMember(key int16) bool { return key == memberKey || key == targetKey || key == currentKey }

// Size bounds the bytes of key and value.
func (r *Record) Size() int {
	n := 32 + len(r.Group) + len(r.Member)
	switch {
	case r.Info != nil:
		n += 32 + len(r.Info.ClientID) + len(r.Info.ClientHost)
		if r.Info.RackID != nil {
			n += len(*r.Info.RackID)
		}
		for _, t := range r.Info.Topics {
			n += 3 + len(t)
		}
	case r.Target != nil:
		n += r.Target.size()
	case r.Current != nil:
		n += 16 + r.Current.Assigned.size()
	case r.States != nil:
		for _, list := range [][]TopicState{r.States.Initializing, r.States.Initialized, r.States.Deleting} {
			n += 5
			for _, t := range list {
				n += 16 + 5 + len(t.Topic) + 5 + 4*len(t.Partitions) + 1
			}
		}
	}
	return n + 32
}

func (a Assignment) size() int {
	n := 5
	for _, t := range a {
		n += 16 + 5 + 4*len(t.Partitions) + 1
	}
	return n
}

// Encode writes version 0 of key and value.
func (r *Record) Encode() (key, value []byte) {
	w := field.Writer{B: make([]byte, 0, r.Size())}
	w.Int16(r.Key)
	w.String(r.Group)
	if ofMember(r.Key) {
		w.String(r.Member)
	}
	n := len(w.B)
	w.Flexible = true
	w.Int16(0)
	if !r.value(&w) {
		return w.B[:n:n], nil
	}
	return w.B[:n:n], w.B[n:]
}

// value writes the fields, and reports false if there are none.
func (r *Record) value(w *field.Writer) bool {
	switch {
	case r.Info != nil:
		w.Text(r.Info.RackID)
		w.String(r.Info.ClientID)
		w.String(r.Info.ClientHost)
		w.Strings(r.Info.Topics)
	case r.Epoch != nil:
		w.Int32(r.Epoch.Epoch)
		w.Int64(r.Epoch.Hash)
	case r.TargetEpoch != nil:
		w.Int32(r.TargetEpoch.Epoch)
		if at := r.TargetEpoch.Timestamp; at != 0 {
			var v field.Writer
			v.Int64(at)
			w.Uvarint(1)
			w.Tag(0, v.B)
			return true
		}
		w.NoTags()
		return true
	case r.Target != nil:
		r.Target.write(w)
	case r.Current != nil:
		w.Int32(r.Current.MemberEpoch)
		w.Int32(r.Current.PreviousMemberEpoch)
		w.Int8(r.Current.State)
		r.Current.Assigned.write(w)
	case r.States != nil:
		writeStates(w, r.States.Initializing, true)
		writeStates(w, r.States.Initialized, true)
		writeStates(w, r.States.Deleting, false)
	default:
		return false
	}
	w.NoTags()
	return true
}

func (a Assignment) write(w *field.Writer) {
	w.Length(len(a), 4)
	for _, t := range a {
		w.UUID(t.TopicID)
		w.Int32s(t.Partitions)
		w.NoTags()
	}
}

func writeStates(w *field.Writer, all []TopicState, partitions bool) {
	w.Length(len(all), 4)
	for _, t := range all {
		w.UUID(t.TopicID)
		w.String(t.Topic)
		if partitions {
			w.Int32s(t.Partitions)
		}
		w.NoTags()
	}
}

// Decoders reads the records of share groups, by key type.
var Decoders = map[int16]kind.Decoder{memberKey: decode, epochKey: decode, targetEpochKey: decode, targetKey: decode, currentKey: decode, statesKey: decode}

func decode(key, value []byte) (kind.Record, error) {
	k := field.Reader{B: key}
	r := &Record{Key: k.Int16(), Group: k.String()}
	if ofMember(r.Key) {
		r.Member = k.String()
	}
	if err := k.Done("key of a share group record"); err != nil || value == nil {
		return r, err
	}
	v := field.Reader{B: value}
	if version := v.Int16(); v.Err == nil && version != 0 {
		return nil, fmt.Errorf("value of a share group record of type %d has version %d, not 0", r.Key, version)
	}
	v.Flexible = true
	switch r.Key {
	case memberKey:
		r.Info = &Member{RackID: v.Text(), ClientID: v.String(), ClientHost: v.String(), Topics: v.Strings()}
	case epochKey:
		r.Epoch = &Epoch{Epoch: v.Int32(), Hash: v.Int64()}
	case targetEpochKey:
		r.TargetEpoch = &TargetEpoch{Epoch: v.Int32()}
	case targetKey:
		r.Target = new(Assignment)
		*r.Target = readAssignment(&v)
	case currentKey:
		r.Current = &Current{MemberEpoch: v.Int32(), PreviousMemberEpoch: v.Int32(), State: v.Int8(), Assigned: readAssignment(&v)}
	case statesKey:
		r.States = &States{Initializing: readStates(&v, true), Initialized: readStates(&v, true), Deleting: readStates(&v, false)}
	}
	v.Tags(func(tag int, b []byte) {
		if tag == 0 && r.TargetEpoch != nil {
			at := field.Reader{B: b}
			r.TargetEpoch.Timestamp = at.Int64()
		}
	})
	return r, v.Done("value of a share group record")
}

func readAssignment(v *field.Reader) Assignment {
	n := v.Array(18)
	a := make(Assignment, 0, n)
	for ; n > 0 && v.Err == nil; n-- {
		a = append(a, TopicPartitions{TopicID: v.UUID(), Partitions: v.Int32s()})
		v.Tags(nil)
	}
	return a
}

func readStates(v *field.Reader, partitions bool) []TopicState {
	n := v.Array(18)
	all := make([]TopicState, 0, n)
	for ; n > 0 && v.Err == nil; n-- {
		t := TopicState{TopicID: v.UUID(), Topic: v.String()}
		if partitions {
			t.Partitions = v.Int32s()
		}
		v.Tags(nil)
		all = append(all, t)
	}
	return all
}
