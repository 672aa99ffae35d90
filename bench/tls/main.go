// Command tls measures what encryption costs: leat beside Apache Kafka with TLS, on the same machine in one run, with the same certificate and the same clients:
// processor seconds per GB that is written and read, connections per second with and without resumed sessions, and memory of connections that say nothing.
package main

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"leat/bench/load"
	"leat/bench/pages"
	"leat/bench/table"
	"leat/interop/target"
)

// options are the flags of a run.
type options struct {
	binary     string
	dir        string
	operations string
	profiles   string
	version    string
	kinds      []string
	parts      []string
	sizes      []string
	rounds     int
	window     time.Duration
	warm       time.Duration
	json       string
	docs       string
	from       []string
}

func main() {
	o := parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "tls:", err)
		os.Exit(1)
	}
}

func parse() options {
	var o options
	var kinds, parts, sizes, from string
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.dir, "dir", "", "directory for all data, removed at the end; a new temporary one if empty")
	flag.StringVar(&o.operations, "operations", "", "address for leat's operations listener; none if empty")
	flag.StringVar(&o.profiles, "profiles", "", "directory for processor profiles of leat, which needs -operations; the loads become slower by it")
	flag.StringVar(&o.version, "version", "TLSv1.3", "what clients speak")
	flag.StringVar(&kinds, "kinds", "leat,kafka", "what to measure")
	flag.StringVar(&parts, "parts", "produce,consume,handshakes,idle", "parts to run")
	flag.StringVar(&sizes, "sizes", "1 MB,256 KB,64 KB", "batches to produce, in this order")
	flag.IntVar(&o.rounds, "rounds", 1, "rounds; the table has the medians")
	flag.DurationVar(&o.window, "window", 3*time.Second, "how long each load is measured")
	flag.DurationVar(&o.warm, "warm", 6*time.Second, "how long each load runs before it is measured")
	flag.StringVar(&o.json, "o", "", "file to write the raw results to")
	flag.StringVar(&o.docs, "docs", "", "page whose table is replaced")
	flag.StringVar(&from, "from", "", "measure nothing: put the raw results of earlier runs together, files with commas between them")
	flag.Parse()
	o.kinds, o.parts, o.sizes = strings.Split(kinds, ","), strings.Split(parts, ","), strings.Split(sizes, ",")
	if from != "" {
		o.from = strings.Split(from, ",")
	}
	return o
}

func run(ctx context.Context, o options) error {
	all := table.New(rows())
	if err := all.Read(o.from); err != nil {
		return err
	}
	if len(o.from) == 0 {
		if err := rounds(ctx, o, all); err != nil {
			return err
		}
	}
	fmt.Print(all)
	if o.json != "" {
		if err := all.Write(o.json); err != nil {
			return err
		}
	}
	if o.docs != "" {
		return all.Fill(o.docs)
	}
	return nil
}

func rounds(ctx context.Context, o options, all *table.Table) error {
	dir, err := os.MkdirTemp(o.dir, "leat-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	memory, err := pages.Open(filepath.Join(dir, "ballast"))
	if err != nil {
		return err
	}
	defer memory.Close()
	if cold, err := memory.Cold(); err != nil || !cold {
		memory = nil
		if err != nil {
			return err
		}
	}
	pool, err := makeCertificate(filepath.Join(dir, "node.pem"))
	if err != nil {
		return err
	}
	for round := range o.rounds {
		for i := range o.kinds {
			s := &session{options: o, kind: o.kinds[(i+round)%len(o.kinds)], pool: pool, table: all, ballast: memory} // each comes first in some round
			s.dir = dir
			if err := s.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.kind, err)
			}
		}
	}
	return nil
}

// suites are what both brokers speak: without them each would take its own favourite.
var suites = map[string]string{"TLSv1.3": "TLS_AES_128_GCM_SHA256", "TLSv1.2": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}

// settle gives the machine's free memory back its state from before (see package pages). It is called before each load that writes.
func (s *session) settle() error {
	if s.ballast == nil {
		return nil
	}
	return s.ballast.Fill()
}

// session is one broker in one round.
type session struct {
	options
	kind    string
	pool    *x509.CertPool
	table   *table.Table
	ballast *pages.Ballast // nil: the first use of free memory is not slow here
	node    *target.Node
	topics  int
}

func (s *session) run(ctx context.Context) error {
	dir := filepath.Join(s.dir, s.kind)
	var err error
	s.node, err = target.New(target.Config{Kind: target.Kind(s.kind), Binary: s.binary, Dir: dir, Operations: s.operations,
		Listeners: map[string]string{"SECURE": "SSL"},
		Settings: map[string]string{"log.segment.delete.delay.ms": "100", "ssl.keystore.type": "PEM",
			"ssl.keystore.location": filepath.Join(s.dir, "node.pem"), "ssl.enabled.protocols": s.version, "ssl.cipher.suites": suites[s.version]}})
	if err != nil {
		return err
	}
	defer func() {
		s.node.Kill()
		_ = os.RemoveAll(dir) // the next one looks whether it is there
	}()
	if _, err := s.node.Start(ctx); err != nil {
		return err
	}
	for _, part := range s.parts {
		do, ok := map[string]func(context.Context) error{"produce": s.produceLoads, "consume": s.consumeLoads, "handshakes": s.handshakes, "idle": s.idle}[part]
		if !ok {
			return fmt.Errorf("-parts: %q is none of produce, consume, handshakes and idle", part)
		}
		if err := do(ctx); err != nil {
			return fmt.Errorf("%s: %w\n%s", part, err, s.node.LogTail(20))
		}
	}
	return s.node.Stop()
}

func (s *session) add(id string, value float64) { s.table.Add(s.kind, id, value) }

// profile saves what leat's processors do during a load, if that is wanted. What it returns waits for it.
func (s *session) profile(ctx context.Context, name string) func() error {
	if s.profiles == "" || s.kind != table.Leat {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		done <- load.SaveProfile(ctx, s.node.Operations(), fmt.Sprintf("profile?seconds=%d", max(int(s.window.Seconds()), 1)), filepath.Join(s.profiles, name+".pprof"))
	}()
	return func() error { return <-done }
}
