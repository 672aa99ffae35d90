// Command hostile attacks a broker in every way that needs no more than a connection, and measures what a well-behaved client notices of it.
//
// The well-behaved client offers 1,000 records a second with acks=all and consumes them, in this process; the attackers are a process of their own
// with the lowest priority (-nice 19), and what each offers is a fixed rate, so that what is measured is the work that they cause in the broker and not
// the processors that they burn themselves: both ends share the machine, and the table says what the attackers used. An attacker on another machine takes no
// processor of the broker's, and the priority stands for that. It is not quite the same: what the kernel does here for packets on their way in, it does on the account of who
// sent them, at their priority; from outside it would be the broker's machine that does it, before everything else. With -nice 0 attackers take processors from client
// and broker like everybody, which is worse than any network: between the two lies what a broker on a machine of its own would show. How much of what they
// offer attackers came to stands in the table, so that a weak attack cannot look like a good defence. Windows without and with an attack take
// turns. The median p99 of those with it may be twice that of those without (-times, -slack); what the broker holds in memory must stay below the bound that
// follows from its limits; no request of the well-behaved client may fail; and afterwards the broker must come to rest, without open files or a flood of log lines left.
package main

import (
	"cmp"
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
	times  float64
	slack  time.Duration
	rounds int
	window time.Duration
	nice   int
	seed   uint64
	sealed string // an attacker's share of the work, as JSON

	verbose  bool
	profiles string
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "leat", "leat's program")
	flag.StringVar(&o.only, "only", "", "attacks to run, with commas between them; all if empty: "+strings.Join(names(), " ")+" files")
	flag.BoolVar(&o.short, "short", false, "short windows and fewer connections, for the gate")
	flag.BoolVar(&o.keep, "keep", false, "keep the broker's directory")
	flag.Float64Var(&o.times, "times", 0, "how many times the p99 of the quiet windows may be reached; 2, short 10")
	flag.DurationVar(&o.slack, "slack", -1, "what p99 may be above that, on a machine that does other things too; 0, short 400ms")
	flag.IntVar(&o.rounds, "rounds", 0, "how many windows are measured without and with each attack, in turns; 3, short 1")
	flag.DurationVar(&o.window, "window", 0, "how long each is; 3s, short 1s")
	flag.IntVar(&o.nice, "nice", 19, "priority of the attackers, from 0 (that of everybody) to 19")
	flag.BoolVar(&o.verbose, "v", false, "print every window")
	flag.StringVar(&o.profiles, "profiles", "", "a directory for processor profiles of the broker under each attack")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano())%1e9, "seed of what is mutated")
	flag.StringVar(&o.sealed, "attack", "", "be the attacker (for this program's own use)")
	flag.Parse()
	o.complete()
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

// complete fills in what was not said. A short run shares its machine with others: it judges what does not depend on that, and latency loosely.
func (o *options) complete() {
	times, slack, rounds, window := 2.0, time.Duration(0), 3, 3*time.Second
	if o.short {
		times, slack, rounds, window = 10, 400*time.Millisecond, 1, time.Second
	}
	o.times, o.rounds, o.window = cmp.Or(o.times, times), cmp.Or(o.rounds, rounds), cmp.Or(o.window, window)
	if o.slack < 0 {
		o.slack = slack
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
	fmt.Println("p99 of the well-behaved client, median of the windows; its worst record; processors used by the broker without and with the attack, and by the attackers")
	fmt.Printf("%-12s %8s %8s %5s %8s %5s %5s %5s %15s %5s  %s\n", "attack", "quiet", "attacked", "times", "worst", "cpu", "cpu", "theirs", "RSS and bound", "files", "what happened")
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
	if o.only == "" || strings.Contains(","+o.only+",", ",files,") {
		if err := outOfFiles(ctx, o); err != nil {
			failed = append(failed, err.Error())
		}
	}
	if len(failed) > 0 {
		b.keep = true
		return fmt.Errorf("%s\n(seed %d; the broker's directory is %s)", strings.Join(failed, "\n"), o.seed, b.dir)
	}
	fmt.Println("the well-behaved client was served through all of it")
	return nil
}
