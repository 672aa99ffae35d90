package broker

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/config"
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

// tenantFull refuses the request if its tenant stores as much on this node as it may.
func (p *produceCall) tenantFull() bool {
	t := p.c.tenant
	if t == nil || !t.Usage.Full(time.Now(), t.Limits.StoredBytes, func() int64 { return p.h.storedBytes(t.Tenant) }) {
		return false
	}
	p.refuseAll(kerr.PolicyViolation, fmt.Sprintf("tenant %s stores as much on this broker as it may, %d bytes: delete topics or records, keep them for a shorter time, or ask for more (%s)",
		t.Name, t.Limits.StoredBytes, config.TenantKey(t.Name, "max.stored.bytes")))
	return true
}

// storedBytes adds up what this node stores for a tenant.
func (h *Handlers) storedBytes(t *tenant.Tenant) (sum int64) {
	for log := range h.Store.Logs() {
		if t.Owns(log.TopicPartition().Topic) {
			sum += log.Size()
		}
	}
	return sum
}

// countTenant counts what a tenant's producer wrote, and has it wait if that is more than its tenant may write.
func (p *produceCall) countTenant() {
	t := p.c.tenant
	if t == nil {
		return
	}
	bytes := int64(p.c.Request.Size())
	if t.Limits.StoredBytes >= 0 {
		t.Usage.Stored(bytes)
	}
	wait := t.Usage.Produced(time.Now(), t.Limits.ProduceRate, bytes)
	p.c.Mute(wait)
	p.slowed = max(p.slowed, wait)
}

// tenantBound is how many bytes a fetch may have at most: what its client's tenant may read in a tenth of a second, so that many who read at once
// do not take the processors and the network from others meanwhile.
func (c *Call) tenantBound(bytes int) int {
	if c.tenant == nil || c.tenant.Limits.ConsumeRate < 0 {
		return bytes
	}
	return int(min(int64(bytes), max(c.tenant.Limits.ConsumeRate/10, 1)))
}

// tenantRead counts bytes that a tenant's consumer is sent, and has it wait if that is more than its tenant may read. It returns what the client is to be told.
func (c *Call) tenantRead(bytes int64) int32 {
	t := c.tenant
	if t == nil {
		return 0
	}
	now := time.Now()
	wait := max(t.Usage.Consumed(now, t.Limits.ConsumeRate, bytes), c.tenantTimed(now))
	c.Mute(wait)
	return int32(wait.Milliseconds())
}

// countTenant counts what is sent.
func (f *fetchCall) countTenant() {
	if f.c.tenant == nil {
		return
	}
	bytes := int64(0)
	for i := range f.resp.Topics {
		for j := range f.resp.Topics[i].Partitions {
			if r := f.resp.Topics[i].Partitions[j].Records; r != nil {
				bytes += int64(r.Len())
			}
		}
	}
	f.resp.ThrottleMillis = max(f.resp.ThrottleMillis, f.c.tenantRead(bytes))
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
	bytes := int64(0)
	for i := range resp.Topics {
		t := &resp.Topics[i]
		t.TopicID = record.UUID(c.tenant.PlainTopicID(t.TopicID))
		for j := range t.Partitions {
			p := &t.Partitions[j]
			for _, r := range p.Records {
				bytes += int64(r.Len())
			}
			p.ErrorMessage, p.AcknowledgeMessage = c.tenant.PlainText(p.ErrorMessage), c.tenant.PlainText(p.AcknowledgeMessage)
		}
	}
	resp.ThrottleMillis = max(resp.ThrottleMillis, c.tenantRead(bytes))
}

// maxConnections is the key that bounds the connections of a tenant.
func maxConnections(t *tenant.Tenant) string { return "leat.tenant." + t.Name + ".max.connections" }
