package broker

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
	"leat/internal/sharing/statestest"
	"leat/internal/storage"
)

const shareMember = "AAAAAAAAAAAAAAAAAAAAAA"

// inShares runs a test with a node that has two partitions of a topic, four records in the first, and share partitions of group g.
func inShares(t *testing.T, run func(t *testing.T, n *node, c *client)) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.publish(&metadata.FeatureLevelRecord{Name: metadata.FeatureShareVersion, FeatureLevel: 1})
		n.makeTopic("orders", 2)
		states := statestest.New()
		n.h.Shares = sharing.New(sharing.Config{States: states, Replicas: n.replicas, Image: n.newest, Logger: slog.New(slog.DiscardHandler),
			MaxSessions: func() int { return 2 },
			Group: func(string) sharing.Group {
				return sharing.Group{Settings: acquire.Settings{MaxDeliveries: 5, MaxLocks: 100, Lock: 30 * time.Second}, OffsetReset: "earliest", Isolation: storage.ReadUncommitted, Renew: true}
			}})
		for p := range int32(2) {
			states.Initialize(sharing.SharePartition{Group: "g", TopicID: topicID("orders"), Partition: p}, 1, -1, func(error) {})
		}
		p, err := n.replicas.Leader(record.TopicPartition{Topic: "orders"}, -1)
		if err == nil {
			_, err = p.Append(plainBatch("a", "b", "c", "d"), -1, storage.FromClient, false)
		}
		if err != nil {
			t.Fatal(err)
		}
		c := n.dial()
		run(t, n, c)
		c.close()
		synctest.Wait()
		n.h.Shares.Close()
		n.stop()
	})
}

// shareFetchOf asks for records of partitions of the topic.
func shareFetchOf(member string, epoch int32, partitions ...int32) *kmsg.ShareFetchRequest {
	group := "g"
	rq := kmsg.NewPtrShareFetchRequest()
	rq.GroupID, rq.MemberID, rq.ShareSessionEpoch = &group, &member, epoch
	rq.MaxWaitMillis, rq.MinBytes, rq.MaxBytes, rq.MaxRecords, rq.BatchSize = 100, 1, 1<<20, 100, 100
	topic := kmsg.NewShareFetchRequestTopic()
	topic.TopicID = topicID("orders")
	for _, n := range partitions {
		p := kmsg.NewShareFetchRequestTopicPartition()
		p.Partition = n
		topic.Partitions = append(topic.Partitions, p)
	}
	if len(partitions) > 0 {
		rq.Topics = append(rq.Topics, topic)
	}
	return rq
}

// shareAckOf says one thing of records of a partition.
func shareAckOf(member string, epoch, partition int32, first, last int64, types ...int8) *kmsg.ShareAcknowledgeRequest {
	group := "g"
	rq := kmsg.NewPtrShareAcknowledgeRequest()
	rq.GroupID, rq.MemberID, rq.ShareSessionEpoch = &group, &member, epoch
	topic := kmsg.NewShareAcknowledgeRequestTopic()
	topic.TopicID = topicID("orders")
	p := kmsg.NewShareAcknowledgeRequestTopicPartition()
	b := kmsg.NewShareAcknowledgeRequestTopicPartitionAcknowledgementBatch()
	p.Partition, b.FirstOffset, b.LastOffset, b.AcknowledgeTypes = partition, first, last, types
	p.AcknowledgementBatches = append(p.AcknowledgementBatches, b)
	topic.Partitions = append(topic.Partitions, p)
	rq.Topics = append(rq.Topics, topic)
	return rq
}

// shareText is an answer to a share fetch as a person reads it.
func shareText(resp *kmsg.ShareFetchResponse) string {
	text := fmt.Sprintf("%d:", resp.ErrorCode)
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			text += fmt.Sprintf(" p%d %d/%d", p.Partition, p.ErrorCode, p.AcknowledgeErrorCode)
			for _, a := range p.AcquiredRecords {
				text += fmt.Sprintf(" %d-%d x%d", a.FirstOffset, a.LastOffset, a.DeliveryCount)
			}
		}
	}
	return text
}

func ackCodes(resp *kmsg.ShareAcknowledgeResponse) (all, partition int16) {
	if len(resp.Topics) > 0 {
		partition = resp.Topics[0].Partitions[0].ErrorCode
	}
	return resp.ErrorCode, partition
}

func wantShare(t *testing.T, step string, resp *kmsg.ShareFetchResponse, want string) {
	t.Helper()
	if got := shareText(resp); got != want {
		t.Errorf("%s: %q, want %q", step, got, want)
	}
}

