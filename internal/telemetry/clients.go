package telemetry

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"leat/internal/telemetry/otlp"
)

// What clients push (KIP-714) is kept until they push again, or have been silent for three of their intervals. What a client says as it ends is kept for a moment,
// so that somebody sees it. Clients are asked for what was added since they last pushed, as they are by Kafka: it is added up here, because counters are to rise.
const (
	lastShown        = time.Minute
	mostClients      = 500 // with series at a time
	mostClientSeries = 200 // of one client
	mostClientLabels = 8
	longestLabel     = 100
)

// Client is who pushed.
type Client struct {
	Instance, ID, Principal, Software, Version string
}

// Clients keeps the metrics that clients push.
type Clients struct {
	mu       sync.Mutex
	clients  map[string]*clientSeries // by instance
	refused  int64                    // pushes of clients past the limit
	accepted int64
	export   *otlp.Exporter // nil: to nobody
}

type clientSeries struct {
	until    time.Time
	gauges   []clientPoint
	counters map[seriesKey]clientPoint // those that were not told this time, too: clients leave out what has not changed
}

// seriesKey tells the series of one client apart.
type seriesKey struct{ name, labels string }

// clientPoint is a line to be, without its value: the name's, and the labels' texts.
type clientPoint struct {
	name, labels string
	value        float64
	counter      bool
	added        bool   // value is to be added to what was told before
	at           uint64 // when it was measured: an addition is not to count twice
}

var (
	clientPushes   = &Metric{"leat_broker_client_pushes_total", Counter, nil, "Reports of clients about themselves that were taken."}
	clientsTooMany = &Metric{"leat_broker_client_pushes_without_series_total", Counter, nil, "Reports whose metrics are not shown here, because those of 500 other clients are."}
)

func clientRows() []Metric { return []Metric{*clientPushes, *clientsTooMany} }

// ExportTo has everything that is pushed sent on.
func (c *Clients) ExportTo(e *otlp.Exporter) {
	c.mu.Lock()
	c.export = e
	c.mu.Unlock()
}

// Push takes what a client says of itself, in OpenTelemetry's protocol and not compressed. interval is how often it does; the last report takes it out.
func (c *Clients) Push(of Client, data []byte, now time.Time, interval time.Duration, last bool) error {
	var series []clientPoint
	labels := "client_id=" + quoted(of.ID) + ",client_instance_id=" + quoted(of.Instance)
	err := otlp.Points(data, func(p otlp.Point) {
		if name := clientMetricName(p.Metric); name != "" && len(series) < mostClientSeries {
			series = append(series, clientPoint{name, labels + clientLabels(p.Attributes), p.Value, p.Counter, p.Delta, p.At})
		}
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accepted++
	c.send(of, data)
	if c.clients == nil {
		c.clients = map[string]*clientSeries{}
	}
	c.forget(now)
	known := c.clients[of.Instance]
	if known == nil {
		if len(c.clients) >= mostClients {
			c.refused++
			return nil
		}
		known = &clientSeries{}
		c.clients[of.Instance] = known
	}
	known.until = now.Add(3 * interval)
	if last {
		known.until = now.Add(lastShown)
	}
	known.take(series)
	return nil
}

// take replaces what is shown of a client. Counters go on from what was told before.
func (s *clientSeries) take(series []clientPoint) {
	if s.counters == nil {
		s.counters = map[seriesKey]clientPoint{}
	}
	told := map[seriesKey]bool{}
	s.gauges = s.gauges[:0]
	for _, p := range series {
		key := seriesKey{p.name, p.labels}
		if told[key] {
			continue
		}
		told[key] = true
		before := s.counters[key]
		switch {
		case !p.counter && !p.added:
			s.gauges = append(s.gauges, p)
			continue
		case p.added && p.at != 0 && p.at <= before.at:
			continue
		case p.added:
			p.value += before.value
		}
		s.counters[key] = p
	}
	if len(s.counters) > mostClientSeries {
		maps.DeleteFunc(s.counters, func(key seriesKey, _ clientPoint) bool { return !told[key] })
	}
}

// send passes a report on. mu is held.
func (c *Clients) send(of Client, data []byte) {
	if c.export == nil {
		return
	}
	if named, err := otlp.WithResource(data, otlp.Attribute{Name: "client_id", Text: of.ID}, otlp.Attribute{Name: "client_instance_id", Text: of.Instance},
		otlp.Attribute{Name: "principal", Text: of.Principal}, otlp.Attribute{Name: "client_software_name", Text: of.Software},
		otlp.Attribute{Name: "client_software_version", Text: of.Version}); err == nil {
		c.export.Metrics(named)
	}
}

// forget drops clients that are silent. mu is held.
func (c *Clients) forget(now time.Time) {
	for id, s := range c.clients {
		if now.After(s.until) {
			delete(c.clients, id)
		}
	}
}

// clientMetricName makes org.apache.kafka.consumer.fetch.manager.records.lag into kafka_consumer_fetch_manager_records_lag. A name that says nothing is "".
func clientMetricName(name string) string {
	if len(name) > 2*longestLabel {
		return ""
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "org.apache."), "kafka.")
	if name = labelName(name); name == "" {
		return ""
	}
	return "kafka_client_" + name
}

// labelName keeps letters, digits and underscores.
func labelName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, name)
}

func clientLabels(attributes []otlp.Attribute) string {
	slices.SortFunc(attributes, func(a, b otlp.Attribute) int { return cmp.Compare(a.Name, b.Name) })
	var b strings.Builder
	had := map[string]bool{"client_id": true, "client_instance_id": true}
	for _, a := range attributes[:min(len(attributes), mostClientLabels)] {
		name := labelName(a.Name)
		if name == "" || len(name) > longestLabel || name[0] >= '0' && name[0] <= '9' || had[name] {
			continue
		}
		had[name] = true
		b.WriteString("," + name + "=" + quoted(a.Text))
	}
	return b.String()
}

func quoted(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) > longestLabel {
		text = strings.ToValidUTF8(text[:longestLabel], "")
	}
	return `"` + string(appendEscaped(nil, text)) + `"`
}

// write writes the series of all clients, the lines of a name together.
func (c *Clients) write(w *writer, now time.Time) {
	c.mu.Lock()
	c.forget(now)
	var all []clientPoint
	for _, s := range c.clients {
		all = slices.AppendSeq(append(all, s.gauges...), maps.Values(s.counters))
	}
	accepted, refused := c.accepted, c.refused
	c.mu.Unlock()
	w.family(clientPushes)
	w.value(clientPushes.Name, accepted)
	w.family(clientsTooMany)
	w.value(clientsTooMany.Name, refused)
	slices.SortFunc(all, func(a, b clientPoint) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.labels, b.labels))
	})
	for i := range all {
		p := &all[i]
		if i == 0 || all[i-1].name != p.name {
			kind := Gauge
			if p.counter {
				kind = Counter
			}
			w.family(&Metric{p.name, kind, nil, "Told by clients (KIP-714)."})
		} else if all[i-1].labels == p.labels {
			continue // told twice
		}
		w.float(p.name+"{"+p.labels+"}", p.value)
	}
}
