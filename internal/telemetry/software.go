package telemetry

import (
	"cmp"
	"slices"
)

// Software is what clients of a listener call themselves.
type Software struct{ Listener, Name, Version string }

// mostSoftware bounds how many kinds of clients have series at a time; connections of further ones count as "other".
const (
	mostSoftware    = 200
	longestSoftware = 64
)

var softwareConnections = &Metric{"kafka_server_socket_server_metrics_connections_software", Gauge, []string{"listener", "client_software_name", "client_software_version"},
	"Open connections by what their clients call themselves; those past 200 kinds count as other."}

// UseSoftware counts connections by their client's software: change is 1 when a client has said what it is, -1 when its connection ends.
func (b *Broker) UseSoftware(s Software, change int64) {
	if len(s.Name) > longestSoftware || len(s.Version) > longestSoftware {
		s = s.other()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.software[s]; !known && (change < 0 || len(b.software) >= mostSoftware) {
		s = s.other()
	}
	if b.software == nil {
		b.software = map[Software]int64{}
	}
	if b.software[s] += change; b.software[s] <= 0 {
		delete(b.software, s)
	}
}

func (s Software) other() Software { return Software{s.Listener, "other", "other"} }

func (b *Broker) writeSoftware(w *writer) {
	type counted struct {
		Software
		connections int64
	}
	var all []counted
	b.mu.RLock()
	for s, n := range b.software {
		all = append(all, counted{s, n})
	}
	b.mu.RUnlock()
	slices.SortFunc(all, func(x, y counted) int {
		return cmp.Or(cmp.Compare(x.Listener, y.Listener), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Version, y.Version))
	})
	w.family(softwareConnections)
	for _, s := range all {
		w.value(softwareConnections.Name, s.connections, "listener", s.Listener, "client_software_name", s.Name, "client_software_version", s.Version)
	}
}
