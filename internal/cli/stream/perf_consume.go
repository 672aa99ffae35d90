package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// consume measures reading: the clients share the partitions.
func (f *perfFlags) consume(ctx context.Context) error {
	from, err := parseWhere(f.from, time.Now())
	if err != nil {
		return fmt.Errorf("--from=%w", err)
	}
	if _, err := f.prepare(ctx); err != nil {
		return err
	}
	readers := make([]*reader, f.clients)
	for i := range readers {
		if readers[i], err = f.reader(ctx, from); err != nil {
			return err
		}
		defer readers[i].cl.Close()
		readers[i].keep(f.topic, i, f.clients)
	}
	m := newMeter(f.warmUp)
	ctx, cancel := context.WithTimeout(ctx, f.warmUp+f.duration)
	defer cancel()
	done, watched := make(chan struct{}), make(chan struct{})
	go func() { defer close(watched); m.watch(f, done) }()
	var all sync.WaitGroup
	for _, r := range readers {
		all.Go(func() { r.readAll(ctx, f, m, cancel) })
	}
	all.Wait()
	close(done)
	<-watched
	if m.first != nil {
		return m.first
	}
	if m.records == 0 {
		return errors.New("no records: nothing was measured: is the topic empty, or the warm-up too long?")
	}
	return f.report("consume", m, nil)
}

// keep leaves a reader its share of the partitions.
func (r *reader) keep(topic string, client, clients int) {
	var others []int32
	for p := range r.ends {
		if int(p.partition)%clients != client {
			others = append(others, p.partition)
			delete(r.ends, p)
		} else if r.at[p] >= r.ends[p] {
			delete(r.ends, p)
		}
	}
	r.cl.RemoveConsumePartitions(map[string][]int32{topic: others})
}

// readAll reads up to the ends.
func (r *reader) readAll(ctx context.Context, f *perfFlags, m *meter, enough func()) {
	for ctx.Err() == nil && len(r.ends) > 0 {
		fetches := r.cl.PollRecords(ctx, atOnce)
		if err := failure(ctx, fetches); err != nil {
			m.fail(err)
			return
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			at := place{p.Topic, p.Partition}
			for _, rec := range p.Records {
				if rec.Offset+1 >= r.ends[at] {
					delete(r.ends, at)
				}
				if !rec.Attrs.IsControl() {
					m.count(m.now(), len(rec.Key)+len(rec.Value), false)
				}
			}
		})
		m.mu.Lock()
		if f.records > 0 && m.records >= f.records {
			enough()
		}
		m.mu.Unlock()
	}
}
