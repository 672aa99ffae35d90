package telemetry

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"time"
)

// Source is what /metrics is written from.
type Source struct {
	Broker *Broker
	// Node and Partitions may be nil while the node starts.
	Node       func() NodeStats
	Partitions Partitions
	// Storage tells about the logs, nil while there is no store; Recovering about the logs that a start still has to open.
	Storage    func() *StorageStats
	Recovering func(each func(dir string, logs int64))
	// Coordinators tells about the coordinators of the node. It may be nil.
	Coordinators func() []CoordinatorStats
	// Groups tells about groups and their lag, nil if nothing is known. It may be nil.
	Groups func() *GroupStats
	// Sharing tells about share groups on the side of their partitions, nil if nothing is known. It may be nil.
	Sharing func() *SharingStats
	// Transactions tells about transactions and delayed records, nil if nothing is known. It may be nil.
	Transactions func() *TransactionStats
	// Audit tells about the audit log, nil while it is off. It may be nil.
	Audit func() *AuditStats
	// Quotas tells what clients with quotas have taken. It may be nil.
	Quotas func(each func(QuotaUse))
	// APIName and ErrorName name API keys and error codes.
	APIName   func(key int16) string
	ErrorName func(code int16) string
}

// writer streams Prometheus' text format. It keeps no series: each line is formed in one buffer and written.
type writer struct {
	out  *bufio.Writer
	line []byte
}

// WriteTo writes all metrics of the source.
func (s *Source) WriteTo(out io.Writer, now time.Time) error {
	w := &writer{out: bufio.NewWriterSize(out, 64<<10)}
	if s.Node != nil {
		stats := s.Node()
		for _, g := range slices.Concat(nodeGauges, controllerGauges) {
			w.family(g.Metric)
			w.value(g.Name, int64(g.value(&stats)))
		}
	}
	s.writeStorage(w, now)
	s.Broker.writeTopics(w)
	s.writeRequests(w, now)
	s.Broker.writeListeners(w)
	s.writeCoordinators(w, now)
	s.writeGroups(w)
	s.writeSharing(w, now)
	s.writeTransactions(w, now)
	s.writeAudit(w)
	s.writeQuotas(w)
	if s.Partitions != nil {
		s.writePartitions(w)
	}
	return w.out.Flush()
}

// writePartitions writes the series per partition, of topics that may have series of their own.
func (s *Source) writePartitions(w *writer) {
	for _, m := range partitionMetrics {
		w.family(m.Metric)
		topic, shown := "", false
		for p := range s.Partitions {
			if p.Topic != topic || topic == "" {
				topic, shown = p.Topic, s.Broker.Shows(p.Topic)
			}
			if shown {
				w.partition(m.Name, m.value(p), p)
			}
		}
	}
}

// partition is value for the labels of a partition.
func (w *writer) partition(name string, n int64, p *Partition) {
	w.line = append(append(w.line[:0], name...), `{topic="`...)
	w.line = append(appendEscaped(w.line, p.Topic), `",partition="`...)
	w.line = append(strconv.AppendInt(w.line, int64(p.Partition), 10), `"} `...)
	w.line = append(strconv.AppendInt(w.line, n, 10), '\n')
	_, _ = w.out.Write(w.line) // Flush tells
}

func (w *writer) family(m *Metric) {
	w.line = append(w.line[:0], "# HELP "...)
	w.line = append(append(append(w.line, m.Name...), ' '), m.Help...)
	w.line = append(w.line, "\n# TYPE "...)
	w.line = append(append(append(w.line, m.Name...), ' '), m.Kind...)
	w.line = append(w.line, '\n')
	_, _ = w.out.Write(w.line) // Flush tells
}

// value writes one line; labels are name and value by turns.
func (w *writer) value(name string, n int64, labels ...string) {
	w.begin(name, labels)
	w.line = append(strconv.AppendInt(w.line, n, 10), '\n')
	_, _ = w.out.Write(w.line) // Flush tells
}

