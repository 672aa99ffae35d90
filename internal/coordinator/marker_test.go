package coordinator_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/machine"
	"leat/internal/record"
	"leat/internal/storage"
)

// commitInTransaction commits an offset of group g as part of a transaction.
func (r *rig) commitInTransaction(p machine.Producer, offset int64) string {
	rq := kmsg.NewPtrTxnOffsetCommitRequest()
	rq.Group, rq.Generation, rq.ProducerID, rq.ProducerEpoch = "g", -1, p.ID, p.Epoch
	rq.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: offset, LeaderEpoch: -1}}}}
	resp, ok := r.ask("g", rq)().(*kmsg.TxnOffsetCommitResponse)
	if !ok {
		return "nothing yet"
	}
	return code(resp.Topics[0].Partitions[0].ErrorCode)
}

// end writes the end of a transaction to partition 0.
func (r *rig) end(c machine.Control) string {
	out := "nothing yet"
	r.g.WriteMarker(0, c, func(err error) { out = code(coordinator.CodeOf(err)) })
	synctest.Wait()
	return out
}

func TestOffsetsOfATransactionCountWithItsMarker(t *testing.T) {
	for name, test := range map[string]struct {
		marker machine.Marker
		want   string
	}{
		"commit": {machine.CommitMarker, "ok t/0=2"},
		"abort":  {machine.AbortMarker, "ok t/0=1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &fakeLog{}
				r := newRig(t, log)
				r.lead(0)
				p := machine.Producer{ID: 7, Epoch: 1}
				r.expect("commit", r.commit("g", 1)(), "ok")
				r.expect("commit in a transaction", r.commitInTransaction(p, 2), "ok")
				r.expect("before its end", r.fetch("g"), "ok t/0=1")
				r.expect("marker", r.end(machine.Control{Producer: p, Marker: test.marker, CoordinatorEpoch: 5, TransactionVersion: 2}), "ok")
				r.expect("after its end", r.fetch("g"), test.want)
				last := record.Batch(log.batches[len(log.batches)-1])
				kind, value, err := last.ControlRecord()
				if err != nil || !last.Control() || last.ProducerID() != 7 || last.ProducerEpoch() != 1 || (kind == record.ControlCommit) != (name == "commit") {
					t.Errorf("last batch: %v %v of producer %d, epoch %d", kind, err, last.ProducerID(), last.ProducerEpoch())
				}
				if string(value) != "\x00\x00\x00\x00\x00\x05" {
					t.Errorf("value %v, want version 0 and coordinator epoch 5", value)
				}
				if log.version != 2 {
					t.Errorf("appended as of transaction version %d", log.version)
				}
				r.g.Leading(partition0, 0, false)
				r.lead(1)
				r.expect("after a load", r.fetch("g"), test.want)
				r.g.Close()
			})
		})
	}
}

func TestARefusedMarkerHasItsOwnCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{}
		r := newRig(t, log)
		c := machine.Control{Producer: machine.Producer{ID: 7}, Marker: machine.AbortMarker}
		r.expect("no leader", r.end(c), "NOT_COORDINATOR")
		r.lead(0)
		log.err = fmt.Errorf("%w: %w", machine.ErrRefused, storage.ErrStaleCoordinator)
		r.expect("stale coordinator", r.end(c), kerr.TransactionCoordinatorFenced.Message)
		log.err = fmt.Errorf("%w: %w", machine.ErrRefused, storage.ErrProducerFenced)
		r.expect("fenced producer", r.end(c), kerr.InvalidProducerEpoch.Message)
		log.err = errors.New("disk is gone")
		r.expect("lost", r.end(c), "NOT_COORDINATOR")
		r.g.Close()
	})
}
