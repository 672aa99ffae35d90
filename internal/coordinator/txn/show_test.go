package txn

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

func showPartitions(ps []record.TopicPartition) string {
	out := ""
	for _, p := range ps {
		out += fmt.Sprintf(" %s/%d", p.Topic, p.Partition)
	}
	return out
}

func showRecord(r *TransactionRecord) string {
	t := r.Transaction
	if t == nil {
		return r.TransactionalID + " gone"
	}
	out := fmt.Sprintf("%s %v %d/%d", r.TransactionalID, t.State, t.ProducerID, t.ProducerEpoch)
	if t.PreviousProducerID != t.ProducerID {
		out += fmt.Sprintf(" previously %d", t.PreviousProducerID)
	}
	if t.NextProducerID != noProducer {
		out += fmt.Sprintf(" next %d", t.NextProducerID)
	}
	if t.ClientVersion != 0 {
		out += fmt.Sprintf(" client version %d", t.ClientVersion)
	}
	if t.ValueVersion != 1 {
		out += fmt.Sprintf(" value version %d", t.ValueVersion)
	}
	return out + showPartitions(t.Partitions)
}

func code(c int16) string {
	if c == 0 {
		return "ok"
	}
	return kerr.TypedErrorForCode(c).Message
}

func showReply(resp any) string {
	switch r := resp.(type) {
	case *kmsg.InitProducerIDResponse:
		if r.ErrorCode != 0 {
			return "init " + code(r.ErrorCode)
		}
		return fmt.Sprintf("init ok %d/%d", r.ProducerID, r.ProducerEpoch)
	case *kmsg.AddPartitionsToTxnResponse:
		out := "add " + code(r.ErrorCode)
		for _, t := range r.Topics {
			out += fmt.Sprintf(" %s/%d=%s", t.Topic, t.Partitions[0].Partition, code(t.Partitions[0].ErrorCode))
		}
		for _, x := range r.Transactions {
			out += " " + x.TransactionalID
			for _, t := range x.Topics {
				out += fmt.Sprintf(" %s/%d=%s", t.Topic, t.Partitions[0].Partition, code(t.Partitions[0].ErrorCode))
			}
		}
		return out
	case *kmsg.AddOffsetsToTxnResponse:
		return "offsets " + code(r.ErrorCode)
	case *kmsg.EndTxnResponse:
		return fmt.Sprintf("end %s %d/%d", code(r.ErrorCode), r.ProducerID, r.ProducerEpoch)
	case *kmsg.DescribeTransactionsResponse:
		d := r.TransactionStates[0]
		if d.ErrorCode != 0 {
			return "describe " + code(d.ErrorCode)
		}
		out := fmt.Sprintf("describe %s %s %d/%d timeout %d started %d", d.TransactionalID, d.State, d.ProducerID, d.ProducerEpoch,
			d.TimeoutMillis, d.StartTimestamp)
		for _, t := range d.Topics {
			out += fmt.Sprintf(" %s%v", t.Topic, t.Partitions)
		}
		return out
	case *kmsg.ListTransactionsResponse:
		out := "list " + code(r.ErrorCode)
		for _, t := range r.TransactionStates {
			out += fmt.Sprintf(" %s(%d,%s)", t.TransactionalID, t.ProducerID, t.TransactionState)
		}
		for _, s := range r.UnknownStateFilters {
			out += " unknown:" + s
		}
		return out
	}
	return fmt.Sprintf("%T", resp)
}
