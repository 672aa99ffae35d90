package telemetry

import "sync/atomic"

// Offsets counts what became of the offsets that groups commit. Its zero value is ready.
type Offsets struct{ committed, expired, deleted atomic.Int64 }

// Committed counts offsets that groups committed outside of transactions.
func (o *Offsets) Committed(n int) { o.committed.Add(int64(n)) }

// Removed counts offsets that expired, or that somebody had deleted.
func (o *Offsets) Removed(n int, expired bool) {
	if expired {
		o.expired.Add(int64(n))
	} else {
		o.deleted.Add(int64(n))
	}
}

// offsetChanges are the counters by Kafka's names.
var offsetChanges = []struct {
	*Metric
	of func(*Offsets) *atomic.Int64
}{
	{&Metric{"kafka_server_group_coordinator_metrics_offset_commit_count", Counter, nil, "Offsets that groups committed."},
		func(o *Offsets) *atomic.Int64 { return &o.committed }},
	{&Metric{"kafka_server_group_coordinator_metrics_offset_expiration_count", Counter, nil, "Committed offsets that expired."},
		func(o *Offsets) *atomic.Int64 { return &o.expired }},
	{&Metric{"kafka_server_group_coordinator_metrics_offset_deletion_count", Counter, nil, "Committed offsets that were deleted on request."},
		func(o *Offsets) *atomic.Int64 { return &o.deleted }},
}
