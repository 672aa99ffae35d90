package manage

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// begin opens a transaction and writes one record in it.
func begin(t *testing.T, at, id, topic string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(at), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestTransactionsAreShownAndAborted(t *testing.T) {
	at := startNode(t)
	does(t, at, "topic", "create", "orders", "invoices")
	begin(t, at, "payments-1", "orders")
	begin(t, at, "payments-2", "invoices")
	if out := does(t, at, "txn", "list", "--state", "Ongoing", "-o", "template={{.transactional_id}} {{.state}}"); out != "payments-1 Ongoing\npayments-2 Ongoing\n" {
		t.Errorf("%q", out)
	}
	if out := does(t, at, "txn", "describe", "payments-1"); !strings.Contains(out, "payments-1        Ongoing  ") || !strings.Contains(out, "orders-0") {
		t.Error(out)
	}
	fails(t, at, 1, "transactional id none: ", "txn", "describe", "none")
	if out := does(t, at, "txn", "find-hanging", "--older-than", "0s"); out != "none hangs\n" {
		t.Errorf("the coordinator knows of all that are open: %s", out)
	}
	fails(t, at, 2, "nobody is there", "txn", "abort", "payments-1")
	if out := does(t, at, "txn", "abort", "payments-1", "--plan"); !strings.Contains(out, "transactional id payments-1  abort   producer ") {
		t.Error(out)
	}
	does(t, at, "txn", "abort", "payments-1", "--yes")
	for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // the markers are written after the answer
		out := does(t, at, "txn", "list", "-o", "template={{.transactional_id}} {{.state}}")
		if strings.Contains(out, "payments-1 CompleteAbort") || strings.Contains(out, "payments-1 Empty") {
			break
		}
		if time.Now().After(until) {
			t.Fatal(out)
		}
	}
	if out := does(t, at, "txn", "abort", "payments-1", "--yes"); out != "nothing to change\n" {
		t.Error(out)
	}
	fails(t, at, 1, "invoices-0: no transaction is open there from offset 7", "txn", "abort", "--topic", "invoices", "--partition", "0", "--start-offset", "7", "--yes")
	does(t, at, "txn", "abort", "--topic", "invoices", "--partition", "0", "--start-offset", "0", "--yes")
	fails(t, at, 1, "no transaction is open there", "txn", "abort", "--topic", "invoices", "--partition", "0", "--start-offset", "0", "--yes")
	for _, args := range []string{"txn abort", "txn abort a --topic t --partition 0 --start-offset 0", "txn abort --topic t", "txn describe", "txn list x"} {
		if status, _, problems := leat(strings.Fields(args)...); status != 2 || problems == "" {
			t.Errorf("%s: status %d: %s", args, status, problems)
		}
	}
}

func TestHealthTellsWhatIsNotWell(t *testing.T) {
	at := startNode(t)
	if out := does(t, at, "cluster", "health", "--max-disk", "100"); !strings.Contains(out, "brokers          ok     1 of 1 are up") || !strings.Contains(out, "controllers      ok     1 leads, 1 of 1 have what it has") {
		t.Error(out)
	}
	k := check{Healthy: true}
	for range 2 * maxExamples {
		k.example("x")
	}
	if k.Healthy || len(k.Examples) != maxExamples {
		t.Errorf("%+v", k)
	}
}
