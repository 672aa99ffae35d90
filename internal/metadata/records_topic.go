package metadata

import "leat/internal/record"

// TopicRecord creates a topic.
type TopicRecord struct {
	Name    string
	TopicID record.UUID
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *TopicRecord) Key() int16                          { return 2 }
func (r *TopicRecord) MaxVersion() int16                   { return 0 }
func (r *TopicRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *TopicRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *TopicRecord) visit(c *cursor) {
	c.string(&r.Name)
	c.uuid(&r.TopicID)
	c.tags()
}

// PartitionRecord creates a partition.
type PartitionRecord struct {
	PartitionID            int32
	TopicID                record.UUID
	Replicas               []int32
	ISR                    []int32
	RemovingReplicas       []int32
	AddingReplicas         []int32
	Leader                 int32
	LeaderEpoch            int32
	PartitionEpoch         int32
	Directories            []record.UUID
	LeaderRecoveryState    int8
	EligibleLeaderReplicas []int32
	LastKnownELR           []int32
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *PartitionRecord) Key() int16                          { return 3 }
func (r *PartitionRecord) MaxVersion() int16                   { return 2 }
func (r *PartitionRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *PartitionRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *PartitionRecord) visit(c *cursor) {
	c.int32(&r.PartitionID)
	c.uuid(&r.TopicID)
	c.int32s(&r.Replicas)
	c.int32s(&r.ISR)
	c.int32s(&r.RemovingReplicas)
	c.int32s(&r.AddingReplicas)
	c.int32(&r.Leader)
	c.int32(&r.LeaderEpoch)
	c.int32(&r.PartitionEpoch)
	if c.version >= 1 {
		c.uuids(&r.Directories)
	}
	c.tags(
		tag{0, r.LeaderRecoveryState != 0, func(c *cursor) { c.int8(&r.LeaderRecoveryState) }},
		tag{1, c.version >= 2 && r.EligibleLeaderReplicas != nil, func(c *cursor) { c.nullInt32s(&r.EligibleLeaderReplicas) }},
		tag{2, c.version >= 2 && r.LastKnownELR != nil, func(c *cursor) { c.nullInt32s(&r.LastKnownELR) }},
	)
}

// PartitionChangeRecord changes fields of a partition; null, NoLeaderChange and NoRecoveryChange leave a field as it is.
type PartitionChangeRecord struct {
	PartitionID            int32
	TopicID                record.UUID
	ISR                    []int32
	Leader                 int32
	Replicas               []int32
	RemovingReplicas       []int32
	AddingReplicas         []int32
	LeaderRecoveryState    int8
	EligibleLeaderReplicas []int32
	LastKnownELR           []int32
	Directories            []record.UUID
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *PartitionChangeRecord) Key() int16                          { return 5 }
func (r *PartitionChangeRecord) MaxVersion() int16                   { return 2 }
func (r *PartitionChangeRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *PartitionChangeRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *PartitionChangeRecord) visit(c *cursor) {
	c.int32(&r.PartitionID)
	c.uuid(&r.TopicID)
	c.tags(
		tag{0, r.ISR != nil, func(c *cursor) { c.nullInt32s(&r.ISR) }},
		tag{1, r.Leader != NoLeaderChange, func(c *cursor) { c.int32(&r.Leader) }},
		tag{2, r.Replicas != nil, func(c *cursor) { c.nullInt32s(&r.Replicas) }},
		tag{3, r.RemovingReplicas != nil, func(c *cursor) { c.nullInt32s(&r.RemovingReplicas) }},
		tag{4, r.AddingReplicas != nil, func(c *cursor) { c.nullInt32s(&r.AddingReplicas) }},
		tag{5, r.LeaderRecoveryState != NoRecoveryChange, func(c *cursor) { c.int8(&r.LeaderRecoveryState) }},
		tag{6, c.version >= 2 && r.EligibleLeaderReplicas != nil, func(c *cursor) { c.nullInt32s(&r.EligibleLeaderReplicas) }},
		tag{7, c.version >= 2 && r.LastKnownELR != nil, func(c *cursor) { c.nullInt32s(&r.LastKnownELR) }},
		tag{8, c.version >= 1 && r.Directories != nil, func(c *cursor) { c.nullUUIDs(&r.Directories) }},
	)
}

// RemoveTopicRecord deletes a topic with its partitions and configs.
type RemoveTopicRecord struct {
	TopicID record.UUID
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *RemoveTopicRecord) Key() int16                          { return 9 }
func (r *RemoveTopicRecord) MaxVersion() int16                   { return 0 }
func (r *RemoveTopicRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *RemoveTopicRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *RemoveTopicRecord) visit(c *cursor) {
	c.uuid(&r.TopicID)
	c.tags()
}

// ClearElrRecord clears the eligible leader replicas of a topic, or of all topics if the name is empty.
type ClearElrRecord struct {
	TopicName string
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *ClearElrRecord) Key() int16                          { return 28 }
func (r *ClearElrRecord) MaxVersion() int16                   { return 0 }
func (r *ClearElrRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *ClearElrRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *ClearElrRecord) visit(c *cursor) {
	c.string(&r.TopicName)
	c.tags()
}
