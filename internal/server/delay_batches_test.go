package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/timers"
	"leat/internal/record"
	"leat/internal/sim"
)

// sendBatch writes a batch of a producer to partition 0 as it is, and returns the answer's code and offset.
func sendBatch(ctx context.Context, t *testing.T, cl *kgo.Client, topic string, batch []byte) (int16, int64) {
	t.Helper()
	rq := kmsg.NewPtrProduceRequest()
	rq.Acks, rq.TimeoutMillis = -1, 5000
	rq.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch}}}}
	resp, err := cl.Broker(1).RetriableRequest(ctx, &older{rq})
	if err != nil {
		t.Fatal(err)
	}
	p := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	return p.ErrorCode, p.BaseOffset
}

// delayedBatch is a batch of records from a number on, of which those in delayed wait for a second.
func delayedBatch(t *testing.T, codec record.Codec, sequence int32, count int, delayed func(i int) bool) []byte {
	t.Helper()
	spec := record.NewSpec()
	spec.Codec, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = codec, 77, 0, sequence
	records := make([]record.Record, count)
	for i := range records {
		records[i] = record.Record{Timestamp: time.Now().UnixMilli(), Value: strconv.AppendInt(nil, int64(sequence)+int64(i), 10)}
		if delayed(i) {
			records[i].Headers = []record.Header{{Key: "leat-deliver-after", Value: []byte("1000")}}
		}
	}
	b, err := record.AppendBatch(nil, spec, records)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Batches of every kind, each sent twice as after a lost answer: of an idempotent producer, whose sequences go on whatever is delayed, and compressed.
func TestDelayedRecordsOfRepeatedAndCompressedBatches(t *testing.T) {
	all, none, odd := func(int) bool { return true }, func(int) bool { return false }, func(i int) bool { return i%2 == 1 }
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		makeLater(ctx, t, bubbleClient(t, client, n), 1, 1)
		cl := bubbleClient(t, client, n)
		defer cl.Close()
		next := int32(0)
		for round, codec := range []record.Codec{record.Uncompressed, record.Gzip, record.Snappy, record.LZ4, record.Uncompressed} {
			for kind, delayed := range []func(int) bool{none, odd, all, odd, none, all, all} {
				b := delayedBatch(t, codec, next, 3+kind, delayed)
				for range 2 {
					if code, _ := sendBatch(ctx, t, cl, "later", slices.Clone(b)); code != 0 {
						t.Fatalf("round %d, kind %d, sequence %d: %v", round, kind, next, kerr.ErrorForCode(code))
					}
				}
				next += int32(3 + kind)
				gap := delayedBatch(t, codec, next+1, 1, delayed)
				if code, _ := sendBatch(ctx, t, cl, "later", gap); code != kerr.OutOfOrderSequenceNumber.Code {
					t.Errorf("round %d, kind %d: a gap is answered %d", round, kind, code)
				}
			}
		}
		time.Sleep(2 * time.Second)
		reading := bubbleClient(t, client, n, reader(false, "later")...)
		defer reading.Close()
		got := valuesIn(t, reading, "later", true)
		want := make([]string, next)
		for i := range want {
			want[i] = strconv.Itoa(i)
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%d records were sent, %v are there", next, got)
		}
	})
}

// A transaction with a delayed record in it writes nothing of that batch and can only be aborted; what it wrote before goes with it.
func TestADelayedRecordInATransactionIsRefusedWithItsBatch(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		makeLater(ctx, t, bubbleClient(t, client, n), 1, 1)
		cl := bubbleClient(t, client, n, producer("mover")...)
		defer cl.Close()
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "later", Value: []byte("before")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		delayed := &kgo.Record{Topic: "later", Value: []byte("delayed"), Headers: []kgo.RecordHeader{header("leat-deliver-after", 5)}}
		if err := cl.ProduceSync(ctx, delayed).FirstErr(); !errors.Is(err, kerr.InvalidRecord) {
			t.Errorf("in a transaction: %v", err)
		}
		if err := cl.EndTransaction(ctx, kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		if err := transact(ctx, cl, "later", "after", true, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		reading := bubbleClient(t, client, n, reader(true, "later")...)
		defer reading.Close()
		if got := valuesIn(t, reading, "later", true); !slices.Equal(got, []string{"after"}) {
			t.Errorf("there are %v", got)
		}
	})
}

