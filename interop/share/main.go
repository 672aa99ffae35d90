// Command share runs unmodified Java share consumers against leat and checks what leat adds to share groups: order by key, and a time between tries.
// Then those of all three clients (librdkafka and franz-go, too) share a group that loses members, coordinators and leaders.
//
// It is handed a built leat, and finds Kafka's client and librdkafka in the cache of interop/setup.sh.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "", "leat's program")
	only := flag.String("only", "", "run one scenario only: retry, letters, order, speed, cluster")
	keep := flag.Bool("keep", false, "keep the directory of the run")
	short := flag.Bool("short", false, "only what shows most in a minute: cluster, and that shorter")
	asWorkers := flag.Bool("workers", false, "be share consumers with franz-go: the arguments of Workers.java")
	flag.Parse()
	if *asWorkers {
		if err := franz(flag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, "share:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*binary, *only, *keep, *short); err != nil {
		fmt.Fprintln(os.Stderr, "share:", err)
		os.Exit(1)
	}
}

// scenarios in the order in which they run. Each has a group and a topic of its own, and all but those of a cluster one node.
var scenarios = []struct {
	name  string
	nodes int
	run   func(*bench) error
}{
	{"retry", 1, retryTimes},
	{"letters", 1, deadLetters},
	{"order", 1, orderUnderFailures},
	{"speed", 1, sixteenAgainstOne},
	{"cluster", 3, lossOfEverybody},
}

func run(binary, only string, keep, short bool) error {
	dir, err := os.MkdirTemp("", "leat-share-")
	if err != nil {
		return err
	}
	if !keep {
		defer os.RemoveAll(dir)
	}
	b := &bench{dir: dir, binary: binary, short: short}
	if err := b.compile(); err != nil {
		return err
	}
	defer b.end()
	for _, s := range scenarios {
		if only != "" && only != s.name || only == "" && short && s.name != "cluster" {
			continue
		}
		if err := b.begin(s.nodes); err != nil {
			return err
		}
		began := time.Now()
		if err := s.run(b); err != nil {
			return fmt.Errorf("%s: %w (directory %s)", s.name, err, dir)
		}
		fmt.Printf("%s: ok in %.1f s\n", s.name, time.Since(began).Seconds())
	}
	return nil
}

// bench is some nodes and what runs against them.
type bench struct {
	dir       string
	binary    string
	short     bool
	nodes     []*target.Node
	bootstrap string
	classes   string // class path of the workers in Java

	self, python, script string // of the others
}

// begin starts so many nodes, unless they run.
func (b *bench) begin(nodes int) error {
	if len(b.nodes) == nodes {
		return nil
	}
	b.end()
	var err error
	b.nodes, err = target.NewCluster(target.ClusterConfig{Kind: target.Leat, Dir: filepath.Join(b.dir, fmt.Sprintf("of-%d", nodes)), Binary: b.binary, Nodes: nodes,
		Settings: map[string]string{
			"group.share.min.record.lock.duration.ms": "1000", "group.share.min.session.timeout.ms": "5000", "group.share.min.heartbeat.interval.ms": "500", "offsets.topic.num.partitions": "3", "share.coordinator.state.topic.num.partitions": "3",
			"default.replication.factor": strconv.Itoa(nodes), "min.insync.replicas": strconv.Itoa((nodes + 1) / 2),
			"share.coordinator.state.topic.min.isr": strconv.Itoa((nodes + 1) / 2), "broker.session.timeout.ms": "3000",
			"broker.heartbeat.interval.ms": "500",
		}})
	if err != nil {
		return err
	}
	started := make(chan error, nodes)
	var addresses []string
	for _, n := range b.nodes {
		addresses = append(addresses, n.Bootstrap())
		go func() {
			_, err := n.Start(context.Background())
			started <- err
		}()
	}
	b.bootstrap = strings.Join(addresses, ",")
	for range b.nodes {
		err = errors.Join(err, <-started)
	}
	return err
}

// end kills what runs.
func (b *bench) end() {
	for _, n := range b.nodes {
		n.Kill()
	}
	b.nodes = nil
}

// compile builds the workers with the client of Kafka 4.4.0.
func (b *bench) compile() error {
	root, err := target.Root()
	if err != nil {
		return err
	}
	cache, err := target.Cache()
	if err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	b.python, b.script = filepath.Join(cache, "python", "bin", "python"), filepath.Join(root, "interop", "share", "workers.py")
	jars, err := filepath.Glob(filepath.Join(cache, "kafka", "*.jar"))
	if err != nil || len(jars) == 0 {
		return fmt.Errorf("no jars in %s: run interop/setup.sh kafka: %w", cache, err)
	}
	b.classes = filepath.Join(b.dir, "classes")
	for _, jar := range jars {
		b.classes += string(os.PathListSeparator) + jar
	}
	out, err := exec.Command("javac", "-cp", b.classes, "-d", filepath.Join(b.dir, "classes"), filepath.Join(root, "interop", "share", "Workers.java")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("javac: %w: %s", err, out)
	}
	return nil
}
