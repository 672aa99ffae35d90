package coordinator

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/peer"
	"leat/internal/record"
)

// Membership asks whether partitions belong to the open transaction of a producer, or with Add has them added to it (KIP-890).
type Membership struct {
	TransactionalID string
	ProducerID      int64
	ProducerEpoch   int16
	Partitions      []record.TopicPartition
	Add             bool
}

// TxnCall is one request to the transaction coordinator about one transactional id.
type TxnCall struct {
	TransactionalID string
	Request         kmsg.Request // see txn.Event
	GroupPartition  int32        // for AddOffsetsToTxn
	NewProducerID   int64        // for InitProducerId: one that nobody has

	TwoPhaseCommit, KeepPrepared bool // for InitProducerId
}

// membershipAsk is a question on its way.
type membershipAsk struct {
	Membership
	done func([]int16)
}

// betweenBrokers are versions of AddPartitionsToTxn with several transactions in one request.
type betweenBrokers struct {
	*kmsg.AddPartitionsToTxnRequest
}

// MinVersion keeps the older forms out, which have one transaction and cannot ask without adding.
func (betweenBrokers) MinVersion() int16 { return 4 }

// Membership asks the coordinator of the transaction, which this node may be. done is called once, with a code for each partition, perhaps before the
// method returns, and on a goroutine that must not wait.
func (t *Transactions) Membership(m Membership, done func(codes []int16)) {
	begin := time.Now()
	ask := membershipAsk{m, func(codes []int16) {
		failed := 0
		for _, code := range codes {
			if code != 0 {
				failed++
			}
		}
		t.asked.Verified(time.Since(begin), failed)
		done(codes)
	}}
	switch node := t.nodeOf(m.TransactionalID); {
	case node < 0:
		ask.fail(kerr.CoordinatorNotAvailable.Code)
	case node == t.cfg.NodeID:
		rq := kmsg.NewPtrAddPartitionsToTxnRequest()
		rq.Version = rq.MaxVersion()
		rq.Transactions = append(rq.Transactions, ask.request())
		t.Submit(TxnCall{TransactionalID: m.TransactionalID, Request: rq}, func(resp kmsg.Response) { ask.answer(resp.(*kmsg.AddPartitionsToTxnResponse)) })
	case !t.asks.put(node, ask):
		ask.fail(kerr.CoordinatorNotAvailable.Code)
	}
}

// nodeOf is the node that coordinates a transactional id, -1 if none does now.
func (t *Transactions) nodeOf(id string) int32 {
	im := t.Image()
	if im == nil {
		return -1
	}
	topic, ok := im.Topic(TransactionsTopic)
	if !ok || len(topic.Partitions) == 0 {
		return -1
	}
	return topic.Partitions[PartitionFor(id, int32(len(topic.Partitions)))].Leader
}

// request is the question as the protocol has it.
func (a *membershipAsk) request() kmsg.AddPartitionsToTxnRequestTransaction {
	rt := kmsg.NewAddPartitionsToTxnRequestTransaction()
	rt.TransactionalID, rt.ProducerID, rt.ProducerEpoch, rt.VerifyOnly = a.TransactionalID, a.ProducerID, a.ProducerEpoch, !a.Add
	at := make(map[string]int)
	for _, tp := range a.Partitions {
		i, ok := at[tp.Topic]
		if !ok {
			i = len(rt.Topics)
			at[tp.Topic] = i
			topic := kmsg.NewAddPartitionsToTxnRequestTransactionTopic()
			topic.Topic = tp.Topic
			rt.Topics = append(rt.Topics, topic)
		}
		rt.Topics[i].Partitions = append(rt.Topics[i].Partitions, tp.Partition)
	}
	return rt
}

func (a *membershipAsk) fail(code int16) {
	codes := make([]int16, len(a.Partitions))
	for i := range codes {
		codes[i] = code
	}
	a.done(codes)
}

// answer takes the transaction's part of an answer.
func (a *membershipAsk) answer(resp *kmsg.AddPartitionsToTxnResponse) {
	switch {
	case resp.ErrorCode == kerr.ClusterAuthorizationFailed.Code: // as in Kafka: nothing that a producer could mend
		a.fail(kerr.InvalidTxnState.Code)
		return
	case resp.ErrorCode != 0:
		a.fail(resp.ErrorCode)
		return
	}
	found := make(map[record.TopicPartition]int16)
	for _, rt := range resp.Transactions {
		if rt.TransactionalID != a.TransactionalID {
			continue
		}
		for _, topic := range rt.Topics {
			for _, p := range topic.Partitions {
				found[record.TopicPartition{Topic: topic.Topic, Partition: p.Partition}] = p.ErrorCode
			}
		}
	}
	codes := make([]int16, len(a.Partitions))
	for i, tp := range a.Partitions {
		code, ok := found[tp]
		if !ok {
			code = kerr.UnknownServerError.Code
		}
		codes[i] = code
	}
	a.done(codes)
}

// ask sends questions to another coordinator. A transactional id stands once in a request, since answers are found by it. Whoever asks of a
// transaction that has another coordinator by now asks again.
func (t *Transactions) ask(ctx context.Context, nodeID int32, line Line, all []membershipAsk) {
	asks := all[:0]
	for _, a := range all {
		if t.nodeOf(a.TransactionalID) == nodeID {
			asks = append(asks, a)
		} else {
			a.fail(kerr.NotCoordinator.Code)
		}
	}
	for len(asks) > 0 {
		var now, later []membershipAsk
		in := make(map[string]bool, len(asks))
		for _, a := range asks {
			if in[a.TransactionalID] {
				later = append(later, a)
				continue
			}
			in[a.TransactionalID] = true
			now = append(now, a)
		}
		t.askOnce(ctx, line, now)
		asks = later
	}
}

func (t *Transactions) askOnce(ctx context.Context, line Line, asks []membershipAsk) {
	rq := kmsg.NewPtrAddPartitionsToTxnRequest()
	for i := range asks {
		rq.Transactions = append(rq.Transactions, asks[i].request())
	}
	code := kerr.NetworkException.Code
	if line != nil {
		answer, err := line.Do(ctx, betweenBrokers{rq})
		resp, ok := answer.(*kmsg.AddPartitionsToTxnResponse)
		if err == nil && ok {
			for i := range asks {
				asks[i].answer(resp)
			}
			return
		}
		if errors.Is(err, peer.ErrUnsupported) {
			code = kerr.UnsupportedVersion.Code
		}
	}
	for i := range asks {
		asks[i].fail(code)
	}
}
