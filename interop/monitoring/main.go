// Command monitoring has a real Prometheus watch three nodes under load: every query of Strimzi's dashboards and of leat's own returns data, no alert fires while
// all is well, and each fires on the fault that it is about.
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

	"leat/interop/target"
)

const (
	nodes     = 3
	namespace = "ns"
)

type run struct {
	ctx        context.Context
	dir        string
	deploy     string
	nodes      []*target.Node
	prometheus *prometheus
	promtool   string
	load       *load
	pem        string // of the listener with TLS
}

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	tools := flag.String("prometheus", "", "directory with prometheus and promtool")
	deploy := flag.String("deploy", "deploy", "directory with dashboards and alert rules")
	flag.Bool("short", false, "there is only one form, which is short")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-monitoring-")
	if err == nil {
		r := &run{ctx: ctx, dir: dir, deploy: *deploy, promtool: filepath.Join(*tools, "promtool")}
		err = errors.Join(r.play(*binary, filepath.Join(*tools, "prometheus")), os.RemoveAll(dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

func (r *run) play(binary, prometheusBinary string) error {
	defer r.end()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"cluster", func() error { return r.start(binary) }},
		{"prometheus", func() error { return r.watch(prometheusBinary) }},
		{"promtool", r.check},
		{"strimzi", r.strimzi},
		{"dashboards", r.dashboards},
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
func (r *run) start(binary string) error {
	r.pem = filepath.Join(r.dir, "node.pem")
	if err := writeCertificate(r.pem, 365*24*time.Hour); err != nil {
		return err
	}
	var err error
	r.nodes, err = target.NewCluster(target.ClusterConfig{
		Kind: target.Leat, Binary: binary, Dir: r.dir, Nodes: nodes, Operations: true, Listeners: map[string]string{"SECURE": "SSL"},
		Settings: map[string]string{
			"leat.group.lag.interval.ms": "1000", "min.insync.replicas": "2", "default.replication.factor": "3", "num.partitions": "3",
			"listener.name.secure.ssl.keystore.type": "PEM", "listener.name.secure.ssl.keystore.location": r.pem,
			"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500", "auto.leader.rebalance.enable": "false",
		},
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
	r.load, err = startLoad(r.ctx, r.nodes)
	return err
}

func (r *run) end() {
	if r.load != nil {
		r.load.stop()
	}
	if r.prometheus != nil {
		r.prometheus.stop()
	}
	for _, n := range r.nodes {
		n.Kill()
	}
}
