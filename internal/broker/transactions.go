package broker

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/machine"
	"leat/internal/record"
)

// Transactions is the transaction coordinator. done is called exactly once, perhaps before the method returns, and on a goroutine that must not wait.
type Transactions interface {
	// Submit hands a request about one transactional id to the machine of its partition.
	Submit(call coordinator.TxnCall, done func(kmsg.Response))
	// List asks all machines of this node.
	List(rq *kmsg.ListTransactionsRequest, done func(*kmsg.ListTransactionsResponse))
	// Membership asks whoever coordinates the transaction, in this node or another, and has a code for each partition.
	Membership(m coordinator.Membership, done func(codes []int16))
	// WriteMarker ends a transaction in a partition that this node leads.
	WriteMarker(tp record.TopicPartition, m machine.Control, done func(error))
}

var transactionRoutes = []route{
	{key: 22, handle: (*Handlers).initProducerID, waits: true},
	{key: 24, handle: (*Handlers).addPartitionsToTxn},
	{key: 25, handle: (*Handlers).addOffsetsToTxn},
	{key: 26, handle: (*Handlers).endTxn},
	{key: 27, handle: (*Handlers).writeTxnMarkers, waits: true},
	{key: 28, handle: (*Handlers).txnOffsetCommit},
	{key: 65, handle: (*Handlers).describeTransactions},
	{key: 66, handle: (*Handlers).listTransactions},
}

// initTransactional gives a transactional producer its id and epoch.
func (h *Handlers) initTransactional(ctx context.Context, c *Call, rq *kmsg.InitProducerIDRequest) {
	id, err := h.NewProducerID(ctx)
	if err != nil {
		h.Logger.Warn("no producer ids", "client_id", c.Header.ClientID, "err", err)
		c.Respond(coordinator.RefuseTxn(rq, kerr.CoordinatorLoadInProgress.Code))
		return
	}
	h.Transactions.Submit(coordinator.TxnCall{TransactionalID: *rq.TransactionalID, Request: rq, NewProducerID: id, TwoPhaseCommit: c.twoPhaseCommit, KeepPrepared: c.keepPrepared}, c.Respond)
	h.producerIDs.refill(ctx, h.allocateProducerIDs)
}

// NewProducerID returns a producer id that nobody has. Not 0, which coordinators take for none.
func (h *Handlers) NewProducerID(ctx context.Context) (int64, error) {
	id, err := h.producerIDs.take(ctx, h.allocateProducerIDs)
	if err == nil && id == 0 {
		id, err = h.producerIDs.take(ctx, h.allocateProducerIDs)
	}
	return id, err
}

// addPartitionsToTxn adds partitions to transactions, or for other brokers tells whether they belong to them. If one partition of a transaction does not
// exist, none is added.
func (h *Handlers) addPartitionsToTxn(c *Call) {
	rq := c.Body.(*kmsg.AddPartitionsToTxnRequest)
	asked := rq.Transactions
	if rq.Version < 4 {
		one := kmsg.NewAddPartitionsToTxnRequestTransaction()
		one.TransactionalID, one.ProducerID, one.ProducerEpoch = rq.TransactionalID, rq.ProducerID, rq.ProducerEpoch
		for _, t := range rq.Topics {
			one.Topics = append(one.Topics, kmsg.AddPartitionsToTxnRequestTransactionTopic{Topic: t.Topic, Partitions: t.Partitions})
		}
		asked = []kmsg.AddPartitionsToTxnRequestTransaction{one}
	}
	answers := make([]kmsg.AddPartitionsToTxnResponseTransaction, len(asked))
	whenAll(len(asked), func(i int, done func()) {
		if refused, ok := refuseUnknown(c, &asked[i]); ok {
			answers[i] = refused
			done()
			return
		}
		part := kmsg.NewPtrAddPartitionsToTxnRequest()
		part.Version, part.Transactions = rq.Version, asked[i:i+1]
		if rq.Version < 4 {
			part = rq
		}
		h.Transactions.Submit(coordinator.TxnCall{TransactionalID: asked[i].TransactionalID, Request: part}, func(resp kmsg.Response) {
			answers[i] = onlyTransaction(resp.(*kmsg.AddPartitionsToTxnResponse))
			done()
		})
	}, func() {
		resp := kmsg.NewPtrAddPartitionsToTxnResponse()
		resp.Transactions = answers
		if rq.Version < 4 {
			for _, t := range answers[0].Topics {
				resp.Topics = append(resp.Topics, olderTopic(t))
			}
			resp.Transactions = nil
		}
		c.Respond(resp)
	})
}

// onlyTransaction is the answer about the one transaction that was asked about.
func onlyTransaction(resp *kmsg.AddPartitionsToTxnResponse) kmsg.AddPartitionsToTxnResponseTransaction {
	if len(resp.Transactions) > 0 {
		return resp.Transactions[0]
	}
	one := kmsg.NewAddPartitionsToTxnResponseTransaction()
	for _, t := range resp.Topics {
		rt := kmsg.NewAddPartitionsToTxnResponseTransactionTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, kmsg.AddPartitionsToTxnResponseTransactionTopicPartition{Partition: p.Partition, ErrorCode: p.ErrorCode})
		}
		one.Topics = append(one.Topics, rt)
	}
	return one
}

