package txn

import (
	"fmt"

	"leat/internal/coordinator/field"
	"leat/internal/record"
)

// Record is a record of __transaction_state: a *TransactionRecord, or a *ForeignRecord for a kind that this machine does not know.
type Record interface {
	// Encode gives the key and value as they stand in the log; a nil value is a tombstone.
	Encode() (key, value []byte)
	// Size bounds the bytes of key and value.
	Size() int
}

// transactionKey is the key type of the only kind of record there is.
const transactionKey int16 = 0

// TransactionRecord sets or (Transaction nil) removes what is known of a transactional id.
type TransactionRecord struct {
	TransactionalID string
	Transaction     *Transaction
}

// Transaction is what the log knows of a transactional id.
type Transaction struct {
	// ValueVersion is the form of the record: 0 below transaction.version 1, and then without the fields that say so.
	ValueVersion       int16
	ProducerID         int64
	PreviousProducerID int64 // the producer id before the last change; -1: not known (not in version 0)
	NextProducerID     int64 // the producer id once the transaction is complete; -1: the same (not in version 0)
	ProducerEpoch      int16
	TimeoutMillis      int32 // the largest number: none (two-phase commit)
	State              State
	Partitions         []record.TopicPartition // sorted, without repetition
	UpdateTimestamp    int64                   // ms
	StartTimestamp     int64                   // ms; -1: no transaction has begun
	ClientVersion      int16                   // the transaction version of the client that changed it last (not in version 0)
}

// ForeignRecord stands for a record of a kind that is read over.
type ForeignRecord struct{ KeyType int16 }

// Kind names the record's key type.
func (f *ForeignRecord) Kind() string { return fmt.Sprintf("key type %d", f.KeyType) }

// Encode is never called: foreign records are only read.
func (f *ForeignRecord) Encode() (key, value []byte) { panic("foreign records are not written") }

// Size is never called.
func (f *ForeignRecord) Size() int { return 0 }

// Size bounds the bytes of key and value.
func (r *TransactionRecord) Size() int {
	n := 4 + len(r.TransactionalID)
	if t := r.Transaction; t != nil {
		n += 84
		topic := ""
		for i := range t.Partitions {
			if p := &t.Partitions[i]; i == 0 || p.Topic != topic {
				topic = p.Topic
				n += 10 + len(topic)
			}
			n += 4
		}
	}
	return n
}

// Encode writes key and value as Kafka 4.4 does.
func (r *TransactionRecord) Encode() (key, value []byte) {
	w := field.Writer{B: make([]byte, 0, r.Size())}
	w.Int16(transactionKey)
	w.String(r.TransactionalID)
	if r.Transaction == nil {
		return w.B, nil
	}
	n := len(w.B)
	r.Transaction.append(&w)
	return w.B[:n:n], w.B[n:]
}

func (t *Transaction) append(w *field.Writer) {
	w.Int16(t.ValueVersion)
	w.Flexible = t.ValueVersion >= 1
	w.Int64(t.ProducerID)
	w.Int16(t.ProducerEpoch)
	w.Int32(t.TimeoutMillis)
	w.Int8(int8(t.State))
	t.appendPartitions(w)
	w.Int64(t.UpdateTimestamp)
	w.Int64(t.StartTimestamp)
	if w.Flexible {
		t.appendTags(w)
	}
}

// appendPartitions writes the partitions by topic; a transaction that has not begun has null.
func (t *Transaction) appendPartitions(w *field.Writer) {
	if t.State == Empty {
		w.Length(-1, 4)
		return
	}
	w.Length(topicCount(t.Partitions), 4)
	for rest := t.Partitions; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Topic == rest[0].Topic {
			n++
		}
		w.String(rest[0].Topic)
		w.Length(n, 4)
		for _, p := range rest[:n] {
			w.Int32(p.Partition)
		}
		w.NoTags()
		rest = rest[n:]
	}
}

// topicCount counts the topics of sorted partitions.
func topicCount(ps []record.TopicPartition) int {
	n := 0
	for i := range ps {
		if i == 0 || ps[i].Topic != ps[i-1].Topic {
			n++
		}
	}
	return n
}

// appendTags writes the tagged fields that differ from what their absence says.
func (t *Transaction) appendTags(w *field.Writer) {
	at := len(w.B)
	w.B = append(w.B, 0) // how many there are; at most three
	if t.PreviousProducerID != -1 {
		w.B = append(w.B, 0, 8)
		w.Int64(t.PreviousProducerID)
		w.B[at]++
	}
	if t.NextProducerID != -1 {
		w.B = append(w.B, 1, 8)
		w.Int64(t.NextProducerID)
		w.B[at]++
	}
	if t.ClientVersion != 0 {
		w.B = append(w.B, 2, 2)
		w.Int16(t.ClientVersion)
		w.B[at]++
	}
}
