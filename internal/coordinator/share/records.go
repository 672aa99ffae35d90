package share

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"

	"leat/internal/record"
)

// The key types of __share_group_state.
const (
	snapshotKey int16 = 0
	updateKey   int16 = 1
)

// Key names a share partition.
type Key struct {
	Group     string
	TopicID   record.UUID
	Partition int32
}

// String is the form by which the coordinator of a share partition is looked for.
func (k Key) String() string { return fmt.Sprintf("%s:%s:%d", k.Group, k.TopicID, k.Partition) }

// Batch says how far the group is with a range of records.
type Batch struct {
	FirstOffset   int64
	LastOffset    int64 // inclusive
	DeliveryState int8  // 0 available, 2 acknowledged, 4 archived
	DeliveryCount int16
}

// State is all that is known of a share partition.
type State struct {
	SnapshotEpoch         int32
	StateEpoch            int32
	LeaderEpoch           int32
	StartOffset           int64 // -1: the group has not begun
	DeliveryCompleteCount int32 // of records after StartOffset that are done with; -1: not known
	CreateTimestamp       int64 // ms
	WriteTimestamp        int64 // ms
	Batches               []Batch
}

// Record is a record of __share_group_state: *Snapshot or *Update.
type Record interface {
	// Encode gives the key and value as they stand in the log; a nil value is a tombstone.
	Encode() (key, value []byte)
	// Size bounds the bytes of key and value.
	Size() int
}

// Snapshot sets or (State nil) removes a state.
type Snapshot struct {
	Key   Key
	State *State
}

// Update is what changed since the snapshot. Its batches go over those that were there.
type Update struct {
	Key                   Key
	SnapshotEpoch         int32
	LeaderEpoch           int32 // -1: as before
	StartOffset           int64 // -1: as before
	DeliveryCompleteCount int32
	Batches               []Batch
}

const batchBytes = 8 + 8 + 1 + 2 + 1

func (k *Key) append(b []byte, kind int16) []byte {
	b = kbin.AppendInt16(b, kind)
	b = kbin.AppendString(b, k.Group)
	b = kbin.AppendUuid(b, k.TopicID)
	return kbin.AppendInt32(b, k.Partition)
}

func appendBatches(b []byte, batches []Batch) []byte {
	b = kbin.AppendCompactArrayLen(b, len(batches))
	for _, p := range batches {
		b = kbin.AppendInt64(b, p.FirstOffset)
		b = kbin.AppendInt64(b, p.LastOffset)
		b = kbin.AppendInt8(b, p.DeliveryState)
		b = kbin.AppendInt16(b, p.DeliveryCount)
		b = append(b, 0)
	}
	return b
}

// appendComplete ends a value with its one tagged field, left out when it has its default.
func appendComplete(b []byte, count int32) []byte {
	if count == -1 {
		return append(b, 0)
	}
	return kbin.AppendInt32(append(b, 1, 0, 4), count)
}

// Size bounds the bytes of key and value.
func (s *Snapshot) Size() int {
	n := 24 + len(s.Key.Group)
	if s.State != nil {
		n += 64 + batchBytes*len(s.State.Batches)
	}
	return n
}

// Encode writes version 0 of key and value.
func (s *Snapshot) Encode() (key, value []byte) {
	b := s.Key.append(make([]byte, 0, s.Size()), snapshotKey)
	v := s.State
	if v == nil {
		return b, nil
	}
	n := len(b)
	b = kbin.AppendInt16(b, 0)
	b = kbin.AppendInt32(b, v.SnapshotEpoch)
	b = kbin.AppendInt32(b, v.StateEpoch)
	b = kbin.AppendInt32(b, v.LeaderEpoch)
	b = kbin.AppendInt64(b, v.StartOffset)
	b = kbin.AppendInt64(b, v.CreateTimestamp)
	b = kbin.AppendInt64(b, v.WriteTimestamp)
	b = appendComplete(appendBatches(b, v.Batches), v.DeliveryCompleteCount)
	return b[:n:n], b[n:]
}

// Size bounds the bytes of key and value.
func (u *Update) Size() int { return 64 + len(u.Key.Group) + batchBytes*len(u.Batches) }

