package broker

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// This node coordinates no transactions: no transactional id is accepted, so none can be found. Tools that look for hanging ones ask anyway.

// transactionStates are the states that ListTransactions can filter by.
var transactionStates = map[string]bool{"Empty": true, "Ongoing": true, "PrepareCommit": true, "PrepareAbort": true, "CompleteCommit": true,
	"CompleteAbort": true, "Dead": true, "PrepareEpochFence": true}

// listTransactions answers that there are none, and which of the filters mean nothing.
func (h *Handlers) listTransactions(c *Call) {
	rq := c.Body.(*kmsg.ListTransactionsRequest)
	resp := kmsg.NewPtrListTransactionsResponse()
	for _, state := range rq.StateFilters {
		if !transactionStates[state] {
			resp.UnknownStateFilters = append(resp.UnknownStateFilters, state)
		}
	}
	if p := rq.TransactionalIDPattern; p != nil {
		if _, err := regexp.Compile(*p); err != nil { // a string of the protocol is at most 32 KiB
			resp.ErrorCode = kerr.InvalidRegularExpression.Code
		}
	}
	c.Respond(resp)
}

// describeTransactions finds none of the ids.
func (h *Handlers) describeTransactions(c *Call) {
	resp := kmsg.NewPtrDescribeTransactionsResponse()
	for _, id := range c.Body.(*kmsg.DescribeTransactionsRequest).TransactionalIDs {
		s := kmsg.NewDescribeTransactionsResponseTransactionState()
		s.TransactionalID, s.ErrorCode = id, kerr.TransactionalIDNotFound.Code
		resp.TransactionStates = append(resp.TransactionStates, s)
	}
	c.Respond(resp)
}
