package broker

import (
	"fmt"
	"time"
)

// It is a connection that is muted. So a client that comes anew for every request, or over very many connections, would never wait; what it owes it has to wait for on the
// new connection too, before its first batches are taken. Those who wait pass one at a time, as fast as the quota allows.
const (
	arrivalPatience = 30 * time.Second
	mostHeldBack    = 4 << 20 // bytes of all requests that are held for it
)

// inherits makes the first produce request of a connection wait for as long as others made its client's name owe; false: it has waited too long, or too many do, and the
// connection is closed.
func (h *Handlers) inherits(c *Call) bool {
	if c.quota == nil || c.Header.Key != keyProduce || c.quota.inherited {
		return true
	}
	c.quota.inherited = true
	meter := c.quota.produce
	if meter == nil || meter.owed(time.Now().UnixMilli()) <= 0 {
		return true
	}
	size := int64(c.quota.size)
	defer h.meters.held.Add(-size)
	if held := h.meters.held.Add(size); held > mostHeldBack && held > size {
		c.Hangup("the client's producers are over their quota (producer_byte_rate), and too many new connections wait for it already")
		return false
	}
	since := time.Now()
	if !meter.awaitTurn(c.Gone.Done()) {
		c.Hangup(fmt.Sprintf("the client's producers are over their quota (producer_byte_rate) by more than new connections wait for, %v", arrivalPatience))
		return false
	}
	c.waiting(since)
	meter.record(float64(size), time.Now().UnixMilli())
	c.quota.prepaid = true
	<-meter.turn
	return true
}

// awaitTurn waits until nothing is owed, and has the turn then.
func (x *meter) awaitTurn(gone <-chan struct{}) bool {
	deadline := time.NewTimer(arrivalPatience)
	defer deadline.Stop()
	select {
	case x.turn <- struct{}{}:
	case <-deadline.C:
		return false
	case <-gone:
		return false
	}
	for {
		owed := time.Duration(x.owed(time.Now().UnixMilli())) * time.Millisecond
		if owed <= 0 {
			return true
		}
		look := time.NewTimer(min(owed, time.Second)) // the quota may change
		select {
		case <-look.C:
			continue
		case <-deadline.C:
		case <-gone:
		}
		look.Stop()
		<-x.turn
		return false
	}
}
