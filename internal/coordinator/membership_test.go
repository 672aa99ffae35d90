package coordinator

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/txn"
	"leat/internal/peer"
	"leat/internal/record"
)

// asker is a node that leads no transaction; the coordinator of all is another.
func asker(t *testing.T, leader int32, line Line) *Transactions {
	tx := NewTransactions(TransactionsConfig{
		Config:  Config{Open: func(record.TopicPartition, int32) (Leader, error) { return nil, errStopped }, Logger: slog.New(slog.DiscardHandler)},
		NodeID:  1,
		Connect: func(int32) Line { return line }, Timeout: func() time.Duration { return time.Second },
		Settings: func() Settings { return DefaultSettings }, Txn: func() txn.Settings { return txn.DefaultSettings },
	})
	tx.Publish(ledImage(t, map[string][]int32{TransactionsTopic: {leader}}), nil)
	return tx
}

// consents answers questions with a code for every partition but the last of a topic, which it forgets.
func consents(rq kmsg.Request) (kmsg.Response, error) {
	resp := kmsg.NewPtrAddPartitionsToTxnResponse()
	for _, t := range rq.(betweenBrokers).Transactions {
		one := AddErrorOf(&t, kerr.TransactionAbortable.Code)
		for i := range one.Topics {
			one.Topics[i].Partitions = one.Topics[i].Partitions[:len(one.Topics[i].Partitions)-1]
		}
		resp.Transactions = append(resp.Transactions, one)
	}
	return resp, nil
}

func question(id string, tps ...record.TopicPartition) Membership {
	return Membership{TransactionalID: id, ProducerID: 7, Partitions: tps}
}

func TestMembershipQuestionsShareRequestsButNotOfOneTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newLine(nil)
		tx := asker(t, 2, line)
		var codes [][]int16
		ask := func(id string) {
			tx.Membership(question(id, at("a", 0), at("b", 1), at("a", 3)), func(c []int16) { codes = append(codes, c) })
		}
		ask("first")
		synctest.Wait()
		ask("x")
		ask("x")
		ask("y")
		line.answer = consents
		line.Close()
		synctest.Wait()
		var ids [][]string
		for _, rq := range line.asked {
			var in []string
			for _, tr := range rq.(betweenBrokers).Transactions {
				in = append(in, tr.TransactionalID)
			}
			ids = append(ids, in)
		}
		if want := [][]string{{"first"}, {"x", "y"}, {"x"}}; !slices.EqualFunc(ids, want, slices.Equal) {
			t.Errorf("requests held %v, want %v", ids, want)
		}
		if len(codes) != 4 || !slices.Equal(codes[0], []int16{13, 13, 13}) { // NETWORK_EXCEPTION
			t.Fatalf("codes %v", codes)
		}
		abortable, unknown := kerr.TransactionAbortable.Code, kerr.UnknownServerError.Code
		if want := []int16{abortable, unknown, unknown}; !slices.Equal(codes[1], want) {
			t.Errorf("codes %v, want %v", codes[1], want)
		}
		tx.Close()
	})
}

func TestMembershipByWhatBecomesOfTheQuestion(t *testing.T) {
	refusing := func(code int16) func(kmsg.Request) (kmsg.Response, error) {
		return func(kmsg.Request) (kmsg.Response, error) {
			resp := kmsg.NewPtrAddPartitionsToTxnResponse()
			resp.ErrorCode = code
			return resp, nil
		}
	}
	failing := func(err error) func(kmsg.Request) (kmsg.Response, error) {
		return func(kmsg.Request) (kmsg.Response, error) { return nil, err }
	}
	for _, tc := range []struct {
		name   string
		leader int32
		answer func(kmsg.Request) (kmsg.Response, error)
		want   *kerr.Error
	}{
		{"no coordinator", -1, nil, kerr.CoordinatorNotAvailable},
		{"it is here but not loaded", 1, nil, kerr.NotCoordinator},
		{"connection broke", 2, failing(errors.New("reset")), kerr.NetworkException},
		{"too old", 2, failing(peer.ErrUnsupported), kerr.UnsupportedVersion},
		{"not authorized", 2, refusing(kerr.ClusterAuthorizationFailed.Code), kerr.InvalidTxnState},
		{"loading", 2, refusing(kerr.CoordinatorLoadInProgress.Code), kerr.CoordinatorLoadInProgress},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tx := asker(t, tc.leader, newLine(tc.answer))
				var codes []int16
				tx.Membership(question("x", at("a", 0), at("a", 1)), func(c []int16) { codes = append(codes, c...) })
				synctest.Wait()
				if !slices.Equal(codes, []int16{tc.want.Code, tc.want.Code}) {
					t.Errorf("codes %v, want %s for both", codes, tc.want.Message)
				}
				tx.Close()
			})
		})
	}
}

func TestMembershipQuestionsDoNotWaitForACoordinatorThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newLine(nil)
		tx := asker(t, 2, line)
		var codes []int16
		for range 2 {
			tx.Membership(question("x", at("a", 0)), func(c []int16) { codes = append(codes, c...) })
			synctest.Wait()
		}
		tx.Publish(ledImage(t, map[string][]int32{TransactionsTopic: {3}}), nil)
		line.Close()
		synctest.Wait()
		if want := []int16{kerr.NetworkException.Code, kerr.NotCoordinator.Code}; !slices.Equal(codes, want) || len(line.asked) != 1 {
			t.Errorf("codes %v, want %v; %d requests", codes, want, len(line.asked))
		}
		tx.Close()
	})
}

func TestMembershipEndsWhenTheNodeStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx := asker(t, 2, newLine(nil))
		answers := 0
		for range 3 {
			tx.Membership(question("x", at("a", 0)), func([]int16) { answers++ })
		}
		synctest.Wait()
		tx.Close()
		tx.Membership(question("x", at("a", 0)), func([]int16) { answers++ })
		if answers != 4 {
			t.Errorf("%d of 4 questions were answered", answers)
		}
	})
}

// However many requests wait for a producer id while there is no controller, one goroutine does.
func TestTransactionsGetOneProducerIDAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tx := asker(t, 1, newLine(nil))
		asked := 0
		gate := make(chan struct{})
		tx.cfg.NewProducerID = func(ctx context.Context) (int64, error) {
			asked++
			<-gate
			return 5, ctx.Err()
		}
		led := Led{Logger: slog.New(slog.DiscardHandler)}
		for range 100 {
			tx.perform(led, txn.NeedProducerID{})
		}
		synctest.Wait()
		if asked != 1 {
			t.Errorf("%d questions at once", asked)
		}
		close(gate)
		synctest.Wait()
		tx.perform(led, txn.NeedProducerID{})
		synctest.Wait()
		if asked != 2 {
			t.Errorf("%d questions in all, want one more", asked)
		}
		tx.Close()
	})
}
