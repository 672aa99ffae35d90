// Command tls measures what encryption costs: leat beside Apache Kafka with TLS, on the same machine in one run, with the same certificate and the same clients:
// processor seconds per GB that is written and read, connections per second with and without resumed sessions, and memory of connections that say nothing.
package main

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"leat/bench/beside"
	"leat/bench/pages"
	"leat/bench/table"
	"leat/interop/target"
)

// options are the flags of a run.
type options struct {
	beside.Flags
	version string
	parts   []string
	sizes   []string
}

func main() { beside.Main("tls", run) }

func run(ctx context.Context) error {
	var o options
	var parts, sizes string
	o.Add()
	o.AddLoads(3*time.Second, 6*time.Second, "how long each load runs before it is measured")
	flag.StringVar(&o.version, "version", "TLSv1.3", "what clients speak")
	flag.StringVar(&parts, "parts", "produce,consume,handshakes,idle", "parts to run")
	flag.StringVar(&sizes, "sizes", "1 MB,256 KB,64 KB", "batches to produce, in this order")
	o.Parse()
	o.parts, o.sizes = strings.Split(parts, ","), strings.Split(sizes, ",")
	return o.Run(ctx, rows(), o.rounds)
}

func (o *options) rounds(ctx context.Context, all *table.Table) error {
	memory, err := pages.Open(filepath.Join(o.Dir, "ballast"))
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
	pool, err := makeCertificate(filepath.Join(o.Dir, "node.pem"))
	if err != nil {
		return err
	}
	for round := range o.Rounds {
		if err := o.Each(round, func(kind string) error {
			return (&session{options: o, kind: kind, pool: pool, table: all, ballast: memory}).run(ctx)
		}); err != nil {
			return err
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
	*options
	kind    string
	pool    *x509.CertPool
	table   *table.Table
	ballast *pages.Ballast // nil: the first use of free memory is not slow here
	node    *target.Node
	topics  int
}

func (s *session) run(ctx context.Context) error {
	node, end, err := s.Start(ctx, s.kind, s.kind, target.Config{Listeners: map[string]string{"SECURE": "SSL"},
		Settings: map[string]string{"log.segment.delete.delay.ms": "100", "ssl.keystore.type": "PEM",
			"ssl.keystore.location": filepath.Join(s.Dir, "node.pem"), "ssl.enabled.protocols": s.version, "ssl.cipher.suites": suites[s.version]}})
	if err != nil {
		return err
	}
	defer end()
	s.node = node
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

func (s *session) profile(ctx context.Context, name string) func() error {
	return s.Profile(ctx, s.node, s.kind, name)
}
