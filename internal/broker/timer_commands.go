package broker

import (
	"crypto/subtle"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator"
	"leat/internal/coordinator/timers"
	"leat/internal/record"
	"leat/internal/wire"
)

// toTimers reports whether a produce request is from another node's leader of delayed records: to the timer topic, which nobody else writes to.
func (h *Handlers) toTimers(rq *wire.ProduceRequest) bool {
	for part := range rq.Partitions {
		if part.Topic != "" {
			return part.Topic == coordinator.TimersTopic
		}
		topic, ok := h.Image().TopicByID(part.TopicID)
		return ok && topic.Name == coordinator.TimersTopic
	}
	return false
}

// timerCommands hands each record of the request to the machine of its partition, as a command. Offsets of the answer carry the producer's account.
func (h *Handlers) timerCommands(c *Call, rq wire.ProduceRequest) {
	results := make([]wire.ProduceResult, rq.Len())
	var left atomic.Int32
	left.Store(int32(len(results)) + 1)
	ended := func() {
		if left.Add(-1) > 0 {
			return
		}
		if rq.Acks == 0 {
			c.NoReply()
			return
		}
		c.Reply(wire.EncodeProduce(c.Header, &rq, results, nil, 0))
	}
	index := 0
	for part := range rq.Partitions {
		r := &results[index]
		index++
		command, refusal := h.timerCommand(c, &part)
		if refusal != nil {
			*r = refused(refusal)
			ended()
			continue
		}
		h.Timers.Handle(part.Partition, command, func(o timers.Outcome) {
			*r = wire.ProduceResult{ErrorCode: o.Code, BaseOffset: int64(o.Last), LogStartOffset: int64(o.Epoch), LogAppendTimeMs: -1, LeaderID: -1, LeaderEpoch: -1}
			ended()
		})
	}
	ended()
}

// timerCommand reads the one command of a partition's batch. Who sent it is a node of the cluster: it knows this one's incarnation.
func (h *Handlers) timerCommand(c *Call, part *wire.ProducePartition) (*timers.Command, *kerr.Error) {
	name := part.Topic
	if topic, ok := c.Image.TopicByID(part.TopicID); ok && name == "" {
		name = topic.Name
	}
	if name != coordinator.TimersTopic {
		return nil, kerr.InvalidTopicException
	}
	batch, rest, err := record.Split(part.Records)
	if err != nil || len(rest) > 0 || batch.Check() != nil || batch.Count() != 1 {
		return nil, kerr.InvalidRecord
	}
	var command *timers.Command
	err = batch.Records(maxCommand, func(r *record.Record) bool {
		var bad error
		if command, bad = timers.DecodeCommand(append([]byte(nil), r.Value...)); bad != nil {
			command = nil
		}
		return false
	})
	if err != nil || command == nil {
		return nil, kerr.InvalidRecord
	}
	own, ok := c.Image.Broker(h.NodeID)
	if !ok || own.Incarnation == (record.UUID{}) || subtle.ConstantTimeCompare(own.Incarnation[:], command.To[:]) == 0 {
		return nil, kerr.ClusterAuthorizationFailed
	}
	return command, nil
}

// maxCommand bounds a command.
const maxCommand = 2 * coordinator.MaxTimersBatch

// ofNode reports whether a client id is one that nodes use among each other. It keeps ordinary requests off this way; what comes on it has to prove more.
func ofNode(clientID string) bool {
	const prefix = "leat-"
	return len(clientID) > len(prefix) && clientID[:len(prefix)] == prefix
}
