package group

import (
	"fmt"

	"leat/internal/coordinator/field"
	"leat/internal/coordinator/group/kind"
	"leat/internal/record"
)

// Record is a record of __consumer_offsets: *OffsetRecord, *MetadataRecord, one of a newer kind of groups, or *ForeignRecord for one that
// is read over.
type Record = kind.Record

// The key types of the records that this machine writes.
const (
	legacyOffsetKey int16 = 0
	offsetKey       int16 = 1
	metadataKey     int16 = 2
)

// foreignKinds names the key types that are read over: groups of the newer protocols, and what Kafka no longer writes.
var foreignKinds = map[int16]string{
	3: "ConsumerGroupMetadata", 4: "ConsumerGroupPartitionMetadata", 5: "ConsumerGroupMemberMetadata",
	6: "ConsumerGroupTargetAssignmentMetadata", 7: "ConsumerGroupTargetAssignmentMember", 8: "ConsumerGroupCurrentMemberAssignment",
	10: "ShareGroupMemberMetadata", 11: "ShareGroupMetadata", 12: "ShareGroupTargetAssignmentMetadata",
	13: "ShareGroupTargetAssignmentMember", 14: "ShareGroupCurrentMemberAssignment", 15: "ShareGroupStatePartitionMetadata",
	16: "ConsumerGroupRegularExpression", 17: "StreamsGroupMetadata", 19: "StreamsGroupMemberMetadata",
	20: "StreamsGroupTargetAssignmentMetadata", 21: "StreamsGroupTargetAssignmentMember", 22: "StreamsGroupCurrentMemberAssignment",
}

// OffsetRecord sets or (Offset nil) removes a committed offset.
type OffsetRecord struct {
	Group     string
	Topic     string
	Partition int32
	Offset    *Offset
}

// Offset is a committed offset.
type Offset struct {
	Offset          int64
	LeaderEpoch     int32 // -1: none
	Metadata        string
	CommitTimestamp int64 // ms
	ExpireTimestamp int64 // ms; -1: by the retention of the broker
	TopicID         record.UUID
}

// MetadataRecord sets or (Metadata nil) removes a group.
type MetadataRecord struct {
	Group    string
	Metadata *Metadata
}

// Metadata is what the log knows of a classic group's last generation.
type Metadata struct {
	ProtocolType   string // "": none
	Generation     int32
	Protocol       *string
	Leader         *string
	StateTimestamp int64 // ms; -1: written by a version that did not know it
	Members        []StoredMember
}

// StoredMember is a member of a stored generation.
type StoredMember struct {
	MemberID         string
	InstanceID       *string
	ClientID         string
	ClientHost       string
	RebalanceTimeout int32 // ms
	SessionTimeout   int32 // ms
	Subscription     []byte
	Assignment       []byte
}

// ForeignRecord stands for a record of a kind that is read over.
type ForeignRecord struct{ KeyType int16 }

// Kind names the record's key type.
func (f *ForeignRecord) Kind() string {
	if name, ok := foreignKinds[f.KeyType]; ok {
		return name
	}
	return fmt.Sprintf("key type %d", f.KeyType)
}

// Encode is never called: foreign records are only read.
func (f *ForeignRecord) Encode() (key, value []byte) { panic("foreign records are not written") }

// Size is never called.
func (f *ForeignRecord) Size() int { return 0 }

// Size bounds the bytes of key and value.
func (o *OffsetRecord) Size() int {
	n := 10 + len(o.Group) + len(o.Topic)
	if o.Offset != nil {
		n += 56 + len(o.Offset.Metadata)
	}
	return n
}

// Encode writes the value as Kafka 4.4 does: version 4, or 1 if the client gave a retention time.
func (o *OffsetRecord) Encode() (key, value []byte) {
	w := field.Writer{B: make([]byte, 0, o.Size())}
	w.Int16(offsetKey)
	w.String(o.Group)
	w.String(o.Topic)
	w.Int32(o.Partition)
	if o.Offset == nil {
		return w.B, nil
	}
	n := len(w.B)
	o.Offset.append(&w)
	return w.B[:n:n], w.B[n:]
}

func (o *Offset) append(w *field.Writer) {
	if o.ExpireTimestamp >= 0 {
		w.Int16(1)
		w.Int64(o.Offset)
		w.String(o.Metadata)
		w.Int64(o.CommitTimestamp)
		w.Int64(o.ExpireTimestamp)
		return
	}
	w.Int16(4)
	w.Flexible = true
	w.Int64(o.Offset)
	w.Int32(o.LeaderEpoch)
	w.String(o.Metadata)
	w.Int64(o.CommitTimestamp)
	if o.TopicID.IsZero() {
		w.NoTags()
	} else {
		w.B = append(w.B, 1)
		w.Tag(0, o.TopicID[:])
	}
}

// Size bounds the bytes of key and value.
func (m *MetadataRecord) Size() int {
	n := 4 + len(m.Group)
	if v := m.Metadata; v != nil {
		n += 64 + len(v.ProtocolType) + size(v.Protocol) + size(v.Leader)
		for i := range v.Members {
			p := &v.Members[i]
			n += 64 + len(p.MemberID) + size(p.InstanceID) + len(p.ClientID) + len(p.ClientHost) + len(p.Subscription) + len(p.Assignment)
		}
	}
	return n
}

