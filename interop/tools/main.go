// Command tools runs Kafka's own command-line tools and leat's of the same names, with the same arguments, on two clusters of leat that have gone through the
// same, and compares what they say and how they end. What must differ is made equal by the rules in mask.go; what differs on purpose stands in allowed.go.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	commands := flag.String("tools", "", "the program that stands in for the tools, if not that of the nodes")
	only := flag.String("only", "", "stories whose name contains this")
	short := flag.Bool("short", false, "without the stories that take long")
	keep := flag.Bool("keep", false, "keep the directories")
	verbose := flag.Bool("v", false, "print what the tools say")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "leat-tools-")
	if err == nil {
		r := &run{ctx: ctx, dir: dir, only: *only, short: *short, verbose: *verbose}
		if r.commands, err = filepath.Abs(cmp.Or(*commands, *binary)); err == nil {
			r.binary, err = filepath.Abs(*binary)
		}
		if err == nil {
			err = r.all()
		}
		if *keep {
			fmt.Println("tools          kept:", dir)
		} else {
			os.RemoveAll(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tools:", err)
		os.Exit(1)
	}
}
