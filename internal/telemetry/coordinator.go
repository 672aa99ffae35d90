package telemetry

import (
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Coordinator is what one of a node's coordinators counts: that of groups, of transactions or of share states. It is the meter of their
// machines.
type Coordinator struct {
	queued, busy, records                                 atomic.Int64 // busy in nanoseconds
	waits, processing, lingering, flushes, commits, loads quantiles
	writes                                                quantiles // of share states

	mu   sync.Mutex
	last rates
}

// rates are numbers of which the difference since the last scrape is shown.
type rates struct {
	at                    time.Time
	busy, flushes, writes int64
}

// Queued counts a change of the number of events that wait.
func (c *Coordinator) Queued(change int) { c.queued.Add(int64(change)) }

// Handled counts an event: how long it waited, and how long it took.
func (c *Coordinator) Handled(waited, took time.Duration) {
	c.waits.add(waited)
	c.processing.add(took)
	c.busy.Add(int64(took))
}

// Flushed counts a batch: how long it was filled, and how long its append took.
func (c *Coordinator) Flushed(lingered, took time.Duration) {
	c.lingering.add(lingered)
	c.flushes.add(took)
}

// Committed counts a batch that its replicas have.
func (c *Coordinator) Committed(after time.Duration) { c.commits.add(after) }

// Loaded counts a partition that was loaded.
func (c *Coordinator) Loaded(records int, took time.Duration) {
	c.records.Add(int64(records))
	c.loads.add(took)
}

// WroteShare counts a write of a share partition's state, and how long it took until the replicas had it.
func (c *Coordinator) WroteShare(took time.Duration) { c.writes.add(took) }

// CoordinatorStats are numbers about one coordinator at one moment.
type CoordinatorStats struct {
	Name                          string // "group", "transaction", "share"
	Counts                        *Coordinator
	Active, Loading, Failed       int // partitions
	Loads                         []CoordinatorLoad
	BufferBytes, BuffersDiscarded int64
}

// CoordinatorLoad is a partition that is being loaded.
type CoordinatorLoad struct {
	Partition int32
	Left      int64 // offsets that are still to be read
}

// Per coordinator: its name goes into the name of the metric.
var coordinatorTimes = []struct {
	name, help string
	of         func(*Coordinator) *quantiles
}{
	{"event_queue_time_ms_", "Milliseconds that events waited for their machine", func(c *Coordinator) *quantiles { return &c.waits }},
	{"event_processing_time_ms_", "Milliseconds that events took, the append of their records included", func(c *Coordinator) *quantiles { return &c.processing }},
	{"event_purgatory_time_ms_", "Milliseconds from an append until the replicas had it and answers left", func(c *Coordinator) *quantiles { return &c.commits }},
	{"batch_linger_time_ms_", "Milliseconds from a batch's first record to its append", func(c *Coordinator) *quantiles { return &c.lingering }},
	{"batch_flush_time_ms_", "Milliseconds that the append of a batch took", func(c *Coordinator) *quantiles { return &c.flushes }},
}

// coordinatorQuantiles are those of Kafka's coordinators.
var coordinatorQuantiles = []struct {
	suffix, help string
	of           float64
}{{"p50", "median", 0.5}, {"p95", "95th percentile", 0.95}, {"p99", "99th percentile", 0.99}, {"p999", "99.9th percentile", 0.999}, {"max", "maximum", 1}}

var coordinatorValues = []struct {
	name, help string
	value      func(*CoordinatorStats, *coordinatorRates) float64
}{
	{"event_queue_size", "Events that wait for their machine.", func(s *CoordinatorStats, _ *coordinatorRates) float64 { return float64(s.Counts.queued.Load()) }},
	{"batch_flush_rate", "Batches a second that were appended since the last scrape.", func(_ *CoordinatorStats, r *coordinatorRates) float64 { return r.flushes }},
	{"thread_idle_ratio_avg", "Part of the processors' time since the last scrape that machines did not use.", func(_ *CoordinatorStats, r *coordinatorRates) float64 { return r.idle }},
	{"partition_load_time_avg", "Milliseconds that the loads of partitions took on average.", func(s *CoordinatorStats, _ *coordinatorRates) float64 {
		return float64(s.Counts.loads.sum.Load()) / 1000 / float64(max(s.Counts.loads.count.Load(), 1))
	}},
	{"partition_load_time_max", "Milliseconds of the longest load in the last minutes.", func(_ *CoordinatorStats, r *coordinatorRates) float64 { return r.longestLoad }},
	{"batch_buffer_cache_size_bytes", "Bytes of write buffers that are kept for the next batches.", func(s *CoordinatorStats, _ *coordinatorRates) float64 { return float64(s.BufferBytes) }},
	{"batch_buffer_cache_discard_count", "Write buffers that were not kept, because that would have been too many bytes.", func(s *CoordinatorStats, _ *coordinatorRates) float64 { return float64(s.BuffersDiscarded) }},
}

// shareWriteValues are what the share coordinator alone has.
var shareWriteValues = []struct {
	*Metric
	value func(*Coordinator, *coordinatorRates) float64
}{
	{&Metric{"kafka_server_share_coordinator_metrics_write_rate", Gauge, nil, "Writes of share partitions' states a second since the last scrape."}, func(_ *Coordinator, r *coordinatorRates) float64 { return r.writes }},
	{&Metric{"kafka_server_share_coordinator_metrics_write_total", Counter, nil, "Writes of share partitions' states."}, func(c *Coordinator, _ *coordinatorRates) float64 { return float64(c.writes.count.Load()) }},
	{&Metric{"kafka_server_share_coordinator_metrics_write_latency_avg", Gauge, nil, "Milliseconds that writes of share partitions' states took on average, until the replicas had them."},
		func(c *Coordinator, _ *coordinatorRates) float64 {
			return float64(c.writes.sum.Load()) / 1000 / float64(max(c.writes.count.Load(), 1))
		}},
	{&Metric{"kafka_server_share_coordinator_metrics_write_latency_max", Gauge, nil, "Milliseconds of the longest write of a share partition's state in the last minutes."}, func(_ *Coordinator, r *coordinatorRates) float64 { return r.longestWrite }},
}

var (
	coordinatorRecords = &Metric{"leat_coordinator_loaded_records_total", Counter, []string{"coordinator"}, "Records that were read while partitions were loaded."}
	coordinatorLoad    = &Metric{"leat_coordinator_load_remaining_offsets", Gauge, []string{"coordinator", "partition"},
		"Offsets that are still to be read of a partition that is being loaded."}
)

// coordinatorNames are the coordinators of a node, in the order of /metrics.
var coordinatorNames = []string{"group", "transaction", "share"}

func coordinatorMetric(coordinator, name string) string {
	return "kafka_server_" + coordinator + "_coordinator_metrics_" + name
}

func partitionsByState(coordinator string) *Metric {
	return &Metric{coordinatorMetric(coordinator, "num_partitions"), Gauge, []string{"state"}, "Partitions that the coordinator leads: active, loading, or failed to load."}
}

// coordinatorRows lists the rows of this file in the order of /metrics.
func coordinatorRows() []Metric {
	var all []Metric
	for _, name := range coordinatorNames {
		for _, v := range coordinatorValues {
			all = append(all, Metric{coordinatorMetric(name, v.name), Gauge, nil, v.help})
		}
		for _, t := range coordinatorTimes {
			for _, q := range coordinatorQuantiles {
				all = append(all, Metric{coordinatorMetric(name, t.name+q.suffix), Gauge, nil, t.help + ": " + q.help + "."})
			}
		}
		all = append(all, *partitionsByState(name))
	}
	for _, v := range shareWriteValues {
		all = append(all, *v.Metric)
	}
	return append(all, *coordinatorRecords, *coordinatorLoad)
}

// coordinatorRates is what is told of the time since the last scrape.
type coordinatorRates struct{ flushes, writes, idle, longestLoad, longestWrite float64 }

func (c *Coordinator) rates(now time.Time) coordinatorRates {
	c.mu.Lock()
	defer c.mu.Unlock()
	this := rates{now, c.busy.Load(), c.flushes.count.Load(), c.writes.count.Load()}
	out := coordinatorRates{idle: 1}
	if passed := now.Sub(c.last.at); !c.last.at.IsZero() && passed > 0 {
		out.flushes = float64(this.flushes-c.last.flushes) / passed.Seconds()
		out.writes = float64(this.writes-c.last.writes) / passed.Seconds()
		out.idle = max(0, 1-float64(this.busy-c.last.busy)/float64(passed)/float64(runtime.GOMAXPROCS(0)))
	}
	c.last = this
	var longest [1]float64
	c.loads.readAt(now, []float64{1}, longest[:])
	out.longestLoad = longest[0]
	c.writes.readAt(now, []float64{1}, longest[:])
	out.longestWrite = longest[0]
	return out
}

// writeCoordinators writes what there is to tell of the coordinators.
func (s *Source) writeCoordinators(w *writer, now time.Time) {
	if s.Coordinators == nil {
		return
	}
	all := s.Coordinators()
	for i := range all {
		all[i].write(w, now)
	}
	w.family(coordinatorRecords)
	for i := range all {
		w.value(coordinatorRecords.Name, all[i].Counts.records.Load(), "coordinator", all[i].Name)
	}
	w.family(coordinatorLoad)
	for i := range all {
		for _, l := range all[i].Loads {
			w.value(coordinatorLoad.Name, l.Left, "coordinator", all[i].Name, "partition", strconv.Itoa(int(l.Partition)))
		}
	}
}

func (s *CoordinatorStats) write(w *writer, now time.Time) {
	rates := s.Counts.rates(now)
	for _, v := range coordinatorValues {
		m := Metric{coordinatorMetric(s.Name, v.name), Gauge, nil, v.help}
		w.family(&m)
		w.float(m.Name, v.value(s, &rates))
	}
	var of, values [5]float64
	for i, q := range coordinatorQuantiles {
		of[i] = q.of
	}
	for _, t := range coordinatorTimes {
		t.of(s.Counts).readAt(now, of[:], values[:])
		for i, q := range coordinatorQuantiles {
			m := Metric{coordinatorMetric(s.Name, t.name+q.suffix), Gauge, nil, t.help + ": " + q.help + "."}
			w.family(&m)
			w.float(m.Name, values[i])
		}
	}
	m := partitionsByState(s.Name)
	w.family(m)
	w.value(m.Name, int64(s.Active), "state", "active")
	w.value(m.Name, int64(s.Loading), "state", "loading")
	w.value(m.Name, int64(s.Failed), "state", "failed")
	if s.Name != "share" {
		return
	}
	for _, v := range shareWriteValues {
		w.family(v.Metric)
		w.float(v.Name, v.value(s.Counts, &rates))
	}
}
