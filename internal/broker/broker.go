// Package broker is the request handlers, a file per family of APIs, for broker and controller listeners: authorise, call a room
// below, translate its answer or error back into the protocol's. Handlers parse nothing and hold nothing.
package broker

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/audit"
	"leat/internal/config"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/replication"
	"leat/internal/security"
	"leat/internal/security/acl"
	"leat/internal/sharing"
	"leat/internal/storage"
	"leat/internal/telemetry"
	"leat/internal/tenant"
	"leat/internal/why/recent"
	"leat/internal/wire"
)

// Controller is the way to the active controller.
type Controller interface {
	// Do hands a request to the active controller and waits for its reply, which is of the matching response type.
	Do(ctx context.Context, principal security.Principal, request kmsg.Request) (kmsg.Response, error)
}

// MetadataLog is the log of the quorum that this node belongs to.
type MetadataLog interface {
	Fetch(ctx context.Context, rq *kmsg.FetchRequest) *kmsg.FetchResponse
	FetchSnapshot(rq *kmsg.FetchSnapshotRequest) *kmsg.FetchSnapshotResponse
}

// Rooms is what handlers call. Server fills it once.
type Rooms struct {
	NodeID     int32
	ClusterID  string
	Image      func() *metadata.Image // the newest published image
	Config     func() *config.Values  // broker values with dynamic overrides
	Replicas   *replication.Node
	Store      *storage.Store
	Controller Controller
	// OwnController is this node's own, whether it is active or not; nil if this node does not belong to the quorum.
	OwnController Controller
	// Agreement and Identity are nil if this node does not belong to the quorum.
	Agreement Agreement
	Identity  func() Identity
	// FreshController, if not nil, hears of a controller that has an empty disk and is about to take part under leaders of an epoch or later ones.
	FreshController func(ctx context.Context, nodeID, epoch int32)
	Groups          Groups
	// Transactions is nil if this node has no partitions.
	Transactions Transactions
	// Timers is nil if this node has no partitions.
	Timers Timers
	// Shares is nil if this node has no partitions.
	Shares *sharing.Node
	// ShareStates is nil if this node has no partitions.
	ShareStates ShareStates
	// Await waits until the published image satisfies the condition, or the context ends.
	Await func(ctx context.Context, until func(*metadata.Image) bool) error
	// Quorum tells the state of the metadata log; nil if this node does not belong to the quorum.
	Quorum func() quorum.Description
	// Voters is nil if this node does not belong to the quorum.
	Voters Voters
	// KRaftVersion is the level of kraft.version, which stands in the quorum's own records and not in the image; nil: 0.
	KRaftVersion func() int16
	// MetadataLog is nil if this node does not belong to the quorum.
	MetadataLog MetadataLog
	Metrics     *telemetry.Broker
	// HeardBroker, if not nil, is told of every heartbeat of a broker that the controller accepted, and on which connection it came.
	HeardBroker func(r *listener.Request, brokerID int32, brokerEpoch int64)
	// ControllerEndpoints is where this node's controller is reached.
	ControllerEndpoints func() []metadata.Endpoint
	Logger              *slog.Logger
	// Authorizer decides by the image's ACLs who may do what; nil: everybody may do everything.
	Authorizer *acl.Authorizer
	// Audit is told what clients do; nil: nobody wants to know.
	Audit *audit.Log
	// UnstableAPIs has versions answered that Kafka has not settled yet.
	UnstableAPIs bool
	// Tenants knows who shares the cluster; nil, or if it returns nil: nobody does.
	Tenants func() *tenant.Directory
	// CheckSecurity says why this node's dynamic settings, all of them given, would not do for its listeners and TLS; nil: nobody looks.
	CheckSecurity func(overrides map[string]string) error
	// OwnAddress is where the client of a connection reaches this node, if that is not to be told from the image; nil: it always is.
	OwnAddress func(c *listener.Conn) (host string, port uint16, ok bool)
	// ClientMetrics takes what clients report; nil: nobody does.
	ClientMetrics *telemetry.Clients
	// LogLevels is what Logger writes, for the broker-logger resource; nil: it cannot be changed.
	LogLevels *telemetry.Levels
	// Recent remembers what clients were refused; nil: nobody asks.
	Recent *recent.Memory
	// Why is nil as long as this node cannot tell what is wrong.
	Why Why
}

// Handlers answers requests.
type Handlers struct {
	Rooms
	sessions         *fetchSessions
	producerIDs      *producerIDs
	topicsForStreams *topicsForStreams
	strange          seldom // messages of controllers
	denials          denials
	meters           meters
	instances        instances
}

// Call is one request on its way through a handler. Image is held for the whole request.
type Call struct {
	*listener.Request
	Image *metadata.Image
	Body  kmsg.Request // nil for Produce

	// Of InitProducerId from version 6 on, which Body does not have.
	twoPhaseCommit, keepPrepared bool

	metrics  *telemetry.Broker
	recent   *recent.Memory
	envelope *Call            // in which this call came; nil: it came by itself
	tenant   *tenant.Exchange // nil: the client belongs to no tenant
	quota    *quotaCall       // nil: nobody has a quota
	amend    func(kmsg.Response)
	told     func(kmsg.Response) // hears of the answer
}

// amended has the answer changed before it is sent, after what was asked for before.
func (c *Call) amended(change func(kmsg.Response)) {
	before := c.amend
	c.amend = func(resp kmsg.Response) {
		if before != nil {
			before(resp)
		}
		change(resp)
	}
}

// Respond answers the call with a message whose version Respond sets.
func (c *Call) Respond(resp kmsg.Response) {
	resp.SetVersion(c.Header.Version)
	if c.amend != nil {
		c.amend(resp)
	}
	if c.told != nil {
		c.told(resp)
	}
	c.tellThrottle(resp)
	if c.tenant != nil {
		c.tenant.Out(resp)
	}
	if c.metrics != nil {
		code := topLevelError(resp)
		c.metrics.Error(c.Header.Key, code)
		c.notableAnswer(resp, code)
	}
	if c.envelope != nil {
		c.envelope.Respond(sealEnvelope(c.Header, resp))
		return
	}
	c.Reply(wire.EncodeResponse(c.Header, resp))
}

// route is how one API key is answered. A handler responds exactly once, now or later. With waits it runs on a goroutine of its own,
// otherwise on the connection's reader and must not wait for anything.
type route struct {
	key    int16
	handle func(h *Handlers, c *Call)
	waits  bool
}