func TestAShareSessionFromItsFirstFetchToItsLast(t *testing.T) {
	inShares(t, func(t *testing.T, n *node, c *client) {
		fetch := func(rq *kmsg.ShareFetchRequest) *kmsg.ShareFetchResponse {
			return ask[*kmsg.ShareFetchResponse](c, rq, 1)
		}
		first := fetch(shareFetchOf(shareMember, 0, 0, 1))
		wantShare(t, "the first fetch tells of each partition", first, "0: p0 0/0 0-3 x1 p1 0/0")
		if first.AcquisitionLockTimeoutMillis != 30_000 {
			t.Errorf("locks last %d ms", first.AcquisitionLockTimeoutMillis)
		}
		if values := valuesOf(t, first.Topics[0].Partitions[0].Records); fmt.Sprint(values) != "[0:a 1:b 2:c 3:d]" {
			t.Errorf("records %v", values)
		}
		wantShare(t, "a later one only of those with news", fetch(shareFetchOf(shareMember, 1)), "0:")
		wantShare(t, "an epoch that is over", fetch(shareFetchOf(shareMember, 1)), fmt.Sprintf("%d:", kerr.InvalidShareSessionEpoch.Code))
		wantShare(t, "nobody's session", fetch(shareFetchOf("BBBBBBBBBBBBBBBBBBBBBB", 1)), fmt.Sprintf("%d:", kerr.ShareSessionNotFound.Code))
		wantShare(t, "the last", fetch(shareFetchOf(shareMember, -1)), "0:")
		wantShare(t, "after the last", fetch(shareFetchOf(shareMember, 2)), fmt.Sprintf("%d:", kerr.ShareSessionNotFound.Code))
		wantShare(t, "what was held goes to the next", fetch(shareFetchOf("BBBBBBBBBBBBBBBBBBBBBB", 0, 0)), "0: p0 0/0 0-3 x2")
	})
}

func TestAcknowledgementsComeWithAFetchOrAlone(t *testing.T) {
	inShares(t, func(t *testing.T, n *node, c *client) {
		ask[*kmsg.ShareFetchResponse](c, shareFetchOf(shareMember, 0, 0), 1)
		epoch := int32(1)
		for _, a := range []struct {
			step    string
			rq      *kmsg.ShareAcknowledgeRequest
			all, of *kerr.Error
			stays   bool
		}{
			{"accepted", shareAckOf(shareMember, 0, 0, 0, 0, acquire.Accept), nil, nil, false},
			{"accepted again, below the start", shareAckOf(shareMember, 0, 0, 0, 0, acquire.Accept), nil, nil, false},
			{"an unknown type", shareAckOf(shareMember, 0, 0, 1, 1, 9), nil, kerr.InvalidRequest, false},
			{"too many types", shareAckOf(shareMember, 0, 0, 1, 1, 1, 1), nil, kerr.InvalidRequest, false},
			{"the wrong way round", shareAckOf(shareMember, 0, 0, 2, 1, 1), nil, kerr.InvalidRequest, false},
			{"a renewal that is not said", shareAckOf(shareMember, 0, 0, 1, 1, acquire.Prolong), nil, kerr.InvalidRequest, false},
			{"no such partition", shareAckOf(shareMember, 0, 7, 1, 1, acquire.Accept), nil, kerr.UnknownTopicOrPartition, false},
			{"somebody else's", shareAckOf("BBBBBBBBBBBBBBBBBBBBBB", 0, 0, 1, 1, acquire.Accept), kerr.ShareSessionNotFound, nil, true},
			{"no member", shareAckOf("", 0, 0, 1, 1, acquire.Accept), kerr.InvalidRequest, nil, true},
			{"released", shareAckOf(shareMember, 0, 0, 1, 1, acquire.Giving), nil, nil, false},
		} {
			a.rq.ShareSessionEpoch = epoch
			if !a.stays {
				epoch++
			}
			all, of := ackCodes(ask[*kmsg.ShareAcknowledgeResponse](c, a.rq, 1))
			if all != codeOrZero(a.all) || of != codeOrZero(a.of) {
				t.Errorf("%s: %d and %d, want %v and %v", a.step, all, of, a.all, a.of)
			}
		}
		with := shareFetchOf(shareMember, epoch, 0)
		b := kmsg.NewShareFetchRequestTopicPartitionAcknowledgementBatch()
		b.FirstOffset, b.LastOffset, b.AcknowledgeTypes = 2, 3, []int8{acquire.Accept, acquire.Reject}
		with.Topics[0].Partitions[0].AcknowledgementBatches = append(with.Topics[0].Partitions[0].AcknowledgementBatches, b)
		wantShare(t, "with a fetch", ask[*kmsg.ShareFetchResponse](c, with, 1), "0: p0 0/0 1-1 x2")
		all, of := ackCodes(ask[*kmsg.ShareAcknowledgeResponse](c, shareAckOf(shareMember, -1, 0, 1, 1, acquire.Accept), 1))
		if all != 0 || of != 0 {
			t.Errorf("the last acknowledgement: %d and %d", all, of)
		}
		if sessions, _ := n.h.Shares.Sessions(); sessions != 0 {
			t.Errorf("%d sessions are left after the last acknowledgement", sessions)
		}
	})
}

