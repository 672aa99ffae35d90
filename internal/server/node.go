package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"leat/internal/audit"
	"leat/internal/broker"
	"leat/internal/config"
	"leat/internal/coordinator"
	"leat/internal/fs/sealed"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/security/acl"
	"leat/internal/sharing"
	"leat/internal/storage"
	"leat/internal/telemetry"
	"leat/internal/uplink"
	"leat/internal/why/recent"
)

// node is one running node. Rooms are opened in the order of its methods in start, and closed in the opposite one.
type node struct {
	Config
	base      *slog.Logger // the one above Logger, which is named already
	id        int32
	clusterID string
	listeners config.Listeners
	bound     []bound
	secured   map[string]*secured // listeners with TLS or SASL, by name; nil without any
	endpoints []metadata.Endpoint

	authorizer   *acl.Authorizer // nil: everybody may do everything
	audit        *audit.Log
	roles        atomic.Pointer[acl.Bindings] // who has which
	secretsMu    sync.Mutex                   // held while files with secrets are read again
	later        string                       // keys with other values there that count later; guarded by secretsMu
	settings     *settingsFeed
	images       *imageFeed
	sealed       *sealed.FS
	store        *storage.Store
	replicas     *replication.Node                // nil, as groups, if this node is no broker
	failing      atomic.Pointer[replication.Node] // replicas once they are there, for who tells of failed directories
	groups       *coordinator.Groups
	lag          *coordinator.Lag // nil, as groups, if this node is no broker
	transactions *coordinator.Transactions
	timers       *coordinator.Timers
	shareStates  *coordinator.ShareStates
	shares       *sharing.Node // nil, like groups, if this node is no broker
	handlers     atomic.Pointer[broker.Handlers]
	coordinators coordinators                  // all of them
	quorum       *quorum.Quorum                // nil if this node is no controller
	voting       atomic.Pointer[quorum.Quorum] // quorum once it is there, for frames and suspicions
	voice        *voice                        // what a controller has of the others
	suspicion    *suspicion                    // of brokers; nil if this node is no controller
	mutations    mutationMeters                // what clients changed by their quota while this node was the active controller
	counts       controllerCounts
	formed       []quorum.Member      // voters that this node agreed on with others when it was fresh
	remote       *remote              // what a node that is no controller has instead
	uplink       *uplink.Uplink       // nil if this node is no broker
	placements   *placements          // likewise
	registration *uplink.Registration // of this controller; nil if it is none
	joined       bool                 // an image showed this broker's registration; belongs to publish
	ops          *operations
	outOfReach   unreached
	recent       *recent.Memory                          // of what clients were refused, and groups went through
	standings    standings                               // of groups
	failed       chan error                              // why the node must stop by itself; holds one
	handle       atomic.Pointer[listener.Handler]        // of requests; another while this node looks for its cluster
	abort        atomic.Pointer[context.CancelCauseFunc] // of the start
	shared       *listener.Shared
	serving      map[audience]bool
	dirToBe      record.UUID  // of a fresh controller's metadata log
	metadataDir  record.UUID  // of the directory of the metadata log, if it holds no partitions
	resigned     atomic.Int64 // when leadership was given away for a fresh voter, in seconds
	identified   atomic.Bool  // the cluster's id is on disk

	closers []closer
}

// closer undoes one step of the start.
type closer struct {
	what string
	undo func() error
}

func (n *node) onClose(what string, undo func() error) {
	n.closers = append(n.closers, closer{what, undo})
}

// close undoes the steps of the start, the last one first.
func (n *node) close() error {
	var failed []error
	for len(n.closers) > 0 {
		c := n.closers[len(n.closers)-1]
		n.closers = n.closers[:len(n.closers)-1]
		if err := c.undo(); err != nil {
			failed = append(failed, fmt.Errorf("stopping %s: %w", c.what, err))
		}
	}
	return errors.Join(failed...)
}

