package telemetry

import (
	"sync/atomic"
	"time"
)

// Verifications counts the questions of partitions' leaders to the coordinators of transactions (KIP-890). Its zero value is ready.
type Verifications struct {
	times  quantiles
	failed atomic.Int64
}

// Verified counts a question about partitions: how long the answer took, and how many of them were refused.
func (v *Verifications) Verified(took time.Duration, failed int) {
	v.times.add(took)
	v.failed.Add(int64(failed))
}

// Delays counts delayed records on their way out. Its zero value is ready.
type Delays struct {
	delivered, dropped atomic.Int64
	late               quantiles
}

// Delivered counts records that became visible, the first of them so much after it was due.
func (d *Delays) Delivered(records int, late time.Duration) {
	d.delivered.Add(int64(records))
	d.late.add(late)
}

// Dropped counts records that were given up.
func (d *Delays) Dropped(records int) { d.dropped.Add(int64(records)) }

// TransactionStats are numbers about transactions and delayed records on this node at one moment.
type TransactionStats struct {
	Verifications *Verifications
	// UnknownDestination are markers whose partition has no leader, LogAppendRetry decisions that the log has not taken yet.
	UnknownDestination, LogAppendRetry int
	Delays                             *Delays
	Delayed                            int   // records that wait here until they are due
	DelayedBytes                       int64 // of their keys, values and headers
}

var (
	unknownDestination = &Metric{"kafka_coordinator_transaction_transactionmarkerchannelmanager_unknowndestinationqueuesize", Gauge, nil,
		"Ends of transactions for partitions that nobody leads."}
	logAppendRetry = &Metric{"kafka_coordinator_transaction_transactionmarkerchannelmanager_logappendretryqueuesize", Gauge, nil,
		"Transactions whose last record the log refused and is to be given again."}
	verificationFailures = &Metric{"kafka_server_addpartitionstotxnmanager_verificationfailurerate_count_total", Counter, nil,
		"Partitions that coordinators did not find in the transaction whose records came."}
	verificationCount = &Metric{"kafka_server_addpartitionstotxnmanager_verificationtimems_count_total", Counter, nil,
		"Questions to coordinators whether partitions belong to a transaction."}
	verificationTime = &Metric{"kafka_server_addpartitionstotxnmanager_verificationtimems", Gauge, nil,
		"Milliseconds that those questions took: 99th percentile."}
	delayedRecords = &Metric{"leat_delay_pending_records", Gauge, nil, "Delayed records that wait in partitions of the timer log led by this node."}
	delayedBytes   = &Metric{"leat_delay_pending_bytes", Gauge, nil, "Bytes of keys, values and headers of the delayed records that wait."}
	delayedOut     = &Metric{"leat_delay_delivered_records_total", Counter, nil, "Delayed records that this node made visible."}
	delayedDropped = &Metric{"leat_delay_dropped_records_total", Counter, nil, "Delayed records that were given up: their topic was deleted or refused them."}
	delayedLate    = &Metric{"leat_delay_late_ms", Gauge, []string{"quantile"},
		"Milliseconds from when a delayed record was due until its replicas had it."}
)

// transactionRows lists the rows of this file in the order of /metrics.
func transactionRows() []Metric {
	return []Metric{*unknownDestination, *logAppendRetry, *verificationFailures, *verificationCount, *verificationTime,
		*delayedRecords, *delayedBytes, *delayedOut, *delayedDropped, *delayedLate}
}

// writeTransactions writes what there is to tell of transactions and delayed records.
func (s *Source) writeTransactions(w *writer, now time.Time) {
	if s.Transactions == nil {
		return
	}
	stats := s.Transactions()
	if stats == nil {
		return
	}
	v, d := stats.Verifications, stats.Delays
	for _, g := range []struct {
		*Metric
		value int64
	}{
		{unknownDestination, int64(stats.UnknownDestination)}, {logAppendRetry, int64(stats.LogAppendRetry)},
		{verificationFailures, v.failed.Load()}, {verificationCount, v.times.count.Load()},
	} {
		w.family(g.Metric)
		w.value(g.Name, g.value)
	}
	var high [2]float64
	v.times.readAt(now, []float64{0.99}, high[:1])
	w.family(verificationTime)
	w.float(verificationTime.Name, high[0])
	for _, g := range []struct {
		*Metric
		value int64
	}{
		{delayedRecords, int64(stats.Delayed)}, {delayedBytes, stats.DelayedBytes}, {delayedOut, d.delivered.Load()}, {delayedDropped, d.dropped.Load()},
	} {
		w.family(g.Metric)
		w.value(g.Name, g.value)
	}
	d.late.readAt(now, []float64{0.99, 1}, high[:])
	w.family(delayedLate)
	w.float(delayedLate.Name, high[0], "quantile", "0.99")
	w.float(delayedLate.Name, high[1], "quantile", "1")
}
