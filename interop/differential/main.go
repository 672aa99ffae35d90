// Command differential sends the same requests, byte for byte of its own making, to leat and to Apache Kafka, both single
// nodes with the same settings, and compares the answers field by field: every API that leat advertises, in every version.
//
// What must differ between two clusters (ids, addresses, times) is replaced by words first; that is render.go. What differs
// on purpose stands in allowed.go with its reason. Any other difference is printed with API, version, step and both values,
// and ends the program with status 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	loginplain "github.com/twmb/franz-go/pkg/sasl/plain"

	"leat/interop/target"
)

type options struct {
	binary string
	only   string
	keep   bool
	self   bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.only, "only", "", "only scenarios whose name contains one of these, separated by commas")
	flag.BoolVar(&o.keep, "keep", false, "keep the brokers' directories")
	flag.BoolVar(&o.self, "self", false, "compare Kafka with Kafka, to prove this program")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	began := time.Now()
	dir, err := os.MkdirTemp("", "leat-differential-")
	if err != nil {
		return err
	}
	if o.keep {
		fmt.Println("kept:", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	var r report
	allowances = append(allowances, authorizationAllowances...)
	if err := r.play(ctx, o, filepath.Join(dir, "as-usual"), settings, scenarios); err != nil {
		return err
	}
	unmoved := maps.Clone(settings)
	unmoved["group.consumer.migration.policy"] = "disabled"
	unmoved["unstable.api.versions.enable"] = "true"
	if err := r.play(ctx, o, filepath.Join(dir, "without-migration"), unmoved, withoutMigration); err != nil {
		return err
	}
	if err := r.play(ctx, o, filepath.Join(dir, "with-authorizer"), authorized(settings), withAuthorizer); err != nil {
		return err
	}
	if err := r.play(ctx, o, filepath.Join(dir, "with-secret"), tokenSecrets(authorized(settings)), withSecret); err != nil {
		return err
	}
	if o.only == "" && !o.self {
		r.checkCoverage()
		r.checkAllowances()
	}
	fmt.Printf("differential  %d answers compared in %.0f s: %d differ, %d differ on purpose\n",
		r.compared, time.Since(began).Seconds(), r.different, r.onPurpose)
	if r.different > 0 || r.compared == 0 {
		return errors.New("leat and Kafka answer differently")
	}
	return nil
}

// play starts brokers with settings, and runs scenarios on them.
func (r *report) play(ctx context.Context, o options, dir string, settings map[string]string, all []scenario) error {
	all = slices.DeleteFunc(slices.Clone(all), func(sc scenario) bool { return !wanted(o.only, sc.name) })
	if len(all) == 0 {
		return nil
	}
	sides, stop, err := startBoth(ctx, o, dir, settings)
	defer stop()
	if err != nil {
		return err
	}
	for _, s := range sides {
		s.learnVersions()
		s.ranges = sides[0].ranges
	}
	r.ranges = sides[0].ranges
	for _, sc := range all {
		from := time.Now()
		runBoth(sides, sc)
		r.compare(sc.name, sides)
		fmt.Printf("differential  %-28s %4d answers  %5.1fs\n", sc.name, len(sides[0].entries), time.Since(from).Seconds())
	}
	return nil
}

func wanted(only, name string) bool {
	if only == "" {
		return true
	}
	for part := range strings.SplitSeq(only, ",") {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// settings of both brokers beyond what every interop program sets.
var settings = map[string]string{
	"offsets.topic.num.partitions": "3",
	"group.min.session.timeout.ms": "1000",
	"socket.request.max.bytes":     "2000000",
	"group.max.size":               "3",
	"group.consumer.max.size":      "3",
	"group.share.max.size":         "3",
	// Members say something when a scenario has them do it, and not in time.
	"group.consumer.session.timeout.ms":     "600000",
	"group.consumer.max.session.timeout.ms": "600000",
	"group.streams.session.timeout.ms":      "600000",
	"group.streams.max.session.timeout.ms":  "600000",
	"group.share.session.timeout.ms":        "600000",
	"group.share.max.session.timeout.ms":    "600000",
	"group.share.record.lock.duration.ms":   "60000",
	// What leat tells members sooner than Kafka does: answers must come at the same time and say the same. Kafka does not know these.
	"leat.group.heartbeat.hold.ms":           "0",
	"leat.group.consumer.heartbeat.least.ms": "0",
	// Many records are from long ago: none may be old enough to be deleted while the program runs.
	"log.retention.check.interval.ms": "3600000",
	"log.initial.task.delay.ms":       "3600000",
}

// startBoth starts the two brokers at once; the first is the one that is judged.
func startBoth(ctx context.Context, o options, dir string, settings map[string]string) ([]*side, func(), error) {
	kinds := []target.Kind{target.Leat, target.Kafka}
	if o.self {
		kinds[0] = target.Kafka
	}
	nodes := make([]*target.Node, 2)
	sides := make([]*side, 2)
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, kind := range kinds {
		wg.Go(func() {
			home := filepath.Join(dir, fmt.Sprintf("%d-%s", i, kind))
			cfg := target.Config{Kind: kind, Dir: home, Binary: o.binary, Settings: settings}
			user := ""
			if settings["sasl.enabled.mechanisms"] != "" {
				user = adminUser
				cfg.Client = []kgo.Opt{kgo.SASL(loginplain.Auth{User: user, Pass: secretOf(user)}.AsMechanism())}
			}
			node, err := target.New(cfg)
			if err == nil {
				_, err = node.Start(ctx)
			}
			if err != nil {
				errs[i] = err
				return
			}
			nodes[i] = node
			_, port, _ := net.SplitHostPort(node.Bootstrap())
			sides[i] = &side{kind: kind, addr: node.Bootstrap(), port: port, dir: node.DataDir(), names: newNames(port, node.DataDir()),
				controlAddr: node.Controller(), user: user}
		})
	}
	wg.Wait()
	stop := func() {
		for _, node := range nodes {
			if node == nil {
				continue
			}
			if err := node.Stop(); err != nil {
				fmt.Println(err)
			}
		}
	}
	return sides, stop, errors.Join(errs...)
}

// learnVersions asks for the ranges of versions and the cluster id.
func (s *side) learnVersions() {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "differential", "1"
	resp := s.quiet(4, req).(*kmsg.ApiVersionsResponse)
	s.ranges = map[int16][2]int16{}
	for _, k := range resp.ApiKeys {
		s.ranges[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
	}
	s.names.cluster = s.quiet(0, kmsg.NewPtrDescribeClusterRequest()).(*kmsg.DescribeClusterResponse).ClusterID
}

// runBoth runs a scenario on both sides at once, each side alone with its own broker.
func runBoth(sides []*side, sc scenario) {
	var wg sync.WaitGroup
	for _, s := range sides {
		wg.Go(func() {
			s.entries = nil
			defer s.hangUp()
			defer func() {
				// An answer that lacks what the next step needs ends the scenario; where it ended is compared, too.
				if p := recover(); p != nil {
					s.note("the scenario stopped", fmt.Sprint(p))
				}
			}()
			sc.run(s)
		})
	}
	wg.Wait()
}
