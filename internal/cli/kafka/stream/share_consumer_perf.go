package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

// ShareConsumerPerf is kafka-share-consumer-perf-test.
func ShareConsumerPerf() *tool.Tool {
	return &tool.Tool{
		Name:    "kafka-share-consumer-perf-test",
		Purpose: "This tool is used to verify the share consumer performance.",
		Options: append(perfConsumerOptions("perf-share-consumer"),
			maybe("topic", "String", "topic", "REQUIRED: Name of a topic."),
			optionally("threads", "Integer", "count", "1", "How many members to be."),
			tool.Option{Name: "show-consumer-stats", Text: "Print the numbers of each member."},
		),
		Run:   shareConsumerPerf,
		Fails: twice,
	}
}

// sharing is what one member of the share group has read.
type sharing struct {
	cl             *kgo.Client
	records, bytes int64
	err            error
}

func shareConsumerPerf(ctx context.Context, c *tool.Call) error {
	if err := c.Require("topic"); err != nil {
		return err
	}
	r, err := newReading(c)
	if err != nil {
		return err
	}
	opts, err := r.set.consumer()
	if err != nil {
		return err
	}
	opts = append(opts, kgo.ShareGroup(c.Value("group")), kgo.ConsumeTopics(c.Value("topic")))
	if !c.Has("hide-header") {
		c.Println("start.time, end.time, data.consumed.in.MB, MB.sec, nMsg.sec, data.consumed.in.nMsg, fetch.time.ms")
	}
	members := make([]sharing, max(0, c.Int32("threads")))
	for i := range members {
		cl, err := tool.Reach(c.Value("bootstrap-server"), r.set, opts...)
		if err != nil {
			return err
		}
		defer cl.Close()
		members[i].cl = cl.Client
	}
	ctx, stop := stopped(ctx)
	defer stop()
	r.startedAt = time.Now()
	var all sync.WaitGroup
	var total atomic.Int64
	for i := range members {
		all.Go(func() { r.share(ctx, &members[i], &total, i+1) })
	}
	all.Wait()
	ended := time.Now()
	var records, bytes int64
	for i := range members {
		m := &members[i]
		if m.err != nil {
			return m.err
		}
		if c.Has("show-consumer-stats") {
			c.Printf("Share consumer %d consumption metrics- ", i+1)
			r.shared(m.records, m.bytes, ended)
		}
		records, bytes = records+m.records, bytes+m.bytes
	}
	if records < r.records {
		c.Printf("WARNING: Exiting before consuming the expected number of records: timeout (%d ms) exceeded. You can use the --timeout option to increase the timeout.\n",
			r.patience.Milliseconds())
	}
	r.shared(records, bytes, ended)
	if c.Has("print-metrics") {
		c.Warnln(noMetrics)
	}
	return nil
}

func (r *reading) shared(records, bytes int64, ended time.Time) {
	ms := ended.Sub(r.startedAt).Milliseconds()
	elapsed, megabytes := float64(ms)/1000, float64(bytes)/mebibyte
	r.Printf("%s, %s, %s, %s, %s, %d, %d\n", date(r.format, r.startedAt), date(r.format, ended), decimal(megabytes, 4), decimal(megabytes/elapsed, 4),
		decimal(float64(records)/elapsed, 4), records, ms)
}

// share reads as one member until all together have enough, or none came for too long. It acknowledges before it ends.
func (r *reading) share(ctx context.Context, m *sharing, total *atomic.Int64, index int) {
	now := time.Now()
	reported, consumed := now, now
	var lastRecords, lastBytes int64
	for total.Load() < r.records && now.Sub(consumed) <= r.patience && ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		fetches := m.cl.PollRecords(poll, 500)
		cancel()
		if m.err = pollFailure(ctx, fetches); m.err != nil {
			return
		}
		if now = time.Now(); fetches.NumRecords() > 0 {
			consumed = now
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			rec.Ack(kgo.AckAccept)
			m.records++
			m.bytes += int64(len(rec.Key) + len(rec.Value))
			total.Add(1)
			if now.Sub(reported) < r.interval {
				return
			}
			if r.detailed {
				ms := now.Sub(reported).Milliseconds()
				elapsed := float64(ms)
				r.Printf("%s, %s, %s, %s, %s, %d, %d for share consumer %d\n", date(r.format, reported), date(r.format, now), decimal(float64(m.bytes)/mebibyte, 4),
					decimal(1000*float64(m.bytes-lastBytes)/mebibyte/elapsed, 4), decimal(float64(m.records-lastRecords)/elapsed*1000, 4), m.records, ms, index)
			}
			reported, lastRecords, lastBytes = now, m.records, m.bytes
		})
	}
	flushing, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.patience+time.Second)
	defer cancel()
	m.err = m.cl.FlushAcks(flushing)
}
