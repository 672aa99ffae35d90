package broker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// fetchRequest asks for partition 0 of a topic without a session and without waiting.
func fetchRequest(topic string, offset int64) *kmsg.FetchRequest {
	rq := kmsg.NewPtrFetchRequest()
	rq.MaxWaitMillis, rq.MinBytes, rq.MaxBytes, rq.SessionEpoch = 0, 1, 1<<20, noSessionEpoch
	addFetch(rq, topic, 0, offset)
	return rq
}

// addFetch adds a partition.
func addFetch(rq *kmsg.FetchRequest, topic string, partition int32, offset int64) *kmsg.FetchRequestTopicPartition {
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, topicID(topic)
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, 1<<20
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	return &rq.Topics[len(rq.Topics)-1].Partitions[0]
}

func (c *client) fetch(version int16, rq *kmsg.FetchRequest) *kmsg.FetchResponse {
	c.t.Helper()
	return ask[*kmsg.FetchResponse](c, rq, version)
}

// fetchOne returns the answer for the one partition asked for.
func (c *client) fetchOne(version int16, rq *kmsg.FetchRequest) kmsg.FetchResponseTopicPartition {
	c.t.Helper()
	return c.fetch(version, rq).Topics[0].Partitions[0]
}

// produceTo appends to one partition of a topic, so that its log grows without the client under test.
func (n *node) produceTo(topic string, partition int32, values ...string) {
	n.t.Helper()
	p, err := n.replicas.Leader(record.TopicPartition{Topic: topic, Partition: partition}, -1)
	if err == nil {
		_, err = p.Append(plainBatch(values...), -1, storage.FromClient, true)
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

// answered lists partition and values of all answers.
func answered(t testing.TB, resp *kmsg.FetchResponse) []string {
	t.Helper()
	var all []string
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			s := fmt.Sprintf("%d %s", p.Partition, strings.Join(valuesOf(t, p.RecordBatches), " "))
			if p.ErrorCode != 0 {
				s = fmt.Sprintf("%d %v", p.Partition, kerr.ErrorForCode(p.ErrorCode).(*kerr.Error).Message)
			}
			all = append(all, strings.TrimSpace(s))
		}
	}
	return all
}

func TestFetchRefusals(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.makeTopicOn("elsewhere", 1, []int32{2})
	n.publish(&metadata.PartitionChangeRecord{TopicID: topicID("orders"), Leader: self, LeaderRecoveryState: -1}) // leader epoch 1
	n.produceTo("orders", 0, "a", "b")
	c := n.dial()
	defer c.close()
	with := func(rq *kmsg.FetchRequest, change func(*kmsg.FetchRequestTopicPartition)) *kmsg.FetchRequest {
		change(&rq.Topics[0].Partitions[0])
		return rq
	}
	for _, tc := range []struct {
		name    string
		version int16
		rq      *kmsg.FetchRequest
		want    *kerr.Error
	}{
		{"unknown topic", 12, fetchRequest("nowhere", 0), kerr.UnknownTopicOrPartition},
		{"unknown topic id", 13, fetchRequest("nowhere", 0), kerr.UnknownTopicID},
		{"beyond the end", 12, fetchRequest("orders", 3), kerr.OffsetOutOfRange},
		{"before the start", 12, fetchRequest("orders", -1), kerr.OffsetOutOfRange},
		{"other leader", 12, fetchRequest("elsewhere", 0), kerr.NotLeaderForPartition},
		{"old epoch", 12, with(fetchRequest("orders", 0), func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 0 }), kerr.FencedLeaderEpoch},
		{"new epoch", 12, with(fetchRequest("orders", 0), func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 2 }), kerr.UnknownLeaderEpoch},
	} {
		tc.rq.MaxWaitMillis = 60_000 // an error is told at once
		p := c.fetchOne(tc.version, tc.rq)
		if p.ErrorCode != tc.want.Code || p.HighWatermark != -1 || len(p.RecordBatches) != 0 {
			t.Errorf("%s: %v, high watermark %d; want %v", tc.name, kerr.ErrorForCode(p.ErrorCode), p.HighWatermark, tc.want)
		}
	}
	resp := c.fetch(16, fetchRequest("elsewhere", 0))
	if got := resp.Topics[0].Partitions[0].CurrentLeader; got.LeaderID != 2 || len(resp.Brokers) != 1 || resp.Brokers[0].Host != "two" {
		t.Errorf("current leader %+v at %+v", got, resp.Brokers)
	}
}

