package server

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"path/filepath"

	"leat/internal/broker"
	"leat/internal/config"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/telemetry"
	"leat/internal/tenant"
)

// start opens the rooms in order. What it opened before an error is closed by the caller.
func (n *node) start(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n.abort.Store(&cancel)
	if err := n.open(ctx); err != nil {
		if failure := n.ops.alive(); failure != nil && ctx.Err() != nil {
			return failure
		}
		return err
	}
	return nil
}

// open does the work of start; ctx ends, too, when a room fails meanwhile.
func (n *node) open(ctx context.Context) error {
	n.id = int32(n.Values.Int("node.id"))
	n.settings, n.serving = newSettingsFeed(n.Values, n.id), map[audience]bool{}
	n.images = newImageFeed()
	n.outOfReach.node, n.outOfReach.logger = n.id, n.Logger
	if n.Values.HasRole("controller") {
		n.openSuspicion() // before any listener, which tells of connections that close
	}
	if err := n.chooseAuthorizer(); err != nil {
		return err
	}
	n.openRecent()
	if err := n.openAudit(); err != nil {
		return err
	}
	if err := n.bindListeners(); err != nil {
		return err
	}
	if err := n.openOperations(); err != nil {
		return err
	}
	if err := n.findControllers(); err != nil {
		return err
	}
	if err := n.chooseClusterID(ctx); err != nil {
		return err
	}
	n.ops.state.Store(stateRecovering)
	if err := n.openStore(ctx); err != nil {
		return err
	}
	if err := n.openMetadataDir(); err != nil {
		return err
	}
	n.identified.Store(true)
	n.ops.state.Store(stateStarting)
	defer startCarefully()()
	if n.broker() {
		n.openReplicas()
	}
	if err := n.openMetadata(ctx); err != nil {
		return err
	}
	n.openHandlers()
	if n.broker() {
		n.openUplink()
	}
	n.openRegistration()
	n.subscribe(n.publish)
	n.openBalancer()
	// Controllers and brokers are answered at once, clients only when this broker is a member: before that its partitions have no
	// leader, and clients that come back after a restart would be told so. They wait meanwhile, as the ports are bound.
	n.serve(controllers)
	n.onClose("suspicion of brokers", func() error { n.suspicion.close(); return nil })
	if err := n.join(ctx); err != nil {
		return err
	}
	n.serve(clients)
	n.onClose("membership", n.leave)
	n.onClose("audit events", n.flushAudit)
	if n.broker() {
		n.tryOwnAddresses()
	}
	n.ops.state.Store(stateRunning)
	n.returnMemory()
	return nil
}

// broker reports whether this node has partitions.
func (n *node) broker() bool { return n.Values.HasRole("broker") }

// join waits until this node is what it is to be: a broker that is registered and not fenced, or a controller that knows who leads.
func (n *node) join(ctx context.Context) error {
	n.watchQuorum()
	n.checkOthers()
	n.awaitVote()
	if !n.broker() {
		return n.voice.controllers.AwaitLeader(ctx)
	}
	if err := n.uplink.Join(ctx); err != nil {
		return err
	}
	n.store.SetBrokerEpoch(n.uplink.Epoch())
	return nil
}

// chooseClusterID takes the cluster id of the log directories. Fresh ones get that of the controllers, or a new one if this is the controller.
func (n *node) chooseClusterID(ctx context.Context) error {
	id, nodeID, found, err := storage.ReadClusterID(n.FS, n.directories())
	if err != nil {
		return err
	}
	if found && nodeID != n.id {
		return fmt.Errorf("log directories %v belong to node %d of cluster %s, node.id=%d: set node.id=%d or use other log.dirs: %w",
			n.directories(), nodeID, id, n.id, nodeID, storage.ErrForeignDir)
	}
	if found {
		n.clusterID = id
		n.rememberForming()
		return nil
	}
	if n.remote != nil {
		n.clusterID, err = n.remote.askClusterID(ctx)
		return err
	}
	return n.form(ctx)
}

