package sharing

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// Initialize is an effect: the share coordinator is to begin state for partitions. What came of it comes back as an Initialized.
type Initialize struct {
	ID         uint64
	Group      string
	StateEpoch int32
	Topics     []TopicStart
}

// TopicStart says where a group begins in the partitions of a topic.
type TopicStart struct {
	TopicID    record.UUID
	Partitions []PartitionStart
}

// PartitionStart says where a group begins in a partition; -1: its share.auto.offset.reset decides.
type PartitionStart struct {
	Partition   int32
	StartOffset int64
}

// Discard is an effect: the share coordinator is to forget its state for partitions. What came of it comes back as a Discarded.
type Discard struct {
	ID     uint64
	Group  string
	Topics []TopicPartitions
}

// Outcome is what came of one partition: 0, or Kafka's error code.
type Outcome struct {
	TopicID   record.UUID
	Partition int32
	Code      int16
}

// Initialized is what came of an Initialize, in the form of a request to the machine.
type Initialized struct {
	kmsg.Request
	ID       uint64
	Group    string
	Outcomes []Outcome
}

// Discarded is what came of a Discard, in the form of a request to the machine.
type Discarded struct {
	kmsg.Request
	ID       uint64
	Group    string
	Outcomes []Outcome
}

// ListStates asks of which partitions there is state. The answer is a StatesListed.
type ListStates struct {
	kmsg.Request
	Group string
}

// StatesListed answers ListStates.
type StatesListed struct {
	kmsg.Response
	Code   int16
	Topics []TopicState
}

// failed lists the codes of what did not succeed, by topic, and the partitions that did.
func failed(outcomes []Outcome) (codes map[place]int16, done map[record.UUID][]int32) {
	codes, done = make(map[place]int16), make(map[record.UUID][]int32)
	for _, o := range outcomes {
		if codes[place{o.TopicID, o.Partition}] = o.Code; o.Code == 0 {
			done[o.TopicID] = append(done[o.TopicID], o.Partition)
		}
	}
	return codes, done
}
