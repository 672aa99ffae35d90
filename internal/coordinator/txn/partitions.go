package txn

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// groupTopic holds the offsets of groups.
const groupTopic = "__consumer_offsets"

// addPartitions makes partitions part of a transaction, or only tells which of them are (KIP-890). From version 4 on only brokers ask.
func (m *Machine) addPartitions(rq *kmsg.AddPartitionsToTxnRequest) kmsg.Response {
	resp := rq.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	if rq.Version < 4 {
		var ps []record.TopicPartition
		for _, t := range rq.Topics {
			ps = appendPartitions(ps, t.Topic, t.Partitions)
		}
		code := m.add(rq.TransactionalID, identity{rq.ProducerID, rq.ProducerEpoch}, ps, 0)
		code = olderCode(code, rq.Version, 2)
		for _, t := range rq.Topics {
			answer := kmsg.AddPartitionsToTxnResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				answer.Partitions = append(answer.Partitions, kmsg.AddPartitionsToTxnResponseTopicPartition{Partition: p, ErrorCode: code})
			}
			resp.Topics = append(resp.Topics, answer)
		}
		return resp
	}
	for i := range rq.Transactions {
		resp.Transactions = append(resp.Transactions, m.addOfBroker(&rq.Transactions[i]))
	}
	return resp
}

func appendPartitions(ps []record.TopicPartition, topic string, partitions []int32) []record.TopicPartition {
	for _, p := range partitions {
		ps = append(ps, record.TopicPartition{Topic: topic, Partition: p})
	}
	return ps
}

// addOfBroker does what the leader of partitions asks for one transaction.
func (m *Machine) addOfBroker(rq *kmsg.AddPartitionsToTxnRequestTransaction) kmsg.AddPartitionsToTxnResponseTransaction {
	who := identity{rq.ProducerID, rq.ProducerEpoch}
	var code int16
	var known *Transaction // whose partitions are looked at one by one
	if rq.VerifyOnly {
		known, code = m.verify(rq.TransactionalID, who)
	} else {
		var ps []record.TopicPartition
		for _, t := range rq.Topics {
			ps = appendPartitions(ps, t.Topic, t.Partitions)
		}
		code = m.add(rq.TransactionalID, who, ps, 2)
	}
	resp := kmsg.AddPartitionsToTxnResponseTransaction{TransactionalID: rq.TransactionalID}
	for _, t := range rq.Topics {
		answer := kmsg.AddPartitionsToTxnResponseTransactionTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			c := code
			if known != nil && !known.has(record.TopicPartition{Topic: t.Topic, Partition: p}) {
				c = codeAbortable
			}
			answer.Partitions = append(answer.Partitions, kmsg.AddPartitionsToTxnResponseTransactionTopicPartition{Partition: p, ErrorCode: c})
		}
		resp.Topics = append(resp.Topics, answer)
	}
	return resp
}

// has reports whether a partition is part of the transaction.
func (t *Transaction) has(p record.TopicPartition) bool {
	_, ok := slices.BinarySearchFunc(t.Partitions, p, comparePartitions)
	return ok
}

// owned checks that a producer is the one that has the id now.
func (m *Machine) owned(id string, who identity) (*Transaction, int16) {
	if !validID(id) {
		return nil, codeInvalidRequest
	}
	t := m.hard[id]
	switch {
	case t == nil || t.ProducerID != who.producerID:
		return nil, codeUnknownMapping
	case t.ProducerEpoch != who.epoch || who.epoch == fenceEpoch:
		return nil, codeFenced
	}
	return t, noCode
}

// verify finds the transaction whose partitions a leader wants to know.
func (m *Machine) verify(id string, who identity) (*Transaction, int16) {
	t, code := m.owned(id, who)
	if code == noCode && t.State.prepared() {
		return nil, codeConcurrent
	}
	return t, code
}

// add makes partitions part of a transaction, which begins with the first of them.
func (m *Machine) add(id string, who identity, ps []record.TopicPartition, clientVersion int16) int16 {
	if t := m.hard[id]; t != nil && t.State.prepared() {
		return codeConcurrent // before all else: the markers decide which epoch is the right one
	}
	t, code := m.owned(id, who)
	if code != noCode {
		return code
	}
	if t.State == Ongoing && !slices.ContainsFunc(ps, func(p record.TopicPartition) bool { return !t.has(p) }) {
		return noCode
	}
	next := *t
	next.State, next.ClientVersion, next.PreviousProducerID = Ongoing, clientVersion, t.ProducerID
	next.UpdateTimestamp = m.now.UnixMilli()
	if t.State != Ongoing {
		next.StartTimestamp = next.UpdateTimestamp
	}
	next.Partitions = sortPartitions(append(slices.Clone(t.Partitions), ps...))
	m.write(id, m.versioned(next))
	if t.State != Ongoing {
		m.startTimeout(id, &next, m.now)
	}
	return noCode
}

// addOffsets makes the partition that holds a group's offsets part of a transaction.
func (m *Machine) addOffsets(rq *kmsg.AddOffsetsToTxnRequest, partition int32) kmsg.Response {
	resp := rq.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
	at := []record.TopicPartition{{Topic: groupTopic, Partition: partition}}
	code := m.add(rq.TransactionalID, identity{rq.ProducerID, rq.ProducerEpoch}, at, 0)
	resp.ErrorCode = olderCode(code, rq.Version, 2)
	return resp
}
