// Command compare measures leat, Apache Kafka and the floor under both on the same machine, in one run, round by round in turn, with the
// same neutral load, the same server.properties and fresh directories, and writes the medians as tables.
//
// Client and broker share the machine: processor seconds per GB are the broker's own, throughput is that of both together. Each
// broker is warmed up before it is measured, which matters to a JVM.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags of a run.
type options struct {
	binary     string
	floor      string
	partitions string
	dir        string
	parts      []string
	brokers    []string
	rounds     int
	window     time.Duration
	short      bool
	docs       string
	json       string
	profiles   string
	ballast    string
	from       []string
	counts     []int // of partitions; all if empty
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	var list, brokers, from, counts string
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	flags.StringVar(&o.binary, "binary", "leat", "leat's program")
	flags.StringVar(&o.floor, "floor", "", "the program of bench/cmd/floor")
	flags.StringVar(&o.partitions, "partitions", "", "the program of bench/partitions")
	flags.StringVar(&o.dir, "dir", "", "directory for all data, removed at the end; a new temporary one if empty")
	flags.StringVar(&list, "parts", "", "parts to run, with blanks or commas between them; all if empty: "+strings.Join(partNames(), " "))
	flags.StringVar(&brokers, "brokers", "leat kafka floor", "what to measure")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; the tables have the medians")
	flags.DurationVar(&o.window, "window", 3*time.Second, "how long each load is measured")
	flags.BoolVar(&o.short, "short", false, "one round with short windows and few partitions: a smoke test, not a measurement")
	flags.StringVar(&o.docs, "docs", "", "write the page with the tables to this file")
	flags.StringVar(&o.json, "o", "", "json: print the raw results; or a file to write them to")
	flags.StringVar(&o.profiles, "profiles", "", "directory for profiles of leat under each load; the loads themselves become slower by it")
	flags.StringVar(&o.ballast, "ballast", "auto", "file of holes that keeps free memory warm (see bench/pages), off, or auto: if this machine needs it")
	flags.StringVar(&from, "from", "", "measure nothing: put the raw results of earlier runs together, files with blanks or commas between them")
	flags.StringVar(&counts, "counts", "", "numbers of partitions that the part partitions runs with, all if empty; a run for each can be put together with -from")
	_ = flags.Parse(args) // it ends the program itself
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q: everything is a flag", flags.Args())
	}
	split := func(text string) []string {
		return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	}
	o.from = split(from)
	if o.parts = split(list); len(o.parts) == 0 {
		o.parts = partNames()
	}
	for _, name := range o.parts {
		if !slices.Contains(partNames(), name) {
			return o, fmt.Errorf("-parts: %q is none of %s", name, strings.Join(partNames(), " "))
		}
	}
	for _, text := range split(counts) {
		count, err := strconv.Atoi(text)
		if err != nil || !slices.Contains(partitionCounts, count) {
			return o, fmt.Errorf("-counts: %q is none of %v", text, partitionCounts)
		}
		o.counts = append(o.counts, count)
	}
	o.brokers = split(brokers)
	for _, name := range o.brokers {
		if !slices.Contains([]string{leat, kafka, ground}, name) {
			return o, fmt.Errorf("-brokers: %q is none of leat kafka floor", name)
		}
	}
	if o.short {
		o.rounds, o.window = 1, time.Second
	}
	if o.rounds < 1 {
		return o, fmt.Errorf("-rounds=%d: one at least", o.rounds)
	}
	return o, nil
}

func run(ctx context.Context, o options) error {
	if len(o.from) > 0 {
		all := newResults()
		about, err := all.read(o.from)
		if err != nil {
			return err
		}
		return write(o, about, all)
	}
	return measure(ctx, o)
}

// measure goes through the rounds.
func measure(ctx context.Context, o options) error {
	began := time.Now()
	about := describe()
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "leat-bench-")
		if err != nil {
			return err
		}
		o.dir = dir
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	memory, err := keepWarm(ctx, o)
	if err != nil {
		return err
	}
	defer memory.release()
	all := newResults()
	for round := range o.rounds {
		for i := range o.brokers {
			// Each broker comes first, and last, in some round.
			name := o.brokers[(i+round)%len(o.brokers)]
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, o.rounds, name)
			s := &session{options: o, kind: name, round: round, results: all, memory: memory}
			if err := s.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	about.Took = time.Since(began).Round(time.Second).String()
	about.Rounds, about.Window = o.rounds, o.window.String()
	return write(o, about, all)
}

// write prints the tables, or the raw results, and fills the files that were asked for.
func write(o options, about about, all *results) error {
	if err := all.check(); err != nil {
		return err
	}
	raw, err := all.json(about)
	if err != nil {
		return err
	}
	switch o.json {
	case "":
		fmt.Print(all.tables())
	case "json":
		fmt.Printf("%s\n", raw)
	default:
		fmt.Print(all.tables())
		if err := os.WriteFile(o.json, append(raw, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.docs == "" {
		return nil
	}
	return os.WriteFile(o.docs, []byte(page(about, all)), 0o644)
}