func size(s *string) int {
	if s == nil {
		return 0
	}
	return len(*s)
}

// Encode writes the value in version 3, as Kafka 4.4 does.
func (m *MetadataRecord) Encode() (key, value []byte) {
	w := field.Writer{B: make([]byte, 0, m.Size())}
	w.Int16(metadataKey)
	w.String(m.Group)
	if m.Metadata == nil {
		return w.B, nil
	}
	n := len(w.B)
	m.Metadata.append(&w, 3)
	return w.B[:n:n], w.B[n:]
}

func (m *Metadata) append(w *field.Writer, version int16) {
	w.Int16(version)
	w.Flexible = version >= 4
	w.String(m.ProtocolType)
	w.Int32(m.Generation)
	w.Text(m.Protocol)
	w.Text(m.Leader)
	w.Int64(m.StateTimestamp)
	w.Length(len(m.Members), 4)
	for i := range m.Members {
		p := &m.Members[i]
		w.String(p.MemberID)
		w.Text(p.InstanceID)
		w.String(p.ClientID)
		w.String(p.ClientHost)
		w.Int32(p.RebalanceTimeout)
		w.Int32(p.SessionTimeout)
		w.Bytes(p.Subscription)
		w.Bytes(p.Assignment)
		w.NoTags()
	}
	w.NoTags()
}

// Decode reads a record of the log. Kinds that this machine does not use come back as a *ForeignRecord.
func Decode(key, value []byte) (Record, error) {
	r := field.Reader{B: key}
	keyType := r.Int16()
	if r.Err != nil {
		return nil, r.Done("record key")
	}
	switch keyType {
	case legacyOffsetKey, offsetKey:
		o := &OffsetRecord{Group: r.String(), Topic: r.String(), Partition: r.Int32()}
		if err := r.Done("OffsetCommit key"); err != nil {
			return nil, err
		}
		if value == nil {
			return o, nil
		}
		v, err := decodeOffset(value)
		o.Offset = v
		return o, err
	case metadataKey:
		m := &MetadataRecord{Group: r.String()}
		if err := r.Done("GroupMetadata key"); err != nil {
			return nil, err
		}
		if value == nil {
			return m, nil
		}
		v, err := decodeMetadata(value)
		m.Metadata = v
		return m, err
	}
	if decode := decoders[keyType]; decode != nil {
		return decode(key, value)
	}
	return &ForeignRecord{KeyType: keyType}, nil
}

func decodeOffset(value []byte) (*Offset, error) {
	r := field.Reader{B: value}
	version := r.Int16()
	if r.Err == nil && (version < 0 || version > 4) {
		return nil, fmt.Errorf("OffsetCommit value has version %d, not one of 0 to 4", version)
	}
	r.Flexible = version >= 4
	o := &Offset{LeaderEpoch: record.NoLeaderEpoch, ExpireTimestamp: -1}
	o.Offset = r.Int64()
	if version >= 3 {
		o.LeaderEpoch = r.Int32()
	}
	o.Metadata = r.String()
	o.CommitTimestamp = r.Int64()
	if version == 1 {
		o.ExpireTimestamp = max(r.Int64(), -1)
	}
	r.Tags(func(tag int, b []byte) {
		if tag == 0 && len(b) == len(o.TopicID) {
			copy(o.TopicID[:], b)
		}
	})
	return o, r.Done("OffsetCommit value")
}

func decodeMetadata(value []byte) (*Metadata, error) {
	r := field.Reader{B: value}
	version := r.Int16()
	if r.Err == nil && (version < 0 || version > 4) {
		return nil, fmt.Errorf("GroupMetadata value has version %d, not one of 0 to 4", version)
	}
	r.Flexible = version >= 4
	m := &Metadata{ProtocolType: r.String(), Generation: r.Int32(), Protocol: r.Text(), Leader: r.Text(), StateTimestamp: -1}
	if version >= 2 {
		m.StateTimestamp = r.Int64()
	}
	for n := r.Array(14); n > 0 && r.Err == nil; n-- {
		m.Members = append(m.Members, readMember(&r, version))
	}
	r.Tags(nil)
	return m, r.Done("GroupMetadata value")
}

func readMember(r *field.Reader, version int16) StoredMember {
	var p StoredMember
	p.MemberID = r.String()
	if version >= 3 {
		p.InstanceID = r.Text()
	}
	p.ClientID = r.String()
	p.ClientHost = r.String()
	rebalance := int32(-1)
	if version >= 1 {
		rebalance = r.Int32()
	}
	p.SessionTimeout = r.Int32()
	if p.RebalanceTimeout = rebalance; rebalance == -1 {
		p.RebalanceTimeout = p.SessionTimeout
	}
	p.Subscription = r.Bytes()
	p.Assignment = r.Bytes()
	r.Tags(nil)
	return p
}
