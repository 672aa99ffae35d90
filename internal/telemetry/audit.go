package telemetry

// AuditStats are the numbers of the audit log.
type AuditStats struct{ Written, Dropped, Waiting int64 }

var (
	auditWritten = &Metric{"leat_audit_written_events_total", Counter, nil, "Audit events written, in each place that they go to."}
	auditDropped = &Metric{"leat_audit_dropped_events_total", Counter, nil, "Audit events dropped for want of room, or lost at the end of the node."}
	auditWaiting = &Metric{"leat_audit_waiting_events", Gauge, nil, "Audit events that wait to be written."}
)

func auditRows() []Metric { return []Metric{*auditWritten, *auditDropped, *auditWaiting} }

// writeAudit writes what there is to tell of the audit log.
func (s *Source) writeAudit(w *writer) {
	if s.Audit == nil {
		return
	}
	stats := s.Audit()
	if stats == nil {
		return
	}
	for _, m := range []struct {
		*Metric
		value int64
	}{{auditWritten, stats.Written}, {auditDropped, stats.Dropped}, {auditWaiting, stats.Waiting}} {
		w.family(m.Metric)
		w.value(m.Name, m.value)
	}
}
