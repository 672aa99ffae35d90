package server

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/peer"
	"leat/internal/replication"
	"leat/internal/security"
	"leat/internal/telemetry"
	"leat/internal/uplink"
)

// remote is what a node that is no controller has of the quorum: where the controllers are, a line to the active one, and a copy of the
// metadata log.
type remote struct {
	values      *config.Values
	controllers *uplink.Controllers
	line        *uplink.Line
	follower    *uplink.Follower
}

// findControllers reads where the controllers are. It asks nobody yet.
func (n *node) findControllers() error {
	if n.Values.HasRole("controller") {
		n.voice = &voice{controllers: uplink.NewControllers(n.others(), n.controllerPeers(), n.logger(telemetry.LogUplink))}
		return nil
	}
	addresses, err := controllerAddresses(n.Values)
	if err != nil {
		return err
	}
	c := uplink.NewControllers(addresses, n.controllerPeers(), n.logger(telemetry.LogUplink))
	n.remote = &remote{values: n.Values, controllers: c, line: uplink.NewLine(c)}
	n.onClose("line to the controllers", func() error { n.remote.line.Close(); return nil })
	return nil
}

// peers is what connections to other brokers have in common.
func (n *node) peers() peer.Config { return n.peersBy(n.listeners.InterBroker) }

// controllerPeers is what connections to controllers have in common.
func (n *node) controllerPeers() peer.Config {
	name := ""
	if len(n.listeners.Controllers) > 0 {
		name = n.listeners.Controllers[0]
	}
	return n.peersBy(name)
}

// peersBy is for connections to a listener of other nodes.
func (n *node) peersBy(name string) peer.Config {
	return peer.Config{
		Wrap:     n.wrap(name),
		ClientID: "leat-" + strconv.Itoa(int(n.id)), Dial: n.Dial,
		ConnectTimeout: n.Values.Millis("socket.connection.setup.timeout.ms"), RequestTimeout: n.Values.Millis("controller.socket.timeout.ms"),
	}
}

func controllerAddresses(v *config.Values) ([]uplink.Address, error) {
	var out []uplink.Address
	for _, voter := range v.Voters() {
		out = append(out, uplink.Address{NodeID: voter.ID, Host: voter.Host, Port: voter.Port})
	}
	for _, server := range v.List("controller.quorum.bootstrap.servers") {
		host, portText, err := net.SplitHostPort(server)
		if err != nil {
			return nil, fmt.Errorf("controller.quorum.bootstrap.servers=%s: %w", server, err)
		}
		port, err := strconv.Atoi(portText)
		if err != nil {
			return nil, fmt.Errorf("controller.quorum.bootstrap.servers=%s: %w", server, err)
		}
		out = append(out, uplink.Address{NodeID: -1, Host: host, Port: port})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("process.roles=broker: no controller is named: write controller.quorum.bootstrap.servers=host:port")
	}
	return out, nil
}

// askClusterID asks the controllers for the id of their cluster, as long as a broker tries to register.
func (r *remote) askClusterID(ctx context.Context) (string, error) {
	ctx, cancel := r.patience(ctx)
	defer cancel()
	return r.controllers.ClusterID(ctx)
}

func (r *remote) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(r.values.Millis("initial.broker.registration.timeout.ms"), time.Second))
}

// openMetadata opens the metadata log: that which this node writes as a controller, or its copy of that of the controllers.
func (n *node) openMetadata(ctx context.Context) error {
	if n.remote == nil {
		return n.openQuorum(ctx)
	}
	v := n.Values
	dir := v.MetadataLogDir()
	ctx, cancel := n.remote.patience(ctx)
	defer cancel()
	f, err := uplink.Follow(ctx, uplink.FollowConfig{
		NodeID: n.id, DirID: n.dirID(dir), ClusterID: n.clusterID, Controllers: n.remote.controllers,
		Log:            metalog.Config{FS: n.FS, Dir: dir, Settings: metadataLogSettings(v), Logger: n.logger(telemetry.LogMetadata)},
		RequestTimeout: max(v.Millis("controller.quorum.request.timeout.ms"), 100*time.Millisecond),
		FetchBytes:     v.Int("controller.quorum.fetch.max.bytes"), SnapshotBytes: v.Int("controller.quorum.fetch.snapshot.max.bytes"),
		Failed: n.fail, Logger: n.logger(telemetry.LogUplink),
	})
	if err != nil {
		return err
	}
	n.remote.follower = f
	n.onClose("metadata log", f.Close)
	return nil
}

