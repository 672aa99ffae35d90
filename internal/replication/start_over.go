package replication

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// Timestamps by which ListOffsets is asked for the ends of a log.
const (
	latestOffset   int64 = -1
	earliestOffset int64 = -2
)

// startOver finds out what became of partitions whose leader does not have the offset that was asked for, and begins anew at its log start where it
// has deleted what comes next here, or never had what is here.
func (f *fetcher) startOver(ctx context.Context, lost []*followed, s Settings) error {
	first, err := f.listOffsets(ctx, lost, earliestOffset)
	if err != nil {
		return err
	}
	last, err := f.listOffsets(ctx, lost, latestOffset)
	if err != nil {
		return err
	}
	for _, fd := range lost {
		start, ok := first[fd.partition.tp]
		end, also := last[fd.partition.tp]
		at := fd.position.offset
		switch {
		case !ok || !also:
			f.stopped(fd, fmt.Errorf("%s: offset %d is not in the leader's log, and it did not tell which are: %w", fd.partition.tp, at, kerr.OffsetOutOfRange))
		case at < start || at > end:
			if err := fd.partition.restart(fd.leaderEpoch, start); err != nil {
				f.stopped(fd, err)
				continue
			}
			fd.known = false
			f.change(fd)
		default: // it is there by now; but not over and over at once
			f.rest(fd, min(s.FetchBackoff, time.Second))
		}
	}
	return nil
}

// listOffsets asks for one end of each log. Who got an error is left out.
func (f *fetcher) listOffsets(ctx context.Context, lost []*followed, which int64) (map[record.TopicPartition]int64, error) {
	rq := kmsg.NewPtrListOffsetsRequest()
	rq.ReplicaID = f.node.cfg.NodeID
	topics := map[string]int{}
	for _, fd := range lost {
		tp := fd.partition.tp
		i, ok := topics[tp.Topic]
		if !ok {
			i = len(rq.Topics)
			topics[tp.Topic] = i
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = tp.Topic
			rq.Topics = append(rq.Topics, t)
		}
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.CurrentLeaderEpoch, p.Timestamp = tp.Partition, fd.leaderEpoch, which
		rq.Topics[i].Partitions = append(rq.Topics[i].Partitions, p)
	}
	response, err := f.source.Do(ctx, rq)
	if err != nil {
		return nil, err
	}
	resp, ok := response.(*kmsg.ListOffsetsResponse)
	if !ok {
		return nil, fmt.Errorf("node %d answered ListOffsets with %T", f.key.source, response)
	}
	found := make(map[record.TopicPartition]int64, len(lost))
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 && p.Offset >= 0 {
				found[record.TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p.Offset
			}
		}
	}
	return found, nil
}