// Encode writes version 0 of key and value.
func (u *Update) Encode() (key, value []byte) {
	b := u.Key.append(make([]byte, 0, u.Size()), updateKey)
	n := len(b)
	b = kbin.AppendInt16(b, 0)
	b = kbin.AppendInt32(b, u.SnapshotEpoch)
	b = kbin.AppendInt32(b, u.LeaderEpoch)
	b = kbin.AppendInt64(b, u.StartOffset)
	b = appendComplete(appendBatches(b, u.Batches), u.DeliveryCompleteCount)
	return b[:n:n], b[n:]
}

// Decode reads a record of the log. A kind that is not known is named instead.
func Decode(key, value []byte) (rec Record, foreign string, err error) {
	r := kbin.Reader{Src: key}
	kind := r.Int16()
	if r.Ok() && kind != snapshotKey && kind != updateKey {
		return nil, fmt.Sprintf("key type %d", kind), nil
	}
	k := Key{Group: r.String(), TopicID: r.Uuid(), Partition: r.Int32()}
	if err := r.Complete(); err != nil {
		return nil, "", fmt.Errorf("share group state key: %w", err)
	}
	if kind == updateKey {
		if value == nil { // an update is never removed
			return nil, "ShareUpdate tombstone", nil
		}
		u, err := decodeUpdate(value)
		u.Key = k
		return u, "", err
	}
	s := &Snapshot{Key: k}
	if value != nil {
		s.State, err = decodeSnapshot(value)
	}
	return s, "", err
}

func decodeSnapshot(value []byte) (*State, error) {
	r := kbin.Reader{Src: value}
	if v := r.Int16(); r.Ok() && v != 0 {
		return nil, fmt.Errorf("ShareSnapshot value has version %d, not 0", v)
	}
	s := &State{SnapshotEpoch: r.Int32(), StateEpoch: r.Int32(), LeaderEpoch: r.Int32(), StartOffset: r.Int64(), CreateTimestamp: r.Int64(), WriteTimestamp: r.Int64()}
	s.Batches = readBatches(&r)
	s.DeliveryCompleteCount = readComplete(&r)
	if err := r.Complete(); err != nil {
		return nil, fmt.Errorf("ShareSnapshot value: %w", err)
	}
	return s, nil
}

func decodeUpdate(value []byte) (*Update, error) {
	r := kbin.Reader{Src: value}
	if v := r.Int16(); r.Ok() && v != 0 {
		return &Update{}, fmt.Errorf("ShareUpdate value has version %d, not 0", v)
	}
	u := &Update{SnapshotEpoch: r.Int32(), LeaderEpoch: r.Int32(), StartOffset: r.Int64()}
	u.Batches = readBatches(&r)
	u.DeliveryCompleteCount = readComplete(&r)
	if err := r.Complete(); err != nil {
		return &Update{}, fmt.Errorf("ShareUpdate value: %w", err)
	}
	return u, nil
}

func readBatches(r *kbin.Reader) []Batch {
	n := int(r.CompactArrayLen())
	if n <= 0 {
		return nil
	}
	if n > len(r.Src)/batchBytes { // fewer bytes than batches: the reader is brought to its end, which fails
		r.Span(len(r.Src) + 1)
		return nil
	}
	batches := make([]Batch, n)
	for i := range batches {
		batches[i] = Batch{FirstOffset: r.Int64(), LastOffset: r.Int64(), DeliveryState: r.Int8(), DeliveryCount: r.Int16()}
		readTags(r, nil)
	}
	return batches
}

func readComplete(r *kbin.Reader) int32 {
	count := int32(-1)
	readTags(r, func(tag uint32, b []byte) {
		if field := (kbin.Reader{Src: b}); tag == 0 {
			count = field.Int32()
		}
	})
	return count
}

// readTags reads tagged fields and hands them to known, which may be nil.
func readTags(r *kbin.Reader, known func(tag uint32, b []byte)) {
	for n := r.Uvarint(); n > 0 && r.Ok(); n-- {
		tag, size := r.Uvarint(), r.Uvarint()
		if b := r.Span(int(size)); r.Ok() && known != nil {
			known(tag, b)
		}
	}
}
