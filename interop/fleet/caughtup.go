package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CaughtUp waits until every broker of a cluster of leat acts by all that is in the metadata log now: who changed something has the answer of a single broker, and
// what is asked next may come to any.
func CaughtUp(ctx context.Context, cl *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	end := int64(-1)
	for {
		err := caughtUp(ctx, cl, &end)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// caughtUp asks all brokers that are there once. end is the end of the metadata log when this was asked first.
func caughtUp(ctx context.Context, cl *kgo.Client, end *int64) error {
	if *end < 0 {
		var err error
		if *end, err = metadataEnd(ctx, cl); err != nil {
			return err
		}
	}
	brokers := kmsg.NewPtrMetadataRequest()
	brokers.Topics = []kmsg.MetadataRequestTopic{} // none
	all, err := brokers.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, b := range all.Brokers {
		rq := kmsg.NewPtrApiVersionsRequest()
		rq.Version, rq.ClientSoftwareName, rq.ClientSoftwareVersion = 3, "leat-interop", "1"
		answer, err := cl.Broker(int(b.NodeID)).Request(ctx, rq)
		if err != nil {
			return fmt.Errorf("broker %d: %w", b.NodeID, err)
		}
		if at := answer.(*kmsg.ApiVersionsResponse).FinalizedFeaturesEpoch; at < *end-1 { // of the last record that it acts by
			return fmt.Errorf("broker %d has the metadata up to offset %d, the log ends at %d", b.NodeID, at, *end)
		}
	}
	return nil
}

// metadataEnd is where the metadata log ends.
func metadataEnd(ctx context.Context, cl *kgo.Client) (int64, error) {
	rq := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	rq.Topics = append(rq.Topics, t)
	resp, err := rq.RequestWith(ctx, cl)
	if err != nil {
		return -1, err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return -1, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return -1, fmt.Errorf("DescribeQuorum tells of %d topics", len(resp.Topics))
	}
	p := resp.Topics[0].Partitions[0]
	return p.HighWatermark, kerr.ErrorForCode(p.ErrorCode)
}
