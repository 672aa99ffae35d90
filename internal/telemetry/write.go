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
	// Raft tells where the node stands in the quorum, Events how the controller's events get on, Cluster what the active controller knows: nil of a
	// node that has no such part. They may be nil.
	Raft    func() *RaftStats
	Events  *Coordinator
	Cluster func() *ClusterStats
	// Clients are the metrics that clients push. It may be nil.
	Clients *Clients
	// Unsent is how many answers wait for their turn. It may be nil.
	Unsent func() int64
	// Certificates are those that listeners show. It may be nil.
	Certificates func(each func(listener string, notAfter time.Time))
	// EachPartition says whether partitions have lines of their own where a scrape does not say; nil: no.
	EachPartition func() bool
	// APIName and ErrorName name API keys and error codes.
	APIName   func(key int16) string
	ErrorName func(code int16) string

	paces paces
}

// writer streams Prometheus' text format. It keeps no series: each line is formed in one buffer and written.
type writer struct {
	out  *bufio.Writer
	line []byte
}

// WriteTo writes all metrics of the source. each: partitions have lines of their own, instead of one line for each topic.
func (s *Source) WriteTo(out io.Writer, now time.Time, each bool) error {
	w := &writer{out: bufio.NewWriterSize(out, 64<<10)}
	if s.Node != nil {
		stats := s.Node()
		for _, g := range slices.Concat(nodeGauges, controllerGauges) {
			w.family(g.Metric)
			w.value(g.Name, int64(g.value(&stats)))
		}
		w.family(purgatory)
		w.value(purgatory.Name, int64(stats.WaitingFetches), "delayedOperation", "Fetch")
		w.value(purgatory.Name, int64(stats.WaitingProduces), "delayedOperation", "Produce")
	}
	s.writeEvents(w, now)
	s.writeStorage(w, now)
	s.Broker.writeTopics(w)
	s.writeRequests(w, now)
	s.writeConnections(w, now)
	s.writeCoordinators(w, now)
	s.writeGroups(w)
	s.writeSharing(w, now)
	s.writeTransactions(w, now)
	s.writeAudit(w)
	s.writeQuotas(w)
	s.writeRaft(w, now)
	s.writeProcessor(w, now)
	s.writeCertificates(w, now)
	if s.Clients != nil {
		s.Clients.write(w, now)
	}
	s.writeCluster(w, each)
	if s.Partitions != nil && each {
		s.writePartitions(w)
	} else if s.Partitions != nil {
		s.writeTopicSums(w)
	}
	return w.out.Flush()
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
	for _, part := range requestTimes {
		w.family(part.Metric)
		for _, api := range seen {
			w.summary(part.Name, part.of(api.of), now, "request", api.name)
		}
		alone := part.countAlone()
		w.family(&alone)
		for _, api := range seen {
			w.value(alone.Name, part.of(api.of).count.Load(), "request", api.name)
		}
	}
}

// requestTimes are the parts of a request's life.
var requestTimes = []requestTime{
	{totalTime, func(c *apiCounters) *quantiles { return &c.total }},
	{queueTime, func(c *apiCounters) *quantiles { return &c.queue }},
	{localTime, func(c *apiCounters) *quantiles { return &c.local }},
	{remoteTime, func(c *apiCounters) *quantiles { return &c.remote }},
	{turnTime, func(c *apiCounters) *quantiles { return &c.turn }},
	{sendTime, func(c *apiCounters) *quantiles { return &c.send }},
	{throttleTime, func(c *apiCounters) *quantiles { return &c.throttle }},
}

type requestTime struct {
	*Metric
	of func(*apiCounters) *quantiles
}

// countAlone is the count of a summary once more, under the name that newer versions of the JMX exporter give it with Strimzi's rules.
func (m *Metric) countAlone() Metric {
	return Metric{m.Name + "_count_total", Counter, m.Labels, "How many times count in " + m.Name + "."}
}

// summary writes quantiles, count and sum. Kafka's exporters call the count ..._count, or ..._count_total by newer rules, which for the text format is
// another metric: see countAlone.
func (w *writer) summary(name string, q *quantiles, now time.Time, labels ...string) {
	var values [8]float64
	q.read(now, values[:])
	for i, shown := range shownQuantiles {
		w.float(name, values[i], append(labels[:len(labels):len(labels)], "quantile", shown.label)...)
	}
	w.value(name+"_count", q.count.Load(), labels...)
	w.float(name+"_sum", float64(q.sum.Load())/1000, labels...)
}

// endLine ends the label partition, the last one, and the line.
func (w *writer) endLine(line []byte, partition, n int64) []byte {
	line = append(strconv.AppendInt(line, partition, 10), `"} `...)
	return append(strconv.AppendInt(line, n, 10), '\n')
}
