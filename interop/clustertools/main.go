// Command clustertools runs Apache Kafka's own tools for clusters against three nodes of leat, or of Kafka, and checks what they say by its
// meaning: quorum, reassignment, elections, features, directories, membership, and the metadata log on disk.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"leat/interop/fleet"
	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	kind := flag.String("target", string(target.Leat), "leat or kafka")
	controllers := flag.Int("controllers", 3, "how many of the three nodes are controllers, too: 1 or 3")
	only := flag.String("only", "", "run the steps whose name contains this, and those that make the cluster")
	keep := flag.Bool("keep", false, "keep the directories")
	verbose := flag.Bool("v", false, "print what the tools say")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-cluster-tools-")
	if err == nil {
		r := &run{ctx: ctx, dir: dir, verbose: *verbose, only: *only}
		err = r.all(target.Kind(*kind), *binary, *controllers)
		if *keep {
			fmt.Println("cluster-tools  kept:", dir)
		} else {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster-tools:", err)
		os.Exit(1)
	}
}

// run is one run of all steps.
type run struct {
	ctx     context.Context
	dir     string
	only    string
	verbose bool
	fleet   *fleet.Fleet

	mu     sync.Mutex
	failed []string // guarded by mu
	over   bool     // guarded by mu; a step failed that later ones need
}

// step is one thing that an operator does. Those that make the cluster what later ones need always run.
type step struct {
	name  string
	do    func() error
	makes bool
}

func (r *run) all(kind target.Kind, binary string, controllers int) error {
	r.fleet = &fleet.Fleet{Dir: r.dir, Binary: binary, Settings: map[string]string{
		"replica.lag.time.max.ms": "3000", "broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500",
		"min.insync.replicas": "1", "metadata.log.max.record.bytes.between.snapshots": "3000", "auto.leader.rebalance.enable": "false", "leader.imbalance.check.interval.seconds": "3600",
	}}
	for id := int32(1); id <= 3; id++ {
		roles := "broker,controller"
		if int(id) > controllers {
			roles = "broker"
		}
		r.fleet.Nodes = append(r.fleet.Nodes, &fleet.Node{ID: id, Kind: kind, Roles: roles})
	}
	defer r.fleet.Close()
	if err := fleet.New(r.fleet); err != nil {
		return err
	}
	for _, beside := range r.steps() {
		var done sync.WaitGroup
		for _, chain := range beside {
			done.Go(func() { r.chain(chain) })
		}
		done.Wait()
		if r.over {
			break
		}
	}
	if len(r.failed) > 0 {
		return errors.Join(fmt.Errorf("%d steps failed: %s", len(r.failed), strings.Join(r.failed, "; ")), r.fleet.Tails(15))
	}
	return nil
}

// chain does steps one after the other.
func (r *run) chain(steps []step) {
	for _, s := range steps {
		if !s.makes && !strings.Contains(s.name, r.only) {
			continue
		}
		began := time.Now()
		err := s.do()
		verdict := "ok"
		if err != nil {
			verdict = "FAILED: " + err.Error()
		}
		r.mu.Lock()
		if err != nil {
			r.failed, r.over = append(r.failed, s.name), r.over || s.makes
		}
		fmt.Printf("cluster-tools  %-5s  %-72s  %5.1fs  %s\n", r.fleet.Nodes[0].Kind, s.name, time.Since(began).Seconds(), verdict)
		r.mu.Unlock()
		if err != nil && s.makes {
			return
		}
	}
}

// steps are all steps: chains in groups, of which those of one group run beside each other, because most of the time goes into starting Java.
func (r *run) steps() [][][]step {
	first := []step{{name: "three nodes start", do: r.start, makes: true}, {name: "a topic with three replicas", do: r.createTopic, makes: true}}
	describing := r.describing()
	half := len(describing) / 2
	return [][][]step{
		{first},
		{describing[:half], describing[half:]},
		{r.features(), r.configs()},
		{r.reassigning()},
		{r.failing()},
		{r.membership()},
		{r.onDisk()},
	}
}

// start starts the nodes side by side. Kafka's are formatted before, with all controllers as first voters.
func (r *run) start() error {
	if r.fleet.Nodes[0].Kind == target.Kafka {
		if err := r.format(); err != nil {
			return err
		}
	}
	results := make(chan error, len(r.fleet.Nodes))
	for _, n := range r.fleet.Nodes {
		go func() { results <- n.Start(r.ctx) }()
	}
	var errs []error
	for range r.fleet.Nodes {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

func (r *run) format() error {
	var voters []string
	for i, n := range r.fleet.Controllers() {
		voters = append(voters, fmt.Sprintf("%d@%s:%s", n.ID, n.Controller(), []string{"bGVhdC10b29scy1kaXItMQ", "bGVhdC10b29scy1kaXItMg", "bGVhdC10b29scy1kaXItMw"}[i]))
	}
	for _, n := range r.fleet.Nodes {
		more := []string{"--no-initial-controllers"}
		if n.Has("controller") {
			more = []string{"--initial-controllers", strings.Join(voters, ",")}
		}
		if err := n.Format(r.ctx, more...); err != nil {
			return err
		}
	}
	return nil
}

// file writes a file for a tool and returns its name.
func (r *run) file(name, text string) (string, error) {
	path := filepath.Join(r.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}
