// Command monitoring has a real Prometheus watch three nodes under load: every query of Strimzi's dashboards and of leat's own returns data, no alert fires while
// all is well, and every rule fires on the fault that it is about, injected into these nodes. In its short form faults that tell themselves apart are injected side
// by side; else one after the other, and alerts must go silent when what can be mended is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"leat/interop/target"
)

const (
	nodes     = 3
	namespace = "ns"

	brokenNode = 1 // fails on requests of one client
	diskNode   = 2 // has a second log directory, on a disk of its own
	slowNode   = 3 // has one processor
)

type run struct {
	ctx        context.Context
	dir        string
	deploy     string
	binary     string
	broken     string // the same program, linked to fail on requests of one client
	short      bool
	quiet      time.Duration // how long nothing may fire at first
	nodes      []*target.Node
	prometheus *prometheus
	promtool   string
	load       *load
	pem        string // of the listener with TLS
	disk       *disk  // nil: there is none
	diskDir    string
	stray      *target.Node // a cluster of its own

	files               unix.Rlimit  // of node 1 before they were limited
	limiting            func() error // stops keeping files short on node 1
	guessing, hammering func()
	reporting           chan error    // how clients that report have ended
	told                chan struct{} // closed when all that they report was seen
	filling             func() error
	left                int // the node that is left with the active controller
}

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	tools := flag.String("prometheus", "", "directory with prometheus and promtool")
	deploy := flag.String("deploy", "deploy", "directory with dashboards and alert rules")
	broken := flag.String("broken", "", "leat's program, linked with -X leat/internal/listener.brokenFor=broken")
	short := flag.Bool("short", false, "inject faults side by side where they tell themselves apart: for the gate")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-monitoring-")
	if err == nil {
		r := &run{ctx: ctx, dir: dir, deploy: *deploy, binary: *binary, broken: *broken, promtool: filepath.Join(*tools, "promtool"), short: *short, quiet: 20 * time.Second}
		if r.short {
			r.quiet = 2 * time.Second
		}
		err = errors.Join(r.play(filepath.Join(*tools, "prometheus")), r.disk.unmount(), os.RemoveAll(dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

func (r *run) play(prometheusBinary string) error {
	defer r.end()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"cluster", r.start},
		{"prometheus", func() error { return r.watch(prometheusBinary) }},
		{"reporters", r.reporters},
		{"promtool", r.check},
		{"strimzi", r.strimzi},
		{"dashboards", r.dashboards},
		{"reports", r.reports},
		{"silence", r.silence},
		{"faults", r.faults},
	} {
		began := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("monitoring  %-12s ok  %.1f s\n", step.name, time.Since(began).Seconds())
	}
	return nil
}

// start brings three nodes up and puts load on them.
func (r *run) start() error {
	r.pem, r.diskDir = filepath.Join(r.dir, "node.pem"), filepath.Join(r.dir, "disk")
	if err := writeCertificate(r.pem, 365*24*time.Hour); err != nil {
		return err
	}
	var err error
	if r.disk, err = newDisk(r.diskDir); err != nil {
		fmt.Printf("monitoring  no disk can be mounted here (%v): some faults are feigned or left out\n", err)
	}
	if err := r.prepareStray(); err != nil {
		return err
	}
	r.nodes, err = target.NewCluster(target.ClusterConfig{
		Kind: target.Leat, Binary: r.binary, Dir: r.dir, Nodes: nodes, Operations: true, Listeners: map[string]string{"SECURE": "SSL", "LOGIN": "SASL_PLAINTEXT"},
		Settings: map[string]string{
			"leat.group.lag.interval.ms": "1000", "min.insync.replicas": "2", "default.replication.factor": "3", "num.partitions": "3",
			"listener.name.secure.ssl.keystore.type": "PEM", "listener.name.secure.ssl.keystore.location": r.pem, "sasl.enabled.mechanisms": "SCRAM-SHA-256",
			"broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "500", "auto.leader.rebalance.enable": "false",
			"transaction.state.log.num.partitions": "4",
		},
		Differ: r.differ,
	})
	if err != nil {
		return err
	}
	started := make(chan error, nodes)
	for _, n := range r.nodes {
		go func() { _, err := n.Start(r.ctx); started <- err }()
	}
	var all []error
	for range r.nodes {
		all = append(all, <-started)
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	r.prefer(slowNode)
	r.load, err = startLoad(r.ctx, r.nodes)
	return err
}

// prefer gives a node's session a large share where Linux shares the processors out among sessions, in each of which nice counts for itself.
func (r *run) prefer(node int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", r.nodes[node-1].PID()), []byte("-19"), 0) // where it does not, there is no such file
}

// differ gives each node what is to go wrong with it.
func (r *run) differ(node int, cfg *target.Config) {
	switch node {
	case brokenNode:
		cfg.Binary = r.broken
	case diskNode:
		cfg.Settings["log.dirs"] = filepath.Join(cfg.Dir, "data") + "," + r.diskDir
	case slowNode:
		cfg.Environment = []string{"GOMAXPROCS=1"}
		if os.Getuid() == 0 { // others on this machine must not take the one processor away from it: see prefer
			cfg.Wrap = []string{"setsid", "nice", "-n", "-15"}
		}
	}
}

// prepareStray makes a cluster of one node that is started later.
func (r *run) prepareStray() error {
	all, err := target.NewCluster(target.ClusterConfig{Kind: target.Leat, Binary: r.binary, Dir: filepath.Join(r.dir, "stray"), Nodes: 1, Operations: true})
	if err == nil {
		r.stray = all[0]
	}
	return err
}

func (r *run) end() {
	if r.load != nil {
		r.load.stop()
	}
	if r.prometheus != nil {
		r.prometheus.stop()
	}
	for _, n := range append(r.nodes, r.stray) {
		if n != nil {
			n.Kill()
		}
	}
}
