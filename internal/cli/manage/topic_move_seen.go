package manage

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// seenWithin bounds how long brokers are waited for that have not heard yet.
const seenWithin = 10 * time.Second

// awaitSeen waits until the brokers tell where the partitions are now: the controller knows first, and the next command may ask another node. One that does not
// answer is not waited for, and neither is one that is late: what was asked for has been done.
func (c *command) awaitSeen(cl *cluster, moves []move) {
	ctx, cancel := context.WithTimeout(context.Background(), seenWithin)
	defer cancel()
	rq := kmsg.NewPtrMetadataRequest()
	after := map[record.TopicPartition][]int32{}
	for _, m := range moves {
		if !slices.ContainsFunc(rq.Topics, func(t kmsg.MetadataRequestTopic) bool { return *t.Topic == m.topic }) {
			t := kmsg.NewMetadataRequestTopic()
			t.Topic = &m.topic
			rq.Topics = append(rq.Topics, t)
		}
		after[record.TopicPartition{Topic: m.topic, Partition: m.partition}] = m.after
	}
	for _, b := range cl.DiscoveredBrokers() {
		for ; !seen(ctx, b, rq, after) && ctx.Err() == nil; time.Sleep(pollEvery) {
		}
	}
}

// seen reports whether a broker tells of all partitions where they are, or does not answer.
func seen(ctx context.Context, b *kgo.Broker, rq *kmsg.MetadataRequest, after map[record.TopicPartition][]int32) bool {
	resp, err := ask[*kmsg.MetadataResponse](ctx, b, rq)
	if err != nil {
		return true
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			want, ours := after[record.TopicPartition{Topic: *t.Topic, Partition: p.Partition}]
			if ours && !slices.Equal(want, p.Replicas) {
				return false
			}
		}
	}
	return true
}
