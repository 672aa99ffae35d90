package stream

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	atOnce = 10_000 // records of a poll
	// quiet is how long nothing comes until the end is asked for again: where a log was compacted, its last offsets may have no records.
	quiet = 10 * time.Second
	// glance is how long one poll waits.
	glance = time.Second
	// lookout is how often somebody who follows looks for new partitions.
	lookout = 10 * time.Second
)

// alone is a reader without a group.
type alone struct {
	*consumer
	cl   *kgo.Client
	adm  *kadm.Client
	ends map[place]int64 // where each partition that is still read is to stop; without an entry: nowhere
	has  map[place]bool  // all partitions that are or were read
	last []*kgo.Record   // with --tail, until all is there
}

type place struct {
	topic     string
	partition int32
}

func (c *consumer) readAlone(ctx context.Context) error {
	a := &alone{consumer: c, ends: map[place]int64{}, has: map[place]bool{}}
	var err error
	a.cl, err = c.Connect(ctx, kgo.FetchIsolationLevel(c.isolation), kgo.KeepControlRecords(), kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return err
	}
	defer a.cl.Close()
	a.adm = kadm.NewClient(a.cl)
	if err := a.begin(ctx, c.from); err != nil || len(a.ends) == 0 && !c.follow {
		return err
	}
	return a.read(ctx)
}

// found are the partitions of the topics that are asked for.
func (a *alone) found(ctx context.Context) ([]place, []string, error) {
	asked := a.topics
	if a.patterns != nil {
		asked = nil
	}
	details, err := a.adm.ListTopicsWithInternal(ctx, asked...)
	if err != nil {
		return nil, nil, err
	}
	var all []place
	var topics []string
	for _, t := range details.Sorted() {
		if a.patterns != nil && (t.IsInternal || !slices.ContainsFunc(a.patterns, func(re *regexp.Regexp) bool { return re.MatchString(t.Topic) })) {
			continue
		}
		if t.Err != nil {
			return nil, nil, unknown(t.Topic, t.Err)
		}
		topics = append(topics, t.Topic)
		for _, p := range t.Partitions.Sorted() {
			if a.partitions == nil || slices.Contains(a.partitions, p.Partition) {
				all = append(all, place{t.Topic, p.Partition})
			}
		}
		for _, p := range a.partitions {
			if _, ok := t.Partitions[p]; !ok {
				return nil, nil, fmt.Errorf("topic %s: there is no partition %d: it has %d", t.Topic, p, len(t.Partitions))
			}
		}
	}
	if len(topics) == 0 && !a.follow {
		return nil, nil, fmt.Errorf("no topic matches %s", strings.Join(a.topics, " "))
	}
	return all, topics, nil
}

// begin adds what is not read yet, from a place on.
func (a *alone) begin(ctx context.Context, from where) error {
	all, topics, err := a.found(ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(p place) bool { return a.has[p] })
	if len(all) == 0 {
		return nil
	}
	b, err := listBounds(ctx, a.adm, a.isolation == kgo.ReadCommitted(), topics...)
	if err != nil {
		return err
	}
	starts, err := timesOf(ctx, a.adm, from, topics...)
	if err != nil {
		return err
	}
	stops, err := timesOf(ctx, a.adm, a.till, topics...)
	if err != nil {
		return err
	}
	add := map[string]map[int32]kgo.Offset{}
	for _, p := range all {
		at, err := b.place(from, starts, p.topic, p.partition)
		if err != nil {
			return err
		}
		end, err := b.place(a.till, stops, p.topic, p.partition)
		if err != nil {
			return err
		}
		a.has[p] = true
		if !a.follow || a.tail > 0 {
			if at >= end && !a.follow {
				continue
			}
			if at < end {
				a.ends[p] = end
			}
		}
		if add[p.topic] == nil {
			add[p.topic] = map[int32]kgo.Offset{}
		}
		add[p.topic][p.partition] = kgo.NewOffset().At(at)
	}
	a.cl.AddConsumePartitions(add)
	return nil
}

// read polls until everything was read that is to be.
func (a *alone) read(ctx context.Context) error {
	still, looked := time.Now(), time.Now()
	for ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, a.wait())
		fetches := a.cl.PollRecords(poll, atOnce)
		cancel()
		if err := failure(ctx, fetches); err != nil {
			return err
		}
		enough, err := a.takeAll(fetches)
		if err != nil || enough {
			return err
		}
		if err := a.out.Flush(); err != nil {
			return err
		}
		if fetches.NumRecords() > 0 {
			still = time.Now()
		} else if a.idle > 0 && time.Since(still) >= a.idle {
			return a.printLast()
		} else if len(a.ends) > 0 && time.Since(still) >= quiet {
			if err := a.letGo(ctx); err != nil {
				return err
			}
		}
		if len(a.ends) == 0 {
			if err := a.printLast(); err != nil || !a.follow {
				return err
			}
		}
		if a.follow && time.Since(looked) >= lookout {
			looked = time.Now()
			if err := a.begin(ctx, where{kind: atStart}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *alone) wait() time.Duration {
	if a.idle > 0 {
		return min(a.idle, glance)
	}
	return glance
}

// takeAll prints what came, up to the end of each partition.
func (a *alone) takeAll(fetches kgo.Fetches) (enough bool, err error) {
	done := map[string][]int32{}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		at := place{p.Topic, p.Partition}
		end, ends := a.ends[at]
		for _, r := range p.Records {
			if enough || err != nil || ends && !a.follow && r.Offset >= end {
				break
			}
			if r.Attrs.IsControl() {
				continue
			}
			if a.tail > 0 && len(a.ends) > 0 {
				a.last = append(a.last, r)
				continue
			}
			enough, err = a.take(r)
		}
		if n := len(p.Records); n > 0 && ends && p.Records[n-1].Offset >= end-1 {
			delete(a.ends, at)
			if !a.follow {
				done[p.Topic] = append(done[p.Topic], p.Partition)
			}
		}
	})
	a.cl.RemoveConsumePartitions(done)
	if len(a.last) > 4*a.tail+atOnce {
		a.shorten()
	}
	return enough, err
}

// shorten keeps the last records by their time.
func (a *alone) shorten() {
	slices.SortStableFunc(a.last, func(x, y *kgo.Record) int {
		return cmp.Or(x.Timestamp.Compare(y.Timestamp), cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition), cmp.Compare(x.Offset, y.Offset))
	})
	a.last = slices.Clone(a.last[max(0, len(a.last)-a.tail):])
}

// printLast prints what --tail has kept, once all of it is there.
func (a *alone) printLast() error {
	if a.last == nil {
		return nil
	}
	a.shorten()
	for _, r := range a.last {
		if _, err := a.take(r); err != nil {
			return err
		}
	}
	a.last = nil
	return a.out.Flush()
}

// letGo is called when nothing came for long. If the cluster answers, its last offsets have no records, as can be where a log was compacted; it is said, because it
// could also be slow.
func (a *alone) letGo(ctx context.Context) error {
	var topics []string
	for p := range a.ends {
		topics = append(topics, p.topic)
	}
	timed, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	b, err := listBounds(timed, a.adm, a.isolation == kgo.ReadCommitted(), topics...)
	if err != nil {
		return err
	}
	for p := range a.ends {
		if _, _, err := b.of(p.topic, p.partition); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "leat consume: %s partition %d: nothing more came for %v, although it goes to offset %d\n", p.topic, p.partition, quiet, a.ends[p])
		delete(a.ends, p)
	}
	return nil
}
