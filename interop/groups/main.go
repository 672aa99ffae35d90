// Command groups has members of classic and consumer groups, each a process with Kafka's Java client, librdkafka or franz-go, join, leave
// and be killed while three nodes of leat lose the coordinator of a group now and then. Every record is delivered to every group at least
// once, and no committed offset moves back. Before that, the consumer of Kafka's system tests runs.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

func main() {
	binary := flag.String("binary", "./leat", "leat's program")
	duration := flag.Duration("duration", 2*time.Minute, "how long members come and go")
	seed := flag.Uint64("seed", 0, "of what happens when; 0: another one each time")
	keep := flag.Bool("keep", false, "keep the directory of the run")
	short := flag.Bool("short", false, "half a minute")
	asMember := flag.Bool("member", false, "be a member: bootstrap, topic, group, protocol")
	flag.Parse()
	var err error
	switch {
	case *asMember && flag.NArg() == 4:
		err = franz(flag.Arg(0), flag.Arg(1), flag.Arg(2), flag.Arg(3))
	default:
		if *short {
			*duration = 25 * time.Second
		}
		if *seed == 0 {
			*seed = rand.Uint64N(1 << 30)
		}
		err = run(*binary, *duration, *seed, *keep)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "groups:", err)
		os.Exit(1)
	}
}

func run(binary string, duration time.Duration, seed uint64, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "leat-groups-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil && !keep {
			_ = os.RemoveAll(dir)
		} else {
			fmt.Println("everything is kept in", dir)
		}
	}()
	fmt.Println("seed", seed)
	w := &world{dir: dir, rand: rand.New(rand.NewPCG(seed, 848)), tally: make(map[string]int)}
	for _, client := range []string{"java", "librdkafka", "franz-go"} {
		w.groups = append(w.groups, newGroup(client, "classic"), newGroup(client, "consumer"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), duration+4*patience)
	defer cancel()
	if err := w.prepare(); err != nil {
		return err
	}
	defer w.end()
	if err := w.begin(ctx, binary); err != nil {
		return err
	}
	began := time.Now()
	if err := w.game(ctx, duration); err != nil {
		return err
	}
	for _, g := range w.groups {
		fmt.Printf("%s: %d records delivered\n", g.name, g.delivered())
	}
	fmt.Printf("ok in %.0f s: %v\n", time.Since(began).Seconds(), w.tally)
	return nil
}

// game plays for so long, then waits until all is read.
func (w *world) game(ctx context.Context, duration time.Duration) error {
	watching, blink := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- w.watch(watching) }()
	playing, over := context.WithTimeout(ctx, duration)
	defer over()
	written := make(chan error, 1)
	go func() { written <- w.write(playing) }()
	err := w.play(playing)
	over()
	if wrote := <-written; err == nil {
		err = wrote
	}
	if err == nil {
		err = w.settle(ctx)
	}
	blink()
	if moved := <-watched; moved != nil {
		err = moved
	}
	return err
}
