package server

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
	"leat/internal/sim"
)

// A transaction that no coordinator knows stands in the way of readers until somebody ends it by hand, as kafka-transactions does.
func TestTransactionsThatHangAreFoundAndEnded(t *testing.T) {
	solo(t, map[string]string{"transaction.partition.verification.enable": "false"}, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		cl := bubbleClient(t, client, n, kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer cl.Close()
		adm := kadm.NewClient(cl)
		if _, err := adm.CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		hang(ctx, t, cl)
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("behind it")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		rq := kmsg.NewPtrDescribeProducersRequest()
		rq.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "orders", Partitions: []int32{0}}}
		resp, err := rq.RequestWith(ctx, cl)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(resp.Topics[0].Partitions[0].ActiveProducers, func(p kmsg.DescribeProducersResponseTopicPartitionActiveProducer) bool {
			return p.CurrentTxnStartOffset >= 0
		})
		if at < 0 {
			t.Fatalf("no transaction is told: %+v", resp.Topics[0].Partitions[0])
		}
		hanging := resp.Topics[0].Partitions[0].ActiveProducers[at]
		known, err := kmsg.NewPtrListTransactionsRequest().RequestWith(ctx, cl)
		if err != nil || slices.ContainsFunc(known.TransactionStates, func(s kmsg.ListTransactionsResponseTransactionState) bool { return s.ProducerID == hanging.ProducerID }) {
			t.Errorf("a coordinator knows it: %+v, %v", known, err)
		}
		if stable, err := adm.ListCommittedOffsets(ctx, "orders"); err != nil || stable["orders"][0].Offset != hanging.CurrentTxnStartOffset {
			t.Errorf("last stable offset %+v, %v", stable, err)
		}
		end := kmsg.NewPtrWriteTxnMarkersRequest()
		m := kmsg.NewWriteTxnMarkersRequestMarker()
		m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch = hanging.ProducerID, int16(hanging.ProducerEpoch), max(0, hanging.CoordinatorEpoch)
		m.Topics = []kmsg.WriteTxnMarkersRequestMarkerTopic{{Topic: "orders", Partitions: []int32{0}}}
		end.Markers = append(end.Markers, m)
		ended, err := end.RequestWith(ctx, cl)
		if err != nil || ended.Markers[0].Topics[0].Partitions[0].ErrorCode != 0 {
			t.Fatalf("%+v, %v", ended, err)
		}
		committed := bubbleClient(t, client, n, reader(true, "orders")...)
		defer committed.Close()
		if got := valuesIn(t, committed, "orders", true); !slices.Equal(got, []string{"behind it"}) {
			t.Errorf("committed are %v", got)
		}
	})
}

// hang writes a batch of a transaction that nobody began.
func hang(ctx context.Context, t *testing.T, cl *kgo.Client) {
	t.Helper()
	spec := record.NewSpec()
	spec.Transactional, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = true, 4711, 3, 0
	batch, err := record.AppendBatch(nil, spec, []record.Record{{Timestamp: time.Now().UnixMilli(), Value: []byte("hangs")}})
	if err != nil {
		t.Fatal(err)
	}
	rq := kmsg.NewPtrProduceRequest()
	rq.Version, rq.Acks, rq.TimeoutMillis, rq.TransactionID = 9, -1, 5000, kmsg.StringPtr("nobody")
	rq.Topics = []kmsg.ProduceRequestTopic{{Topic: "orders", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch}}}}
	resp, err := cl.Broker(1).RetriableRequest(ctx, &older{rq})
	if err != nil {
		t.Fatal(err)
	}
	if code := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatal(kerr.ErrorForCode(code))
	}
}

// older is a produce request with topics' names.
type older struct{ *kmsg.ProduceRequest }

func (*older) MaxVersion() int16 { return 9 }
