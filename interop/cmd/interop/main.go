// Command interop runs real Kafka clients against leat or against Apache Kafka and compares what they read with what was
// sent, byte for byte. It prints a line for each check and ends with status 1 if one failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"leat/interop/clients"
	"leat/interop/suite"
	"leat/interop/target"
)

type options struct {
	target    string
	binary    string
	bootstrap string
	only      string
	seed      uint64
	docs      string
	keep      bool
}

func main() {
	var o options
	flag.StringVar(&o.target, "target", "leat", "what to test: leat or kafka")
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.bootstrap, "bootstrap", "", "use a broker that runs already, instead of starting one")
	flag.StringVar(&o.only, "client", "", "only these clients, separated by commas; \"kafka tools\" are one of them")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano())%1e9, "seed of the records")
	flag.StringVar(&o.docs, "docs", "", "write the table of clients to this file, with what the last run against the other target found")
	flag.BoolVar(&o.keep, "keep", false, "keep the broker's directory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	list, err := clients.List()
	if err != nil {
		return err
	}
	fmt.Printf("%s  seed %d\n", o.target, o.seed)
	bootstrap := o.bootstrap
	if bootstrap == "" {
		node, err := start(ctx, o)
		if err != nil {
			return err
		}
		defer node.stop()
		bootstrap = node.Bootstrap()
	}
	s := &suite.Suite{Target: o.target, Bootstrap: bootstrap, Seed: o.seed, Run: fmt.Sprint(o.seed), Out: os.Stdout}
	if err := s.Share(ctx, list[0]); err != nil {
		return fmt.Errorf("the topic for all could not be written: %w", err)
	}
	var outcomes []suite.Outcome
	for _, client := range list {
		if wanted(o, client.Name) {
			outcomes = append(outcomes, s.Client(ctx, client))
		}
	}
	if wanted(o, "kafka tools") {
		outcomes = append(outcomes, s.Tools(ctx))
	}
	if o.only == "" {
		if err := suite.Remember(o.target, outcomes); err != nil {
			return err
		}
	}
	if o.docs != "" {
		if err := suite.WriteTable(o.docs); err != nil {
			return err
		}
	}
	return verdict(o.target, outcomes)
}

func wanted(o options, name string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), name)
}

func verdict(name string, outcomes []suite.Outcome) error {
	passed, all := 0, 0
	for _, o := range outcomes {
		passed += o.Passed()
		all += len(o.Checks)
	}
	fmt.Printf("%s  %d of %d checks passed\n", name, passed, all)
	if passed < all || all == 0 {
		return errors.New("not everything passed")
	}
	return nil
}

// node is a broker in a directory of its own.
type node struct {
	*target.Node
	dir  string
	keep bool
}

func start(ctx context.Context, o options) (*node, error) {
	dir, err := os.MkdirTemp("", "leat-interop-")
	if err != nil {
		return nil, err
	}
	n := &node{dir: dir, keep: o.keep}
	if n.Node, err = target.New(target.Config{Kind: target.Kind(o.target), Dir: dir, Binary: o.binary}); err != nil {
		return nil, err
	}
	took, err := n.Start(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Printf("%s  serves after %d ms\n", o.target, took.Milliseconds())
	return n, nil
}

func (n *node) stop() {
	if err := n.Stop(); err != nil {
		fmt.Println(err)
	}
	if n.keep {
		fmt.Println("kept:", n.dir)
		return
	}
	os.RemoveAll(n.dir)
}
