package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// fault is one kind of harm. It returns when the harm is over or what remains of it is for heal to undo.
type fault struct {
	name   string
	weight int
	alone  bool // promises nothing if something else happens at the same time
	do     func(g *game, ctx context.Context, victim int) error
}

const lostDisk = "loses its disk"

// faults that a seed draws from.
var faults = []fault{
	{"kill -9", 6, false, (*game).killOne},
	{"kill -9 of all", 2, true, (*game).killEach},
	{"kill -9 one after the other", 2, true, (*game).killRolling},
	{"stop in order", 2, false, (*game).stopOne},
	{"freeze", 4, false, (*game).freeze},
	{"stutter", 1, false, (*game).stutter},
	{"cut off from the others", 3, false, (*game).cutOff},
	{"cut off from all", 2, false, (*game).cutOffFromAll},
	{"sends nothing to the others", 2, false, (*game).mute},
	{"hears nothing of the others", 2, false, (*game).deaf},
	{"cannot reach one other", 3, false, (*game).cutPair},
	{"cannot send to one other", 2, false, (*game).cutPairOneWay},
	{"slow link", 2, false, (*game).slowLink},
	{"flapping link", 2, false, (*game).flap},
	{"full disk", 3, true, (*game).fullDisk},
	{"slow disk", 2, false, (*game).slowDisk},
	{lostDisk, 3, true, (*game).loseDisk},
}

// hurt draws a fault, or two, and has them happen.
func (g *game) hurt(ctx context.Context) (string, error) {
	first, victim, role := g.draw(ctx, func(fault) bool { return true })
	name := fmt.Sprintf("node %d (%s): %s", victim, role, first.name)
	run := func(f fault, victim int) error {
		err := f.do(g, ctx, victim)
		g.mu.Lock() // of two at once, either may end first
		defer g.mu.Unlock()
		g.counts[f.name]++
		if errors.Is(err, errCannot) {
			g.left[f.name] = err
			return nil
		}
		return err
	}
	if first.alone || g.rng.IntN(4) != 0 {
		g.note("%s", name)
		return name, run(first, victim)
	}
	second, other, role := g.draw(ctx, func(f fault) bool { return !f.alone && f.name != first.name })
	if other == victim { // a process is stopped and started by one of them only
		other = 1 + victim%nodes
	}
	name += fmt.Sprintf("; node %d (%s): %s", other, role, second.name)
	g.note("%s", name)
	// Both draw from the same source; they take turns to begin so that a seed means the same each time.
	done := make(chan error, 2)
	go func() { done <- run(first, victim) }()
	wait(ctx, 200*time.Millisecond)
	go func() { done <- run(second, other) }()
	return name, errors.Join(<-done, <-done)
}

// draw picks a fault by weight, and its victim: whoever leads a partition, the active controller, or anybody.
func (g *game) draw(ctx context.Context, allowed func(fault) bool) (fault, int, string) {
	var from []fault
	for _, f := range faults {
		if f.name == lostDisk && g.opts.controllers == 1 {
			continue // the only one that knows the metadata, or a replica that the other one waits for
		}
		if allowed(f) && (len(g.opts.only) == 0 || named(f, g.opts.only)) && !named(f, g.opts.without) {
			for range f.weight {
				from = append(from, f)
			}
		}
	}
	if len(from) == 0 { // -only names faults that stand alone
		from = []fault{{"nothing", 1, false, func(*game, context.Context, int) error { return nil }}}
	}
	f := from[g.rng.IntN(len(from))]
	victim, role := 1+g.rng.IntN(nodes), "anybody"
	switch g.rng.IntN(3) {
	case 0:
		if id := g.leader(ctx, g.rng, topic); id > 0 {
			victim, role = id, "a leader"
		}
	case 1:
		if id := g.controller(ctx); id > 0 {
			victim, role = id, "the controller"
		}
	}
	return f, victim, role
}

func named(f fault, names []string) bool {
	return slices.ContainsFunc(names, func(s string) bool { return strings.Contains(f.name, s) })
}

// pause is how long a fault lasts: around both sides of the timeouts.
func (g *game) pause(ctx context.Context) {
	longest := 3500
	if g.opts.defaults {
		longest = 15000
	}
	g.mu.Lock()
	d := time.Duration(200+g.rng.IntN(longest)) * time.Millisecond
	g.mu.Unlock()
	wait(ctx, d)
}

func (g *game) others(victim int) []int {
	var ids []int
	for id := 1; id <= nodes; id++ {
		if id != victim {
			ids = append(ids, id)
		}
	}
	return ids
}

func (g *game) killOne(ctx context.Context, victim int) error {
	if err := g.node[victim].kill(); err != nil {
		return err
	}
	g.pause(ctx)
	return g.node[victim].start()
}

func (g *game) killEach(ctx context.Context, _ int) error {
	if err := g.killAll(); err != nil {
		return err
	}
	for _, i := range g.rng.Perm(nodes) {
		if err := g.node[i+1].start(); err != nil {
			return err
		}
		if g.rng.IntN(2) == 0 {
			wait(ctx, time.Duration(g.rng.IntN(2000))*time.Millisecond)
		}
	}
	return nil
}

func (g *game) killRolling(ctx context.Context, _ int) error {
	for _, i := range g.rng.Perm(nodes) {
		if err := g.node[i+1].kill(); err != nil {
			return err
		}
		wait(ctx, time.Duration(g.rng.IntN(700))*time.Millisecond)
		if err := g.node[i+1].start(); err != nil {
			return err
		}
		wait(ctx, time.Duration(g.rng.IntN(1500))*time.Millisecond)
	}
	return nil
}

