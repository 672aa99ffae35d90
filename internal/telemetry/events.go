package telemetry

import "time"

// purgatory counts requests whose answers wait for others.
var purgatory = &Metric{"kafka_server_delayedoperationpurgatory_purgatorysize", Gauge, []string{"delayedOperation"},
	"Requests that wait: fetches for records, produce requests for other replicas."}

// The controller's events: how long they waited for the machine, and how long it and the log took.
var (
	eventWait = &Metric{"kafka_controller_controllereventmanager_eventqueuetimems", Summary, nil, "Milliseconds that requests waited for the controller's machine."}
	eventWork = &Metric{"kafka_controller_controllereventmanager_eventqueueprocessingtimems", Summary, nil,
		"Milliseconds that the controller's machine took for requests, the append of their records included."}
)

func eventRows() []Metric {
	return []Metric{*eventWait, eventWait.countAlone(), *eventWork, eventWork.countAlone()}
}

func (s *Source) writeEvents(w *writer, now time.Time) {
	if s.Events == nil {
		return
	}
	for _, part := range []struct {
		*Metric
		of *quantiles
	}{{eventWait, &s.Events.waits}, {eventWork, &s.Events.processing}} {
		w.timer(part.Metric, part.of, now)
	}
}

// timer writes a summary and its count alone.
func (w *writer) timer(m *Metric, q *quantiles, now time.Time) {
	w.family(m)
	w.summary(m.Name, q, now)
	alone := m.countAlone()
	w.family(&alone)
	w.value(alone.Name, q.count.Load())
}
