package server

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/balance/run"
	"leat/internal/listener"
	"leat/internal/storage"
	"leat/internal/telemetry"
	"leat/internal/telemetry/otlp"
	"leat/internal/wire"
)

// operations is what the HTTP listener tells of this node.
type operations struct {
	metrics        *telemetry.Broker
	sharing        telemetry.Sharing
	raft           telemetry.Raft        // of the quorum
	channel        telemetry.Channel     // to controllers
	events         telemetry.Coordinator // of the controller
	slow           slowLog
	export         *otlp.Exporter    // nil: to nobody
	clients        telemetry.Clients // what clients tell of themselves
	state          atomic.Int32      // of the broker, numbered as Kafka's BrokerState
	failure        atomic.Pointer[error]
	opening        storage.Opening // of the log directories
	role, starting string          // what this node is, and what it waits for at the start
	address        string
	balance        atomic.Pointer[run.Runner]
	catchingUp     catchingUp
}

// States of a broker, as Kafka's metric BrokerState numbers them.
const (
	stateNotRunning   = 0
	stateStarting     = 1
	stateRecovering   = 2
	stateRunning      = 3
	stateShuttingDown = 6
)

// openOperations starts to serve health, metrics and profiles. The node is alive from then on and ready when it has joined the cluster.
func (n *node) openOperations() error {
	n.ops = &operations{metrics: telemetry.NewBroker(n.Values.Int("leat.metrics.topics.max"))}
	n.ops.state.Store(stateStarting)
	n.ops.role, n.ops.starting = "broker", "not registered with the controller yet"
	if !n.broker() {
		n.ops.role, n.ops.starting = "controller", "no controller leads yet"
	}
	n.openExport()
	address := n.Values.String("leat.http.listener")
	if address == "" {
		return nil
	}
	l, err := n.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("leat.http.listener=%s: %w: free the port, choose another, or leave the key empty to turn it off", address, cause(err))
	}
	n.ops.address = l.Addr().String()
	s := telemetry.Serve(l, telemetry.HTTPConfig{
		Live:  []telemetry.Check{{Name: "process", Problem: n.ops.alive}},
		Ready: []telemetry.Check{{Name: n.ops.role, Problem: n.ops.ready}, {Name: "log directories", Problem: n.directoriesProblem}},
		Notes: []telemetry.Check{{Name: "other nodes", Problem: n.unreachedNodes}}, InSync: []telemetry.Check{{Name: "replicas", Problem: n.notInSync}},
		Metrics: &telemetry.Source{
			Broker: n.ops.metrics, Node: n.stats, Partitions: n.partitionStats, Storage: n.storageStats, Recovering: n.ops.opening.Remaining,
			Coordinators: n.coordinatorStats, Groups: n.groupStats, Sharing: n.sharingStats, Transactions: n.transactionStats, Audit: n.auditStats, Quotas: n.quotaStats,
			Raft: n.raftStats, Events: n.controllerEvents(), Cluster: n.clusterView, Unsent: n.unsent, Certificates: n.certificates, EachPartition: n.eachPartition, Clients: &n.ops.clients,
			APIName: apiName, ErrorName: errorName,
		},
		Balance: n.balanceStatus, Levels: telemetry.LevelsOf(n.Logger), Why: explainer{n}, Logger: n.logger(telemetry.LogTelemetry),
	})
	n.onClose("operations listener", s.Close)
	return nil
}

