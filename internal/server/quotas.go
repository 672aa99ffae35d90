package server

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"leat/internal/broker"
	"leat/internal/config"
	"leat/internal/listener"
	"leat/internal/quota"
	"leat/internal/telemetry"
)

// connectionRates are how fast connections may begin at a listener. The listener of the brokers is not held to the node's rate where clients have
// another one, and that of the controllers to none: clients must not keep nodes from each other.
func (n *node) connectionRates(name string) listener.ConnectionRates {
	v := n.settings.now().values
	r := listener.ConnectionRates{
		Window:   quota.Window{Samples: v.Int("quota.window.num"), Millis: int64(v.Int("quota.window.size.seconds")) * 1000},
		Node:     connectionRate(v.Int("max.connection.creation.rate")),
		Listener: listenerRate(v, name),
		Address:  n.addressRate,
	}
	if n.isControl(name) {
		r.Node, r.Address = 0, nil
	} else if n.isOfNodes(name) {
		r.Node = 0
	}
	return r
}

// limitsOf are those of a listener, which may have a bound of its own on connections. They are asked for with every request, and so are read once from settings.
func (n *node) limitsOf(name string) func() listener.Limits {
	type read struct {
		from   *settings
		limits listener.Limits
	}
	key := "listener.name." + strings.ToLower(name) + ".max.connections"
	var last atomic.Pointer[read]
	return func() listener.Limits {
		current := n.settings.now()
		if known := last.Load(); known != nil && known.from == current {
			return known.limits
		}
		r := &read{from: current, limits: current.limits}
		if text, _, ok := current.values.Lookup(key); ok {
			r.limits.MaxListener, _ = strconv.Atoi(strings.TrimSpace(text)) // 0, which is no bound, for what is no number
		}
		last.Store(r)
		return r.limits
	}
}

// isOfNodes reports whether nodes use a listener among themselves, and clients have another one.
func (n *node) isOfNodes(name string) bool {
	return n.isControl(name) || strings.EqualFold(name, n.listeners.InterBroker) && n.clientListeners() > 1
}

// clientListeners counts the listeners that are not those of controllers.
func (n *node) clientListeners() int {
	count := 0
	for _, b := range n.bound {
		if !b.Control {
			count++
		}
	}
	return count
}

// connectionRate is 0 where nothing is bounded.
func connectionRate(rate int) float64 {
	if rate == math.MaxInt32 {
		return 0
	}
	return max(float64(rate), leastRate)
}

// leastRate stands for a rate of zero, which lets connections begin so seldom that it is none.
const leastRate = 1e-3

func listenerRate(v *config.Values, name string) float64 {
	text, _, ok := v.Lookup("listener.name." + strings.ToLower(name) + ".max.connection.creation.rate")
	if !ok {
		return 0
	}
	rate, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || rate < 0 {
		return 0
	}
	return connectionRate(rate)
}

// addressRate is the quota of an address.
func (n *node) addressRate(addr netip.Addr) (float64, bool) {
	im := n.images.image()
	if im == nil || !im.HasQuotas() {
		return 0, false
	}
	_, limit, ok := quota.FindIP(im, addr.String())
	return limit, ok
}

func (n *node) isControl(name string) bool {
	for _, b := range n.bound {
		if b.Name == name {
			return b.Control
		}
	}
	return false
}

// quotaStats tells what clients with limits have taken.
func (n *node) quotaStats(each func(telemetry.QuotaUse)) {
	for _, u := range n.mutations.uses(time.Now()) {
		each(telemetry.QuotaUse{Kind: int(quota.Mutation), User: u.User, ClientID: u.ClientID, Rate: u.Rate, Throttled: u.Waited})
	}
	h := n.handlers.Load()
	if h == nil {
		return
	}
	h.QuotaUses(func(u broker.QuotaUse) bool {
		each(telemetry.QuotaUse{Kind: int(u.Kind), User: u.User, ClientID: u.ClientID, Rate: u.Rate, Throttled: u.Throttled})
		return true
	})
}
