package group

import (
	"fmt"

	"leat/internal/record"
)

// Record is a record of __consumer_offsets: *OffsetRecord, *MetadataRecord, or *ForeignRecord for a kind that this machine does not use.
type Record interface {
	// Encode gives the key and value as they stand in the log; a nil value is a tombstone.
	Encode() (key, value []byte)
	// Size bounds the bytes of key and value.
	Size() int
}

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
	w := writer{b: make([]byte, 0, o.Size())}
	w.int16(offsetKey)
	w.string(o.Group)
	w.string(o.Topic)
	w.int32(o.Partition)
	if o.Offset == nil {
		return w.b, nil
	}
	n := len(w.b)
	o.Offset.append(&w)
	return w.b[:n:n], w.b[n:]
}

func (o *Offset) append(w *writer) {
	if o.ExpireTimestamp >= 0 {
		w.int16(1)
		w.int64(o.Offset)
		w.string(o.Metadata)
		w.int64(o.CommitTimestamp)
		w.int64(o.ExpireTimestamp)
		return
	}
	w.int16(4)
	w.flex = true
	w.int64(o.Offset)
	w.int32(o.LeaderEpoch)
	w.string(o.Metadata)
	w.int64(o.CommitTimestamp)
	if o.TopicID.IsZero() {
		w.noTags()
	} else {
		w.b = append(w.b, 1)
		w.tag(0, o.TopicID[:])
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
	w := writer{b: make([]byte, 0, m.Size())}
	w.int16(metadataKey)
	w.string(m.Group)
	if m.Metadata == nil {
		return w.b, nil
	}
	n := len(w.b)
	m.Metadata.append(&w, 3)
	return w.b[:n:n], w.b[n:]
}

func (m *Metadata) append(w *writer, version int16) {
	w.int16(version)
	w.flex = version >= 4
	w.string(m.ProtocolType)
	w.int32(m.Generation)
	w.text(m.Protocol)
	w.text(m.Leader)
	w.int64(m.StateTimestamp)
	w.length(len(m.Members), 4)
	for i := range m.Members {
		p := &m.Members[i]
		w.string(p.MemberID)
		w.text(p.InstanceID)
		w.string(p.ClientID)
		w.string(p.ClientHost)
		w.int32(p.RebalanceTimeout)
		w.int32(p.SessionTimeout)
		w.bytes(p.Subscription)
		w.bytes(p.Assignment)
		w.noTags()
	}
	w.noTags()
}

// Decode reads a record of the log. Kinds that this machine does not use come back as a *ForeignRecord.
func Decode(key, value []byte) (Record, error) {
	r := reader{b: key}
	kind := r.int16()
	if r.err != nil {
		return nil, r.done("record key")
	}
	switch kind {
	case legacyOffsetKey, offsetKey:
		o := &OffsetRecord{Group: r.string(), Topic: r.string(), Partition: r.int32()}
		if err := r.done("OffsetCommit key"); err != nil {
			return nil, err
		}
		if value == nil {
			return o, nil
		}
		v, err := decodeOffset(value)
		o.Offset = v
		return o, err
	case metadataKey:
		m := &MetadataRecord{Group: r.string()}
		if err := r.done("GroupMetadata key"); err != nil {
			return nil, err
		}
		if value == nil {
			return m, nil
		}
		v, err := decodeMetadata(value)
		m.Metadata = v
		return m, err
	}
	return &ForeignRecord{KeyType: kind}, nil
}

func decodeOffset(value []byte) (*Offset, error) {
	r := reader{b: value}
	version := r.int16()
	if r.err == nil && (version < 0 || version > 4) {
		return nil, fmt.Errorf("OffsetCommit value has version %d, not one of 0 to 4", version)
	}
	r.flex = version >= 4
	o := &Offset{LeaderEpoch: record.NoLeaderEpoch, ExpireTimestamp: -1}
	o.Offset = r.int64()
	if version >= 3 {
		o.LeaderEpoch = r.int32()
	}
	o.Metadata = r.string()
	o.CommitTimestamp = r.int64()
	if version == 1 {
		o.ExpireTimestamp = max(r.int64(), -1)
	}
	r.tags(func(tag int, b []byte) {
		if tag == 0 && len(b) == len(o.TopicID) {
			copy(o.TopicID[:], b)
		}
	})
	return o, r.done("OffsetCommit value")
}

func decodeMetadata(value []byte) (*Metadata, error) {
	r := reader{b: value}
	version := r.int16()
	if r.err == nil && (version < 0 || version > 4) {
		return nil, fmt.Errorf("GroupMetadata value has version %d, not one of 0 to 4", version)
	}
	r.flex = version >= 4
	m := &Metadata{ProtocolType: r.string(), Generation: r.int32(), Protocol: r.text(), Leader: r.text(), StateTimestamp: -1}
	if version >= 2 {
		m.StateTimestamp = r.int64()
	}
	for n := r.array(14); n > 0 && r.err == nil; n-- {
		m.Members = append(m.Members, readMember(&r, version))
	}
	r.tags(nil)
	return m, r.done("GroupMetadata value")
}

func readMember(r *reader, version int16) StoredMember {
	var p StoredMember
	p.MemberID = r.string()
	if version >= 3 {
		p.InstanceID = r.text()
	}
	p.ClientID = r.string()
	p.ClientHost = r.string()
	rebalance := int32(-1)
	if version >= 1 {
		rebalance = r.int32()
	}
	p.SessionTimeout = r.int32()
	if p.RebalanceTimeout = rebalance; rebalance == -1 {
		p.RebalanceTimeout = p.SessionTimeout
	}
	p.Subscription = r.bytes()
	p.Assignment = r.bytes()
	r.tags(nil)
	return p
}