// directories are those with partitions, and that of the metadata log, each once.
func (n *node) directories() []string {
	dirs := n.Values.LogDirs()
	own := n.Values.MetadataLogDir()
	for _, d := range dirs {
		if sameDir(d, own) {
			return dirs
		}
	}
	return append(dirs[:len(dirs):len(dirs)], own)
}

func sameDir(a, b string) bool { return filepath.Clean(a) == filepath.Clean(b) }

// newUUID draws ids until one fits Kafka's rules: the reserved ones never, and none that a command line would take for a flag.
func newUUID() record.UUID {
	for {
		var u record.UUID
		crand.Read(u[:]) // never fails
		if !u.IsZero() && u != (record.UUID{15: 1}) && u.String()[0] != '-' {
			return u
		}
	}
}

func (n *node) openHandlers() {
	rooms := broker.Rooms{
		NodeID: n.id, ClusterID: n.clusterID,
		Image:    n.images.image,
		Config:   func() *config.Values { return n.settings.now().values },
		Replicas: n.replicas, Store: n.store, Controller: n.controller(), Groups: n.groups,
		Await: n.images.await, ControllerEndpoints: n.controllerEndpoints,
		Tenants: func() *tenant.Directory { return n.settings.now().tenants },
		Metrics: n.ops.metrics, Logger: n.logger(telemetry.LogBroker), CheckSecurity: n.checkSecurity, LogLevels: telemetry.LevelsOf(n.Logger), ClientMetrics: &n.ops.clients,
	}
	rooms.UnstableAPIs = n.Values.Bool("unstable.api.versions.enable")
	rooms.Shares, rooms.Authorizer, rooms.Audit = n.shares, n.authorizer, n.audit
	rooms.Recent, rooms.Why = n.recent, explainer{n}
	if n.shareStates != nil { // a nil pointer would not be a nil interface
		rooms.ShareStates = n.shareStates
	}
	if n.transactions != nil { // a nil pointer would not be a nil interface
		rooms.Transactions = n.transactions
	}
	if n.timers != nil {
		rooms.Timers = n.timers
	}
	if n.quorum != nil {
		rooms.Quorum, rooms.MetadataLog, rooms.Voters = n.describeQuorum, n.quorum, n.quorum
		rooms.HeardBroker, rooms.KRaftVersion = n.heardBroker, n.quorum.KRaftVersion
		rooms.OwnController, rooms.Agreement, rooms.Identity = n.quorum, n.quorum, n.identity
		rooms.FreshController = n.freshVoter
	}
	if n.remote != nil {
		rooms.KRaftVersion = n.remote.follower.KRaftVersion
	}
	rooms.OwnAddress = n.ownAddress()
	handlers := broker.New(rooms)
	n.handlers.Store(handlers)
	n.handle.Store(new(listener.Handler(handlers.Handle)))
}

// controllerEndpoints is where this node's controller is reached.
func (n *node) controllerEndpoints() []metadata.Endpoint {
	var endpoints []metadata.Endpoint
	for _, b := range n.bound {
		if b.Control {
			endpoints = append(endpoints, endpointOf(b, n.listeners.Advertised))
		}
	}
	return endpoints
}

// audience is who connects to a listener.
type audience bool

const (
	clients     audience = false
	controllers audience = true
)

// serve opens the listeners of an audience for requests, unless they are open.
func (n *node) serve(who audience) {
	if n.shared == nil {
		n.shared = listener.NewShared()
	}
	if n.serving[who] {
		return
	}
	n.serving[who] = true
	for _, b := range n.bound {
		if b.Control != bool(who) {
			continue
		}
		cfg := listener.Config{
			Name: b.Name, Control: b.Control, OfNodes: n.isOfNodes(b.Name), Protocol: protocolOf(b.Listener), Listener: b.net, Shared: n.shared,
			Limits: n.limitsOf(b.Name), Rates: func() listener.ConnectionRates { return n.connectionRates(b.Name) }, Handler: n.receive, Logger: n.logger(telemetry.LogListener), Observe: n.remember(b.Name, n.observe(b.Name)),
		}
		n.secured[b.Name].fill(&cfg)
		s := listener.Serve(cfg)
		n.onClose("listener "+b.Name, func() error { s.Close(); return nil })
	}
}
