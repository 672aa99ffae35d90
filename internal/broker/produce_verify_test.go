package broker

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator"
	"leat/internal/machine"
	"leat/internal/record"
)

// knownTxns is a transaction coordinator that knows no transaction. What is asked about partitions waits for the test, if it wants.
type knownTxns struct {
	mu    sync.Mutex
	asked []coordinator.Membership
	hold  bool
	held  []func([]int16)
}

func (k *knownTxns) Submit(call coordinator.TxnCall, done func(kmsg.Response)) {
	code := kerr.NotCoordinator.Code
	if _, ok := call.Request.(*kmsg.DescribeTransactionsRequest); ok {
		code = kerr.TransactionalIDNotFound.Code
	}
	done(coordinator.RefuseTxn(call.Request, code))
}

func (k *knownTxns) List(_ *kmsg.ListTransactionsRequest, done func(*kmsg.ListTransactionsResponse)) {
	done(kmsg.NewPtrListTransactionsResponse())
}

func (k *knownTxns) Membership(m coordinator.Membership, done func([]int16)) {
	k.mu.Lock()
	k.asked = append(k.asked, m)
	hold := k.hold
	if hold {
		k.held = append(k.held, done)
	}
	k.mu.Unlock()
	if !hold {
		done([]int16{kerr.TransactionAbortable.Code})
	}
}

func (k *knownTxns) WriteMarker(record.TopicPartition, machine.Control, func(error)) {}

// questions counts what was asked.
func (k *knownTxns) questions() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.asked)
}

// answer lets the question that came first have its answer.
func (k *knownTxns) answer(code int16) {
	k.mu.Lock()
	done := k.held[0]
	k.held = k.held[1:]
	k.mu.Unlock()
	done([]int16{code})
}

// inTransaction asks to append a batch of producer 5's transaction.
func inTransaction(sequence int32, values ...string) *kmsg.ProduceRequest {
	spec := record.NewSpec()
	spec.Transactional, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = true, 5, 0, sequence
	rq := produceRequest("orders", -1, batchOf(spec, values...))
	rq.TransactionID = kmsg.StringPtr("pay")
	return rq
}

func TestProduceWaitsForTheVerificationOfItsTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		n.txns.hold = true
		c, other := n.dial(), n.dial()
		defer c.close()
		defer other.close()
		c.send(inTransaction(0, "a"), 11)
		c.send(inTransaction(1, "b"), 11)
		c.send(produceRequest("orders", -1, plainBatch("behind")), 11)
		synctest.Wait()
		other.mustProduce("orders", "beside")
		n.txns.answer(0)
		for i, want := range []int64{1, 2, 3} {
			p := c.receive().(*kmsg.ProduceResponse).Topics[0].Partitions[0]
			if p.ErrorCode != 0 || p.BaseOffset != want {
				t.Fatalf("request %d: %+v, want base offset %d", i, p, want)
			}
		}
		if diff := cmp.Diff([]coordinator.Membership{{TransactionalID: "pay", ProducerID: 5, Partitions: []record.TopicPartition{{Topic: "orders"}}}}, n.txns.asked); diff != "" {
			t.Error(diff) // the second batch needs no verification
		}
		if base := c.mustProduce("orders", "after"); base != 4 {
			t.Errorf("base offset %d", base)
		}
	})
}

func TestProduceAddsThePartitionForClientsThatWantIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		n.txns.hold = true
		c := n.dial()
		defer c.close()
		c.send(inTransaction(0, "a"), 12)
		synctest.Wait()
		n.txns.answer(kerr.ConcurrentTransactions.Code)
		time.Sleep(2 * time.Millisecond) // a sixteenth of add.partitions.to.txn.retry.backoff.ms, and a bit
		n.txns.answer(0)
		if p := c.receive().(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 {
			t.Errorf("%+v", p)
		}
		if len(n.txns.asked) != 2 || !n.txns.asked[1].Add {
			t.Errorf("asked %+v", n.txns.asked)
		}
	})
}

