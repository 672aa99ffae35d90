package server

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"leat/internal/record"
)

// refusal sends one record by hand and returns the answer's error code and message, and how long the client is told to wait.
func refusal(t *testing.T, client *kgo.Client, value string) (code int16, message string, throttle time.Duration) {
	t.Helper()
	rq := kmsg.NewPtrProduceRequest()
	rq.Version, rq.Acks, rq.TimeoutMillis = 9, -1, 5000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "orders"
	part := kmsg.NewProduceRequestTopicPartition()
	records, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Timestamp: time.Now().UnixMilli(), Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	part.Records = records
	topic.Partitions = append(topic.Partitions, part)
	rq.Topics = append(rq.Topics, topic)
	resp, err := client.Broker(1).RetriableRequest(t.Context(), rq)
	if err != nil {
		t.Fatal(err)
	}
	answer := resp.(*kmsg.ProduceResponse)
	p := answer.Topics[0].Partitions[0]
	if p.ErrorMessage != nil {
		message = *p.ErrorMessage
	}
	return p.ErrorCode, message, time.Duration(answer.ThrottleMillis) * time.Millisecond
}

func TestClusterDiskThatGetsFullSlowsThenRefusesProducersAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]string{
			"leat.disk.soft.free.bytes": "3000000", "leat.disk.hard.free.bytes": "1000000", "offsets.topic.num.partitions": "1",
		})
		client := r.impatient(t)
		admin := kadm.NewClient(client)
		byName := r.impatient(t, kgo.MaxVersions(kversion.V3_0_0())) // topics have names in its requests
		if _, err := produceMany(t.Context(), client, "orders", 0, 10); err != nil {
			t.Fatal(err)
		}
		free := func(bytes int64) { // of the whole disk
			t.Helper()
			r.files.SetCapacity(0)
			total, available, err := r.files.Usage("/")
			if err != nil {
				t.Fatal(err)
			}
			r.files.SetCapacity(total - available + bytes)
			time.Sleep(2 * time.Second)
		}
		free(2_000_000)
		begin := time.Now()
		_, _, throttle := refusal(t, byName, strings.Repeat("x", 50_000))
		if throttle < 2*time.Second || throttle > 10*time.Second {
			t.Errorf("told to wait %v", throttle)
		}
		refusal(t, byName, "next") // the same connection: it is not read before
		if took := time.Since(begin); took < throttle {
			t.Errorf("the next request was answered after %v, although the client was told to wait %v", took, throttle)
		}
		r.logs.want(t, "level=WARN", "short of room", "data")

		free(500_000)
		code, message, _ := refusal(t, byName, "refused")
		if code != kerr.KafkaStorageError.Code || !strings.Contains(message, "data") || !strings.Contains(message, "leat.disk.hard.free.bytes") {
			t.Errorf("refused with %v: %s", kerr.ErrorForCode(code), message)
		}
		if _, err := produceMany(t.Context(), client, "orders", 10, 1); !errors.Is(err, kerr.KafkaStorageError) {
			t.Errorf("produce: %v, want KAFKA_STORAGE_ERROR", err)
		}
		var offsets kadm.Offsets
		offsets.AddOffset("orders", 0, 3, -1)
		if err := admin.CommitAllOffsets(t.Context(), "workers", offsets); err != nil {
			t.Errorf("commit: %v", err)
		}
		if got := len(readAll(t, r.client, r.node, "orders", 10)); got < 10 {
			t.Errorf("%d records are read", got)
		}
		if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "late"); err != nil {
			t.Errorf("create a topic: %v", err)
		}
		if _, err := admin.DeleteTopic(t.Context(), "late"); err != nil {
			t.Errorf("delete a topic: %v", err)
		}
		r.logs.want(t, "level=ERROR", "almost full", "data")

		// A client that goes on trying gets through by itself.
		patient := bubbleClient(t, r.client, r.node, kgo.DefaultProduceTopic("orders"))
		done := make(chan error, 1)
		patient.Produce(t.Context(), kgo.StringRecord("patient"), func(_ *kgo.Record, err error) { done <- err })
		time.Sleep(10 * time.Second)
		select {
		case err := <-done:
			t.Errorf("produced on a disk without room: %v", err)
		default:
		}
		free(50_000_000)
		if err := <-done; err != nil {
			t.Errorf("after there was room: %v", err)
		}
		if _, _, throttle := refusal(t, byName, "taken"); throttle != 0 {
			t.Errorf("told to wait %v after there was room", throttle)
		}
		patient.Close()
		byName.Close()
		client.Close()
		r.node.shutDown(t)
	})
}
