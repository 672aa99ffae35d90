package telemetry

import (
	"sync/atomic"
	"time"
)

// connectionRates are what Kafka has beside the totals.
var connectionRates = []struct {
	*Metric
	of func(*ListenerCounters) *atomic.Int64
}{
	{&Metric{"kafka_server_socket_server_metrics_connection_creation_rate", Gauge, []string{"listener"}, "Connections a second that were accepted since the last scrape."},
		func(c *ListenerCounters) *atomic.Int64 { return &c.opened }},
	{&Metric{"kafka_server_socket_server_metrics_connection_close_rate", Gauge, []string{"listener"}, "Connections a second that were closed since the last scrape."},
		func(c *ListenerCounters) *atomic.Int64 { return &c.closed }},
}

// acceptorBlocked stays 0: who accepts hands the connection to a goroutine of its own and never waits for one.
var acceptorBlocked = &Metric{"kafka_network_acceptor_acceptorblockedpercent_count_total", Counter, []string{"listener"},
	"Nanoseconds that the acceptor waited for somebody to take a connection: none ever, each has a goroutine of its own."}

func (s *Source) writeConnections(w *writer, now time.Time) {
	b := s.Broker
	b.mu.RLock()
	listeners := byName(b.listeners)
	b.mu.RUnlock()
	w.family(connectionCount)
	for _, l := range listeners {
		w.value(connectionCount.Name, max(l.of.opened.Load()-l.of.closed.Load(), 0), "listener", l.name)
	}
	b.writeSoftware(w)
	for _, r := range connectionRates {
		w.family(r.Metric)
		for _, l := range listeners {
			w.float(r.Name, s.paces.of(r.Name+l.name, now, float64(r.of(l.of).Load())), "listener", l.name)
		}
	}
	w.family(acceptorBlocked)
	for _, l := range listeners {
		w.value(acceptorBlocked.Name, 0, "listener", l.name)
	}
	w.family(requestQueue)
	w.value(requestQueue.Name, 0)
	if s.Unsent != nil {
		w.family(responseQueue)
		w.value(responseQueue.Name, s.Unsent())
	}
	for _, m := range listenerCounters {
		w.family(m.Metric)
		for _, l := range listeners {
			w.value(m.Name, m.value(l.of).Load(), "listener", l.name)
		}
	}
	w.family(refused)
	w.value(refused.Name, b.refused.Load())
	w.family(panics)
	w.value(panics.Name, b.panics.Load())
	allowed, denied := b.allowed.Load(), b.denied.Load()
	w.family(authorizations)
	w.value(authorizations.Name, allowed+denied)
	w.family(authAllowed)
	w.value(authAllowed.Name, allowed)
	w.family(authDenied)
	w.value(authDenied.Name, denied)
}
