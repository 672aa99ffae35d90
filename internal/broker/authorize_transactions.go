package broker

import (
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/security"
)

// transactionGuards are of requests about producers and transactions.
var transactionGuards = map[int16]guard{
	22: (*Handlers).guardInitProducerID,
	24: (*Handlers).guardAddPartitions,
	25: (*Handlers).guardAddOffsets,
	26: (*Handlers).guardEndTxn,
	27: (*Handlers).guardMarkers,
	28: (*Handlers).guardTxnOffsetCommit,
	65: (*Handlers).guardDescribeTransactions,
	66: (*Handlers).guardListTransactions,
}

func (h *Handlers) mayWriteID(c *Call, id string) bool {
	return h.may(c, security.OpWrite, security.TransactionalIDResource, id)
}

// guardInitProducerID lets an idempotent producer in that may write to the cluster so, or to any topic (KIP-679). Who wants transactions in two phases, which
// never time out, needs an operation of its own (KIP-939).
func (h *Handlers) guardInitProducerID(c *Call) bool {
	rq := c.Body.(*kmsg.InitProducerIDRequest)
	var code *kerr.Error
	switch {
	case rq.TransactionalID != nil:
		if !h.mayWriteID(c, *rq.TransactionalID) || c.twoPhaseCommit && !h.may(c, security.OpTwoPhaseCommit, security.TransactionalIDResource, *rq.TransactionalID) {
			code = kerr.TransactionalIDAuthorizationFailed
		}
	case h.mayClusterQuietly(c, security.OpIdempotentWrite):
	case c.administersTenant():
	case !h.Authorizer.AllowedSome(c.Image.Rules(), h.request(c, security.OpWrite, security.TopicResource, "")):
		h.denials.log(h.Logger, c, security.OpIdempotentWrite, security.ClusterResource, "kafka-cluster")
		code = kerr.ClusterAuthorizationFailed
	}
	if code == nil {
		return true
	}
	resp := kmsg.NewPtrInitProducerIDResponse()
	resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = code.Code, -1, -1
	c.Respond(resp)
	return false
}