// The timer log is written by nodes only, whatever a client calls itself.
func TestOnlyNodesWriteTheTimerLog(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		makeLater(ctx, t, bubbleClient(t, client, n), 1, 1)
		for name, want := range map[string]*kerr.Error{"anybody": kerr.InvalidTopicException, "__admin_client": kerr.InvalidTopicException,
			"leat-1": kerr.InvalidRecord} {
			cl := bubbleClient(t, client, n, kgo.ClientID(name), kgo.ProducerBatchCompression(kgo.NoCompression()))
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "later", Headers: []kgo.RecordHeader{header("leat-deliver-after", 5)}}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			plain := delayedBatch(t, record.Uncompressed, 0, 1, func(int) bool { return false })
			if code, _ := sendBatch(ctx, t, cl, "__leat_timers", plain); code != want.Code {
				t.Errorf("%s: %v", name, kerr.ErrorForCode(code))
			}
			cl.Close()
		}
		cl := bubbleClient(t, client, n, kgo.ClientID("leat-1"))
		defer cl.Close()
		forged := forgedCommand(t)
		if code, _ := sendBatch(ctx, t, cl, "__leat_timers", forged); code != kerr.ClusterAuthorizationFailed.Code {
			t.Errorf("a forged command: %v", kerr.ErrorForCode(code))
		}
	})
}

// A topic that is deleted takes its delayed records with it, and one made after it with its name gets none of them.
func TestDelayedRecordsGoWithTheirTopic(t *testing.T) {
	solo(t, map[string]string{"leat.delay.topic.num.partitions": "1"}, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		makeLater(ctx, t, bubbleClient(t, client, n), 1, 1)
		send := func(value string, after time.Duration) {
			cl := bubbleClient(t, client, n, kgo.ProducerBatchCompression(kgo.NoCompression()))
			defer cl.Close()
			r := &kgo.Record{Topic: "later", Value: []byte(value), Headers: []kgo.RecordHeader{header("leat-deliver-after", after.Milliseconds())}}
			if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			send(fmt.Sprint("old ", i), time.Duration(i+1)*time.Minute)
		}
		cl := bubbleClient(t, client, n)
		defer cl.Close()
		if _, err := kadm.NewClient(cl).DeleteTopics(ctx, "later"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		makeLater(ctx, t, bubbleClient(t, client, n), 1, 1)
		send("new", 3*time.Minute)
		time.Sleep(20 * time.Minute)
		reading := bubbleClient(t, client, n, reader(false, "later")...)
		defer reading.Close()
		if got := valuesIn(t, reading, "later", true); !slices.Equal(got, []string{"new"}) {
			t.Errorf("there are %v", got)
		}
	})
}

// More bytes than a partition may keep waiting are refused until some were delivered; producers try again by themselves.
func TestDelayedRecordsWaitForRoom(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		cl := bubbleClient(t, client, n, kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer cl.Close()
		configs := map[string]*string{"leat.delay.enable": new("true"), "leat.delay.max.pending.bytes": new("1000")}
		if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, configs, "later"); err != nil {
			t.Fatal(err)
		}
		send := func() time.Duration {
			begin := time.Now()
			r := &kgo.Record{Topic: "later", Value: make([]byte, 600), Headers: []kgo.RecordHeader{header("leat-deliver-after", 5000)}}
			if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
			return time.Since(begin)
		}
		if first, second := send(), send(); first > time.Second || second < 4*time.Second || second > 8*time.Second {
			t.Errorf("the first is taken after %v, the second after %v", first, second)
		}
	})
}

// forgedCommand is a command of somebody who does not know the incarnation of the node.
func forgedCommand(t *testing.T) []byte {
	t.Helper()
	command := timers.Command{Producer: timers.Producer{ID: -1}, Entries: []timers.Entry{{Due: 1, Payload: []byte{}}}}
	b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Timestamp: time.Now().UnixMilli(), Value: command.Encode()}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
