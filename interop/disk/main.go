// Command disk checks that leat's disk format is Kafka's, in both directions: Kafka's own kafka-dump-log reads what leat
// wrote, and leat serves a directory that a cleanly stopped Kafka left behind, which Kafka then takes back.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"leat/interop/target"
)

// report prints a line for each check and remembers whether one failed.
type report struct{ passed, failed int }

func (r *report) check(name string, step func() error) bool {
	began := time.Now()
	err := step()
	verdict := "ok"
	if err != nil {
		r.failed++
		verdict = "FAILED: " + err.Error()
	} else {
		r.passed++
	}
	fmt.Printf("disk  %-58s  %5.1fs  %s\n", name, time.Since(began).Seconds(), verdict)
	return err == nil
}

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	only := flag.String("only", "dump,adopt,leave,compact", "which parts: dump, adopt, leave, compact, format")
	writer := flag.String("writer", "leat", "who writes what kafka-dump-log reads: leat, or kafka to prove this program")
	heir := flag.String("heir", "leat", "who takes over Kafka's directory: leat, or kafka to prove this program")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano())%1e9, "seed of the records")
	keep := flag.Bool("keep", false, "keep the directories")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	fmt.Printf("disk  seed %d\n", *seed)
	var r report
	err := errors.Join(
		part(*only, "dump", *keep, func(dir string) error {
			return dump(ctx, &r, target.Config{Kind: target.Kind(*writer), Binary: *binary, Dir: dir}, *seed)
		}),
		part(*only, "adopt", *keep, func(dir string) error {
			return adopt(ctx, &r, target.Config{Kind: target.Kafka, Binary: *binary, Dir: dir}, target.Kind(*heir), *seed)
		}),
		part(*only, "leave", *keep, func(dir string) error {
			return adopt(ctx, &r, target.Config{Kind: target.Leat, Binary: *binary, Dir: dir, StaticVoters: true}, target.Kafka, *seed)
		}),
		part(*only, "compact", *keep, func(dir string) error {
			return compact(ctx, &r, target.Config{Binary: *binary, Dir: dir})
		}),
		part(*only, "format", *keep, func(dir string) error {
			return formatted(ctx, &r, target.Config{Binary: *binary, Dir: dir})
		}))
	fmt.Printf("disk  %d of %d checks passed\n", r.passed, r.passed+r.failed)
	if err != nil || r.failed > 0 || r.passed == 0 {
		fmt.Fprintln(os.Stderr, "disk: not everything passed", err)
		os.Exit(1)
	}
}

// part runs one part in a directory of its own.
func part(only, name string, keep bool, run func(dir string) error) error {
	if !strings.Contains(only, name) {
		return nil
	}
	dir, err := os.MkdirTemp("", "leat-disk-"+name+"-")
	if err != nil {
		return err
	}
	if keep {
		fmt.Println("disk  kept:", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	return run(dir)
}
