package admin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// openProducer is a producer of a partition.
type openProducer struct {
	kmsg.DescribeProducersResponseTopicPartitionActiveProducer

	at partition
}

// producers are those of some partitions: as a node knows them, or as their leaders do.
func (t *transactionCall) producers(ctx context.Context, partitions []partition) ([]openProducer, error) {
	request := kmsg.NewPtrDescribeProducersRequest()
	for _, topic := range byTopic(partitions) {
		some := kmsg.NewDescribeProducersRequestTopic()
		some.Topic, some.Partitions = topic.name, topic.partitions
		request.Topics = append(request.Topics, some)
	}
	if len(request.Topics) == 0 {
		return nil, nil
	}
	var answer *kmsg.DescribeProducersResponse
	var err error
	if t.Has("broker-id") {
		answer, err = tool.AskNode[*kmsg.DescribeProducersResponse](ctx, t.cluster, t.Int32("broker-id"), request)
	} else {
		answer, err = tool.Ask[*kmsg.DescribeProducersResponse](ctx, t.cluster, request)
	}
	if err != nil {
		return nil, err
	}
	var all []openProducer
	for _, topic := range answer.Topics {
		for _, p := range topic.Partitions {
			at := partition{topic.Topic, p.Partition}
			if err := tool.Refused(p.ErrorCode, p.ErrorMessage); err != nil {
				return nil, err
			}
			for _, producer := range p.ActiveProducers {
				all = append(all, openProducer{producer, at})
			}
		}
	}
	return all, nil
}

func (t *transactionCall) partition() partition {
	return partition{t.Value("topic"), t.Int32("partition")}
}

func (t *transactionCall) describeProducers(ctx context.Context) error {
	at, where := t.partition(), "leader"
	if t.Has("broker-id") {
		where = "broker " + t.Value("broker-id")
	}
	all, err := t.producers(ctx, []partition{at})
	if err != nil {
		return undone(fmt.Sprintf("Failed to describe producers for partition %s on %s", at, where), err)
	}
	rows := [][]string{{"ProducerId", "ProducerEpoch", "LatestCoordinatorEpoch", "LastSequence", "LastTimestamp", "CurrentTransactionStartOffset"}}
	for _, p := range all {
		start := "None"
		if p.CurrentTxnStartOffset >= 0 {
			start = number(p.CurrentTxnStartOffset)
		}
		rows = append(rows, []string{number(p.ProducerID), number(p.ProducerEpoch), number(max(-1, p.CoordinatorEpoch)), number(p.LastSequence), number(p.LastTimestamp), start})
	}
	t.table(rows)
	return nil
}

// abort writes the end of a transaction that its coordinator does not know.
func (t *transactionCall) abort(ctx context.Context) error {
	at := t.partition()
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	switch {
	case t.Count("start-offset", "producer-id") == 0:
		return tool.Said("The transaction to abort must be identified either with --start-offset (for brokers on 3.0 or above) or with " +
			"--producer-id, --producer-epoch, and --coordinator-epoch (for older brokers)")
	case t.Has("start-offset"):
		all, err := t.producers(ctx, []partition{at})
		if err != nil {
			return undone("Failed to validate producer state for partition "+at.String(), err)
		}
		i := slices.IndexFunc(all, func(p openProducer) bool {
			return p.CurrentTxnStartOffset >= 0 && p.CurrentTxnStartOffset == t.Int("start-offset", 64)
		})
		if i < 0 {
			return tool.Said("Could not find any open transactions starting at offset " + t.Value("start-offset") + " on partition " + at.String())
		}
		m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch = all[i].ProducerID, int16(all[i].ProducerEpoch), max(0, all[i].CoordinatorEpoch)
	case !t.Has("producer-epoch"):
		return tool.Said("Missing required argument --producer-epoch")
	case !t.Has("coordinator-epoch"):
		return tool.Said("Missing required argument --coordinator-epoch")
	default:
		m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch = t.Int("producer-id", 64), int16(t.Int("producer-epoch", 16)), max(0, t.Int32("coordinator-epoch"))
	}
	topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	topic.Topic, topic.Partitions = at.topic, []int32{at.index}
	m.Topics = append(m.Topics, topic)
	if err := t.mark(ctx, m); err != nil {
		return undone(fmt.Sprintf("Failed to abort transaction AbortTransactionSpec(topicPartition=%s, producerId=%d, producerEpoch=%d, coordinatorEpoch=%d)",
			at, m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch), err)
	}
	return nil
}

