package consumer

import (
	"leat/internal/coordinator/field"
	"leat/internal/coordinator/group/assign"
	"leat/internal/coordinator/group/kind"
	"leat/internal/record"
)

// The key types of the records of consumer groups.
const (
	epochKey              int16 = 3
	partitionMetadataKey  int16 = 4
	memberKey             int16 = 5
	assignmentMetadataKey int16 = 6
	targetKey             int16 = 7
	currentKey            int16 = 8
	regexKey              int16 = 16
)

// Decoders are for the records of consumer groups.
var Decoders = map[int16]kind.Decoder{
	epochKey: decodeEpoch, partitionMetadataKey: decodePartitionMetadata, memberKey: decodeMember,
	assignmentMetadataKey: decodeAssignmentMetadata, targetKey: decodeTarget, currentKey: decodeCurrent, regexKey: decodeRegex,
}

// EpochRecord sets a group's epoch and the hash of its topics, or (Gone) removes the group.
type EpochRecord struct {
	Group string
	Gone  bool
	Epoch int32
	Hash  int64
}

// PartitionMetadataRecord is what Kafka wrote instead of the hash up to version 4.0. It is only read, to remove it later: there is one if
// Gone is not set.
type PartitionMetadataRecord struct {
	Group string
	Gone  bool
}

// MemberRecord sets what a member subscribes to, or (Member nil) removes it.
type MemberRecord struct {
	Group, ID string
	Member    *member
}

// AssignmentMetadataRecord says for which group epoch, and when, the target assignment was computed.
type AssignmentMetadataRecord struct {
	Group     string
	Gone      bool
	Epoch     int32
	Timestamp int64 // ms; 0: not known
}

// TargetRecord is a member's part of the target assignment.
type TargetRecord struct {
	Group, ID string
	Gone      bool
	Target    assign.Assignment
}

// CurrentRecord is what a member has.
type CurrentRecord struct {
	Group, ID     string
	Gone          bool
	Epoch         int32
	PreviousEpoch int32
	State         memberState
	Assigned      partitions
	Pending       partitions
}

// RegexRecord is the topics that a regular expression matches.
type RegexRecord struct {
	Group, Regex string
	Gone         bool
	Topics       []string // in order
	Version      int64    // of the image
	Timestamp    int64    // ms
}

// bounds of what a record takes beside its strings and partitions.
const overhead = 64

// Size bounds the bytes of key and value.
func (r *EpochRecord) Size() int { return overhead + len(r.Group) }

// Size bounds the bytes of key and value.
func (r *PartitionMetadataRecord) Size() int { return overhead + len(r.Group) }

// Size bounds the bytes of key and value.
func (r *AssignmentMetadataRecord) Size() int { return overhead + len(r.Group) }

// Size bounds the bytes of key and value.
func (r *MemberRecord) Size() int {
	n := overhead + len(r.Group) + len(r.ID)
	p := r.Member
	if p == nil {
		return n
	}
	n += len(text(p.instanceID)) + len(text(p.rackID)) + len(p.clientID) + len(p.clientHost) + len(text(p.regex)) + len(text(p.assignor))
	for _, t := range p.topics {
		n += 5 + len(t)
	}
	if p.classic != nil {
		n += overhead
		for i := range p.classic.protocols {
			n += 16 + len(p.classic.protocols[i].Name) + len(p.classic.protocols[i].Metadata)
		}
	}
	return n
}

// Size bounds the bytes of key and value.
func (r *TargetRecord) Size() int {
	return overhead + len(r.Group) + len(r.ID) + 24*len(r.Target) + 4*r.Target.Count()
}

// Size bounds the bytes of key and value.
func (r *CurrentRecord) Size() int {
	n := overhead + len(r.Group) + len(r.ID)
	for _, all := range []partitions{r.Assigned, r.Pending} {
		for _, ps := range all {
			n += 36 + 8*len(ps)
		}
	}
	return n
}

// Size bounds the bytes of key and value.
func (r *RegexRecord) Size() int {
	n := overhead + len(r.Group) + len(r.Regex)
	for _, t := range r.Topics {
		n += 5 + len(t)
	}
	return n
}

// encode writes a key, and the value in version 0 unless it is a tombstone.
func encode(size int, keyType int16, gone bool, value func(w *field.Writer), names ...string) (k, v []byte) {
	w := field.Writer{B: make([]byte, 0, size)}
	w.Int16(keyType)
	for _, name := range names {
		w.String(name)
	}
	n := len(w.B)
	if gone {
		return w.B, nil
	}
	w.Int16(0)
	w.Flexible = true
	value(&w)
	return w.B[:n:n], w.B[n:]
}

