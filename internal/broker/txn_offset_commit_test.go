package broker

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
)

// aborted5 is the end of producer 5's transaction.
var aborted5 = machine.Control{Producer: machine.Producer{ID: 5}, Marker: machine.AbortMarker}

var offsets0 = record.TopicPartition{Topic: offsetsTopic}

// coordinating is a node that coordinates all groups.
func coordinating(t *testing.T) (*node, *coordinator.Groups) {
	n := newNode(t)
	n.makeTopic(offsetsTopic, 1)
	n.makeTopic("orders", 1)
	groups := coordinator.NewGroups(coordinator.GroupsConfig{
		Config:   coordinator.Config{Open: coordinator.Replicated(func() *replication.Node { return n.replicas }), Logger: slog.New(slog.DiscardHandler)},
		Settings: func() coordinator.Settings { return coordinator.DefaultSettings }, Group: func() group.Settings { return group.DefaultSettings },
	})
	n.h.Groups = groups
	groups.Publish(n.newest(), nil)
	groups.Leading(offsets0, 0, true)
	synctest.Wait()
	return n, groups
}

// offsetOf commits an offset of group g in producer 5's transaction.
func offsetOf(offset int64) *kmsg.TxnOffsetCommitRequest {
	rq := kmsg.NewPtrTxnOffsetCommitRequest()
	rq.TransactionalID, rq.Group, rq.Generation, rq.ProducerID = "pay", "g", -1, 5
	rq.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: offset, LeaderEpoch: -1}}}}
	return rq
}

func (n *node) offsetsLog() *replication.Partition {
	n.t.Helper()
	p, err := n.replicas.Leader(offsets0, -1)
	if err != nil {
		n.t.Fatal(err)
	}
	return p
}

// endsOffsets writes the end of producer 5's transaction to the groups' partition.
func endsOffsets(t *testing.T, groups *coordinator.Groups) {
	t.Helper()
	ended := false
	groups.WriteMarker(0, aborted5, func(err error) {
		if ended = true; err != nil {
			t.Errorf("marker: %v", err)
		}
	})
	if synctest.Wait(); !ended {
		t.Fatal("the marker is not written")
	}
}

// A marker between the coordinator's consent and the append takes the leave back: nobody would ever end what is written after it.
func TestTxnOffsetCommitBehindItsMarkerIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, groups := coordinating(t)
		defer n.stop()
		defer groups.Close()
		verify := func() *storage.Verification { return n.offsetsLog().Log().Verify(5, 0, record.NoSequence) }
		commit := func(step string, leave *coordinator.Leave, want *kerr.Error) {
			t.Helper()
			var got *int16
			groups.Submit(coordinator.Call{Group: "g", Request: offsetOf(1), Leave: leave}, func(resp kmsg.Response) {
				got = &resp.(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0].ErrorCode
			})
			synctest.Wait()
			leave.End()
			if got == nil || kerr.ErrorForCode(*got) != nil && kerr.ErrorForCode(*got) != want || want != nil && *got == 0 {
				t.Errorf("%s: code %v, want %v", step, got, want)
			}
		}
		commit("without leave", &coordinator.Leave{}, kerr.InvalidTxnState)
		late := &coordinator.Leave{Verification: verify()}
		endsOffsets(t, groups)
		commit("behind the marker", late, kerr.InvalidTxnState)
		commit("with leave", &coordinator.Leave{Verification: verify()}, nil)
		if v := verify(); v != nil {
			t.Error("the transaction is open and needs no leave")
		}
		commit("in the open transaction", &coordinator.Leave{}, nil)
		endsOffsets(t, groups)
		commit("found open, ended since", &coordinator.Leave{}, kerr.InvalidTxnState)
		commit("if nothing is verified", nil, nil)
	})
}

func TestTxnOffsetCommitWithoutAGroupIsRefusedBeforeAnybodyIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, groups := coordinating(t)
		defer n.stop()
		defer groups.Close()
		c := n.dial()
		defer c.close()
		rq := offsetOf(1)
		rq.Group = ""
		c.send(rq, 3)
		if p := c.receive().(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0]; p.ErrorCode != kerr.InvalidGroupID.Code || len(n.txns.asked) > 0 {
			t.Errorf("%+v, asked %v", p, n.txns.asked)
		}
	})
}

// The same as for records: with transaction version 2 the marker of the transaction before may come while the coordinator is asked.
func TestTxnOffsetCommitAsksAgainWhenTheEndOfTheTransactionBeforeComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, groups := coordinating(t)
		defer n.stop()
		defer groups.Close()
		n.txns.hold = true
		c := n.dial()
		defer c.close()
		c.send(offsetOf(1), 5)
		synctest.Wait()
		n.txns.answer(kerr.ConcurrentTransactions.Code)
		endsOffsets(t, groups)
		time.Sleep(25 * time.Millisecond) // add.partitions.to.txn.retry.backoff.ms
		endsOffsets(t, groups)
		n.txns.answer(0)
		synctest.Wait()
		n.txns.answer(0)
		if p := c.receive().(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 {
			t.Errorf("%+v", p)
		}
		if len(n.txns.asked) != 3 || !n.txns.asked[2].Add {
			t.Errorf("asked %+v", n.txns.asked)
		}
	})
}
