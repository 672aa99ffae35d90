// Command transactions has transactional producers of Kafka's Java client, librdkafka and franz-go commit, abort, fence each other, run out of time, and copy a
// topic while they are killed, against one node of leat, or of Kafka: with transactions of version 2 (KIP-890), then with those of version 1.
//
// A producer is a process that does what it is told and knows nothing about right and wrong; what must come of it is decided here, once for all clients.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "./leat", "leat's program")
	kind := flag.String("target", string(target.Leat), "leat or kafka")
	only := flag.String("only", "", "run the checks whose name contains this")
	client := flag.String("client", "", "only this client: java, librdkafka, franz-go")
	asFranz := flag.Bool("franz", false, "be the producer with franz-go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *asFranz {
		err = franz(flag.Args())
	} else {
		r := &run{ctx: ctx, only: *only, client: *client}
		err = r.all(target.Kind(*kind), *binary)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "transactions:", err)
		os.Exit(1)
	}
}

// run is one run of everything against one node.
type run struct {
	ctx          context.Context
	only, client string
	dir          string
	node         *target.Node
	cl           *kgo.Client
	adm          *kadm.Client
	clients      map[string][]string // the command of each
	version      int16               // of transactions
	failed       atomic.Int32
}

var names = []string{"java", "librdkafka", "franz-go"}

func (r *run) all(kind target.Kind, binary string) (err error) {
	if r.dir, err = os.MkdirTemp("", "leat-transactions-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	if err := r.prepare(); err != nil {
		return err
	}
	r.node, err = target.New(target.Config{Kind: kind, Dir: filepath.Join(r.dir, "node"), Binary: binary, Settings: map[string]string{
		"offsets.topic.num.partitions": "3", "transaction.state.log.num.partitions": "3", "transaction.abort.timed.out.transaction.cleanup.interval.ms": "300",
		"group.min.session.timeout.ms": "1000",
	}})
	if err != nil {
		return err
	}
	defer r.node.Kill()
	if _, err := r.node.Start(r.ctx); err != nil {
		return err
	}
	if r.cl, err = kgo.NewClient(kgo.SeedBrokers(r.node.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond)); err != nil {
		return err
	}
	defer r.cl.Close()
	r.adm = kadm.NewClient(r.cl)
	for _, r.version = range []int16{2, 1} {
		if err := r.feature(); err != nil {
			return err
		}
		r.clientsLife()
	}
	if n := r.failed.Load(); n > 0 {
		return fmt.Errorf("%d checks failed\n%s", n, r.node.LogTail(10))
	}
	return nil
}

// prepare builds what the clients are.
func (r *run) prepare() error {
	root, err := target.Root()
	if err != nil {
		return err
	}
	cache, err := target.Cache()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	classes := filepath.Join(r.dir, "classes")
	path := classes + string(os.PathListSeparator) + filepath.Join(cache, "kafka", "*")
	out, err := exec.CommandContext(r.ctx, "javac", "-cp", path, "-d", classes, filepath.Join(root, "interop", "transactions", "Teller.java")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("javac (interop/setup.sh kafka python first): %w: %s", err, out)
	}
	r.clients = map[string][]string{
		"java": {"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", path,
			"-Dlog4j2.configurationFile=" + filepath.Join(root, "interop", "kafka", "log4j2.properties"), "Teller"},
		"librdkafka": {filepath.Join(cache, "python", "bin", "python"), filepath.Join(root, "interop", "transactions", "teller.py")},
		"franz-go":   {self, "-franz"},
	}
	return nil
}

// feature sets which protocol of transactions clients may use; a new cluster has version 2.
func (r *run) feature() error {
	if r.version == 2 {
		return nil
	}
	const safeDowngrade = 2
	updated, err := r.adm.UpdateFeatures(r.ctx, false, kadm.FeatureUpdate{Feature: "transaction.version", MaxVersionLevel: r.version, UpgradeType: safeDowngrade})
	if err != nil {
		return err
	}
	for _, u := range updated {
		err = errors.Join(err, u.Err)
	}
	if err != nil {
		return err
	}
	return r.offered()
}

// offered waits until the node offers clients the version of transactions: the controller has decided it a moment before.
func (r *run) offered() error {
	for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		rq := kmsg.NewPtrApiVersionsRequest()
		rq.ClientSoftwareName, rq.ClientSoftwareVersion = "transactions", "1"
		answer, err := r.cl.Broker(1).RetriableRequest(r.ctx, rq)
		if err == nil {
			for _, f := range answer.(*kmsg.ApiVersionsResponse).FinalizedFeatures {
				if f.Name == "transaction.version" && f.MaxVersionLevel == r.version {
					return nil
				}
			}
		}
		if time.Now().After(until) {
			return fmt.Errorf("the node does not offer version %d of transactions: %w", r.version, err)
		}
	}
}

// clientsLife has the clients do everything, side by side.
func (r *run) clientsLife() {
	var all sync.WaitGroup
	for _, name := range names {
		if r.client == "" || r.client == name {
			all.Go(func() { r.life(name) })
		}
	}
	all.Wait()
}

// life has one client do everything.
func (r *run) life(client string) {
	s := &scenario{run: r, client: client, id: fmt.Sprintf("%s-%d", client, r.version)}
	for _, c := range s.checks() {
		if !strings.Contains(c.name, r.only) {
			continue
		}
		began := time.Now()
		verdict := "ok"
		if err := s.check(c.do); err != nil {
			verdict = "FAILED: " + err.Error()
			r.failed.Add(1)
		}
		fmt.Printf("%s  version %d  %-10s  %-63s  %5.1fs  %s\n", r.node.Kind(), r.version, client, c.name, time.Since(began).Seconds(), verdict)
	}
	if s.teller != nil {
		s.teller.kill()
	}
}