// olderTopic is an answer as versions below 4 have it.
func olderTopic(t kmsg.AddPartitionsToTxnResponseTransactionTopic) kmsg.AddPartitionsToTxnResponseTopic {
	rt := kmsg.NewAddPartitionsToTxnResponseTopic()
	rt.Topic = t.Topic
	for _, p := range t.Partitions {
		rt.Partitions = append(rt.Partitions, kmsg.AddPartitionsToTxnResponseTopicPartition{Partition: p.Partition, ErrorCode: p.ErrorCode})
	}
	return rt
}

// refuseUnknown is the answer to a transaction that names partitions which do not exist.
func refuseUnknown(c *Call, t *kmsg.AddPartitionsToTxnRequestTransaction) (kmsg.AddPartitionsToTxnResponseTransaction, bool) {
	known := func(topic string, p int32) bool {
		return topic == offsetsTopic || exists(c.Image, record.TopicPartition{Topic: topic, Partition: p})
	}
	for _, topic := range t.Topics {
		for _, p := range topic.Partitions {
			if known(topic.Topic, p) {
				continue
			}
			resp := coordinator.AddErrorOf(t, kerr.OperationNotAttempted.Code)
			for i := range resp.Topics {
				for j := range resp.Topics[i].Partitions {
					if p := &resp.Topics[i].Partitions[j]; !known(resp.Topics[i].Topic, p.Partition) {
						p.ErrorCode = kerr.UnknownTopicOrPartition.Code
					}
				}
			}
			return resp, true
		}
	}
	return kmsg.AddPartitionsToTxnResponseTransaction{}, false
}

// addOffsetsToTxn adds the partition that holds a group's offsets.
func (h *Handlers) addOffsetsToTxn(c *Call) {
	rq := c.Body.(*kmsg.AddOffsetsToTxnRequest)
	h.Transactions.Submit(coordinator.TxnCall{TransactionalID: rq.TransactionalID, Request: rq, GroupPartition: h.groupPartition(c, rq.Group)}, c.Respond)
}

// groupPartition is the partition of __consumer_offsets that holds a group, also before the topic is made.
func (h *Handlers) groupPartition(c *Call, group string) int32 {
	count := int32(h.Config().Int("offsets.topic.num.partitions"))
	if t, ok := c.Image.Topic(offsetsTopic); ok {
		count = int32(len(t.Partitions))
	}
	return coordinator.PartitionFor(group, count)
}

func (h *Handlers) endTxn(c *Call) {
	rq := c.Body.(*kmsg.EndTxnRequest)
	h.Transactions.Submit(coordinator.TxnCall{TransactionalID: rq.TransactionalID, Request: rq}, c.Respond)
}

// transactionStates are the states that ListTransactions can filter by.
var transactionStates = map[string]bool{"Empty": true, "Ongoing": true, "PrepareCommit": true, "PrepareAbort": true, "CompleteCommit": true,
	"CompleteAbort": true, "Dead": true, "PrepareEpochFence": true}

// listTransactions lists what this node coordinates, and tells which of the filters mean nothing.
func (h *Handlers) listTransactions(c *Call) {
	rq := c.Body.(*kmsg.ListTransactionsRequest)
	var unknown []string
	for _, state := range rq.StateFilters {
		if !transactionStates[state] {
			unknown = append(unknown, state)
		}
	}
	if p := rq.TransactionalIDPattern; p != nil {
		if _, err := regexp.Compile(*p); err != nil { // a string of the protocol is at most 32 KiB
			resp := kmsg.NewPtrListTransactionsResponse()
			resp.ErrorCode, resp.UnknownStateFilters = kerr.InvalidRegularExpression.Code, unknown
			c.Respond(resp)
			return
		}
	}
	h.Transactions.List(rq, func(resp *kmsg.ListTransactionsResponse) {
		resp.UnknownStateFilters = unknown
		slices.SortFunc(resp.TransactionStates, func(a, b kmsg.ListTransactionsResponseTransactionState) int {
			return strings.Compare(a.TransactionalID, b.TransactionalID)
		})
		c.Respond(resp)
	})
}

// describeTransactions asks the coordinator of each id.
func (h *Handlers) describeTransactions(c *Call) {
	ids := c.Body.(*kmsg.DescribeTransactionsRequest).TransactionalIDs
	states := make([]kmsg.DescribeTransactionsResponseTransactionState, len(ids))
	whenAll(len(ids), func(i int, done func()) {
		rq := kmsg.NewPtrDescribeTransactionsRequest()
		rq.TransactionalIDs = ids[i : i+1]
		if ids[i] == "" { // whoever would coordinate it
			states[i] = coordinator.RefuseTxn(rq, kerr.InvalidRequest.Code).(*kmsg.DescribeTransactionsResponse).TransactionStates[0]
			done()
			return
		}
		h.Transactions.Submit(coordinator.TxnCall{TransactionalID: ids[i], Request: rq}, func(resp kmsg.Response) {
			states[i] = resp.(*kmsg.DescribeTransactionsResponse).TransactionStates[0]
			done()
		})
	}, func() {
		resp := kmsg.NewPtrDescribeTransactionsResponse()
		resp.TransactionStates = states
		c.Respond(resp)
	})
}
