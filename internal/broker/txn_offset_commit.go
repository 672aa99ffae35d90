package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/record"
)

// Versions of TxnOffsetCommit by which clients say what they understand of transactions (KIP-890).
const (
	txnCommitAbortable = 4
	txnCommitAddsGroup = 5 // transaction version 2: the group's coordinator adds the partition to the transaction
)

// txnOffsetCommit stores offsets that count once the transaction is committed. Offsets of partitions that do not exist are refused one by one.
func (h *Handlers) txnOffsetCommit(c *Call) {
	rq := c.Body.(*kmsg.TxnOffsetCommitRequest)
	known, refused := splitTxnCommit(c, rq)
	if len(known.Topics) == 0 {
		c.Respond(refused)
		return
	}
	if rq.Group == "" { // before anybody is asked
		resp := coordinator.TxnCommitError(known, kerr.InvalidGroupID.Code)
		resp.Topics = append(resp.Topics, refused.Topics...)
		c.Respond(resp)
		return
	}
	finish := func(answer kmsg.Response) {
		resp := answer.(*kmsg.TxnOffsetCommitResponse)
		for i := range resp.Topics {
			if rq.Version < 6 {
				resp.Topics[i].TopicID = [16]byte{}
			}
			for j := range resp.Topics[i].Partitions { // what old clients understand
				if p := &resp.Topics[i].Partitions[j]; rq.Version < 2 && p.ErrorCode == kerr.CoordinatorLoadInProgress.Code {
					p.ErrorCode = kerr.CoordinatorNotAvailable.Code
				}
			}
		}
		resp.Topics = append(resp.Topics, refused.Topics...)
		c.Respond(resp)
	}
	h.verifyGroup(c, rq, func(code int16, leave *coordinator.Leave) {
		if code != 0 {
			leave.End()
			finish(coordinator.TxnCommitError(known, code))
			return
		}
		call := callOf(c, rq.Group, known)
		call.Leave = leave
		h.Groups.Submit(call, func(answer kmsg.Response) {
			leave.End()
			finish(answer)
		})
	})
}

// verifyGroup asks the coordinator of the transaction whether the partition that holds the group belongs to it, if no offsets of this transaction are
// there yet. The leave is to be ended when the offsets are written or refused.
func (h *Handlers) verifyGroup(c *Call, rq *kmsg.TxnOffsetCommitRequest, then func(code int16, leave *coordinator.Leave)) {
	if !h.Config().Bool("transaction.partition.verification.enable") {
		then(0, nil)
		return
	}
	tp := record.TopicPartition{Topic: offsetsTopic, Partition: h.groupPartition(c, rq.Group)}
	partition, err := h.Replicas.Leader(tp, -1)
	if err != nil {
		then(0, nil) // the group's coordinator says that it is none
		return
	}
	v := partition.Log().Verify(rq.ProducerID, rq.ProducerEpoch, record.NoSequence)
	if v == nil {
		then(0, &coordinator.Leave{})
		return
	}
	ask := coordinator.Membership{TransactionalID: rq.TransactionalID, ProducerID: rq.ProducerID, ProducerEpoch: rq.ProducerEpoch,
		Partitions: []record.TopicPartition{tp}, Add: rq.Version >= txnCommitAddsGroup}
	leaves := []leave{{tp: tp, verification: v}}
	h.askMembership(c, ask, leaves, func() {
		then(txnCommitCode(leaves[0].code, rq.Version), &coordinator.Leave{Verification: leaves[0].verification})
	})
}

// txnCommitCode turns the transaction coordinator's code into one that clients of a group coordinator understand.
func txnCommitCode(code, version int16) int16 {
	switch code {
	case kerr.NetworkException.Code:
		return kerr.CoordinatorLoadInProgress.Code
	case kerr.UnknownTopicOrPartition.Code, kerr.NotEnoughReplicas.Code, kerr.NotEnoughReplicasAfterAppend.Code:
		return kerr.CoordinatorNotAvailable.Code
	case kerr.NotLeaderForPartition.Code, kerr.KafkaStorageError.Code:
		return kerr.NotCoordinator.Code
	case kerr.ProducerFenced.Code:
		return kerr.InvalidProducerEpoch.Code
	case kerr.TransactionAbortable.Code:
		if version < txnCommitAbortable {
			return kerr.InvalidTxnState.Code
		}
	}
	return code
}

// splitTxnCommit parts a commit into one of partitions that exist, with the topics' names filled in, and an answer for the rest.
func splitTxnCommit(c *Call, rq *kmsg.TxnOffsetCommitRequest) (*kmsg.TxnOffsetCommitRequest, *kmsg.TxnOffsetCommitResponse) {
	refused := kmsg.NewPtrTxnOffsetCommitResponse()
	known := *rq
	known.Topics = nil
	for _, t := range rq.Topics {
		topic, code := namedTopic(c.Image, rq.Version >= 6, &t.Topic, t.TopicID)
		there, gone := t, t
		there.Partitions, gone.Partitions = nil, nil
		for _, p := range t.Partitions {
			switch {
			case topic == nil:
				gone.Partitions = append(gone.Partitions, p)
			case p.Partition < 0 || int(p.Partition) >= len(topic.Partitions):
				code = kerr.UnknownTopicOrPartition.Code
				gone.Partitions = append(gone.Partitions, p)
			default:
				there.Partitions = append(there.Partitions, p)
			}
		}
		if len(there.Partitions) > 0 {
			there.TopicID = topic.ID
			known.Topics = append(known.Topics, there)
		}
		if len(gone.Partitions) > 0 {
			one := kmsg.NewTxnOffsetCommitRequest()
			one.Topics = []kmsg.TxnOffsetCommitRequestTopic{gone}
			refused.Topics = append(refused.Topics, coordinator.TxnCommitError(&one, code).Topics...)
		}
	}
	return &known, refused
}
