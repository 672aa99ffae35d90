package manage

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/reach"
	"leat/internal/record"
)

// ageTimeout is how long the records are waited for whose age is wanted.
const ageTimeout = 5 * time.Second

// addAges adds how old the first record is that was not committed, reading it. Where none comes in time, the age is left unknown.
func addAges(ctx context.Context, f *reach.Flags, all []groupPartition, isolation string) error {
	wanted := make(map[record.TopicPartition]*groupPartition)
	from := make(map[string]map[int32]kgo.Offset)
	for i := range all {
		p := &all[i]
		if p.Lag == nil || p.from() < 0 {
			continue
		}
		if *p.Lag == 0 {
			p.Seconds = new(0.0)
			continue
		}
		if from[p.Topic] == nil {
			from[p.Topic] = make(map[int32]kgo.Offset)
		}
		from[p.Topic][p.Partition] = kgo.NewOffset().At(p.from())
		wanted[record.TopicPartition{Topic: p.Topic, Partition: p.Partition}] = p
	}
	if len(wanted) == 0 {
		return nil
	}
	level := kgo.ReadUncommitted()
	if isolation == "read_committed" {
		level = kgo.ReadCommitted()
	}
	// Retention may have taken the first records: then the oldest that is left counts.
	cl, err := f.Client(kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(level), kgo.FetchMaxPartitionBytes(64<<10),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, ageTimeout)
	defer cancel()
	for len(wanted) > 0 && ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		now := time.Now()
		fetches.EachPartition(func(t kgo.FetchTopicPartition) {
			tp := record.TopicPartition{Topic: t.Topic, Partition: t.Partition}
			p := wanted[tp]
			if p == nil || len(t.Records) == 0 && t.Err == nil {
				return
			}
			if len(t.Records) > 0 {
				p.Seconds = new(max(0, now.Sub(t.Records[0].Timestamp).Seconds()))
			}
			delete(wanted, tp)
			cl.PauseFetchPartitions(map[string][]int32{t.Topic: {t.Partition}})
		})
	}
	return nil
}
