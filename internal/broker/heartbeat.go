package broker

import "github.com/twmb/franz-go/pkg/kmsg"

// brokerHeartbeat hands a broker's heartbeat to the controller, and tells on which connection it came: that it closes is the first sign of a broker
// that is gone.
func (h *Handlers) brokerHeartbeat(c *Call) {
	rq := c.Body.(*kmsg.BrokerHeartbeatRequest)
	id, epoch := rq.BrokerID, rq.BrokerEpoch
	resp, ok := h.askController(c, nodeTimeoutMillis).(*kmsg.BrokerHeartbeatResponse)
	if !ok {
		return
	}
	if resp.ErrorCode == 0 && h.HeardBroker != nil {
		h.HeardBroker(c.Request, id, epoch)
	}
	c.Respond(resp)
}
