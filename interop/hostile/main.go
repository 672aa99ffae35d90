// Command hostile attacks a broker in every way that needs no more than a connection, and measures what a well-behaved client notices of it.
//
// The well-behaved client offers 1,000 records a second with acks=all and consumes them, in this process; the attackers are a process of their own
// with the lowest priority (nice 19), and what each offers is a fixed rate, so that what is measured is the work that they cause in the broker and not
// the processors that they burn themselves: both ends share the machine. Before each attack comes a quiet run. During the attack the client's p99 may be
// twice that of the quiet run, plus -slack for machines that are busy with other things; what the broker holds in memory must stay below the bound
// that follows from its limits; and no request of the well-behaved client may fail.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

type options struct {
	binary string
	only   string
	short  bool
	keep   bool
	slack  time.Duration
	window time.Duration
	seed   uint64
	sealed string // an attacker's share of the work, as JSON
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.only, "only", "", "attacks to run, with commas between them; all if empty: "+strings.Join(names(), " "))
	flag.BoolVar(&o.short, "short", false, "short windows and fewer connections, for the gate")
	flag.BoolVar(&o.keep, "keep", false, "keep the broker's directory")
	flag.DurationVar(&o.slack, "slack", 0, "what p99 may be above twice that of the quiet run, on a machine that does other things too")
	flag.DurationVar(&o.window, "window", 0, "how long each run is measured; 8s, short 2s")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano())%1e9, "seed of what is mutated")
	flag.StringVar(&o.sealed, "attack", "", "be the attacker (for this program's own use)")
	flag.Parse()
	if o.window == 0 {
		o.window = 8 * time.Second
		if o.short {
			o.window = 2 * time.Second
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if o.sealed != "" {
		err = attacker(ctx, o.sealed)
	} else {
		err = defend(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// defend runs a broker and lets the attackers at it, one after the other.
func defend(ctx context.Context, o options) error {
	fmt.Printf("seed %d\n", o.seed)
	b, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer b.end()
	var failed []string
	fmt.Printf("%-12s %9s %9s %6s %9s %7s %6s  %s\n", "attack", "quiet", "attacked", "times", "worst", "RSS", "files", "what happened")
	for _, a := range attacks {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+a.name+",") {
			continue
		}
		wrong, err := b.under(ctx, a)
		if err != nil {
			return fmt.Errorf("%s: %w (seed %d)\n%s", a.name, err, o.seed, b.node.LogTail(5))
		}
		if wrong != "" {
			failed = append(failed, a.name+": "+wrong)
		}
	}
	if err := b.unhurt(); err != nil {
		failed = append(failed, err.Error())
	}
	if len(failed) > 0 {
		b.keep = true
		return fmt.Errorf("%s\n(seed %d; the broker's directory is %s)", strings.Join(failed, "\n"), o.seed, b.dir)
	}
	fmt.Println("the well-behaved client was served through all of it")
	return nil
}