// controller is the way to the active controller.
func (n *node) controller() uplink.Controller {
	if n.remote != nil {
		return n.remote.line
	}
	return n.voice.line
}

// subscribe hands images of the metadata log to fn.
func (n *node) subscribe(fn func(*metadata.Image, *metadata.Delta)) {
	if n.remote != nil {
		n.remote.follower.Subscribe(fn)
		return
	}
	n.quorum.Subscribe(fn)
}

// cluster is what replicas need of other nodes. A node that is alone has none to ask, and pays for a timer.
func (n *node) cluster() *replication.Cluster {
	return &replication.Cluster{
		Connect: func(nodeID int32) replication.Source {
			peers := n.peers()
			peers.Undivided = true // a fetcher's
			peers.Dial = n.outOfReach.dialer(nodeID, peers.Dial)
			return peer.New(peers, nodeID, func() (string, error) { return n.brokerAddress(nodeID) })
		},
		AlterPartition: func(ctx context.Context, rq *kmsg.AlterPartitionRequest) (*kmsg.AlterPartitionResponse, error) {
			response, err := n.controller().Do(ctx, security.Self, rq)
			if err != nil {
				return nil, err
			}
			resp, ok := response.(*kmsg.AlterPartitionResponse)
			if !ok {
				return nil, fmt.Errorf("controller answered AlterPartition with %T", response)
			}
			return resp, nil
		},
		BrokerEpoch: func() int64 {
			if b, ok := n.images.image().Broker(n.id); ok {
				return b.Epoch
			}
			return -1
		},
		Settings: func() replication.Settings { return n.settings.now().replication() },
	}
}

// brokerAddress is where brokers reach a broker.
func (n *node) brokerAddress(nodeID int32) (string, error) {
	b, ok := n.images.image().Broker(nodeID)
	if !ok {
		return "", fmt.Errorf("broker %d is not registered", nodeID)
	}
	i := slices.IndexFunc(b.Endpoints, func(e metadata.Endpoint) bool { return e.Name == n.listeners.InterBroker })
	if i < 0 {
		return "", fmt.Errorf("broker %d has no listener %s: give all brokers the same inter.broker.listener.name", nodeID, n.listeners.InterBroker)
	}
	e := b.Endpoints[i]
	return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))), nil
}

// replication are the settings of replication.
func (s *settings) replication() replication.Settings {
	v := s.values
	r := replication.Settings{
		LagTimeMax: v.Millis("replica.lag.time.max.ms"), FetchWaitMax: v.Millis("replica.fetch.wait.max.ms"),
		FetchBackoff: v.Millis("replica.fetch.backoff.ms"), SocketTimeout: v.Millis("replica.socket.timeout.ms"),
		FetchMinBytes: v.Int("replica.fetch.min.bytes"), FetchMaxBytes: v.Int("replica.fetch.max.bytes"),
		ResponseMaxBytes: v.Int("replica.fetch.response.max.bytes"), Fetchers: v.Int("num.replica.fetchers"),
		LeaderThrottle: v.Int64("leader.replication.throttled.rate"), FollowerThrottle: v.Int64("follower.replication.throttled.rate"),
		BalanceThrottle: v.Int64("leat.balance.throttle.rate"),
	}
	if s.tenants != nil {
		r.Tenants = s.tenants
	}
	return r
}
