package txn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"leat/internal/coordinator/field"
	"leat/internal/record"
)

// Decode reads a record of the log. Kinds that this machine does not know come back as a *ForeignRecord.
func Decode(key, value []byte) (Record, error) {
	r := field.Reader{B: key}
	kind := r.Int16()
	if r.Err != nil {
		return nil, r.Done("record key")
	}
	if kind != transactionKey {
		return &ForeignRecord{KeyType: kind}, nil
	}
	rec := &TransactionRecord{TransactionalID: r.String()}
	if err := r.Done("TransactionLog key"); err != nil {
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
	r := field.Reader{B: value}
	version := r.Int16()
	if r.Err == nil && (version < 0 || version > 1) {
		return nil, fmt.Errorf("TransactionLog value has version %d, not 0 or 1", version)
	}
	r.Flexible = version >= 1
	t := &Transaction{ValueVersion: version, PreviousProducerID: -1, NextProducerID: -1}
	t.ProducerID = r.Int64()
	t.ProducerEpoch = r.Int16()
	t.TimeoutMillis = r.Int32()
	t.State = State(r.Int8())
	if r.Err == nil && (t.State < Empty || t.State > PrepareEpochFence) {
		return nil, fmt.Errorf("TransactionLog value has state %d, not one of 0 to %d", t.State, PrepareEpochFence)
	}
	t.readPartitions(&r)
	t.UpdateTimestamp = r.Int64()
	t.StartTimestamp = r.Int64()
	r.Tags(t.readTag)
	if err := r.Done("TransactionLog value"); err != nil {
		return nil, err
	}
	return t, nil
}

// readPartitions reads the partitions. Those of a state that has none are read over, as Kafka does.
func (t *Transaction) readPartitions(r *field.Reader) {
	var ps []record.TopicPartition
	for n := r.Array(3); n > 0 && r.Err == nil; n-- {
		topic := r.String()
		for k := r.Array(4); k > 0 && r.Err == nil; k-- {
			ps = append(ps, record.TopicPartition{Topic: topic, Partition: r.Int32()})
		}
		r.Tags(nil)
	}
	if t.State != Empty {
		t.Partitions = sortPartitions(ps)
	}
}

func (t *Transaction) readTag(tag int, b []byte) {
	v := field.Reader{B: b}
	switch tag {
	case 0:
		t.PreviousProducerID = v.Int64()
	case 1:
		t.NextProducerID = v.Int64()
	case 2:
		t.ClientVersion = v.Int16()
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
