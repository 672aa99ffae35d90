package broker

import (
	"fmt"

	"leat/internal/listener"
	"leat/internal/wire"
)

const (
	keyProduce     int16 = 0
	keyFetch       int16 = 1
	keyApiVersions int16 = 18
)

// routes holds the handler of every key that is answered, from the families' lists.
var routes map[int16]route

// Set here and not where it is declared, because the handler of envelopes looks into it.
func init() { routes = collectRoutes() }

func collectRoutes() map[int16]route {
	all := make(map[int16]route)
	for _, family := range [][]route{clusterRoutes, topicRoutes, dataRoutes, configRoutes, groupRoutes, consumerRoutes, streamsRoutes, shareRoutes, shareGroupRoutes, transactionRoutes, aclRoutes, controllerRoutes, voterRoutes, frameRoutes, saslRoutes, scramRoutes, quotaRoutes, delegationRoutes, whyRoutes, clientTelemetryRoutes} {
		for _, r := range family {
			if _, twice := all[r.key]; twice {
				panic(fmt.Sprintf("two handlers for API key %d", r.key))
			}
			all[r.key] = r
		}
	}
	return all
}

// New returns the handlers over the rooms.
func New(rooms Rooms) *Handlers {
	h := &Handlers{Rooms: rooms}
	h.open()
	return h
}

// Handle is the listener.Handler: it checks key and version, decodes the body and calls the key's handler.
//
// A key that is unknown or not served on the connection's listener, and a version that is not supported, close the connection as
// in Kafka, except for ApiVersions, which is answered at version 0 with UNSUPPORTED_VERSION and the list that tells the client
// what to ask with.
func (h *Handlers) Handle(rq *listener.Request) {
	api, ok := wire.Lookup(rq.Header.Key)
	if !ok || !servedOn(api, rq.Conn) {
		rq.Hangup(fmt.Sprintf("API key %d is not served on listener %s", rq.Header.Key, rq.Conn.Listener))
		return
	}
	if v := rq.Header.Version; v < api.Min || v > api.Newest(h.UnstableAPIs) {
		if rq.Header.Key == keyApiVersions {
			rq.Reply(wire.UnsupportedVersion(rq.Header))
			return
		}
		rq.Hangup(fmt.Sprintf("%s version %d is not supported, only %d to %d", api.Name, v, api.Min, api.Newest(h.UnstableAPIs)))
		return
	}
	c := &Call{Request: rq, Image: h.Image(), metrics: h.Metrics, recent: h.Recent}
	if rq.Header.Key != keyProduce {
		body, err := wire.Decode(rq.Header, rq.Body)
		if err != nil {
			rq.Hangup(fmt.Sprintf("%s version %d: %v", api.Name, rq.Header.Version, err))
			return
		}
		c.take(body)
		rq.FreeBody() // a member of a group may wait for minutes, and what it holds of the budget would be missing to those it waits for
	}
	if !h.entered(c) {
		return
	}
	h.limited(c)
	if !h.inherits(c) {
		return
	}
	h.auditRequest(c)
	if !h.authorized(c) {
		return
	}
	h.auditAccess(c)
	r := routes[rq.Header.Key]
	if r.waits {
		go h.run(r, c)
		return
	}
	r.handle(h, c)
	c.handled()
}

// run calls a handler that has a goroutine of its own. A panic in it is a bug of ours; it costs that connection only.
func (h *Handlers) run(r route, c *Call) {
	defer func() {
		if p := recover(); p != nil {
			h.Logger.Error("request handler failed", "api", c.Header.Key, "version", c.Header.Version, "err", fmt.Sprint(p), "stack", stack())
			c.Hangup(fmt.Sprintf("internal error in API key %d", c.Header.Key))
		}
	}()
	r.handle(h, c)
}

func servedOn(api *wire.API, conn *listener.Conn) bool {
	if !api.Advertised {
		return false
	}
	if conn.Control {
		return api.Controller
	}
	return api.Broker
}
