package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// patience is how long anything that is waited for may take.
const patience = 3 * time.Minute

// most is how many members a group has at most.
const most = 3

// play has members come, leave and be killed, and every twelfth time the coordinator of a group.
func (w *world) play(ctx context.Context) error {
	for _, g := range w.groups {
		if err := w.start(g); err != nil {
			return err
		}
	}
	for i := 1; pause(ctx, time.Duration(700+w.rand.IntN(600))*time.Millisecond); i++ {
		g := w.groups[w.rand.IntN(len(w.groups))]
		if i%12 == 6 {
			if err := w.killCoordinator(ctx, g); err != nil {
				return err
			}
			continue
		}
		if err := w.change(g); err != nil {
			return fmt.Errorf("group %s: %w", g.name, err)
		}
	}
	return nil
}

// change does something to the members of a group.
func (w *world) change(g *group) error {
	for _, m := range g.members {
		if !m.alive() {
			return fmt.Errorf("a member ended by itself: %s", m.errs)
		}
	}
	n := len(g.members)
	if n == 0 || n < most && w.rand.IntN(2) == 0 {
		w.tally["joins"]++
		return w.start(g)
	}
	i := w.rand.IntN(n)
	m := g.members[i]
	g.members = slices.Delete(g.members, i, i+1)
	if w.rand.IntN(2) == 0 {
		w.tally["kills"]++
		m.kill()
		return nil
	}
	w.tally["leaves"]++
	return m.leave()
}

// killCoordinator kills the node that coordinates the group, and starts it again.
func (w *world) killCoordinator(ctx context.Context, g *group) error {
	found := w.adm.FindGroupCoordinators(ctx, g.name)[g.name]
	if found.Err != nil {
		found.Host = "" // between two: nobody is killed
	}
	for _, n := range w.nodes {
		if n.Bootstrap() != fmt.Sprintf("%s:%d", found.Host, found.Port) {
			continue
		}
		w.tally["coordinators killed"]++
		n.Kill()
		pause(ctx, 3*time.Second)
		if _, err := n.Start(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("node does not start again: %w\n%s", err, n.LogTail(20))
		}
	}
	return nil
}

// ends are the end offsets of all partitions, once each has a leader that tells it.
func (w *world) ends(ctx context.Context) (ends [partitions]int64, err error) {
	for until := time.Now().Add(patience); ; pause(ctx, 100*time.Millisecond) {
		listed, err := w.adm.ListEndOffsets(ctx, topic)
		for p := range ends {
			o, ok := listed.Lookup(topic, int32(p))
			if !ok && err == nil {
				err = fmt.Errorf("nothing is said of partition %d", p)
			}
			ends[p], err = o.Offset, errors.Join(err, o.Err)
		}
		if err == nil || ctx.Err() != nil || time.Now().After(until) {
			return ends, err
		}
	}
}

// settle waits until every group has read all.
func (w *world) settle(ctx context.Context) error {
	for _, g := range w.groups {
		if len(g.members) == 0 {
			if err := w.start(g); err != nil {
				return err
			}
		}
	}
	ends, err := w.ends(ctx)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; {
		behind := ""
		for _, g := range w.groups {
			if n := g.behind(ends); n > 0 {
				behind += fmt.Sprintf(" %s %d", g.name, n)
			}
		}
		if behind == "" {
			break
		}
		if time.Now().After(deadline) || !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("records that are not committed after %s:%s", patience, behind)
		}
	}
	for _, g := range w.groups {
		if missing := g.missing(w.sent); len(missing) > 0 {
			return fmt.Errorf("group %s: %d records were read by nobody, first %s", g.name, len(missing), missing[0])
		}
	}
	return nil
}
