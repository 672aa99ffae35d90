package telemetry

import (
	"testing"
	"time"
)

func TestTransactionsAndDelaysShowUnderTheirNames(t *testing.T) {
	var v Verifications
	var d Delays
	var o Offsets
	v.Verified(3*time.Millisecond, 2)
	v.Verified(time.Millisecond, 0)
	d.Delivered(10, 5*time.Millisecond)
	d.Dropped(3)
	o.Committed(4)
	o.Removed(2, true)
	o.Removed(1, false)
	s := testSource(NewBroker(1))
	s.Transactions = func() *TransactionStats {
		return &TransactionStats{Verifications: &v, Delays: &d, UnknownDestination: 6, LogAppendRetry: 7, Delayed: 8, DelayedBytes: 9}
	}
	s.Groups = func() *GroupStats { return &GroupStats{OffsetChanges: &o} }
	want(t, scrape(t, s),
		"kafka_coordinator_transaction_transactionmarkerchannelmanager_unknowndestinationqueuesize 6",
		"kafka_coordinator_transaction_transactionmarkerchannelmanager_logappendretryqueuesize 7",
		"kafka_server_addpartitionstotxnmanager_verificationfailurerate_count_total 2",
		"kafka_server_addpartitionstotxnmanager_verificationtimems_count_total 2",
		"kafka_server_addpartitionstotxnmanager_verificationtimems 3.071",
		"leat_delay_pending_records 8", "leat_delay_pending_bytes 9", "leat_delay_delivered_records_total 10", "leat_delay_dropped_records_total 3",
		`leat_delay_late_ms{quantile="0.99"} 5.119`,
		"kafka_server_group_coordinator_metrics_offset_commit_count 4",
		"kafka_server_group_coordinator_metrics_offset_expiration_count 2",
		"kafka_server_group_coordinator_metrics_offset_deletion_count 1",
	)
}

func TestPartitionsWithTransactionsThatHangAreCounted(t *testing.T) {
	var s NodeStats
	s.Count(func(yield func(*Partition) bool) {
		for _, p := range []Partition{{Leads: true, LateTransaction: true}, {Leads: true}, {LateTransaction: true}} {
			yield(&p)
		}
	})
	if s.LateTransactions != 1 {
		t.Errorf("%d partitions", s.LateTransactions)
	}
}