func (t *transactionCall) mark(ctx context.Context, m kmsg.WriteTxnMarkersRequestMarker) error {
	request := kmsg.NewPtrWriteTxnMarkersRequest()
	request.Markers = append(request.Markers, m)
	answer, err := tool.Ask[*kmsg.WriteTxnMarkersResponse](ctx, t.cluster, request)
	if err != nil {
		return err
	}
	for _, marker := range answer.Markers {
		for _, topic := range marker.Topics {
			for _, p := range topic.Partitions {
				if err := tool.Refused(p.ErrorCode, nil); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// findHanging lists transactions that are open for too long and that no coordinator will end.
func (t *transactionCall) findHanging(ctx context.Context) error {
	switch {
	case t.Count("topic", "broker-id") == 0:
		return tool.Said("The `find-hanging` command requires either --topic or --broker-id to limit the scope of the search")
	case t.Has("partition") && !t.Has("topic"):
		return tool.Said("The --partition argument requires --topic to be provided")
	}
	partitions, err := t.searched(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	most := time.Duration(t.Int32("max-transaction-timeout")) * time.Minute
	rows := [][]string{{"Topic", "Partition", "ProducerId", "ProducerEpoch", "CoordinatorEpoch", "StartOffset", "LastTimestamp", "Duration(min)"}}
	for some := range slices.Chunk(partitions, 500) {
		all, err := t.producers(ctx, some)
		if err != nil {
			return undone(fmt.Sprintf("Failed to describe producers for %d partitions on broker %s", len(some), t.brokerText()), err)
		}
		for _, p := range all {
			if p.CurrentTxnStartOffset < 0 || now-p.LastTimestamp <= most.Milliseconds() {
				continue
			}
			kept, err := t.isKept(ctx, p)
			if err != nil {
				return err
			}
			if !kept {
				rows = append(rows, []string{p.at.topic, number(p.at.index), number(p.ProducerID), number(p.ProducerEpoch), number(max(-1, p.CoordinatorEpoch)),
					number(p.CurrentTxnStartOffset), number(p.LastTimestamp), number((now - p.LastTimestamp) / time.Minute.Milliseconds())})
			}
		}
	}
	t.table(rows)
	return nil
}

func (t *transactionCall) brokerText() string {
	if t.Has("broker-id") {
		return "Optional[" + t.Value("broker-id") + "]"
	}
	return "Optional.empty"
}

// searched are the partitions in which transactions are looked for.
func (t *transactionCall) searched(ctx context.Context) ([]partition, error) {
	var topics []string
	if t.Has("topic") {
		if t.Has("partition") {
			return []partition{t.partition()}, nil
		}
		topics = []string{t.Value("topic")}
	}
	known, err := metadata(ctx, t.cluster, topics...)
	if err != nil {
		return nil, undone("Failed to list topics", err)
	}
	var all []partition
	for _, topic := range known.Topics {
		if err := tool.Refused(topic.ErrorCode, nil); err != nil {
			return nil, undone(fmt.Sprintf("Failed to describe %d topics", len(known.Topics)), err)
		}
		if len(topics) == 0 && topic.IsInternal {
			continue
		}
		for _, p := range topic.Partitions {
			if !t.Has("broker-id") || slices.Contains(p.Replicas, t.Int32("broker-id")) {
				all = append(all, partition{*topic.Topic, p.Partition})
			}
		}
	}
	return all, nil
}

// isKept tells whether a coordinator knows a transaction with this partition in it, and so will end it.
func (t *transactionCall) isKept(ctx context.Context, p openProducer) (bool, error) {
	request := kmsg.NewPtrListTransactionsRequest()
	request.DurationFilterMillis, request.ProducerIDFilters = -1, []int64{p.ProducerID}
	answer, err := tool.Ask[*kmsg.ListTransactionsResponse](ctx, t.cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, nil)
	}
	if err != nil {
		return false, undone("Failed to list transactions for 1 producers", err)
	}
	for _, s := range answer.TransactionStates {
		d, _, err := t.described(ctx, s.TransactionalID)
		if d == nil && err != nil {
			if tool.IsRefused(err, transactionalIDNotFound) {
				continue
			}
			return false, undone("Failed to describe 1 transactions", err)
		}
		for _, topic := range d.Topics {
			if topic.Topic == p.at.topic && slices.Contains(topic.Partitions, p.at.index) {
				return true, nil
			}
		}
	}
	return false, nil
}
