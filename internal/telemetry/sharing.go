package telemetry

import (
	"sync/atomic"
	"time"
)

// Sharing is what a broker counts of share groups on the side of their partitions.
type Sharing struct {
	acknowledged [len(ackTypes)]atomic.Int64
	evicted      atomic.Int64
	expired      atomic.Int64
	loads        quantiles
	groups       fetchesByGroup
}

// ackTypes are the types of acknowledgements as Kafka's metrics name them, by their number on the wire.
var ackTypes = [...]string{"Gap", "Accept", "Release", "Reject", "Renew"}

// Acknowledged counts records by type of acknowledgement.
func (s *Sharing) Acknowledged(kind int8, records int64) {
	if kind >= 0 && int(kind) < len(ackTypes) {
		s.acknowledged[kind].Add(records)
	}
}

// Loaded counts a share partition that was loaded.
func (s *Sharing) Loaded(d time.Duration) { s.loads.add(d) }

// Fetched counts a group's fetch of some partitions: in how many of them there were records for it, how long it waited, and whether that was in vain.
func (s *Sharing) Fetched(group string, partitions, acquired int, waited time.Duration, expired bool) {
	if expired {
		s.expired.Add(1)
	}
	if acquired > 0 {
		if of := s.groups.of(group, time.Now()); of != nil {
			of.acquires.add(waited)
			of.ratios.add(time.Duration(100*acquired/partitions) * time.Millisecond)
		}
	}
}

// SessionEvicted counts a share session that ended with its connection.
func (s *Sharing) SessionEvicted() { s.evicted.Add(1) }

// SharingStats are numbers about share groups on this node at one moment.
type SharingStats struct {
	Counts               *Sharing
	Sessions, Partitions int // share sessions, and partitions in them
	Loaded               int // share partitions
}

var (
	shareAcks       = &Metric{"kafka_server_sharegroupmetrics_recordacknowledgements_total", Counter, []string{"ackType"}, "Records that members of share groups acknowledged."}
	shareLoads      = &Metric{"kafka_server_sharegroupmetrics_partitionloadtimems_count_total", Counter, nil, "Share partitions that were loaded."}
	shareLoadTime   = &Metric{"kafka_server_sharegroupmetrics_partitionloadtimems", Gauge, nil, "Milliseconds that the loads of share partitions took: 99th percentile."}
	shareAcquires   = &Metric{"kafka_server_sharegroupmetrics_topicpartitionsacquiretimems_count_total", Counter, []string{"group"}, "Share fetches that got records; up to 100 groups have a series."}
	shareAcquire    = &Metric{"kafka_server_sharegroupmetrics_topicpartitionsacquiretimems", Gauge, []string{"group"}, "Milliseconds until share fetches got records: 99th percentile."}
	shareRatios     = &Metric{"kafka_server_sharegroupmetrics_requesttopicpartitionsfetchratio_count_total", Counter, []string{"group"}, "Share fetches that got records; up to 100 groups have a series."}
	shareRatio      = &Metric{"kafka_server_sharegroupmetrics_requesttopicpartitionsfetchratio", Gauge, []string{"group"}, "Percent of the partitions of a share fetch in which there were records for it: 99th percentile."}
	shareExpired    = &Metric{"kafka_server_delayedsharefetchmetrics_expires_total", Counter, nil, "Share fetches that waited in vain."}
	sharePartitions = &Metric{"kafka_server_sharesessioncache_sharepartitionscount", Gauge, nil, "Partitions in share sessions."}
	shareEvictions  = &Metric{"kafka_server_sharesessioncache_sharesessionevictions_total", Counter, nil, "Share sessions that ended with their connections."}
	shareSessions   = &Metric{"kafka_server_sharesessioncache_sharesessionscount", Gauge, nil, "Share sessions."}
	shareLoaded     = &Metric{"leat_sharing_loaded_partitions", Gauge, nil, "Share partitions that are loaded."}
)

// sharingRows lists the rows of this file in the order of /metrics.
func sharingRows() []Metric {
	return []Metric{*shareAcks, *shareLoads, *shareLoadTime, *shareAcquires, *shareAcquire, *shareRatios, *shareRatio, *shareExpired, *sharePartitions, *shareEvictions, *shareSessions, *shareLoaded}
}

// writeSharing writes what there is to tell of share groups.
func (s *Source) writeSharing(w *writer, now time.Time) {
	if s.Sharing == nil {
		return
	}
	stats := s.Sharing()
	if stats == nil {
		return
	}
	w.family(shareAcks)
	for i, name := range ackTypes {
		if i > 0 { // Kafka does not count gaps
			w.value(shareAcks.Name, stats.Counts.acknowledged[i].Load(), "ackType", name)
		}
	}
	w.family(shareLoads)
	w.value(shareLoads.Name, stats.Counts.loads.count.Load())
	w.family(shareLoadTime)
	w.float(shareLoadTime.Name, stats.Counts.loads.high(now))
	stats.Counts.groups.write(w, now)
	for _, g := range []struct {
		*Metric
		value int64
	}{
		{shareExpired, stats.Counts.expired.Load()}, {sharePartitions, int64(stats.Partitions)}, {shareEvictions, stats.Counts.evicted.Load()}, {shareSessions, int64(stats.Sessions)}, {shareLoaded, int64(stats.Loaded)},
	} {
		w.family(g.Metric)
		w.value(g.Name, g.value)
	}
}
