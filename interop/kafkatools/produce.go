package kafkatools

import (
	"context"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// LongAgo is when the first record of a topic was made; each further one is a second younger.
var LongAgo = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Produce writes numbers from 0 on to the partitions of a topic in turn. The client must leave the choice of the partition to its user.
func Produce(ctx context.Context, cl *kgo.Client, topic string, count int) error {
	topics, err := kadm.NewClient(cl).ListTopics(ctx, topic)
	if err != nil {
		return err
	}
	n := int32(len(topics[topic].Partitions))
	var records []*kgo.Record
	for i := range int32(count) {
		records = append(records, &kgo.Record{Topic: topic, Partition: i % n, Value: []byte(strconv.Itoa(int(i))), Timestamp: LongAgo.Add(time.Duration(i) * time.Second)})
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}
