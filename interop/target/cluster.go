package target

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/interop/ports"
)

// ClusterConfig says which nodes to prepare.
type ClusterConfig struct {
	Kind     Kind
	Binary   string // leat's program
	Dir      string // each node has a directory below it, node-1 and so on
	Nodes    int    // broker and controller each, all of them voters
	Settings map[string]string
	// Listeners are there on each node beside PLAINTEXT and CONTROLLER, by name, with their protocol.
	Listeners map[string]string
	// Operations gives leat's nodes an operations listener each, at a free port.
	Operations bool
	// Patience is how long a start or a stop may take; zero: three minutes, which only a failure takes.
	Patience time.Duration
	// Differ changes what one node, from 1, is prepared with. Its settings are its own.
	Differ func(node int, cfg *Config)
}

// NewCluster prepares nodes that name each other in controller.quorum.voters. Kafka's are formatted; leat's form their cluster when they start.
// Start them side by side: a node of a quorum is not ready before a majority of them runs.
func NewCluster(cfg ClusterConfig) ([]*Node, error) {
	names := slices.Sorted(maps.Keys(cfg.Listeners))
	portsEach := 3 + len(names)
	free, err := ports.Free(portsEach * cfg.Nodes)
	if err != nil {
		return nil, err
	}
	var voters []string
	for i := range cfg.Nodes {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%s", i+1, free[portsEach*i+1]))
	}
	replicas := strconv.Itoa(min(cfg.Nodes, 3))
	var nodes []*Node
	for i := range cfg.Nodes {
		settings := map[string]string{
			"node.id": strconv.Itoa(i + 1), "controller.quorum.voters": strings.Join(voters, ","),
			"controller.quorum.bootstrap.servers": "", "offsets.topic.replication.factor": replicas,
			"transaction.state.log.replication.factor": replicas, "share.coordinator.state.topic.replication.factor": replicas,
		}
		maps.Copy(settings, cfg.Settings)
		one := Config{Kind: cfg.Kind, Binary: cfg.Binary, Dir: filepath.Join(cfg.Dir, fmt.Sprintf("node-%d", i+1)), Settings: settings,
			Listeners: cfg.Listeners, Patience: cfg.Patience}
		if cfg.Operations {
			one.Operations = net.JoinHostPort("127.0.0.1", free[portsEach*i+2])
		}
		more := map[string]string{}
		for j, name := range names {
			more[name] = free[portsEach*i+3+j]
		}
		if cfg.Differ != nil {
			cfg.Differ(i+1, &one)
		}
		n, err := newAt(one, free[portsEach*i], free[portsEach*i+1], more)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}