// Whoever waits is told who leads now, not who led when the request came. Replicas follow an image before handlers see it: what then is not known is not told.
func TestAFetchThatWaitedIsToldWhoLeadsNow(t *testing.T) {
	for name, tc := range map[string]struct {
		change metadata.PartitionChangeRecord
		code   *kerr.Error
		want   string // leader and epoch, and the nodes with addresses
	}{
		"a replica stays here": {metadata.PartitionChangeRecord{Leader: 2, LeaderRecoveryState: -1}, kerr.FencedLeaderEpoch, "2 1 [two]"},
		"none stays here":      {metadata.PartitionChangeRecord{Leader: 2, LeaderRecoveryState: -1, Replicas: []int32{2}, ISR: []int32{2}, Directories: []record.UUID{{}}}, kerr.NotLeaderForPartition, "-1 -1 []"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				defer n.stop()
				n.makeTopicOn("orders", 1, []int32{self, 2})
				c := n.dial()
				defer c.close()
				rq := fetchRequest("orders", 0)
				rq.MaxWaitMillis = 20_000
				rq.Topics[0].Partitions[0].CurrentLeaderEpoch = 0
				c.send(rq, 16)
				time.Sleep(time.Second)
				tc.change.TopicID = topicID("orders")
				n.publishLate(time.Second, &tc.change)
				resp := c.receive().(*kmsg.FetchResponse)
				p := resp.Topics[0].Partitions[0]
				hosts := []string{}
				for _, b := range resp.Brokers {
					hosts = append(hosts, b.Host)
				}
				if got := fmt.Sprint(p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch, hosts); p.ErrorCode != tc.code.Code || got != tc.want {
					t.Errorf("%v, told %s, want %s", kerr.ErrorForCode(p.ErrorCode), got, tc.want)
				}
			})
		})
	}
}

func TestFetchTellsWhereHistoriesDiverge(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.produceTo("orders", 0, "a", "b") // epoch 0: offsets 0, 1
	for range 2 {
		n.publish(&metadata.PartitionChangeRecord{TopicID: topicID("orders"), Leader: self, LeaderRecoveryState: -1})
	}
	n.produceTo("orders", 0, "c") // epoch 2: offset 2
	c := n.dial()
	defer c.close()
	for _, tc := range []struct {
		offset     int64
		last       int32
		epoch      int32
		end        int64
		wantValues []string
	}{
		{2, 0, -1, -1, []string{"2:c"}},
		{3, 0, 0, 2, nil}, // epoch 0 ended at 2
		{2, 2, -1, -1, []string{"2:c"}},
	} {
		rq := fetchRequest("orders", tc.offset)
		rq.Topics[0].Partitions[0].LastFetchedEpoch = tc.last
		p := c.fetchOne(12, rq)
		if p.DivergingEpoch.Epoch != tc.epoch || p.DivergingEpoch.EndOffset != tc.end || !cmp.Equal(tc.wantValues, valuesOf(t, p.RecordBatches)) {
			t.Errorf("offset %d after epoch %d: %+v", tc.offset, tc.last, p)
		}
	}
}

func TestFetchWaitsForMinBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 2)
		size := len(plainBatch("x"))
		n.produceTo("orders", 0, "x")
		c := n.dial()
		defer c.close()
		rq := fetchRequest("orders", 0)
		addFetch(rq, "orders", 1, 0)
		rq.MinBytes, rq.MaxWaitMillis = int32(3*size), 20_000
		started := time.Now()
		c.send(rq, 12)
		time.Sleep(time.Second)
		n.produceTo("orders", 1, "y")
		time.Sleep(time.Second)
		n.produceTo("orders", 1, "z")
		got := answered(t, c.receive().(*kmsg.FetchResponse))
		if diff := cmp.Diff([]string{"0 0:x", "1 0:y 1:z"}, got); diff != "" || time.Since(started) != 2*time.Second {
			t.Fatalf("after %v: %s", time.Since(started), diff)
		}
	})
}

func TestFetchOfADeletedTopicStillWaitsForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		c := n.dial()
		defer c.close()
		rq := fetchRequest("orders", 0)
		addFetch(rq, "nowhere", 0, 0)
		rq.MaxWaitMillis = 500
		started := time.Now()
		got := answered(t, c.fetch(13, rq))
		if diff := cmp.Diff([]string{"0", "0 UNKNOWN_TOPIC_ID"}, got); diff != "" || time.Since(started) != 500*time.Millisecond {
			t.Fatalf("after %v: %s", time.Since(started), diff)
		}
	})
}

func TestFetchAnswersWithNothingAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		c := n.dial()
		defer c.close()
		rq := fetchRequest("orders", 0)
		rq.MaxWaitMillis = 500
		started := time.Now()
		p := c.fetchOne(12, rq)
		if p.ErrorCode != 0 || len(p.RecordBatches) != 0 || time.Since(started) != 500*time.Millisecond {
			t.Fatalf("after %v: %+v", time.Since(started), p)
		}
	})
}

func TestClientThatLeavesEndsItsLongWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		c := n.dial()
		rq := fetchRequest("orders", 0)
		rq.MaxWaitMillis = 3_600_000
		c.send(rq, 12)
		synctest.Wait()
		if fetches, _ := n.replicas.Waiting(); fetches != 1 {
			t.Fatalf("%d fetches wait, want 1", fetches)
		}
		c.close()
		synctest.Wait()
		if fetches, _ := n.replicas.Waiting(); fetches != 0 {
			t.Fatalf("%d fetches wait for a client that has gone", fetches)
		}
	})
}

func TestDeletedTopicWakesAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		c := n.dial()
		defer c.close()
		rq := fetchRequest("orders", 0)
		rq.MaxWaitMillis = 60_000
		c.send(rq, 12)
		synctest.Wait()
		started := time.Now()
		n.publish(&metadata.RemoveTopicRecord{TopicID: topicID("orders")})
		p := c.receive().(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if p.ErrorCode == 0 || time.Since(started) != 0 {
			t.Fatalf("after %v: %+v", time.Since(started), p)
		}
	})
}

func TestFetchReturnsAnOversizedFirstBatchWholeOnce(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 2)
	big := strings.Repeat("x", 5000)
	n.produceTo("orders", 0, big)
	n.produceTo("orders", 1, big)
	c := n.dial()
	defer c.close()
	rq := fetchRequest("orders", 0)
	addFetch(rq, "orders", 1, 0)
	rq.MaxBytes = 100
	for i := range rq.Topics {
		rq.Topics[i].Partitions[0].PartitionMaxBytes = 100
	}
	if diff := cmp.Diff([]string{"0 0:" + big, "1"}, answered(t, c.fetch(12, rq))); diff != "" {
		t.Fatal(diff)
	}
}

func TestFetchOfLargeRangesComesWhole(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 2)
	var want []string
	for i := range 50 {
		v := strings.Repeat(string(rune('a'+i%26)), 4000)
		n.produceTo("orders", 0, v)
		n.produceTo("orders", 1, v)
		want = append(want, fmt.Sprintf("%d:%s", i, v))
	}
	c := n.dial()
	defer c.close()
	rq := fetchRequest("orders", 0)
	addFetch(rq, "orders", 1, 0)
	for _, topic := range c.fetch(12, rq).Topics {
		for _, p := range topic.Partitions {
			if diff := cmp.Diff(want, valuesOf(t, p.RecordBatches)); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

func TestReadCommittedTellsAbortedTransactions(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	p, err := n.replicas.Leader(record.TopicPartition{Topic: "orders"}, -1)
	if err != nil {
		t.Fatal(err)
	}
	spec := record.NewSpec()
	spec.Transactional, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = true, 9, 0, 0
	add := func(b []byte) {
		t.Helper()
		if _, err := p.Append(b, -1, storage.FromCoordinator, false); err != nil {
			t.Fatal(err)
		}
	}
	add(plainBatch("before"))
	add(batchOf(spec, "undone"))
	c := n.dial()
	defer c.close()
	rq := fetchRequest("orders", 0)
	rq.IsolationLevel = 1
	open := c.fetchOne(12, rq)
	if diff := cmp.Diff([]string{"0:before"}, valuesOf(t, open.RecordBatches)); diff != "" || open.LastStableOffset != 1 || open.HighWatermark != 2 {
		t.Fatalf("while open: %+v %s", open, diff)
	}
	spec.Control = true
	add(record.AppendEndTxnMarker(nil, spec, 1_000_000, false, 0))
	closed := c.fetchOne(12, rq)
	if aborted := closed.AbortedTransactions; len(aborted) != 1 || aborted[0].ProducerID != 9 || aborted[0].FirstOffset != 1 || closed.LastStableOffset != 3 {
		t.Fatalf("after the abort: %+v", closed)
	}
	rq.IsolationLevel = 0
	if p := c.fetchOne(12, rq); p.AbortedTransactions != nil {
		t.Fatalf("read_uncommitted is told of %v", p.AbortedTransactions)
	}
}
