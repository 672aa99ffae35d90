package coordinator

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// askTimeout is how long a look waits for the leaders of partitions elsewhere.
const askTimeout = 5 * time.Second

// ends are those of a partition elsewhere; -1: not told.
type ends struct{ highWatermark, lastStable int64 }

// askEnds learns the ends of partitions elsewhere from their leaders. What cannot be learned stays unknown at this look.
func (l *Lag) askEnds(ctx context.Context, away map[int32][]record.TopicPartition) {
	if len(away) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var mu sync.Mutex
	var wait sync.WaitGroup
	told := make(map[record.TopicPartition]ends)
	for leader, partitions := range away {
		wait.Go(func() {
			answers := l.askLeader(ctx, leader, partitions)
			mu.Lock()
			defer mu.Unlock()
			for tp, e := range answers {
				told[tp] = e
			}
		})
	}
	wait.Wait()
	now := time.Now()
	for tp, e := range told {
		l.partitions[tp].see(now, e.highWatermark, e.lastStable)
	}
}

// askLeader asks one node for both ends of its partitions.
func (l *Lag) askLeader(ctx context.Context, leader int32, partitions []record.TopicPartition) map[record.TopicPartition]ends {
	stable := l.latest(ctx, leader, partitions, 1)
	if stable == nil {
		return nil
	}
	out := make(map[record.TopicPartition]ends, len(partitions))
	for tp, hw := range l.latest(ctx, leader, partitions, 0) {
		if lso, ok := stable[tp]; ok {
			out[tp] = ends{hw, min(lso, hw)}
		}
	}
	return out
}

// latest asks for the ends of partitions at an isolation level. It is nil if the node does not answer.
func (l *Lag) latest(ctx context.Context, leader int32, partitions []record.TopicPartition, isolation int8) map[record.TopicPartition]int64 {
	const latestOffset = -1
	rq := kmsg.NewPtrListOffsetsRequest()
	rq.ReplicaID, rq.IsolationLevel, rq.TimeoutMillis = -1, isolation, int32(askTimeout.Milliseconds())
	topics := make(map[string]int)
	for _, tp := range partitions {
		at, ok := topics[tp.Topic]
		if !ok {
			at = len(rq.Topics)
			topics[tp.Topic] = at
			rt := kmsg.NewListOffsetsRequestTopic()
			rt.Topic = tp.Topic
			rq.Topics = append(rq.Topics, rt)
		}
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.CurrentLeaderEpoch, rp.Timestamp = tp.Partition, -1, latestOffset
		rq.Topics[at].Partitions = append(rq.Topics[at].Partitions, rp)
	}
	answer, err := l.cfg.Ask(ctx, leader, rq)
	if err != nil {
		l.cfg.Logger.Debug("ends of partitions not learned", "node", leader, "err", err)
		return nil
	}
	out := make(map[record.TopicPartition]int64, len(partitions))
	resp, ok := answer.(*kmsg.ListOffsetsResponse)
	if !ok {
		return nil
	}
	asked := make(map[record.TopicPartition]bool, len(partitions))
	for _, tp := range partitions {
		asked[tp] = true
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			tp := record.TopicPartition{Topic: t.Topic, Partition: p.Partition}
			if p.ErrorCode == 0 && p.Offset >= 0 && asked[tp] {
				out[tp] = p.Offset
			}
		}
	}
	return out
}