func (o *operations) alive() error {
	if o == nil {
		return nil
	}
	if err := o.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (o *operations) ready() error {
	if err := o.alive(); err != nil {
		return err
	}
	switch o.state.Load() {
	case stateRunning:
		return nil
	case stateRecovering:
		return errors.New("log directories are being read")
	case stateShuttingDown:
		return errors.New("shutting down")
	}
	return errors.New("starting: " + o.starting)
}

// directoriesProblem names failed directories; the others serve on, so this only shows when none is left.
func (n *node) directoriesProblem() error {
	if n.ops.state.Load() != stateRunning {
		return nil
	}
	var failed error
	for _, d := range n.store.Dirs() {
		if d.Offline == nil {
			return nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", d.Path, d.Offline))
	}
	return failed
}

// observe counts what the listeners report.
func (n *node) observe(name string) listener.Observe {
	counters := n.ops.metrics.Listener(name)
	return listener.Observe{
		Opened:  func(*listener.Conn) { counters.Opened() },
		Closed:  func(c *listener.Conn) { counters.Closed(); n.forgetSoftware(c); n.suspicion.hungUp(c) },
		Refused: func(netip.Addr) { n.ops.metrics.Refused() },
		Delayed: counters.Delayed, TurnedAway: counters.TurnedAway,
		Request: func(d listener.Done) {
			n.ops.metrics.Request(d.Key, d.Version, telemetry.Times{
				Begun: d.Begun, Handled: d.Handled, Answered: d.Answered, Turn: d.Turn, Sent: d.Sent, Throttled: d.Throttled})
			n.logIfSlow(&d)
			n.trace(&d)
		},
		Panic:         n.ops.metrics.Panicked,
		Authenticated: func(c *listener.Conn, again bool) { counters.Authenticated(again); n.auditAuthenticated(c, again) },
		AuthenticationFailed: func(c *listener.Conn, again bool, why error) {
			counters.AuthenticationFailed(again)
			n.auditNotAuthenticated(c, again, why)
		},
		Expired: func(c *listener.Conn) { counters.Expired(); n.auditExpired(c) },
	}
}

// stats are the numbers of the whole node at this moment.
func (n *node) stats() telemetry.NodeStats {
	s := telemetry.NodeStats{BrokerState: int(n.ops.state.Load())}
	if s.BrokerState != stateRunning {
		return s
	}
	if n.replicas != nil {
		s.Count(n.partitionStats)
		r := n.replicas.Replicated()
		s.BytesIn, s.BytesOut, s.MaxLag = int(r.BytesIn), int(r.BytesOut), int(r.MaxLag)
		s.Shrinks, s.Expands, s.FailedISRUpdates = int(r.Shrinks), int(r.Expands), int(r.FailedISRUpdates)
		s.MinFetchRate, s.FailedPartitions = int(math.Round(r.MinFetchRate)), r.Failed
		fetches, produces := n.replicas.Waiting()
		s.WaitingFetches, s.WaitingProduces = int(fetches), int(produces)
	}
	if h := n.handlers.Load(); h != nil {
		s.FetchSessions, s.SessionEvictions = h.FetchSessions()
	}
	for _, d := range n.store.Dirs() {
		if d.Offline != nil {
			s.OfflineDirs++
		}
	}
	im := n.images.image()
	if n.quorum != nil {
		if leader, _, known := n.quorum.Active(); known && leader == n.id {
			s.ActiveController = 1
		}
	}
	n.clusterStats(&s, im)
	return s
}

// partitionStats yields what is shown of each partition of this node.
func (n *node) partitionStats(yield func(*telemetry.Partition) bool) {
	if n.ops.state.Load() != stateRunning || n.replicas == nil {
		return
	}
	late := time.Now().Add(-n.settings.now().txn.MaxTimeout - lateTransaction)
	var p telemetry.Partition
	for part := range n.replicas.Partitions() {
		log := part.Log()
		if log == nil {
			continue
		}
		status, offsets, tp := part.Status(), log.Offsets(), part.TopicPartition()
		segments, producers := log.Parts()
		p = telemetry.Partition{
			Topic: tp.Topic, Partition: tp.Partition, Size: log.Size(), LogStart: offsets.LogStart, LogEnd: offsets.LogEnd, Readable: offsets.HighWatermark,
			Segments: segments, Producers: producers, Leads: status.Leads, LateTransaction: status.Leads && log.TransactionOpenSince(late),
			Replicas: status.Replicas, InSync: status.InSync, MinISR: status.MinISR,
		}
		if !yield(&p) {
			return
		}
	}
}

func apiName(key int16) string {
	if api, ok := wire.Lookup(key); ok {
		return api.Name
	}
	return fmt.Sprint(key)
}

func errorName(code int16) string {
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return "NONE"
}