// guardAddPartitions wants brokers to be brokers, and producers to own the transaction and to write to the topics. One topic that may not be written
// keeps the others out of the transaction, too.
func (h *Handlers) guardAddPartitions(c *Call) bool {
	rq := c.Body.(*kmsg.AddPartitionsToTxnRequest)
	if rq.Version >= 4 {
		if h.mayCluster(c, security.OpClusterAction) {
			return true
		}
		c.Respond(refuseTop(rq, kerr.ClusterAuthorizationFailed))
		return false
	}
	if !h.mayWriteID(c, rq.TransactionalID) {
		c.Respond(mirrorOf(rq, "Topics", kerr.TransactionalIDAuthorizationFailed))
		return false
	}
	denied := map[string]bool{}
	for _, t := range rq.Topics {
		if !h.may(c, security.OpWrite, security.TopicResource, t.Topic) {
			denied[t.Topic] = true
		}
	}
	if len(denied) == 0 {
		return true
	}
	one := kmsg.NewAddPartitionsToTxnRequestTransaction()
	for _, t := range rq.Topics {
		one.Topics = append(one.Topics, kmsg.AddPartitionsToTxnRequestTransactionTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	answer, unknown := refuseUnknown(c, &one)
	if !unknown {
		answer = coordinator.AddErrorOf(&one, kerr.OperationNotAttempted.Code)
	}
	resp := kmsg.NewPtrAddPartitionsToTxnResponse()
	for _, t := range answer.Topics {
		rt := olderTopic(t)
		for i := range rt.Partitions {
			if denied[t.Topic] {
				rt.Partitions[i].ErrorCode = kerr.TopicAuthorizationFailed.Code
			}
		}
		resp.Topics = append(resp.Topics, rt)
	}
	c.Respond(resp)
	return false
}

// mirrorOf is mirror for one list of a request, where the answer has others that the version lacks.
func mirrorOf(rq kmsg.Request, list string, code *kerr.Error) kmsg.Response {
	resp := mirror(rq, code)
	v := reflect.ValueOf(resp).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice && v.Type().Field(i).Name != list {
			f.SetZero()
		}
	}
	return resp
}

func (h *Handlers) guardAddOffsets(c *Call) bool {
	rq := c.Body.(*kmsg.AddOffsetsToTxnRequest)
	switch {
	case !h.mayWriteID(c, rq.TransactionalID):
		c.Respond(refuseTop(rq, kerr.TransactionalIDAuthorizationFailed))
	case !h.may(c, security.OpRead, security.GroupResource, rq.Group):
		c.Respond(refuseTop(rq, kerr.GroupAuthorizationFailed))
	default:
		return true
	}
	return false
}

func (h *Handlers) guardEndTxn(c *Call) bool {
	rq := c.Body.(*kmsg.EndTxnRequest)
	if h.mayWriteID(c, rq.TransactionalID) {
		return true
	}
	c.Respond(refuseTop(rq, kerr.TransactionalIDAuthorizationFailed))
	return false
}

// guardMarkers lets administrators end transactions, and the brokers that coordinate them.
func (h *Handlers) guardMarkers(c *Call) bool {
	if h.mayClusterQuietly(c, security.OpAlter) || h.mayCluster(c, security.OpClusterAction) {
		return true
	}
	c.Respond(mirror(c.Body, kerr.ClusterAuthorizationFailed))
	return false
}

func (h *Handlers) guardTxnOffsetCommit(c *Call) bool {
	rq := c.Body.(*kmsg.TxnOffsetCommitRequest)
	switch {
	case !h.mayWriteID(c, rq.TransactionalID):
		c.Respond(mirror(rq, kerr.TransactionalIDAuthorizationFailed))
	case !h.may(c, security.OpRead, security.GroupResource, rq.Group):
		c.Respond(mirror(rq, kerr.GroupAuthorizationFailed))
	default:
		return h.topicsMay(c, security.OpRead, nil)
	}
	return false
}

// guardDescribeTransactions refuses ids one by one, and leaves out topics that may not be seen.
func (h *Handlers) guardDescribeTransactions(c *Call) bool {
	rq := c.Body.(*kmsg.DescribeTransactionsRequest)
	mayDescribe := func(id string) bool {
		return h.may(c, security.OpDescribe, security.TransactionalIDResource, id)
	}
	c.amended(func(resp kmsg.Response) {
		for i := range resp.(*kmsg.DescribeTransactionsResponse).TransactionStates {
			s := &resp.(*kmsg.DescribeTransactionsResponse).TransactionStates[i]
			s.Topics = slices.DeleteFunc(s.Topics, func(t kmsg.DescribeTransactionsResponseTransactionStateTopic) bool {
				return !h.mayQuietly(c, security.OpDescribe, security.TopicResource, t.Topic)
			})
		}
	})
	var kept, refused []string
	for _, id := range rq.TransactionalIDs {
		if id == "" || mayDescribe(id) {
			kept = append(kept, id)
		} else {
			refused = append(refused, id)
		}
	}
	rq.TransactionalIDs = kept
	c.amended(func(resp kmsg.Response) {
		all := resp.(*kmsg.DescribeTransactionsResponse)
		for _, id := range refused {
			s := kmsg.NewDescribeTransactionsResponseTransactionState()
			s.TransactionalID, s.ErrorCode = id, kerr.TransactionalIDAuthorizationFailed.Code
			all.TransactionStates = append(all.TransactionStates, s)
		}
	})
	return true
}

// guardListTransactions leaves out what may not be seen.
func (h *Handlers) guardListTransactions(c *Call) bool {
	c.amended(func(resp kmsg.Response) {
		list := resp.(*kmsg.ListTransactionsResponse)
		list.TransactionStates = slices.DeleteFunc(list.TransactionStates, func(s kmsg.ListTransactionsResponseTransactionState) bool {
			return !h.mayQuietly(c, security.OpDescribe, security.TransactionalIDResource, s.TransactionalID)
		})
	})
	return true
}
