package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// electLeaders hands the request to the controller. Who leads then reaches this node with the next images, as in Kafka.
func (h *Handlers) electLeaders(c *Call) {
	if resp := h.askController(c, c.Body.(*kmsg.ElectLeadersRequest).TimeoutMillis); resp != nil {
		c.Respond(resp)
	}
}

// updateFeatures hands the request to the controller and waits until this node knows the levels.
func (h *Handlers) updateFeatures(c *Call) {
	rq := c.Body.(*kmsg.UpdateFeaturesRequest)
	resp, ok := h.askController(c, rq.TimeoutMillis).(*kmsg.UpdateFeaturesResponse)
	if !ok {
		return
	}
	if resp.ErrorCode == 0 && !rq.ValidateOnly {
		refused := make(map[string]bool)
		for _, r := range resp.Results {
			refused[r.Feature] = r.ErrorCode != 0
		}
		h.awaitImage(c, func(im *metadata.Image) bool {
			for _, u := range rq.FeatureUpdates {
				if !refused[u.Feature] && im.Feature(u.Feature) != u.MaxVersionLevel {
					return false
				}
			}
			return true
		})
	}
	c.Respond(resp)
}

// unregisterBroker hands the request to the controller and waits until this node has forgotten the broker.
func (h *Handlers) unregisterBroker(c *Call) {
	rq := c.Body.(*kmsg.UnregisterBrokerRequest)
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.UnregisterBrokerResponse)
	if !ok {
		return
	}
	if resp.ErrorCode == 0 {
		epoch := int64(-1)
		if b, known := c.Image.Broker(rq.BrokerID); known {
			epoch = b.Epoch
		}
		h.awaitImage(c, func(im *metadata.Image) bool {
			b, known := im.Broker(rq.BrokerID)
			return !known || b.Epoch != epoch
		})
	}
	c.Respond(resp)
}
