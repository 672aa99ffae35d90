package broker

import (
	"leat/internal/record"
	"leat/internal/tenant"
	"leat/internal/wire"
)

// What has frames without messages turns its names itself: Produce and Fetch where they look topics up, ShareFetch where it answers.

// enterProduce turns the transactional id of a tenant's producer.
func (c *Call) enterProduce(rq *wire.ProduceRequest) {
	if c.tenant != nil && rq.TransactionalID != nil && *rq.TransactionalID != "" {
		inner := c.tenant.Inner(*rq.TransactionalID)
		rq.TransactionalID = &inner
	}
}

// leaveTenant takes inner names out of the answer.
func (p *produceCall) leaveTenant() {
	if p.c.tenant == nil {
		return
	}
	for i := range p.results {
		r := &p.results[i]
		r.ErrorMessage = p.c.tenant.PlainText(r.ErrorMessage)
		for j := range r.RecordErrors {
			r.RecordErrors[j].Message = p.c.tenant.PlainText(r.RecordErrors[j].Message)
		}
	}
}

// closeSession ends a session, unless it is of another tenant's client.
func (f *fetchCall) closeSession(id int32) {
	if s := f.h.sessions.find(id); s != nil && s.tenant == f.c.tenantName() {
		f.h.sessions.remove(id)
	}
}

// leaveShareFetch takes inner names and hidden ids out of the answer.
func (c *Call) leaveShareFetch(resp *wire.ShareFetchResponse) {
	if c.tenant == nil {
		return
	}
	for i := range resp.Topics {
		t := &resp.Topics[i]
		t.TopicID = record.UUID(c.tenant.PlainTopicID(t.TopicID))
		for j := range t.Partitions {
			p := &t.Partitions[j]
			p.ErrorMessage, p.AcknowledgeMessage = c.tenant.PlainText(p.ErrorMessage), c.tenant.PlainText(p.AcknowledgeMessage)
		}
	}
}

// maxConnections is the key that bounds the connections of a tenant.
func maxConnections(t *tenant.Tenant) string { return "leat.tenant." + t.Name + ".max.connections" }
