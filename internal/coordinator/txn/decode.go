package txn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"leat/internal/record"
)

// Decode reads a record of the log. Kinds that this machine does not know come back as a *ForeignRecord.
func Decode(key, value []byte) (Record, error) {
	r := reader{b: key}
	kind := r.int16()
	if r.err != nil {
		return nil, r.done("record key")
	}
	if kind != transactionKey {
		return &ForeignRecord{KeyType: kind}, nil
	}
	rec := &TransactionRecord{TransactionalID: r.string()}
	if err := r.done("TransactionLog key"); err != nil {
		return nil, err
	}
	if value == nil {
		return rec, nil
	}
	t, err := decodeTransaction(value)
	if err != nil {
		return nil, err
	}
	rec.Transaction = t
	return rec, nil
}

func decodeTransaction(value []byte) (*Transaction, error) {
	r := reader{b: value}
	version := r.int16()
	if r.err == nil && (version < 0 || version > 1) {
		return nil, fmt.Errorf("TransactionLog value has version %d, not 0 or 1", version)
	}
	r.flex = version >= 1
	t := &Transaction{ValueVersion: version, PreviousProducerID: -1, NextProducerID: -1}
	t.ProducerID = r.int64()
	t.ProducerEpoch = r.int16()
	t.TimeoutMillis = r.int32()
	t.State = State(r.int8())
	if r.err == nil && (t.State < Empty || t.State > PrepareEpochFence) {
		return nil, fmt.Errorf("TransactionLog value has state %d, not one of 0 to %d", t.State, PrepareEpochFence)
	}
	t.readPartitions(&r)
	t.UpdateTimestamp = r.int64()
	t.StartTimestamp = r.int64()
	r.tags(t.readTag)
	if err := r.done("TransactionLog value"); err != nil {
		return nil, err
	}
	return t, nil
}

// readPartitions reads the partitions. Those of a state that has none are read over, as Kafka does.
func (t *Transaction) readPartitions(r *reader) {
	var ps []record.TopicPartition
	for n := r.array(6); n > 0 && r.err == nil; n-- {
		topic := r.string()
		for k := r.array(4); k > 0 && r.err == nil; k-- {
			ps = append(ps, record.TopicPartition{Topic: topic, Partition: r.int32()})
		}
		r.tags(nil)
	}
	if t.State != Empty {
		t.Partitions = sortPartitions(ps)
	}
}

func (t *Transaction) readTag(tag int, b []byte) {
	v := reader{b: b}
	switch tag {
	case 0:
		t.PreviousProducerID = v.int64()
	case 1:
		t.NextProducerID = v.int64()
	case 2:
		t.ClientVersion = v.int16()
	}
}

// neverTimesOut reports whether the transaction is one of two phases, whose outcome somebody else decides.
func (t *Transaction) neverTimesOut() bool { return t.TimeoutMillis == math.MaxInt32 }

// sortPartitions sorts in place and removes repetitions.
func sortPartitions(ps []record.TopicPartition) []record.TopicPartition {
	slices.SortFunc(ps, comparePartitions)
	return slices.Compact(ps)
}

func comparePartitions(a, b record.TopicPartition) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return int(a.Partition) - int(b.Partition)
}