func (g *game) stopOne(ctx context.Context, victim int) error {
	if err := g.node[victim].stop(g.patience); err != nil {
		return err
	}
	g.pause(ctx)
	return g.node[victim].start()
}

func (g *game) freeze(ctx context.Context, victim int) error {
	if err := g.node[victim].signal(syscall.SIGSTOP); err != nil {
		return err
	}
	g.pause(ctx)
	return g.node[victim].signal(syscall.SIGCONT)
}

func (g *game) stutter(ctx context.Context, victim int) error {
	for range 10 {
		if err := g.node[victim].signal(syscall.SIGSTOP); err != nil {
			return err
		}
		wait(ctx, 250*time.Millisecond)
		if err := g.node[victim].signal(syscall.SIGCONT); err != nil {
			return err
		}
		wait(ctx, 80*time.Millisecond)
	}
	return nil
}

// links cuts some, waits, and mends them.
func (g *game) links(ctx context.Context, links ...[2]int) error {
	for _, l := range links {
		if err := g.ground.cut(l[0], l[1]); err != nil {
			return err
		}
	}
	g.pause(ctx)
	for _, l := range links {
		if err := g.ground.mend(l[0], l[1]); err != nil {
			return err
		}
	}
	return nil
}

func both(a int, others ...int) (links [][2]int) {
	for _, b := range others {
		links = append(links, [2]int{a, b}, [2]int{b, a})
	}
	return links
}

// cutOff leaves a node to its clients: a leader that the others take for gone is still written to.
func (g *game) cutOff(ctx context.Context, victim int) error {
	return g.links(ctx, both(victim, g.others(victim)...)...)
}

func (g *game) cutOffFromAll(ctx context.Context, victim int) error {
	return g.links(ctx, both(victim, append(g.others(victim), client)...)...)
}

func (g *game) mute(ctx context.Context, victim int) error {
	o := g.others(victim)
	return g.links(ctx, [2]int{victim, o[0]}, [2]int{victim, o[1]})
}

func (g *game) deaf(ctx context.Context, victim int) error {
	o := g.others(victim)
	return g.links(ctx, [2]int{o[0], victim}, [2]int{o[1], victim})
}

func (g *game) cutPair(ctx context.Context, victim int) error {
	return g.links(ctx, both(victim, g.others(victim)[0])...)
}

func (g *game) cutPairOneWay(ctx context.Context, victim int) error {
	return g.links(ctx, [2]int{victim, g.others(victim)[1]})
}

func (g *game) slowLink(ctx context.Context, victim int) error {
	if err := g.ground.slow(victim); err != nil {
		return err
	}
	g.pause(ctx)
	return g.ground.fast(victim)
}

// flap cuts and mends a node's links in quick turns: loss in bursts.
func (g *game) flap(ctx context.Context, victim int) error {
	links := both(victim, g.others(victim)...)
	for range 12 {
		for _, l := range links {
			if err := g.ground.cut(l[0], l[1]); err != nil {
				return err
			}
		}
		wait(ctx, 120*time.Millisecond)
		for _, l := range links {
			if err := g.ground.mend(l[0], l[1]); err != nil {
				return err
			}
		}
		wait(ctx, 180*time.Millisecond)
	}
	return nil
}

// fullDisk fills a node's disk. A node that took its directory offline, or that ended because of it, is started again once there is room: so would its operator.
func (g *game) fullDisk(ctx context.Context, victim int) error {
	n := g.node[victim]
	if err := g.ground.fill(victim); err != nil {
		return err
	}
	g.pause(ctx)
	dies := g.rng.IntN(2) == 0
	if dies { // on the full disk
		if err := n.kill(); err != nil {
			return err
		}
		if err := n.start(); err != nil {
			return err
		}
		wait(ctx, time.Second)
	}
	if err := g.ground.free(victim); err != nil {
		return err
	}
	if n.fellOver() == nil && !dies && g.await(ctx, 8*time.Second) == nil {
		g.note("node %d went on by itself when there was room again", victim)
		return nil
	}
	g.note("node %d is started again after its disk was full (%v)", victim, n.fellOver())
	if err := n.kill(); err != nil {
		return err
	}
	return n.start()
}

func (g *game) slowDisk(ctx context.Context, victim int) error {
	pid := g.node[victim].pid()
	if pid == 0 { // another fault has it
		return nil
	}
	if err := g.ground.throttle(victim, pid); err != nil {
		return err
	}
	g.pause(ctx)
	return g.ground.release(victim)
}

// loseDisk is a node that comes back with nothing. Its vote is in the directory that is gone; one command gives it another.
func (g *game) loseDisk(ctx context.Context, victim int) error {
	n := g.node[victim]
	if err := n.kill(); err != nil {
		return err
	}
	if err := g.ground.wipe(victim); err != nil {
		return err
	}
	g.pause(ctx)
	if err := n.start(); err != nil {
		return err
	}
	if g.opts.static {
		return nil
	}
	_, at := g.ground.advertises(victim)
	var ask []string // the others: this one does not answer before it has its vote
	for _, id := range g.others(victim) {
		ask = append(ask, g.ground.reach(id))
	}
	args := []string{"quorum", "replace-controller", strconv.Itoa(victim), "--at", at, "--bootstrap-server", strings.Join(ask, ",")}
	for end := time.Now().Add(g.patience); ; wait(ctx, 200*time.Millisecond) {
		out, err := exec.CommandContext(ctx, g.opts.binary, args...).CombinedOutput()
		g.note("leat quorum replace-controller %d: %v: %s", victim, err, out)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return fmt.Errorf("leat quorum replace-controller %d: %w: %s", victim, err, out)
		}
	}
}