func TestTheCoordinatorIsAskedLessAndLessOftenForTheEndOfTheTransactionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		n.txns.hold = true
		c := n.dial()
		defer c.close()
		c.send(inTransaction(0, "a"), 12)
		synctest.Wait()
		began := time.Now()
		for _, pause := range []time.Duration{1250, 2500, 5000, 10_000, 20_000, 20_000} {
			n.txns.answer(kerr.ConcurrentTransactions.Code)
			asked := n.txns.questions()
			time.Sleep(pause*time.Microsecond - time.Nanosecond)
			synctest.Wait()
			if n.txns.questions() != asked {
				t.Fatalf("asked again %s after the first time, before %s more were over", time.Since(began), pause*time.Microsecond)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if n.txns.questions() != asked+1 {
				t.Fatalf("not asked again %s after the first time", time.Since(began))
			}
		}
		n.txns.answer(0)
		if p := c.receive().(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 {
			t.Errorf("%+v", p)
		}
	})
}

func TestProduceRefusesWhatIsNotVerified(t *testing.T) {
	for _, tc := range []struct {
		code    *kerr.Error
		version int16
		want    *kerr.Error
	}{
		{kerr.TransactionAbortable, 10, kerr.InvalidTxnState},
		{kerr.TransactionAbortable, 11, kerr.TransactionAbortable},
		{kerr.InvalidTxnState, 11, kerr.InvalidTxnState},
		{kerr.ProducerFenced, 11, kerr.InvalidProducerEpoch},
		{kerr.NetworkException, 11, kerr.NotEnoughReplicas},
		{kerr.CoordinatorLoadInProgress, 11, kerr.NotEnoughReplicas},
		{kerr.NotCoordinator, 12, kerr.NotEnoughReplicas},
		{kerr.ConcurrentTransactions, 11, kerr.NotEnoughReplicas},
		{kerr.InvalidProducerIDMapping, 12, kerr.InvalidProducerIDMapping},
	} {
		t.Run(fmt.Sprintf("%s in version %d", tc.code.Message, tc.version), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				defer n.stop()
				n.makeTopic("orders", 1)
				n.txns.hold = true
				c := n.dial()
				defer c.close()
				c.send(inTransaction(0, "a"), tc.version)
				synctest.Wait()
				n.txns.answer(tc.code.Code)
				if p := c.receive().(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != tc.want.Code || p.BaseOffset != -1 {
					t.Errorf("%+v, want %s", p, tc.want.Message)
				}
				if base := c.mustProduce("orders", "x"); base != 0 {
					t.Errorf("base offset %d: something refused was written", base)
				}
			})
		})
	}
}

// Under transaction version 2 a client begins its next transaction while the markers of the last one are being written.
func TestProduceAsksAgainWhenTheEndOfTheTransactionBeforeComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 1)
		n.txns.hold = true
		c := n.dial()
		defer c.close()
		c.send(inTransaction(0, "a"), 12)
		synctest.Wait()
		p, err := n.replicas.Leader(record.TopicPartition{Topic: "orders"}, -1)
		if err != nil {
			t.Fatal(err)
		}
		spec := record.NewSpec()
		spec.ProducerID, spec.ProducerEpoch, spec.Transactional, spec.Control = 5, 0, true, true
		if _, err := p.AppendMarker(record.AppendEndTxnMarker(nil, spec, 0, true, 1), -1, 2); err != nil {
			t.Fatal(err)
		}
		n.txns.answer(0)
		synctest.Wait()
		n.txns.answer(0)
		if p := c.receive().(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != 1 {
			t.Errorf("%+v", p)
		}
	})
}

func TestProduceOfTwoProducersInATransactionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		defer n.stop()
		n.makeTopic("orders", 2)
		c := n.dial()
		defer c.close()
		for step, other := range map[string]func(*record.BatchSpec){
			"another producer": func(s *record.BatchSpec) { s.ProducerID = 6 },
			"another epoch":    func(s *record.BatchSpec) { s.ProducerEpoch = 1 },
		} {
			rq := inTransaction(0, "a")
			spec := record.NewSpec()
			spec.Transactional, spec.ProducerID, spec.ProducerEpoch, spec.BaseSequence = true, 5, 0, 0
			other(&spec)
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = 1, batchOf(spec, "b")
			rq.Topics[0].Partitions = append(rq.Topics[0].Partitions, p)
			c.send(rq, 11)
			for _, p := range c.receive().(*kmsg.ProduceResponse).Topics[0].Partitions {
				if p.ErrorCode != kerr.InvalidProducerIDMapping.Code || p.ErrorMessage == nil {
					t.Errorf("%s: %+v", step, p)
				}
			}
		}
		if len(n.txns.asked) > 0 {
			t.Errorf("asked %+v", n.txns.asked)
		}
	})
}