func (w *writer) float(name string, n float64, labels ...string) {
	w.begin(name, labels)
	w.line = append(strconv.AppendFloat(w.line, n, 'g', -1, 64), '\n')
	_, _ = w.out.Write(w.line) // Flush tells
}

func (w *writer) begin(name string, labels []string) {
	w.line = append(w.line[:0], name...)
	for i := 0; i < len(labels); i += 2 {
		if i == 0 {
			w.line = append(w.line, '{')
		} else {
			w.line = append(w.line, ',')
		}
		w.line = append(append(w.line, labels[i]...), '=', '"')
		w.line = appendEscaped(w.line, labels[i+1])
		w.line = append(w.line, '"')
	}
	if len(labels) > 0 {
		w.line = append(w.line, '}')
	}
	w.line = append(w.line, ' ')
}

// appendEscaped writes a label's value: backslash, quote and newline are escaped.
func appendEscaped(dst []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\', '"':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func (b *Broker) writeTopics(w *writer) {
	b.mu.RLock()
	topics, without := byName(b.topics), len(b.without)
	b.mu.RUnlock()
	for _, m := range topicCounters {
		w.family(m.Metric)
		w.value(m.Name, m.value(&b.total).Load())
		for _, t := range topics {
			w.value(m.Name, m.value(t.of).Load(), "topic", t.name)
		}
	}
	w.family(topicsWithout)
	w.value(topicsWithout.Name, int64(without))
}

func (b *Broker) writeListeners(w *writer) {
	b.mu.RLock()
	listeners := byName(b.listeners)
	b.mu.RUnlock()
	w.family(connectionCount)
	for _, l := range listeners {
		w.value(connectionCount.Name, max(l.of.opened.Load()-l.of.closed.Load(), 0), "listener", l.name)
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

func (s *Source) writeRequests(w *writer, now time.Time) {
	var seen []named[*apiCounters]
	for key := range s.Broker.apis {
		if c := s.Broker.apis[key].Load(); c != nil {
			seen = append(seen, named[*apiCounters]{s.APIName(int16(key)), c})
		}
	}
	w.family(requests)
	for _, api := range seen {
		for version := range api.of.versions {
			if n := api.of.versions[version].Load(); n > 0 {
				w.value(requests.Name, n, "request", api.name, "version", strconv.Itoa(version))
			}
		}
	}
	w.family(requestErrors)
	for _, api := range seen {
		for i := range api.of.errors {
			if n := api.of.errors[i].Load(); n > 0 {
				w.value(requestErrors.Name, n, "request", api.name, "error", s.ErrorName(int16(i+leastError)))
			}
		}
	}
	for _, part := range []struct {
		*Metric
		of func(*apiCounters) *quantiles
	}{
		{totalTime, func(c *apiCounters) *quantiles { return &c.total }},
		{localTime, func(c *apiCounters) *quantiles { return &c.local }},
		{remoteTime, func(c *apiCounters) *quantiles { return &c.remote }},
		{sendTime, func(c *apiCounters) *quantiles { return &c.send }},
	} {
		w.family(part.Metric)
		for _, api := range seen {
			w.summary(part.Name, part.of(api.of), now, "request", api.name)
		}
	}
}

// summary writes quantiles, count and sum. Kafka's exporters call the count ..._count, or ..._count_total by newer rules; the text format
// only allows the first.
func (w *writer) summary(name string, q *quantiles, now time.Time, labels ...string) {
	var values [8]float64
	q.read(now, values[:])
	for i, shown := range shownQuantiles {
		w.float(name, values[i], append(labels[:len(labels):len(labels)], "quantile", shown.label)...)
	}
	w.value(name+"_count", q.count.Load(), labels...)
	w.float(name+"_sum", float64(q.sum.Load())/1000, labels...)
}