// Encode gives key and value.
func (r *EpochRecord) Encode() (key, value []byte) {
	return encode(r.Size(), epochKey, r.Gone, func(w *field.Writer) {
		w.Int32(r.Epoch)
		if r.Hash == 0 {
			w.NoTags()
			return
		}
		w.Uvarint(1)
		var hash field.Writer
		hash.Int64(r.Hash)
		w.Tag(0, hash.B)
	}, r.Group)
}

// Encode gives key and value.
func (r *PartitionMetadataRecord) Encode() (key, value []byte) {
	return encode(r.Size(), partitionMetadataKey, r.Gone, func(w *field.Writer) {
		w.Length(0, 4)
		w.NoTags()
	}, r.Group)
}

// Encode gives key and value.
func (r *MemberRecord) Encode() (key, value []byte) {
	return encode(r.Size(), memberKey, r.Member == nil, func(w *field.Writer) {
		p := r.Member
		w.Text(p.instanceID)
		w.Text(p.rackID)
		w.String(p.clientID)
		w.String(p.clientHost)
		w.Strings(p.topics)
		w.Text(p.regex)
		w.Int32(p.rebalanceTimeout)
		w.Text(p.assignor)
		if p.classic == nil {
			w.NoTags()
			return
		}
		w.Uvarint(1)
		w.Tag(0, p.classic.encode())
	}, r.Group, r.ID)
}

func (c *classicMember) encode() []byte {
	w := field.Writer{Flexible: true}
	w.Int8(1) // the struct is there
	w.Int32(c.sessionTimeout)
	w.Length(len(c.protocols), 4)
	for i := range c.protocols {
		w.String(c.protocols[i].Name)
		w.Bytes(c.protocols[i].Metadata)
		w.NoTags()
	}
	w.NoTags()
	return w.B
}

// Encode gives key and value.
func (r *AssignmentMetadataRecord) Encode() (key, value []byte) {
	return encode(r.Size(), assignmentMetadataKey, r.Gone, func(w *field.Writer) {
		w.Int32(r.Epoch)
		if r.Timestamp == 0 {
			w.NoTags()
			return
		}
		w.Uvarint(1)
		var at field.Writer
		at.Int64(r.Timestamp)
		w.Tag(0, at.B)
	}, r.Group)
}

// Encode gives key and value.
func (r *TargetRecord) Encode() (key, value []byte) {
	return encode(r.Size(), targetKey, r.Gone, func(w *field.Writer) {
		w.Length(len(r.Target), 4)
		for _, id := range sortedIDs(r.Target) {
			w.UUID(id)
			w.Int32s(r.Target[id])
			w.NoTags()
		}
		w.NoTags()
	}, r.Group, r.ID)
}

// Encode gives key and value.
func (r *CurrentRecord) Encode() (key, value []byte) {
	return encode(r.Size(), currentKey, r.Gone, func(w *field.Writer) {
		w.Int32(r.Epoch)
		w.Int32(r.PreviousEpoch)
		w.Int8(int8(r.State))
		writePartitions(w, r.Assigned)
		writePartitions(w, r.Pending)
		w.NoTags()
	}, r.Group, r.ID)
}

// writePartitions writes what a member owns, with the epochs as a tagged field.
func writePartitions(w *field.Writer, all partitions) {
	w.Length(len(all), 4)
	lists := all.lists()
	for _, id := range sortedIDs(lists) {
		w.UUID(id)
		w.Int32s(lists[id])
		since := make([]int32, len(lists[id]))
		for i, p := range lists[id] {
			since[i] = all[id][p]
		}
		epochs := field.Writer{Flexible: true}
		epochs.Int32s(since)
		w.Uvarint(1)
		w.Tag(0, epochs.B)
	}
}

// Encode gives key and value.
func (r *RegexRecord) Encode() (key, value []byte) {
	return encode(r.Size(), regexKey, r.Gone, func(w *field.Writer) {
		w.Strings(r.Topics)
		w.Int64(r.Version)
		w.Int64(r.Timestamp)
		w.NoTags()
	}, r.Group, r.Regex)
}

var _ = []kind.Record{
	(*EpochRecord)(nil), (*PartitionMetadataRecord)(nil), (*MemberRecord)(nil), (*AssignmentMetadataRecord)(nil),
	(*TargetRecord)(nil), (*CurrentRecord)(nil), (*RegexRecord)(nil),
}

// readTopics reads an array of topic ids with partitions; each is handed to one.
func readTopics(r *field.Reader, one func(id record.UUID, ps []int32, since []int32)) {
	for n := r.Array(18); n > 0 && r.Err == nil; n-- {
		id, ps := r.UUID(), r.Int32s()
		var since []int32
		r.Tags(func(tag int, b []byte) {
			if tag == 0 {
				epochs := field.Reader{B: b, Flexible: true}
				since = epochs.Int32s()
			}
		})
		if r.Err == nil {
			one(id, ps, since)
		}
	}
}
