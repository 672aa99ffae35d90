package main

import (
	"context"
	"fmt"
	"time"
)

// topicsOfMany is over how many topics many partitions are spread.
const topicsOfMany = 100

// manyPartitions creates many partitions, kills the active controller, and restarts the whole cluster.
func manyPartitions(ctx context.Context, o options, t *trio, add func(id string, value float64)) error {
	began := time.Now()
	each := o.partitions / topicsOfMany
	for i := range topicsOfMany {
		err := until(ctx, 10*time.Minute, func(context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			return t.create(ctx, fmt.Sprintf("many-%d", i), int32(each), int16(o.replicas))
		})
		if err != nil {
			return err
		}
	}
	if err := t.awaitLed(ctx, each*topicsOfMany); err != nil {
		return err
	}
	add("partitions/created", time.Since(began).Seconds())
	if err := t.idle(ctx, add); err != nil {
		return err
	}
	took, err := t.killController(ctx, "made", "many-0")
	if err != nil {
		return err
	}
	add("partitions/controller", took.Seconds())
	if err := t.awaitLed(ctx, each*topicsOfMany); err != nil {
		return err
	}
	for range o.restarts {
		took, err := t.restart(ctx, each*topicsOfMany)
		if err != nil {
			return err
		}
		add("partitions/restart", took.Seconds())
	}
	memory, err := t.memory()
	if err != nil {
		return err
	}
	add("partitions/highest", memory.Highest)
	return nil
}

// restart stops all nodes and starts them, and waits until that many partitions have a leader.
func (t *trio) restart(ctx context.Context, partitions int) (time.Duration, error) {
	for _, n := range t.all {
		if err := n.Stop(); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	if err := t.start(ctx); err != nil {
		return 0, err
	}
	err := t.awaitLed(ctx, partitions)
	return time.Since(began), err
}

// idle measures what the nodes hold and use while nobody asks anything.
func (t *trio) idle(ctx context.Context, add func(id string, value float64)) error {
	const quiet, watched = 5 * time.Second, 5 * time.Second
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	before, err := t.cpu()
	if err != nil {
		return err
	}
	if err := pause(ctx, watched); err != nil {
		return err
	}
	after, err := t.cpu()
	if err != nil {
		return err
	}
	memory, err := t.memory()
	if err != nil {
		return err
	}
	add("partitions/memory", memory.Resident)
	add("partitions/idle", (after-before)/watched.Seconds()*100)
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitLed waits until that many partitions of the topics have a leader.
func (t *trio) awaitLed(ctx context.Context, partitions int) error {
	return until(ctx, 10*time.Minute, func(context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute) // the answer is large
		defer cancel()
		got, err := t.admin.Metadata(ctx)
		if err != nil {
			return err
		}
		led := 0
		for _, topic := range got.Topics {
			for _, p := range topic.Partitions {
				if p.Err == nil && p.Leader >= 0 {
					led++
				}
			}
		}
		if led < partitions {
			return fmt.Errorf("%d of %d partitions are led", led, partitions)
		}
		return nil
	})
}