func TestShareFetchesThatAreRefusedAsAWhole(t *testing.T) {
	inShares(t, func(t *testing.T, n *node, c *client) {
		fetch := func(step string, rq *kmsg.ShareFetchRequest, want *kerr.Error) {
			t.Helper()
			wantShare(t, step, ask[*kmsg.ShareFetchResponse](c, rq, 2), fmt.Sprintf("%d:", want.Code))
		}
		fetch("no member", shareFetchOf("", 0, 0), kerr.InvalidRequest)
		fetch("a long member", shareFetchOf(shareMember+shareMember, 0, 0), kerr.InvalidRequest)
		first := shareFetchOf(shareMember, 0, 0)
		b := kmsg.NewShareFetchRequestTopicPartitionAcknowledgementBatch()
		b.AcknowledgeTypes = []int8{acquire.Accept}
		first.Topics[0].Partitions[0].AcknowledgementBatches = append(first.Topics[0].Partitions[0].AcknowledgementBatches, b)
		fetch("a first fetch with acknowledgements", first, kerr.InvalidRequest)
		renewal := shareFetchOf(shareMember, 1)
		renewal.IsRenewAck = true
		fetch("a renewal that asks for records", renewal, kerr.InvalidRequest)
		for i := range 2 {
			ask[*kmsg.ShareFetchResponse](c, shareFetchOf(fmt.Sprint("member", i), 0, 1), 2)
		}
		before := time.Now()
		fetch("one session too many", shareFetchOf(shareMember, 0, 0), kerr.ShareSessionLimitReached)
		if waited := time.Since(before); waited < 100*time.Millisecond {
			t.Errorf("whoever gets no session was told so after %v, and would ask again at once", waited)
		}
		n.publish(&metadata.FeatureLevelRecord{Name: metadata.FeatureShareVersion, FeatureLevel: 0})
		fetch("a cluster without share groups", shareFetchOf(shareMember, 0, 0), kerr.UnsupportedVersion)
	})
}

func TestAClosedConnectionGivesBackWhatItsShareSessionHeld(t *testing.T) {
	inShares(t, func(t *testing.T, n *node, c *client) {
		gone := n.dial()
		ask[*kmsg.ShareFetchResponse](gone, shareFetchOf(shareMember, 0, 0), 1)
		wantShare(t, "while it lives", ask[*kmsg.ShareFetchResponse](c, shareFetchOf("BBBBBBBBBBBBBBBBBBBBBB", 0, 0), 1), "0: p0 0/0")
		gone.close()
		synctest.Wait()
		wantShare(t, "when it has gone", ask[*kmsg.ShareFetchResponse](c, shareFetchOf("BBBBBBBBBBBBBBBBBBBBBB", 1), 1), "0: p0 0/0 0-3 x2")
	})
}

func TestAShareSessionReadsATopicThatIsDeleted(t *testing.T) {
	inShares(t, func(t *testing.T, n *node, c *client) {
		fetch := func(step string, rq *kmsg.ShareFetchRequest, want string) {
			t.Helper()
			wantShare(t, step, ask[*kmsg.ShareFetchResponse](c, rq, 1), want)
		}
		fetch("while it is there", shareFetchOf(shareMember, 0, 0, 1), "0: p0 0/0 0-3 x1 p1 0/0")
		n.publish(&metadata.RemoveTopicRecord{TopicID: topicID("orders")})
		fetch("what it read before", shareFetchOf(shareMember, 1), "0: p1 3/0 p0 3/0")
		fetch("named once more", shareFetchOf(shareMember, 2, 0), "0: p0 3/0 p1 3/0")
		without := shareFetchOf(shareMember, 3)
		without.ForgottenTopicsData = []kmsg.ShareFetchRequestForgottenTopicsData{{TopicID: topicID("orders"), Partitions: []int32{0, 1}}}
		fetch("nothing any more", without, "0:")
		fetch("named after it has gone", shareFetchOf(shareMember, 4, 0), "0: p0 100/0")
		fetch("named before, and never known", shareFetchOf(shareMember, 5), "0: p0 100/0")
	})
}

func codeOrZero(e *kerr.Error) int16 {
	if e == nil {
		return 0
	}
	return e.Code
}
