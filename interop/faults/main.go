// Command faults runs a cluster of three real leat processes, hurts it, and checks that nothing acknowledged was lost.
//
// Each node lives in a network namespace and on a small disk of its own. Idempotent producers with acks=all write without a pause and
// consumers check what they read, while faults that a seed has chosen kill, freeze, cut off, slow down and fill up nodes. After each
// round everything is healed, and the whole is checked: every acknowledged record is there once and in order, nothing is there that was not sent,
// and the replicas' files hold the same bytes.
//
// Where namespaces are not allowed, it says so and uses processes on loopback; then cut links are done by proxies, and the faults that
// need more are left out.
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
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	binary      string
	rounds      int
	seed        uint64
	controllers int
	static      bool
	defaults    bool
	luck        bool
	only        []string
	without     []string
	keep        bool
	loopback    bool
	verbose     bool
}

func main() {
	var o options
	var only, without string
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.IntVar(&o.rounds, "rounds", 50, "how many rounds of faults")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano())%1e9, "seed of the faults and of the records")
	flag.IntVar(&o.controllers, "controllers", nodes, "how many of the nodes are controllers, too: 1 or 3")
	flag.BoolVar(&o.static, "static", false, "controllers named by controller.quorum.voters, so that none can be replaced")
	flag.BoolVar(&o.defaults, "defaults", false, "leat's own timeouts and not short ones")
	flag.BoolVar(&o.luck, "luck", false, "the cases of bad luck instead of random faults")
	flag.StringVar(&only, "only", "", "only faults, or cases, with these names, separated by commas")
	flag.StringVar(&without, "without", "", "no faults with these names, separated by commas")
	flag.BoolVar(&o.keep, "keep", false, "keep the directory with logs and history")
	flag.BoolVar(&o.loopback, "loopback", false, "do without namespaces")
	flag.BoolVar(&o.verbose, "v", false, "print what is done as it is done")
	flag.Parse()
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if without != "" {
		o.without = strings.Split(without, ",")
	}
	if !o.loopback {
		o.loopback = !enter()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Printf("faults  seed %d\n", o.seed)
	dir, err := os.MkdirTemp("", "leat-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
	err = run(ctx, o, dir)
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: %v\nfaults: seed %d; logs and history are in %s\n", err, o.seed, dir)
		os.Exit(1)
	}
	if o.keep {
		fmt.Println("faults  kept:", dir)
	} else {
		os.RemoveAll(dir)
	}
}

func run(ctx context.Context, o options, dir string) error {
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	o.binary = binary
	g, err := newGround(o, dir)
	if err != nil {
		return err
	}
	fmt.Println("faults ", g.says())
	if o.luck {
		err = runLuck(ctx, o, g, dir)
	} else {
		err = runGame(ctx, o, g, dir)
	}
	return errors.Join(err, g.leave(err != nil || o.keep))
}

// newGround is namespaces if this process lives in its own, loopback otherwise.
func newGround(o options, dir string) (ground, error) {
	if o.loopback {
		return newLoopback(dir)
	}
	return newNamespaces(dir)
}
