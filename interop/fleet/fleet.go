package fleet

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"leat/interop/ports"
)

// ClusterID is that of every fleet.
const ClusterID = "bGVhdC1pbnRlcm9wLTAwMg"

// Fleet is the nodes of one cluster.
type Fleet struct {
	Dir      string
	Binary   string // leat's program
	Heap     string // of each Kafka
	Static   bool   // controllers are named by controller.quorum.voters, and not only as those to ask first
	Quick    bool   // Kafka's directories are formatted by leat, in no time
	Settings map[string]string
	Nodes    []*Node
}

// log4j makes Kafka tell what it does, for whoever looks after a failure; the readiness of a node is read from it too.
const log4j = `rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = STDERR
appender.console.type = Console
appender.console.name = STDERR
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
logger.kafka.name = kafka
logger.kafka.level = info
logger.apache.name = org.apache.kafka
logger.apache.level = info
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.values.name = kafka.server.KafkaConfig
logger.values.level = warn
`

// New makes the nodes' directories and files.
func New(f *Fleet) error {
	if f.Heap == "" {
		f.Heap = "512m"
	}
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "log4j2.properties"), []byte(log4j), 0o644); err != nil {
		return err
	}
	free, err := ports.Free(2 * len(f.Nodes))
	if err != nil {
		return err
	}
	for i, n := range f.Nodes {
		n.fleet, n.port, n.voter = f, free[2*i], free[2*i+1]
	}
	for _, n := range f.Nodes {
		if err := n.Write(); err != nil {
			return err
		}
	}
	return nil
}

// quorum is how every node finds the controllers.
func (f *Fleet) quorum() map[string]string {
	var voters, servers []string
	for _, n := range f.Nodes {
		if n.Has("controller") {
			voters = append(voters, fmt.Sprintf("%d@%s", n.ID, n.Controller()))
			servers = append(servers, n.Controller())
		}
	}
	if f.Static {
		return map[string]string{"controller.quorum.voters": strings.Join(voters, ",")}
	}
	return map[string]string{"controller.quorum.bootstrap.servers": strings.Join(servers, ",")}
}

// Node is the node with an id.
func (f *Fleet) Node(id int32) *Node {
	for _, n := range f.Nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Brokers are the nodes that have clients.
func (f *Fleet) Brokers() []*Node { return f.with("broker") }

// Controllers are the nodes of the quorum.
func (f *Fleet) Controllers() []*Node { return f.with("controller") }

func (f *Fleet) with(role string) []*Node {
	var out []*Node
	for _, n := range f.Nodes {
		if n.Has(role) {
			out = append(out, n)
		}
	}
	return out
}

// Addresses are those of all brokers, for clients.
func (f *Fleet) Addresses() []string {
	var out []string
	for _, n := range f.Brokers() {
		out = append(out, n.Address())
	}
	return out
}

// Close kills what still runs.
func (f *Fleet) Close() {
	for _, n := range f.Nodes {
		n.Kill()
	}
}

// Tails is the end of what each node printed.
func (f *Fleet) Tails(lines int) error {
	var errs []error
	for _, n := range f.Nodes {
		errs = append(errs, fmt.Errorf("node %d (%s) said:\n%s", n.ID, n.Kind, n.Tail(lines)))
	}
	return errors.Join(errs...)
}

// DirectoryID is the id that a controller's metadata directory gets when the first voters are named by id and directory.
func DirectoryID(id int32) string {
	var raw [16]byte
	raw[0], raw[15] = 7, byte(id)
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// Voters are the options of formatting for a node of a quorum whose voters stand in the log; none of those: they stand in its file.
func Voters(n *Node, voters []string) []string {
	if len(voters) == 0 || !n.Has("controller") {
		return nil
	}
	return []string{"--initial-controllers", strings.Join(voters, ",")}
}
