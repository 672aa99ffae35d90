package txn

import (
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// describe tells all about one transactional id.
func (m *Machine) describe(rq *kmsg.DescribeTransactionsRequest) kmsg.Response {
	resp := rq.ResponseKind().(*kmsg.DescribeTransactionsResponse)
	for _, id := range rq.TransactionalIDs {
		resp.TransactionStates = append(resp.TransactionStates, m.describeID(id))
	}
	return resp
}

func (m *Machine) describeID(id string) kmsg.DescribeTransactionsResponseTransactionState {
	d := kmsg.NewDescribeTransactionsResponseTransactionState()
	d.TransactionalID = id
	t := m.hard[id]
	switch {
	case id == "":
		d.ErrorCode = codeInvalidRequest
		return d
	case t == nil:
		d.ErrorCode = codeIDNotFound
		return d
	}
	d.State, d.TimeoutMillis, d.StartTimestamp = t.State.String(), t.TimeoutMillis, t.StartTimestamp
	d.ProducerID, d.ProducerEpoch = t.ProducerID, t.ProducerEpoch
	for _, p := range m.open(id, t) {
		last := len(d.Topics) - 1
		if last < 0 || d.Topics[last].Topic != p.Topic {
			d.Topics = append(d.Topics, kmsg.DescribeTransactionsResponseTransactionStateTopic{Topic: p.Topic})
			last++
		}
		d.Topics[last].Partitions = append(d.Topics[last].Partitions, p.Partition)
	}
	return d
}

// open is the partitions of a transaction that have no marker yet.
func (m *Machine) open(id string, t *Transaction) []record.TopicPartition {
	if w := m.live.marking[id]; w != nil && t.State.prepared() {
		return w.pending
	}
	return t.Partitions
}

// maxPattern bounds the expressions that ListTransactions compiles.
const maxPattern = 1 << 14

// list lists the transactional ids that pass all filters.
func (m *Machine) list(rq *kmsg.ListTransactionsRequest) kmsg.Response {
	resp := rq.ResponseKind().(*kmsg.ListTransactionsResponse)
	for _, s := range rq.StateFilters {
		if !slices.Contains(stateNames[:], s) {
			resp.UnknownStateFilters = append(resp.UnknownStateFilters, s)
		}
	}
	var pattern *regexp.Regexp
	if p := rq.TransactionalIDPattern; p != nil && *p != "" {
		var err error
		if len(*p) <= maxPattern {
			pattern, err = regexp.Compile(`\A(?:` + *p + `)\z`)
		}
		if pattern == nil || err != nil {
			resp.ErrorCode = codeInvalidRegex
			return resp
		}
	}
	for _, id := range sortedKeys(m.hard) {
		t := m.hard[id]
		switch {
		case len(rq.ProducerIDFilters) > 0 && !slices.Contains(rq.ProducerIDFilters, t.ProducerID):
		case len(rq.StateFilters) > 0 && !slices.Contains(rq.StateFilters, t.State.String()):
		case rq.DurationFilterMillis >= 0 && m.now.UnixMilli()-t.StartTimestamp <= rq.DurationFilterMillis:
		case pattern != nil && !pattern.MatchString(id):
		default:
			resp.TransactionStates = append(resp.TransactionStates, kmsg.ListTransactionsResponseTransactionState{
				TransactionalID: id, ProducerID: t.ProducerID, TransactionState: t.State.String()})
		}
	}
	return resp
}
