package main

import (
	"context"
	"fmt"

	"leat/interop/clients"
	"leat/interop/record"
	"leat/interop/suite"
	"leat/interop/target"
)

// adoption is a directory that goes from one broker to another and back.
type adoption struct {
	*report
	ctx     context.Context
	writers []*writer
	franz   clients.Driver
	unread  []record.Sent // by writer: what its group has not read yet
}

// adopt lets one broker write a directory, another go on with it, and the first take it back.
func adopt(ctx context.Context, r *report, cfg target.Config, heir target.Kind, seed uint64) error {
	cfg.Settings = map[string]string{"log.roll.ms": "500"}
	node, err := target.New(cfg)
	if err != nil {
		return err
	}
	a := &adoption{report: r, ctx: ctx}
	if a.franz, err = franzGo(); err != nil {
		return err
	}
	defer func() {
		for _, w := range a.writers {
			w.close()
		}
	}()
	if !r.check(string(cfg.Kind)+" writes topics, groups and producers, and stops", func() error { return a.found(node, seed) }) {
		return nil
	}
	other := node.As(heir)
	if !a.reign(other) {
		return nil
	}
	if a.reign(node) && heir == target.Leat { // whose journal of the first time is obsolete now
		a.reign(other)
	}
	return nil
}

// found is the first broker's first time: the groups read a part, and more is written after that.
func (a *adoption) found(node *target.Node, seed uint64) error {
	if _, err := node.Start(a.ctx); err != nil {
		return err
	}
	defer node.Kill()
	for i := range 3 {
		w, err := newWriter(a.ctx, node.Bootstrap(), fmt.Sprint("topic-adopt-", i), seed+uint64(i))
		if err != nil {
			return err
		}
		a.writers = append(a.writers, w)
		first, err := w.write(a.ctx, 200)
		if err != nil {
			return err
		}
		got, err := a.franz.Consume(a.ctx, node.Bootstrap(), w.topic, "group-"+w.topic, len(first.Records))
		if err != nil {
			return err
		}
		if err := record.Judge(first, got, w.how()); err != nil {
			return err
		}
		more, err := w.write(a.ctx, 50)
		if err != nil {
			return err
		}
		a.unread = append(a.unread, more)
	}
	return node.Stop()
}

// reign is one broker's time with a directory that another one left behind.
func (a *adoption) reign(node *target.Node) bool {
	who := string(node.Kind())
	if !a.check(who+" opens the directory and leads every partition", func() error {
		if _, err := node.Start(a.ctx); err != nil {
			return err
		}
		for _, w := range a.writers {
			if err := suite.AwaitPartitions(a.ctx, node.Bootstrap(), w.topic, partitions); err != nil {
				return err
			}
		}
		return nil
	}) {
		return false
	}
	defer node.Kill()
	ok := true
	for i, w := range a.writers {
		ok = a.check(who+" serves "+w.topic+" byte for byte", func() error {
			got, _, err := suite.ReadTopic(a.ctx, node.Bootstrap(), w.topic)
			if err != nil {
				return err
			}
			return record.Judge(w.sent, got, w.how())
		}) && ok
		ok = a.check(who+": group of "+w.topic+" goes on where it stopped", func() error {
			got, err := a.franz.Consume(a.ctx, node.Bootstrap(), w.topic, "group-"+w.topic, len(a.unread[i].Records))
			if err != nil {
				return err
			}
			if err := record.Judge(a.unread[i], got, w.how()); err != nil {
				return err
			}
			return suite.GroupAtEnd(a.ctx, node.Bootstrap(), w.topic, "group-"+w.topic)
		}) && ok
		ok = a.check(who+": producers of "+w.topic+" go on with their sequence", func() error {
			more, err := w.write(a.ctx, 50)
			a.unread[i] = more
			return err
		}) && ok
	}
	return a.check(who+" stops cleanly", node.Stop) && ok
}
