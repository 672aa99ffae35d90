package broker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// producerIDWait bounds how long a producer waits for this node to get ids; then it is told to try again.
const producerIDWait = 10 * time.Second

// take makes a request that was decoded the call's body, in the form that handlers know.
func (c *Call) take(body kmsg.Request) {
	c.Body = body
	if rq, ok := body.(*wire.InitProducerIDRequest); ok {
		c.Body, c.twoPhaseCommit, c.keepPrepared = &rq.InitProducerIDRequest, rq.Enable2PC, rq.KeepPreparedTxn
	}
}

// initProducerID gives a producer its id: a new one to an idempotent producer. Whatever id it had before, it gets another: without a transactional id nobody else may use
// the old one, so that nothing has to be fenced. With a transactional id, its coordinator decides.
func (h *Handlers) initProducerID(c *Call) {
	rq := c.Body.(*kmsg.InitProducerIDRequest)
	resp := kmsg.NewPtrInitProducerIDResponse()
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	switch {
	case (rq.ProducerID == -1) != (rq.ProducerEpoch == -1), rq.TransactionalID != nil && *rq.TransactionalID == "":
		resp.ErrorCode = kerr.InvalidRequest.Code
	case rq.TransactionalID != nil:
		ctx, cancel := context.WithTimeout(c.Gone, producerIDWait)
		defer cancel()
		h.initTransactional(ctx, c, rq)
		return
	default:
		ctx, cancel := context.WithTimeout(c.Gone, producerIDWait)
		defer cancel()
		id, err := h.producerIDs.take(ctx, h.allocateProducerIDs)
		if err != nil {
			h.Logger.Warn("no producer ids", "client_id", c.Header.ClientID, "err", err)
			resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
			break
		}
		resp.ProducerID, resp.ProducerEpoch = id, 0
		c.Respond(resp)
		h.producerIDs.refill(ctx, h.allocateProducerIDs)
		return
	}
	c.Respond(resp)
}