// addresses are for the ready line.
func (n *node) addresses() Addresses {
	a := Addresses{NodeID: n.id, ClusterID: n.clusterID, HTTP: n.ops.address}
	var bootstrap []string
	for _, ep := range n.endpoints {
		bootstrap = append(bootstrap, net.JoinHostPort(ep.Host, strconv.Itoa(int(ep.Port))))
	}
	a.Bootstrap = strings.Join(bootstrap, ",")
	for _, b := range n.bound {
		if b.Control {
			a.Controller = net.JoinHostPort(endpointOf(b, n.listeners.Advertised).Host, strconv.Itoa(b.port()))
		}
	}
	return a
}

// bindListeners checks and takes the ports, before anything on disk is touched.
func (n *node) bindListeners() error {
	var err error
	if n.listeners, err = n.Values.Listeners(); err != nil {
		return err
	}
	if err := n.openSecurity(); err != nil {
		return err
	}
	if n.bound, err = bind(n.listeners.Bind, n.Listen); err != nil {
		return err
	}
	n.onClose("listeners", func() error { unbind(n.bound); return nil })
	n.endpoints = advertise(n.bound, n.listeners.Advertised)
	return nil
}

// openReplicas makes the rooms that hold partitions, still empty: images fill them.
func (n *node) openReplicas() {
	n.replicas = replication.New(replication.Config{
		NodeID:    n.id,
		Store:     n.store,
		LogConfig: n.topicLogConfig,
		MinISR: func(_ string, overrides map[string]string) int {
			return n.settings.now().values.ForTopic(overrides).Int("min.insync.replicas")
		},
		Leading: func(tp record.TopicPartition, leaderEpoch int32, leading bool) {
			n.coordinators.leading(tp, leaderEpoch, leading)
			n.shareLeading(tp, leaderEpoch, leading)
		},
		RackAware: n.Values.String("replica.selector.class") == config.RackAwareSelector,
		MoveRate:  func() int64 { return n.settings.now().values.Int64("replica.alter.log.dirs.io.max.bytes.per.second") },
		Moved:     func(tp record.TopicPartition) { n.placements.moved(tp) },
		Cluster:   n.cluster(),
		Logger:    n.logger(telemetry.LogReplication),
	})
	n.onClose("replicas", func() error { n.replicas.Close(); return nil })
	n.openCoordinators()
	n.failing.Store(n.replicas)
}

func (n *node) topicLogConfig(_ string, overrides map[string]string) storage.LogConfig {
	return logConfig(n.settings.now().values.ForTopic(overrides))
}

// dirFailed takes the partitions of a failed directory out of service.
func (n *node) dirFailed(dir string, err error) {
	n.logger(telemetry.LogStorage).Error("log directory failed, its partitions are offline", "dir", dir, "err", err)
	if replicas := n.failing.Load(); replicas != nil { // while the directories are opened there are no replicas yet
		replicas.FailDir(dir, err)
	}
}

// openStore locks and loads the log directories.
func (n *node) openStore(ctx context.Context) error {
	err := n.openKeys(ctx)
	if err != nil {
		return err
	}
	n.store, err = storage.Open(ctx, storage.StoreConfig{
		FS: n.sealed, Dirs: n.Values.LogDirs(), NodeID: n.id, ClusterID: n.clusterID,
		NewDirIDs: map[string]record.UUID{n.Values.MetadataLogDir(): n.dirToBe},
		Settings:  func() storage.Settings { return n.settings.now().storage },
		LogConfig: func(string) storage.LogConfig { return logConfig(n.settings.now().values.ForTopic(nil)) },
		DirFailed: n.dirFailed, Opening: &n.ops.opening, Logger: n.logger(telemetry.LogStorage),
	})
	if err != nil {
		return err
	}
	n.onClose("log directories", n.store.Close)
	return n.refreshKeys(ctx)
}

// fail stops the node: its metadata log cannot go on, so nothing it says could be relied on.
func (n *node) fail(err error) {
	n.ops.failure.Store(&err)
	if abort := n.abort.Load(); abort != nil {
		(*abort)(err)
	}
	select {
	case n.failed <- err:
	default:
	}
}
